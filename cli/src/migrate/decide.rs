//! The members of old groups, and the new group of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use cruddur::{
    table::RedirectRow,
    user::{Handle, User},
};
use uuid::Uuid;

use super::{
    Migration,
    report::{Basis, Left, Line, Sink, Summary},
    survey::{Evidence, InboxKey, OldGroup},
};
use crate::table::old::{Id, Pair};

/// The decisions of a migration. Rows are read again when it runs.
#[derive(Debug, Default)]
pub struct Plan {
    pub(super) conversations: BTreeMap<Pair, Conversation>,
    pub(super) users: HashMap<Uuid, User>,
    /// The new groups of old ones.
    redirects: BTreeMap<String, (Uuid, Basis)>,
    left: Vec<Left>,
    rows: u64,
    /// Old rows with times without a UTC offset.
    pub(super) without_offset: u64,
}

/// The old rows of a pair.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) sources: Vec<Source>,
    pub(super) inbox_rows: Vec<InboxKey>,
}

/// The messages of a conversation in one old partition.
#[derive(Debug)]
pub(super) struct Source {
    /// The group in the partition key.
    pub(super) id: String,
    /// The senders whose messages belong to the conversation, with their counts of messages.
    pub(super) senders: BTreeMap<Uuid, u64>,
}

impl Conversation {
    /// The number of messages to migrate.
    pub(super) fn messages(&self) -> u64 {
        self.sources.iter().flat_map(|source| source.senders.values()).sum()
    }
}

impl Plan {
    /// Reports redirects and what is left. Returns a summary of the planned work.
    pub(super) fn report(&self, sink: &Sink<'_>) -> Result<Summary> {
        let mut summary = Summary { rows: self.rows, ..Summary::default() };
        for (old, (new, basis)) in &self.redirects {
            sink(&Line::Redirect { old: old.clone(), new: *new, basis: *basis })?;
        }
        for left in &self.left {
            summary.leave(left, sink)?;
        }
        summary.redirects = self.redirects.len() as u64;
        for conversation in self.conversations.values().filter(|conversation| conversation.messages() > 0) {
            summary.conversations += 1;
            summary.messages += conversation.messages();
        }
        Ok(summary)
    }
}

impl Migration {
    pub(super) async fn decide(&self, mut evidence: Evidence) -> Result<Plan> {
        let mut plan = Plan {
            left: std::mem::take(&mut evidence.flawed),
            rows: evidence.rows,
            without_offset: evidence.without_offset,
            ..Plan::default()
        };
        for (old, redirect) in &evidence.redirects {
            plan.redirects.insert(old.clone(), (redirect.group_uuid, Basis::EarlierRun));
        }
        for (id, group) in &evidence.groups {
            if let Id::Handle(handle) = Id::of(id) {
                let receiver = self.receiver(handle, &evidence).await?;
                plan.assign_by_sender(id, group, receiver);
            } else {
                let members = self.members(group, evidence.redirects.get(id)).await?;
                plan.assign(id, group, members);
            }
        }
        for (pair, rows) in std::mem::take(&mut evidence.inbox_rows) {
            plan.conversations.entry(pair).or_default().inbox_rows = rows;
        }
        self.resolve_names(&mut plan, &evidence).await?;
        Ok(plan)
    }

    /// Derives the members of an old group.
    async fn members(
        &self,
        group: &OldGroup,
        redirect: Option<&RedirectRow>,
    ) -> Result<Result<(Pair, Basis), &'static str>> {
        if let Some(pair) = redirect.and_then(Pair::of_redirect) {
            return Ok(Ok((pair, Basis::EarlierRun)));
        }
        let mut existing = BTreeSet::new();
        if group.pairs.len() > 1 {
            for user in group.pairs.iter().flat_map(|pair| pair.members()) {
                if self.names.get(user).await?.is_some() {
                    existing.insert(user);
                }
            }
        }
        Ok(members_of(group, &existing))
    }

    /// Finds the receiver of messages under a handle. Handles can change owners, so only one user may ever have had it.
    async fn receiver(&self, handle: &str, evidence: &Evidence) -> Result<Result<Uuid, &'static str>> {
        let current = match handle.parse::<Handle>() {
            Ok(handle) => self.names.with_handle(&handle).await?,
            Err(_) => None,
        };
        let mut owners = evidence.handles.get(&handle.to_ascii_lowercase()).cloned().unwrap_or_default();
        owners.extend(current.map(|user| user.uuid));
        let mut owners = owners.into_iter();
        Ok(match (owners.next(), owners.next()) {
            (Some(user), None) => Ok(user),
            (None, _) => Err("no user has this handle"),
            (Some(_), Some(_)) => Err("more than one user had this handle"),
        })
    }

    /// Reads current names. Users who are gone get the names in the rows.
    async fn resolve_names(&self, plan: &mut Plan, evidence: &Evidence) -> Result<()> {
        let with_messages = plan.conversations.iter().filter(|(_, conversation)| conversation.messages() > 0);
        let members = with_messages.flat_map(|(pair, _)| pair.members()).collect::<BTreeSet<_>>();
        self.names.preload(members.iter().copied()).await?;
        for user in members {
            let known = match self.names.get(user).await? {
                Some(known) => Some(known),
                None => evidence.names.get(&user).map(|named| named.user.clone()),
            };
            plan.users.extend(known.map(|known| (user, known)));
        }
        for (pair, conversation) in &mut plan.conversations {
            if pair.members().iter().all(|user| plan.users.contains_key(user)) {
                continue;
            }
            for Source { id, senders } in conversation.sources.drain(..) {
                let messages = senders.values().sum();
                plan.left.push(Left::messages(&id, None, messages, "the names of a member are unknown"));
                plan.redirects.remove(&id);
            }
        }
        Ok(())
    }
}

/// [`Migration::members`] without a redirect. `existing` are the users of ambiguous pairs who still exist.
fn members_of(group: &OldGroup, existing: &BTreeSet<Uuid>) -> Result<(Pair, Basis), &'static str> {
    let only = |pairs: Vec<&Pair>| match pairs[..] {
        [pair] => Some((*pair, Basis::InboxRows)),
        _ => None,
    };
    let pairs = || group.pairs.iter();
    let senders = || group.senders.keys();
    match group.pairs.len() {
        0 => match senders().collect::<Vec<_>>()[..] {
            [a, b] => {
                Pair::of(*a, *b).map(|pair| (pair, Basis::Senders)).ok_or("both senders are the same user")
            }
            [_] => Err("one sender, and no inbox row names the receiver"),
            _ => Err("more than two senders, and no inbox row names the members"),
        },
        1 => only(pairs().collect()).ok_or("its inbox rows name no members"),
        _ => {
            let exist = pairs().filter(|pair| pair.members().iter().all(|user| existing.contains(user)));
            let wrote = pairs().filter(|pair| senders().all(|sender| pair.has(*sender)));
            only(exist.collect())
                .or_else(|| only(wrote.collect()))
                .ok_or("its inbox rows name more than one pair")
        }
    }
}

impl Plan {
    /// Assigns an old group to a pair, without the messages of senders who are not members.
    fn assign(&mut self, id: &str, group: &OldGroup, members: Result<(Pair, Basis), &'static str>) {
        let messages = group.senders.values().sum::<u64>();
        let (pair, basis) = match members {
            Ok(members) => members,
            Err(why) => {
                // Inbox rows are reported one by one.
                if messages > 0 {
                    self.left.push(Left::messages(id, None, messages, why));
                }
                return;
            }
        };
        let (senders, strangers): (BTreeMap<_, _>, BTreeMap<_, _>) =
            group.senders.clone().into_iter().partition(|(sender, _)| pair.has(*sender));
        for (sender, messages) in strangers {
            self.left.push(Left::messages(id, Some(sender), messages, "their sender is not a member"));
        }
        if !senders.is_empty() {
            self.redirects.entry(id.to_owned()).or_insert((pair.group(), basis));
            self.add(id, pair, senders);
        }
    }

    /// Assigns messages under a handle to the pairs of each sender and the handle's owner.
    fn assign_by_sender(&mut self, id: &str, group: &OldGroup, receiver: Result<Uuid, &'static str>) {
        for (sender, messages) in &group.senders {
            let pair = receiver
                .and_then(|receiver| Pair::of(*sender, receiver).ok_or("the handle is the sender's own"));
            match pair {
                Ok(pair) => self.add(id, pair, BTreeMap::from([(*sender, *messages)])),
                Err(why) => self.left.push(Left::messages(id, Some(*sender), *messages, why)),
            }
        }
    }

    fn add(&mut self, id: &str, pair: Pair, senders: BTreeMap<Uuid, u64>) {
        let source = Source { id: id.to_owned(), senders };
        self.conversations.entry(pair).or_default().sources.push(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Uuid = Uuid::from_u128(1);
    const BOB: Uuid = Uuid::from_u128(2);
    const CAROL: Uuid = Uuid::from_u128(3);

    fn group(pairs: &[(Uuid, Uuid)], senders: &[Uuid]) -> OldGroup {
        OldGroup {
            senders: senders.iter().map(|sender| (*sender, 1)).collect(),
            pairs: pairs.iter().map(|(a, b)| Pair::of(*a, *b).unwrap()).collect(),
        }
    }

    fn members(a: Uuid, b: Uuid, basis: Basis) -> (Pair, Basis) {
        (Pair::of(a, b).unwrap(), basis)
    }

    #[test]
    fn inbox_rows_name_the_members_of_any_senders() {
        let of = |senders: &[Uuid]| members_of(&group(&[(ALICE, BOB)], senders), &BTreeSet::new());
        for senders in [&[][..], &[ALICE], &[ALICE, BOB], &[ALICE, CAROL], &[ALICE, BOB, CAROL]] {
            assert_eq!(of(senders), Ok(members(ALICE, BOB, Basis::InboxRows)), "{senders:?}");
        }
    }

    #[test]
    fn without_inbox_rows_two_senders_are_the_members() {
        let of = |senders: &[Uuid]| members_of(&group(&[], senders), &BTreeSet::new());
        assert_eq!(of(&[ALICE, BOB]), Ok(members(ALICE, BOB, Basis::Senders)));
        assert_eq!(of(&[ALICE]), Err("one sender, and no inbox row names the receiver"));
        assert_eq!(
            of(&[ALICE, BOB, CAROL]),
            Err("more than two senders, and no inbox row names the members")
        );
    }

    #[test]
    fn of_two_pairs_the_one_that_still_exists_is_chosen_or_else_the_one_of_all_senders() {
        let pairs = [(ALICE, BOB), (ALICE, CAROL)];
        let of = |senders: &[Uuid], existing: &[Uuid]| {
            members_of(&group(&pairs, senders), &existing.iter().copied().collect())
        };
        assert_eq!(of(&[ALICE], &[ALICE, CAROL]), Ok(members(ALICE, CAROL, Basis::InboxRows)));
        assert_eq!(of(&[ALICE, BOB], &[ALICE, BOB, CAROL]), Ok(members(ALICE, BOB, Basis::InboxRows)));
        assert_eq!(of(&[ALICE], &[ALICE, BOB, CAROL]), Err("its inbox rows name more than one pair"));
        assert_eq!(of(&[ALICE], &[]), Err("its inbox rows name more than one pair"));
    }
}

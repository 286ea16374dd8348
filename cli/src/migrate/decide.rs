//! Whose the old groups are, and what is to become of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use cruddur::user::{Handle, User};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Migration, Tell,
    old::{Id, Pair},
    redirect::Redirect,
    report::{Left, Line, Summary},
    survey::{Evidence, InboxKey, OfGroup},
};

/// What is to be done. It is nothing but the decisions: everything is read again when it is carried out.
#[derive(Debug)]
pub struct Plan {
    pub(super) conversations: BTreeMap<Pair, Conversation>,
    /// The users in them.
    pub(super) users: HashMap<Uuid, User>,
    /// What old groups become.
    redirects: BTreeMap<String, (Uuid, Basis)>,
    left: Vec<Left>,
    rows: u64,
    /// Old rows whose times have no offset from UTC.
    pub(super) without_offset: u64,
}

/// What two users have said to each other, and where that is.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) sources: Vec<Source>,
    pub(super) inbox_rows: Vec<InboxKey>,
}

/// A partition of old messages, or the part of it that belongs to one conversation.
#[derive(Debug)]
pub(super) struct Source {
    /// What stands for the group in its key.
    pub(super) id: String,
    /// Whose messages in it belong to the conversation.
    pub(super) senders: BTreeSet<Uuid>,
    pub(super) messages: u64,
}

/// What told who is in an old group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Its inbox rows.
    InboxRows,
    /// There is no inbox row; two users have written.
    Senders,
    /// An earlier run has decided it.
    EarlierRun,
}

impl Conversation {
    /// How many messages are to be brought over.
    pub(super) fn messages(&self) -> u64 {
        self.sources.iter().map(|source| source.messages).sum()
    }
}

impl Plan {
    /// Tells what becomes of old groups, and what is left. The summary says what is to be done.
    pub(super) fn tell(&self, tell: &Tell<'_>) -> Result<Summary> {
        let mut summary = Summary { rows: self.rows, ..Summary::default() };
        for (old, (new, told_by)) in &self.redirects {
            tell(&Line::Redirect { old: old.clone(), new: *new, told_by: *told_by })?;
        }
        for left in &self.left {
            summary.leave(left, tell)?;
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
            conversations: BTreeMap::new(),
            users: HashMap::new(),
            redirects: BTreeMap::new(),
            left: std::mem::take(&mut evidence.flawed),
            rows: evidence.rows,
            without_offset: evidence.without_offset,
        };
        for (old, redirect) in &evidence.redirects {
            plan.redirects.insert(old.clone(), (redirect.group_uuid, Basis::EarlierRun));
        }
        for (id, group) in &evidence.groups {
            if let Id::Handle(handle) = Id::of(id) {
                let receiver = self.receiver(handle, &evidence).await?;
                plan.share_out(id, group, receiver);
            } else {
                let members = self.members(group, evidence.redirects.get(id)).await?;
                plan.assign(id, group, members);
            }
        }
        for (pair, rows) in std::mem::take(&mut evidence.inbox_rows) {
            plan.conversations.entry(pair).or_default().inbox_rows = rows;
        }
        self.name_members(&mut plan, &evidence).await?;
        Ok(plan)
    }

    /// Who is in an old group.
    async fn members(
        &self,
        group: &OfGroup,
        redirect: Option<&Redirect>,
    ) -> Result<Result<(Pair, Basis), &'static str>> {
        if let Some(pair) = redirect.and_then(Redirect::pair) {
            return Ok(Ok((pair, Basis::EarlierRun)));
        }
        let mut in_users = BTreeSet::new();
        if group.pairs.len() > 1 {
            for user in group.pairs.iter().flat_map(|pair| pair.members()) {
                if self.names.get(user).await?.is_some() {
                    in_users.insert(user);
                }
            }
        }
        Ok(members_of(group, &in_users))
    }

    /// Whom messages were for that are under a handle. Handles can change hands, so it has to be one user who ever had
    /// it, as far as anything tells.
    async fn receiver(&self, handle: &str, evidence: &Evidence) -> Result<Result<Uuid, &'static str>> {
        let in_users = match handle.parse::<Handle>() {
            Ok(handle) => self.names.with_handle(&handle).await?,
            Err(_) => None,
        };
        let mut called_so = evidence.handles.get(&handle.to_ascii_lowercase()).cloned().unwrap_or_default();
        called_so.extend(in_users.map(|user| user.uuid));
        let mut called_so = called_so.into_iter();
        Ok(match (called_so.next(), called_so.next()) {
            (Some(user), None) => Ok(user),
            (None, _) => Err("nobody is called so"),
            (Some(_), Some(_)) => Err("more than one user was called so"),
        })
    }

    /// The names of everybody, as of now; of those who are gone, as the rows have them.
    async fn name_members(&self, plan: &mut Plan, evidence: &Evidence) -> Result<()> {
        let with_messages = plan.conversations.iter().filter(|(_, conversation)| conversation.messages() > 0);
        let members = with_messages.flat_map(|(pair, _)| pair.members()).collect::<BTreeSet<_>>();
        self.names.learn(members.iter().copied()).await?;
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
            for Source { id, messages, .. } in conversation.sources.drain(..) {
                plan.left.push(Left::messages(
                    &id,
                    None,
                    messages,
                    "nothing has the names of one of its members",
                ));
                plan.redirects.remove(&id);
            }
        }
        Ok(())
    }
}

/// [`Migration::members`], where no run has decided yet. `in_users`: who of those in more than one pair there still is.
fn members_of(group: &OfGroup, in_users: &BTreeSet<Uuid>) -> Result<(Pair, Basis), &'static str> {
    let only = |pairs: Vec<&Pair>| match pairs[..] {
        [pair] => Some((*pair, Basis::InboxRows)),
        _ => None,
    };
    let pairs = || group.pairs.iter();
    let senders = || group.senders.keys();
    match group.pairs.len() {
        0 => match senders().collect::<Vec<_>>()[..] {
            [a, b] => Pair::of(*a, *b).map(|pair| (pair, Basis::Senders)).ok_or("it has one member"),
            [_] => Err("nothing tells whom its only sender wrote to"),
            _ => Err("more than two have written, and no inbox row tells whose it is"),
        },
        1 => only(pairs().collect()).ok_or("its inbox rows tell of nobody"),
        _ => {
            let exist = pairs().filter(|pair| pair.members().iter().all(|user| in_users.contains(user)));
            let wrote = pairs().filter(|pair| senders().all(|sender| pair.has(*sender)));
            only(exist.collect())
                .or_else(|| only(wrote.collect()))
                .ok_or("its inbox rows name more than one pair")
        }
    }
}

impl Plan {
    /// An old group belongs to one pair, but for what strangers have written into it.
    fn assign(&mut self, id: &str, group: &OfGroup, members: Result<(Pair, Basis), &'static str>) {
        let messages = group.senders.values().sum::<u64>();
        let (pair, basis) = match members {
            Ok(members) => members,
            Err(why) => {
                // (Without messages there are inbox rows, and each is told of by itself.)
                if messages > 0 {
                    self.left.push(Left::messages(id, None, messages, why));
                }
                return;
            }
        };
        for (stranger, messages) in group.senders.iter().filter(|(sender, _)| !pair.has(**sender)) {
            self.left.push(Left::messages(
                id,
                Some(*stranger),
                *messages,
                "their sender is not in the conversation",
            ));
        }
        self.add(id, pair, group, |sender| pair.has(sender), Some(basis));
    }

    /// Each sender under a handle wrote to whoever had it.
    fn share_out(&mut self, id: &str, group: &OfGroup, receiver: Result<Uuid, &'static str>) {
        for (sender, messages) in &group.senders {
            let pair = receiver
                .and_then(|receiver| Pair::of(*sender, receiver).ok_or("it is their sender's own handle"));
            match pair {
                Ok(pair) => self.add(id, pair, group, |user| user == *sender, None),
                Err(why) => self.left.push(Left::messages(id, Some(*sender), *messages, why)),
            }
        }
    }

    fn add(
        &mut self,
        id: &str,
        pair: Pair,
        group: &OfGroup,
        belongs: impl Fn(Uuid) -> bool,
        basis: Option<Basis>,
    ) {
        let senders = group.senders.iter().filter(|(sender, _)| belongs(**sender));
        let (senders, counts): (BTreeSet<Uuid>, Vec<u64>) =
            senders.map(|(sender, count)| (*sender, *count)).unzip();
        if senders.is_empty() {
            return;
        }
        if let Some(basis) = basis {
            self.redirects.entry(id.to_owned()).or_insert((pair.group(), basis));
        }
        let source = Source { id: id.to_owned(), senders, messages: counts.iter().sum() };
        self.conversations.entry(pair).or_default().sources.push(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Uuid = Uuid::from_u128(1);
    const BOB: Uuid = Uuid::from_u128(2);
    const CAROL: Uuid = Uuid::from_u128(3);

    fn group(pairs: &[(Uuid, Uuid)], senders: &[Uuid]) -> OfGroup {
        OfGroup {
            senders: senders.iter().map(|sender| (*sender, 1)).collect(),
            pairs: pairs.iter().map(|(a, b)| Pair::of(*a, *b).unwrap()).collect(),
        }
    }

    fn told(a: Uuid, b: Uuid, basis: Basis) -> (Pair, Basis) {
        (Pair::of(a, b).unwrap(), basis)
    }

    #[test]
    fn inbox_rows_tell_the_members_whoever_has_written() {
        let of = |senders: &[Uuid]| members_of(&group(&[(ALICE, BOB)], senders), &BTreeSet::new());
        for senders in [&[][..], &[ALICE], &[ALICE, BOB], &[ALICE, CAROL], &[ALICE, BOB, CAROL]] {
            assert_eq!(of(senders), Ok(told(ALICE, BOB, Basis::InboxRows)), "{senders:?}");
        }
    }

    #[test]
    fn without_inbox_rows_two_senders_are_the_members() {
        let of = |senders: &[Uuid]| members_of(&group(&[], senders), &BTreeSet::new());
        assert_eq!(of(&[ALICE, BOB]), Ok(told(ALICE, BOB, Basis::Senders)));
        assert_eq!(of(&[ALICE]), Err("nothing tells whom its only sender wrote to"));
        assert_eq!(
            of(&[ALICE, BOB, CAROL]),
            Err("more than two have written, and no inbox row tells whose it is")
        );
    }

    #[test]
    fn of_two_pairs_that_is_taken_which_there_still_is_or_else_which_has_written_all() {
        let pairs = [(ALICE, BOB), (ALICE, CAROL)];
        let of = |senders: &[Uuid], in_users: &[Uuid]| {
            members_of(&group(&pairs, senders), &in_users.iter().copied().collect())
        };
        assert_eq!(of(&[ALICE], &[ALICE, CAROL]), Ok(told(ALICE, CAROL, Basis::InboxRows)));
        assert_eq!(of(&[ALICE, BOB], &[ALICE, BOB, CAROL]), Ok(told(ALICE, BOB, Basis::InboxRows)));
        assert_eq!(of(&[ALICE], &[ALICE, BOB, CAROL]), Err("its inbox rows name more than one pair"));
        assert_eq!(of(&[ALICE], &[]), Err("its inbox rows name more than one pair"));
    }
}

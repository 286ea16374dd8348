//! Memberships that are missing or malformed, derived again from the group's other rows.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::{
    message_group::uuid_of_pair,
    table::{Condition, Item, Key, Member, Membership, RowKind, Transaction},
    user::User,
};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{
    Doctor,
    finding::{Finding, Kind},
    messages::Messages,
    repair::{Problem, Repair},
    rows::{self, MemberRow},
};
use crate::table::{
    item::{GROUP_UUID, partition_id, text, uuid},
    write::{Change, update},
};

/// Possible members, with their names if rows have them.
type Candidates = BTreeMap<Uuid, Option<Member>>;

impl Doctor {
    pub(super) async fn membership_problem(
        &self,
        group: Uuid,
        item: Option<&Item>,
        rows: &[MemberRow],
        hints: &[(Uuid, Option<Member>)],
        messages: &Messages,
    ) -> Result<Problem> {
        let derived = self.derive_membership(group, item, rows, hints, messages).await?;
        let (kind, why) = match item.map(|item| rows::membership(item, group)) {
            None => (Kind::MembershipMissing, "messages without a membership"),
            Some(Err(why)) => (Kind::MembershipMalformed, why),
            Some(Ok(_)) => (Kind::MembershipMalformed, "it contradicts the messages"),
        };
        let repair = match (&derived, item) {
            (None, _) => None,
            (Some(membership), None) => {
                Some(Repair::Write(Transaction::new(&self.table).put_new(membership)?))
            }
            (Some(membership), Some(old)) => {
                let mut new = old.clone();
                new.extend(to_item(membership)?);
                // Blocks are written again from their own rows.
                if !matches!(new.get("blocked_by"), Some(AttributeValue::Ss(_))) {
                    new.remove("blocked_by");
                }
                // A row among the requests names the receiver. Without such a row, the group counts as accepted, so that no
                // message stays hidden.
                if rows::membership(&new, group).is_err() {
                    let asked = rows.iter().find_map(|row| Some((row.owner, row.row.request?)));
                    let asked = asked.filter(|(owner, _)| membership.has(*owner));
                    for (name, value) in [
                        ("request_to", asked.map(|(owner, _)| owner.to_string())),
                        ("request_state", asked.map(|(_, state)| state.name().to_owned())),
                    ] {
                        match value {
                            Some(value) => drop(new.insert(name.to_owned(), AttributeValue::S(value))),
                            None => drop(new.remove(name)),
                        }
                    }
                }
                Some(Repair::Write(Transaction::new(&self.table).put_item(new, Condition::unchanged(old))?))
            }
        };
        let detail =
            if derived.is_some() { why.to_owned() } else { format!("{why}; its members can't be derived") };
        Ok(Problem { finding: finding(kind, group, detail), repair })
    }

    /// Checks that a valid membership names the oldest message.
    pub(super) fn created_sk_problem(
        &self,
        item: &Item,
        membership: &Membership,
        messages: &Messages,
    ) -> Result<Option<Problem>> {
        let Some(oldest) = messages.oldest.filter(|oldest| *oldest != membership.created_sk) else {
            return Ok(None);
        };
        let change = Change::of("created_sk", &membership.created_sk.to_string(), &oldest.to_string());
        let detail = "created_sk is not the oldest message".to_owned();
        Ok(Some(Problem {
            finding: finding(Kind::MembershipMalformed, membership.group_uuid, detail),
            repair: Some(Repair::Write(update(Transaction::new(&self.table), item, &[change])?)),
        }))
    }

    async fn derive_membership(
        &self,
        group: Uuid,
        item: Option<&Item>,
        rows: &[MemberRow],
        hints: &[(Uuid, Option<Member>)],
        messages: &Messages,
    ) -> Result<Option<Membership>> {
        let Some(created_sk) = messages.oldest else { return Ok(None) };
        let mut candidates = Candidates::new();
        for (user, names) in item.map(members_in).unwrap_or_default() {
            candidates.insert(user, names);
        }
        for MemberRow { owner, row, .. } in rows {
            candidates.entry(*owner).or_default();
            let names =
                Member { handle: row.other_handle.clone(), display_name: row.other_display_name.clone() };
            candidates.entry(row.other_uuid).or_default().get_or_insert(names);
        }
        for (user, names) in hints {
            let known = candidates.entry(*user).or_default();
            *known = known.take().or_else(|| names.clone());
        }
        for (sender, names) in &messages.senders {
            candidates.entry(*sender).or_default().get_or_insert_with(|| names.clone());
        }
        let Some((a, b)) = self.pair_of(group, &candidates).await? else { return Ok(None) };
        let (a, b) = (self.with_names(a, &candidates).await?, self.with_names(b, &candidates).await?);
        let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
        Ok(Some(Membership::new(group, created_sk, [&a, &b])))
    }

    /// Finds the pair whose group it is: two candidates, or a candidate and any user.
    async fn pair_of(&self, group: Uuid, candidates: &Candidates) -> Result<Option<(Uuid, Uuid)>> {
        let users = candidates.keys().copied().collect::<Vec<_>>();
        for (index, a) in users.iter().enumerate() {
            if let Some(b) = users.iter().skip(index + 1).find(|b| uuid_of_pair(*a, **b) == group) {
                return Ok(Some((*a, *b)));
            }
        }
        let Some(names) = self.names.as_ref().filter(|_| !users.is_empty()) else { return Ok(None) };
        let partner = |other: Uuid| {
            users.iter().copied().find(|user| *user != other && uuid_of_pair(*user, other) == group)
        };
        let found = names.find(|other| partner(other).is_some()).await?;
        Ok(found.and_then(|user| Some((partner(user.uuid)?, user.uuid))))
    }

    /// Returns the user with current names, or with those in the rows.
    async fn with_names(&self, user: Uuid, candidates: &Candidates) -> Result<Option<User>> {
        if let Some(names) = &self.names
            && let Some(user) = names.get(user).await?
        {
            return Ok(Some(user));
        }
        let names = candidates.get(&user).cloned().flatten();
        Ok(names.map(|names| User { uuid: user, handle: names.handle, display_name: names.display_name }))
    }
}

fn finding(kind: Kind, group: Uuid, detail: String) -> Finding {
    let key = Key::Membership(group);
    let (pk, sk) = (key.pk(), Some(key.sk()));
    Finding { kind, pk, sk, group: Some(group), detail }
}

/// The members in a possibly malformed membership.
pub(super) fn members_in(item: &Item) -> Candidates {
    let Some(AttributeValue::M(members)) = item.get("members") else { return Candidates::new() };
    let member = |(user, names): (&String, &AttributeValue)| {
        let names = names.as_m().ok().and_then(|names| names_in(names, "handle", "display_name"));
        Some((user.parse().ok()?, names))
    };
    members.iter().filter_map(member).collect()
}

/// The other member in a malformed inbox row.
pub(super) fn other_in(item: &Item) -> Option<(Uuid, Option<Member>)> {
    Some((uuid(item, "user_uuid")?, names_in(item, "user_handle", "user_display_name")))
}

fn names_in(item: &Item, handle: &str, display_name: &str) -> Option<Member> {
    let (handle, display_name) = (text(item, handle).to_owned(), text(item, display_name).to_owned());
    (!handle.is_empty() && !display_name.is_empty()).then_some(Member { handle, display_name })
}

/// The owner in an inbox row of the index.
pub(super) fn owner_of(item: &Item) -> Option<Uuid> {
    uuid(item, GROUP_UUID)?;
    if RowKind::of(item)?.is_in_index() { partition_id(item).parse().ok() } else { None }
}

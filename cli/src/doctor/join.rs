//! Compares inbox rows with the join of the group's messages and the owner's state.

use anyhow::Result;
use cruddur::{
    sort_key::SortKey,
    table::{Condition, InboxRow, Key, MemberStateRow, MessageRow, ReadPosition, RequestState, Transaction},
    timestamp::Timestamp,
    user::User,
};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{
    Doctor,
    finding::{Finding, Kind},
    messages::changed_at,
    repair::{Problem, Repair},
    rows::{MemberRow, readable_message},
    states::StateRow,
};
use crate::table::{read, write};

impl Doctor {
    /// Checks a row at the newest message. Its repair writes the join, on condition that row, message and state are
    /// unchanged: records that arrive later are joined into the new row.
    pub(super) async fn join_problem(
        &self,
        row: &MemberRow,
        newest: &MessageRow,
        state: Option<&StateRow>,
    ) -> Result<Option<Problem>> {
        let (shown, owner, group) = (&row.row, row.owner, row.row.message_group_uuid);
        let state = state.map(|state| &state.row);
        let at_newest = ReadPosition::UpTo(newest.sk);
        let is_read_to_end = state.is_some_and(|state| state.read_sk == Some(at_newest));
        let trusts_row = may_be_of_earlier_version(row, newest, state);
        let own = if shown.marker() == at_newest && (is_read_to_end || trusts_row) {
            // Own messages cannot move the marker any further.
            None
        } else {
            self.last_own(owner, newest, state).await?
        };
        let other = User {
            uuid: shown.other_uuid,
            handle: shown.other_handle.clone(),
            display_name: shown.other_display_name.clone(),
        };
        let mut joined = join(owner, newest, own.as_ref(), state, group, &other);
        if trusts_row && joined.marker() < shown.marker() && shown.marker() <= at_newest {
            joined.own_sk = shown.marker().sort_key();
            if shown.marker() == at_newest {
                (joined.read_sk, joined.own_sk) = (None, None);
            }
        }
        if are_equivalent(shown, &joined, state) || self.may_lag(shown, newest, own.as_ref(), state) {
            return Ok(None);
        }
        let transaction = self.replace(row, &joined, newest, state)?;
        let detail = differences(shown, &joined);
        let (pk, sk) = (shown.pk.clone(), Some(shown.sk.to_string()));
        let finding = Finding { kind: Kind::InboxRowNotJoined, pk, sk, group: Some(group), detail };
        Ok(Some(Problem { finding, repair: Some(Repair::Write(transaction)) }))
    }

    /// The row of a member who has none, at the newest message.
    pub(super) async fn joined_row(
        &self,
        owner: Uuid,
        group: Uuid,
        newest: &MessageRow,
        state: Option<&StateRow>,
        other: &User,
    ) -> Result<InboxRow> {
        let state = state.map(|state| &state.row);
        let own = self.last_own(owner, newest, state).await?;
        Ok(join(owner, newest, own.as_ref(), state, group, other))
    }

    /// Reads the owner's newest message that counts as reading and is not known to be read anyway.
    async fn last_own(
        &self,
        owner: Uuid,
        newest: &MessageRow,
        state: Option<&MemberStateRow>,
    ) -> Result<Option<MessageRow>> {
        let read = state.and_then(|state| state.read_sk).unwrap_or_default();
        let floor = state.and_then(|state| state.floor_sk).map_or(ReadPosition::Nothing, ReadPosition::UpTo);
        let after = read.max(floor);
        if newest.sender_uuid == owner && ReadPosition::UpTo(newest.sk) > after {
            return Ok(Some(newest.clone()));
        }
        let Some(group) = newest.group_uuid() else { return Ok(None) };
        let item = read::last_message_of(&self.table, group, owner, &String::from(after)).await?;
        Ok(item.as_ref().and_then(readable_message))
    }

    /// Returns whether a record that the row lacks may be younger than the grace period.
    fn may_lag(
        &self,
        shown: &InboxRow,
        newest: &MessageRow,
        own: Option<&MessageRow>,
        state: Option<&MemberStateRow>,
    ) -> bool {
        let is_young = |at: Timestamp| at >= self.cutoff();
        let lags_in_message = shown.version < newest.version
            && (is_young(newest.sk.created_at) || changed_at(newest).is_some_and(is_young));
        let lags_in_state = state.is_some_and(|state| {
            shown.state_version < state.version && state.read_at.max(state.settings_at).is_some_and(is_young)
        });
        lags_in_message || lags_in_state || own.is_some_and(|own| is_young(own.sk.created_at))
    }

    fn replace(
        &self,
        row: &MemberRow,
        joined: &InboxRow,
        newest: &MessageRow,
        state: Option<&MemberStateRow>,
    ) -> Result<Transaction> {
        let group_uuid = row.row.message_group_uuid;
        let absent = InboxRow::JOINED.into_iter().filter(|name| !row.item.contains_key(*name));
        let unchanged = absent.fold(Condition::unchanged(&row.item), Condition::and_absent);
        let mut new = row.item.clone();
        new.retain(|name, _| !InboxRow::JOINED.contains(&&**name));
        new.extend(to_item(joined)?);
        let key = Key::MemberState { group_uuid, user_uuid: row.owner };
        let state_version = state.map_or(0, |state| state.version);
        let transaction = Transaction::new(&self.table);
        let transaction = if joined.pk == row.row.pk {
            transaction.put_item(new, unchanged)?
        } else {
            transaction.delete(&row.item, unchanged)?.put_item(new, Condition::absent())?
        };
        Ok(transaction
            .check(&Key::Message { group_uuid, sk: newest.sk }, write::at_version(newest.version))?
            .check(&key, write::at_version(state_version))?)
    }
}

/// Joins the newest message, the owner's newest message and the owner's state into a new row. Older messages change
/// nothing.
fn join(
    owner: Uuid,
    newest: &MessageRow,
    own: Option<&MessageRow>,
    state: Option<&MemberStateRow>,
    group: Uuid,
    other: &User,
) -> InboxRow {
    let mut row = InboxRow::new(owner, group, newest, other);
    row.join_message(owner, newest);
    if let Some(own) = own {
        row.join_message(owner, own);
    }
    if let Some(state) = state {
        row.join_state(state);
    }
    row
}

/// Returns whether a row may be read up to a later position than messages and state tell: the rows of earlier versions
/// were, when the first change was joined.
///
/// A state decides for itself. A row that shows a sender or a version of another message was joined before, and then
/// moved by an earlier version of the stream handler, which loses markers.
fn may_be_of_earlier_version(row: &MemberRow, newest: &MessageRow, state: Option<&MemberStateRow>) -> bool {
    let shown = &row.row;
    let is_carried = shown.mine && newest.sender_uuid != row.owner || shown.version > newest.version;
    state.is_none() && shown.state_version == 0 && !is_carried
}

/// Returns `true` if two rows at the same position show the same, and still do after any further join.
fn are_equivalent(shown: &InboxRow, joined: &InboxRow, state: Option<&MemberStateRow>) -> bool {
    let read_sk = state.map(|state| state.read_sk.unwrap_or_default());
    // A read row drops the state's marker until a newer state is joined.
    let has_valid_read_sk =
        shown.read_sk.is_none_or(|read| read == ReadPosition::Nothing || Some(read) == read_sk);
    let floor_sk = state.and_then(|state| state.floor_sk);
    // Without effect at or before the marker.
    let is_floor_passed = floor_sk.is_none_or(|floor| ReadPosition::UpTo(floor) <= shown.marker());
    let has_valid_floor_sk = shown.floor_sk == floor_sk || shown.floor_sk.is_none() && is_floor_passed;
    versions(shown) == versions(joined)
        && shown.marker() == joined.marker()
        && has_valid_read_sk
        && has_valid_floor_sk
        && settings(shown) == settings(joined)
        && shown.pk == joined.pk
}

type Settings = (bool, Option<Timestamp>, Option<SortKey>, Option<SortKey>, Option<RequestState>);

fn settings(row: &InboxRow) -> Settings {
    (row.blocked, row.muted_until, row.hidden_sk, row.cleared_sk, row.request)
}

type Versions = (u64, Option<Timestamp>, Option<Timestamp>, bool, u64);

fn versions(row: &InboxRow) -> Versions {
    (row.version, row.edited_at, row.deleted_at, row.mine, row.state_version)
}

fn differences(shown: &InboxRow, joined: &InboxRow) -> String {
    let compared = [
        ("version", shown.version != joined.version),
        ("edited_at", shown.edited_at != joined.edited_at),
        ("deleted_at", shown.deleted_at != joined.deleted_at),
        ("mine", shown.mine != joined.mine),
        ("state_version", shown.state_version != joined.state_version),
        ("the marker", shown.marker() != joined.marker()),
        ("blocked", shown.blocked != joined.blocked),
        ("muted_until", shown.muted_until != joined.muted_until),
        ("hidden_sk", shown.hidden_sk != joined.hidden_sk),
        ("cleared_sk", shown.cleared_sk != joined.cleared_sk),
        ("request_state", shown.request != joined.request),
        ("the partition", shown.pk != joined.pk),
    ];
    let different = compared.into_iter().filter_map(|(name, differs)| differs.then_some(name));
    let mut different = different.collect::<Vec<_>>();
    if different.is_empty() {
        different.push("read_sk or floor_sk");
    }
    format!("not the join of messages and state: {}", different.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cruddur::table::Item;

    use super::*;

    #[test]
    fn the_attributes_of_a_join_are_those_that_a_new_row_may_lack() {
        let sk = "2026-11-22T09:30:00.120000Z#0195b5a0-0000-7000-8000-00000000000a".parse().unwrap();
        let user = User { uuid: Uuid::nil(), handle: "alice".to_owned(), display_name: "Alice".to_owned() };
        let newest = MessageRow::new(Uuid::nil(), sk, &"hello".parse().unwrap(), &user);
        let read = InboxRow { read_sk: None, ..InboxRow::new(Uuid::max(), Uuid::nil(), &newest, &user) };
        let InboxRow { pk, message, other_display_name, other_handle, .. } = read.clone();
        // Names every attribute, so that one of a later version is missing here.
        let full = InboxRow {
            pk,
            sk,
            message_group_uuid: Uuid::nil(),
            message,
            other_uuid: user.uuid,
            other_display_name,
            other_handle,
            version: 2,
            edited_at: Some(sk.created_at),
            deleted_at: Some(sk.created_at),
            mine: true,
            state_version: 2,
            read_sk: Some(ReadPosition::Nothing),
            own_sk: Some(sk),
            floor_sk: Some(sk),
            blocked: true,
            muted_until: Some(sk.created_at),
            hidden_sk: Some(sk),
            cleared_sk: Some(sk),
            request: Some(RequestState::Pending),
        };
        let (read, mut full): (Item, Item) = (to_item(read).unwrap(), to_item(full).unwrap());
        full.retain(|name, _| !read.contains_key(name));
        let optional = full.keys().map(String::as_str).collect::<BTreeSet<_>>();
        assert_eq!(optional, BTreeSet::from(InboxRow::JOINED));
    }
}

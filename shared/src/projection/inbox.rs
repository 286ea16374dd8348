//! Joins a group's changes into the inbox rows of its members: hint, guard, locate (design, section 3).
//!
//! Deliveries may be duplicated or out of order. A row is the join of all of them, so it only moves to greater
//! positions.

use std::{collections::HashMap, ops::AddAssign};

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::{StreamExt as _, stream};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    error::{Dependency, Error},
    message_group::Inbox,
    sort_key::SortKey,
    table::{
        Condition, InboxRow, Item, Key, MemberStateRow, Membership, MessageRow, Row, Transaction, WriteError,
        sort_key,
    },
    user::User,
    warm_up::{self, Failure},
};

/// Changes of a group, in any order and number: rows as they were at some version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupChanges {
    /// The group.
    pub group_uuid: Uuid,
    /// New messages.
    pub created: Vec<MessageRow>,
    /// Edited and deleted messages, and messages with other reactions.
    pub changed: Vec<MessageRow>,
    /// States of members.
    pub states: Vec<MemberStateRow>,
    /// Members with the names that replace those in the others' rows.
    pub renamed: Vec<User>,
}

impl GroupChanges {
    /// A new message of the group.
    #[must_use]
    pub fn created(group_uuid: Uuid, message: MessageRow) -> Self {
        Self { group_uuid, created: vec![message], ..Self::default() }
    }

    /// The new message with the greatest sort key.
    #[must_use]
    pub fn newest(&self) -> Option<&MessageRow> {
        self.created.iter().max_by_key(|message| message.sk)
    }

    /// A message at its greatest version.
    #[must_use]
    pub fn message(&self, sk: SortKey) -> Option<&MessageRow> {
        let messages = self.created.iter().chain(&self.changed).filter(|message| message.sk == sk);
        messages.max_by_key(|message| message.version)
    }

    /// Joins the changes into the row of `owner`.
    fn join_into(&self, row: &mut InboxRow, owner: Uuid) {
        for message in self.created.iter().chain(&self.changed) {
            row.join_message(owner, message);
        }
        for state in self.states.iter().filter(|state| state.sk == owner) {
            row.join_state(state);
        }
        if let Some(user) = self.renamed.iter().find(|user| user.uuid == row.other_uuid) {
            row.other_handle.clone_from(&user.handle);
            row.other_display_name.clone_from(&user.display_name);
        }
    }
}

/// A group as a move finds it.
#[derive(Clone, Debug)]
pub struct GroupRows {
    /// The members.
    pub membership: Membership,
    /// Inbox rows in the index. Eventually consistent, so they are only hints.
    hints: Vec<Item>,
}

/// An inbox row after a move.
#[derive(Clone, Debug)]
pub struct MovedRow {
    /// The row's owner.
    pub member: Uuid,
    /// The row. It may be outdated if it had all changes.
    pub row: InboxRow,
    /// The row was written, or stands at one of the messages.
    pub is_new: bool,
}

/// The result of a move, for all members together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows that were moved to another position.
    pub moved: usize,
    /// Rows that were changed in place.
    pub changed: usize,
    /// Rows that had all changes.
    pub already_there: usize,
    /// Rows that had to be located: the index did not show them, or a write was refused or its outcome is unknown.
    pub located: usize,
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        self.moved += other.moved;
        self.changed += other.changed;
        self.already_there += other.already_there;
        self.located += other.located;
    }
}

/// The reason for a failed move. The next delivery retries.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The membership row is missing, although it is written with the group's first message.
    #[error("the group has no membership row")]
    NoMembership,
    /// A member has no inbox row.
    #[error("member {member} has no inbox row")]
    NoInboxRow {
        /// The member.
        member: Uuid,
    },
    /// An inbox row is malformed.
    #[error("the inbox row of member {member} is malformed")]
    MalformedInboxRow {
        /// The member.
        member: Uuid,
    },
    /// Every attempt lost a race, or DynamoDB was busy.
    #[error("the inbox row of member {member} could not be moved in {MAX_ATTEMPTS} attempts")]
    TooManyAttempts {
        /// The member.
        member: Uuid,
        /// The error of the last attempt.
        source: Option<Box<WriteError>>,
    },
    /// The invocation's time limit cut the move off.
    #[error("the move was cut off by the invocation's time limit")]
    OutOfTime,
    /// A read failed, or a write failed permanently.
    #[error("a call to DynamoDB failed")]
    Table(#[from] Error),
}

/// Maximum number of attempts to move one row.
const MAX_ATTEMPTS: usize = 8;

/// Maximum number of a group's rows that are moved concurrently. A group has two, so both move at once.
const MAX_CONCURRENT_ROWS: usize = 8;

impl Inbox {
    /// Opens the connections to DynamoDB: issues the first move's reads for the nil UUID.
    pub async fn warm_up_move(&self) -> Result<(), Failure> {
        let reads = async {
            let (membership, hints) = self.look_up(Uuid::nil()).await;
            membership.and(hints)
        };
        warm_up::call(Dependency::DynamoDb, Box::pin(reads)).await
    }

    /// Reads a group's membership, and its inbox rows from the index, concurrently.
    async fn look_up(
        &self,
        group_uuid: Uuid,
    ) -> (Result<Option<Membership>, Error>, Result<Vec<Item>, Error>) {
        let key = Key::Membership(group_uuid);
        tokio::join!(self.table.get(&key), self.table.group_index(group_uuid))
    }

    /// Reads what a move of the group needs. Fails with [`MoveError::NoMembership`] if the group does not exist.
    pub async fn group_rows(&self, group_uuid: Uuid) -> Result<GroupRows, MoveError> {
        let (membership, hints) = self.look_up(group_uuid).await;
        Ok(GroupRows { membership: membership?.ok_or(MoveError::NoMembership)?, hints: hints? })
    }

    /// Joins the changes into the inbox row of every member.
    pub async fn apply(&self, changes: &GroupChanges) -> Result<Moved, MoveError> {
        let rows = self.group_rows(changes.group_uuid).await?;
        Ok(self.apply_to(&rows, changes).await?.0)
    }

    /// Joins the changes into the inbox row of every member, as [`Self::apply`] does, with rows from
    /// [`Self::group_rows`]. Also returns the rows as they are then.
    pub async fn apply_to(
        &self,
        rows: &GroupRows,
        changes: &GroupChanges,
    ) -> Result<(Moved, Vec<MovedRow>), MoveError> {
        let membership = &rows.membership;
        let mut hints = newest_by_partition(rows.hints.iter().cloned());
        let moves = membership.members.keys().map(|member| {
            // A row leaves the requests for ever, so a row of the inbox is the newer one.
            let mut partitions = membership.partitions_of_row(*member).into_iter().rev();
            let hint = partitions.find_map(|partition| hints.remove(&partition.to_string()));
            RowMove { inbox: self, changes, member: *member, membership }.execute(hint)
        });
        let moves = moves.collect::<Vec<_>>();
        // Waits for all moves: a failure for one member must not stop the others.
        let outcomes = stream::iter(moves).buffer_unordered(MAX_CONCURRENT_ROWS).collect::<Vec<_>>().await;
        let (mut sum, mut written) = (Moved::default(), Vec::new());
        for outcome in outcomes {
            let (of_member, row) = outcome?;
            sum += of_member;
            written.push(row);
        }
        Ok((sum, written))
    }
}

/// The newest row of each partition.
fn newest_by_partition(rows: impl IntoIterator<Item = Item>) -> HashMap<String, Item> {
    let mut newest: HashMap<String, Item> = HashMap::new();
    for row in rows {
        let Some(AttributeValue::S(pk)) = row.get("pk") else {
            continue;
        };
        if newest.get(pk).is_none_or(|known| sort_key(known) < sort_key(&row)) {
            newest.insert(pk.clone(), row);
        }
    }
    newest
}

struct RowMove<'a> {
    inbox: &'a Inbox,
    changes: &'a GroupChanges,
    member: Uuid,
    membership: &'a Membership,
}

impl RowMove<'_> {
    async fn execute(self, hint: Option<Item>) -> Result<(Moved, MovedRow), MoveError> {
        let member = self.member;
        let mut result = Moved::default();
        let mut backoff = Backoff::new(&self.inbox.random);
        let mut last_error = None;
        // A malformed row of the index may have been mended in the table.
        let hint = hint.filter(|item| matches!(Row::parse(item.clone()), Ok(Row::Inbox(_))));
        let mut item = if let Some(item) = hint {
            item
        } else {
            result.located = 1;
            self.locate_from_the_beginning().await?
        };
        for _ in 0..MAX_ATTEMPTS {
            let Ok(Row::Inbox(row)) = Row::parse(item.clone()) else {
                return Err(MoveError::MalformedInboxRow { member });
            };
            let mut joined = row.clone();
            self.changes.join_into(&mut joined, member);
            if self.membership.erased.contains(&member) {
                // Not the joined state, which may be older: a row never returns to the requests.
                joined.forget_state(member, row.request.and(self.membership.request_of(member)));
            }
            // Correct even for a stale row: what was joined stays joined (I17).
            if joined == row {
                result.already_there = 1;
                let is_new = self.changes.message(row.sk).is_some();
                return Ok((result, MovedRow { member, row, is_new }));
            }
            match self.replace(&item, &row, &joined).await {
                Ok(()) => {
                    let written = if joined.sk > row.sk { &mut result.moved } else { &mut result.changed };
                    *written = 1;
                    return Ok((result, MovedRow { member, row: joined, is_new: true }));
                }
                // The row has moved or changed, or this move succeeded and its answer was lost.
                Err(error @ (WriteError::ConditionFailed { .. } | WriteError::Unknown(_))) => {
                    result.located = 1;
                    item = match self.locate(&row.sk.to_string()).await? {
                        Some(item) => item,
                        None => self.locate_from_the_beginning().await?,
                    };
                    last_error = Some(error);
                }
                Err(error @ WriteError::Busy(_)) => {
                    backoff.wait().await;
                    last_error = Some(error);
                }
                Err(error @ WriteError::Permanent(_)) => return Err(Error::from(error).into()),
            }
        }
        Err(MoveError::TooManyAttempts { member, source: last_error.map(Box::new) })
    }

    /// Replaces the stored row `item`, which parses to `row`, by `joined`: in place, or by a delete and a put at another
    /// key. Keeps attributes of later versions.
    ///
    /// The write requires that the stored row has these attributes and no other that a join writes. `item` may be from
    /// the index, which lags: without the condition, the write could revert a concurrent change. The condition also
    /// fences late writes of timed-out invocations.
    async fn replace(&self, item: &Item, row: &InboxRow, joined: &InboxRow) -> Result<(), WriteError> {
        let mut compared = item.clone();
        // Position and version determine the text.
        compared.remove("message");
        let absent = InboxRow::JOINED.into_iter().filter(|name| !item.contains_key(*name));
        let unchanged = absent.fold(Condition::unchanged(&compared), Condition::and_absent);
        let mut new = item.clone();
        new.retain(|name, _| !InboxRow::JOINED.contains(&&**name));
        new.extend(to_item(joined).map_err(|error| WriteError::Permanent(error.into()))?);
        let table = &self.inbox.table;
        if (&joined.pk, joined.sk) == (&row.pk, row.sk) {
            return table.put_item(new, unchanged).await;
        }
        Transaction::new(table).delete(item, unchanged)?.put_item(new, Condition::absent())?.commit().await
    }

    /// Searches for the member's row from the position `from` upwards.
    async fn locate(&self, from: &str) -> Result<Option<Item>, Error> {
        self.inbox.locate(self.membership, self.changes.group_uuid, self.member, from).await
    }

    /// Searches for the member's row from its first position upwards.
    async fn locate_from_the_beginning(&self) -> Result<Item, MoveError> {
        let row = self.locate(&self.membership.created_sk.to_string()).await?;
        row.ok_or(MoveError::NoInboxRow { member: self.member })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_rows_are_added_up() {
        let mut sum = Moved { moved: 1, changed: 4, already_there: 2, located: 3 };
        sum += Moved { moved: 10, changed: 40, already_there: 20, located: 30 };
        assert_eq!(sum, Moved { moved: 11, changed: 44, already_there: 22, located: 33 });
    }

    #[test]
    fn the_hint_is_a_members_newest_row_in_the_index() {
        let row = |pk: &str, sk: &str| {
            Item::from(
                [("pk", pk), ("sk", sk)]
                    .map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))),
            )
        };
        let without_key = Item::from([("sk".to_owned(), AttributeValue::S("9".to_owned()))]);
        let rows =
            vec![row("a", "2"), row("b", "1"), without_key, row("a", "3"), row("a", "1"), row("b", "2")];
        let expected = HashMap::from([("a".to_owned(), row("a", "3")), ("b".to_owned(), row("b", "2"))]);
        assert_eq!(newest_by_partition(rows), expected);
        assert_eq!(newest_by_partition(Vec::new()), HashMap::new());
    }
}

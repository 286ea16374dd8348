//! Moves a group's inbox rows to its newest message: hint, guard, locate (design, section 3).
//!
//! Deliveries may be duplicated or out of order, so rows only move to greater positions.

use std::{collections::HashMap, ops::AddAssign};

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    error::{Dependency, Error},
    message::text::preview,
    message_group::Inbox,
    sort_key::SortKey,
    table::{Condition, Item, Key, Membership, MessageRow, Partition, Transaction, WriteError, sort_key},
    warm_up::{self, Failure},
};

/// The message that a group's inbox rows are moved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestMessage {
    /// The group.
    pub group_uuid: Uuid,
    /// Time and UUID of the message.
    pub sk: SortKey,
    /// The whole text.
    pub message: String,
}

impl NewestMessage {
    /// A message of the group.
    #[must_use]
    pub fn new(group_uuid: Uuid, row: &MessageRow) -> Self {
        Self { group_uuid, sk: row.sk, message: row.message.clone() }
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

/// The result of a move, for all members together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows that were moved.
    pub moved: usize,
    /// Rows that were already at the message or at a newer message.
    pub already_there: usize,
    /// Rows that had to be located: the index did not show them, or a write was refused or its outcome is unknown.
    pub located: usize,
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        self.moved += other.moved;
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
    /// An inbox row has a malformed sort key.
    #[error("the inbox row of member {member} has a malformed sort key")]
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

    /// Moves the inbox row of every member to the message, unless the row is there or beyond.
    pub async fn move_to(&self, newest: &NewestMessage) -> Result<Moved, MoveError> {
        let rows = self.group_rows(newest.group_uuid).await?;
        self.move_rows(&rows, newest).await
    }

    /// Moves the inbox row of every member to the message, as [`Self::move_to`] does, with rows from
    /// [`Self::group_rows`].
    pub async fn move_rows(&self, rows: &GroupRows, newest: &NewestMessage) -> Result<Moved, MoveError> {
        let membership = &rows.membership;
        let mut hints = newest_by_partition(rows.hints.iter().cloned());
        let moves = membership.members.keys().map(|member| {
            let hint = hints.remove(&Partition::Inbox(*member).to_string());
            let created_sk = membership.created_sk;
            RowMove { inbox: self, newest, member: *member, created_sk }.execute(hint)
        });
        let moves = moves.collect::<Vec<_>>();
        // Waits for all moves: a failure for one member must not stop the others.
        let outcomes = stream::iter(moves).buffer_unordered(MAX_CONCURRENT_ROWS).collect::<Vec<_>>().await;
        let mut sum = Moved::default();
        for outcome in outcomes {
            sum += outcome?;
        }
        Ok(sum)
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
    newest: &'a NewestMessage,
    member: Uuid,
    created_sk: SortKey,
}

impl RowMove<'_> {
    async fn execute(self, hint: Option<Item>) -> Result<Moved, MoveError> {
        let mut result = Moved::default();
        let mut backoff = Backoff::new(&self.inbox.random);
        let mut last_error = None;
        let mut row = if let Some(row) = hint {
            row
        } else {
            result.located = 1;
            self.locate_from_the_beginning().await?
        };
        for _ in 0..MAX_ATTEMPTS {
            let member = self.member;
            let position = sort_key(&row).ok_or(MoveError::MalformedInboxRow { member })?;
            // Correct even for a stale row: positions only grow (I4).
            if position >= self.newest.sk.to_string().as_str() {
                result.already_there = 1;
                return Ok(result);
            }
            match self.delete_and_put(&row).await {
                Ok(()) => {
                    result.moved = 1;
                    return Ok(result);
                }
                // The row has moved or changed, or this move succeeded and its answer was lost.
                Err(error @ (WriteError::ConditionFailed { .. } | WriteError::Unknown(_))) => {
                    result.located = 1;
                    row = match self.locate(position).await? {
                        Some(row) => row,
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
        Err(MoveError::TooManyAttempts { member: self.member, source: last_error.map(Box::new) })
    }

    /// Deletes `row` and puts it at the message's position, with the message's preview and unchanged other attributes.
    ///
    /// The delete requires that the stored row still has these attributes. `row` may be from the index, which lags:
    /// without the condition, the move could revert a concurrent change. The condition also fences late writes of
    /// timed-out invocations.
    async fn delete_and_put(&self, row: &Item) -> Result<(), WriteError> {
        let mut carried = row.clone();
        carried.remove("message");
        let unchanged = Condition::unchanged(&carried);
        carried.insert("sk".to_owned(), AttributeValue::S(self.newest.sk.to_string()));
        carried.insert("message".to_owned(), AttributeValue::S(preview(&self.newest.message)));
        Transaction::new(&self.inbox.table)
            .delete(row, unchanged)?
            .put_item(carried, Condition::absent())?
            .commit()
            .await
    }

    /// Searches for the member's row from the position `from` upwards. Rows only move upwards, so the search finds a
    /// row that moves meanwhile. A downward search could miss it.
    async fn locate(&self, from: &str) -> Result<Option<Item>, MoveError> {
        let group_uuid = self.newest.group_uuid;
        let rows = self.inbox.table.inbox_rows_of_group(self.member, group_uuid, from).await?;
        Ok(rows.into_iter().max_by(|a, b| sort_key(a).cmp(&sort_key(b))))
    }

    /// Searches for the member's row from its first position upwards.
    async fn locate_from_the_beginning(&self) -> Result<Item, MoveError> {
        let row = self.locate(&self.created_sk.to_string()).await?;
        row.ok_or(MoveError::NoInboxRow { member: self.member })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_rows_are_added_up() {
        let mut sum = Moved { moved: 1, already_there: 2, located: 3 };
        sum += Moved { moved: 10, already_there: 20, located: 30 };
        assert_eq!(sum, Moved { moved: 11, already_there: 22, located: 33 });
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

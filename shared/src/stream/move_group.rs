//! Moving a group's inbox rows to its newest message: "hint, guard, locate" (design, section 3).
//!
//! Neither the order nor the number of deliveries matters: a row's position is the greatest that was seen.

use std::{collections::HashMap, ops::AddAssign};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use super::NewestMessage;
use crate::{
    backoff::Backoff,
    dynamodb::{Item, Table, WriteError, key, sort_key},
    error::Error,
    message,
    message_group::{Membership, partition_key},
    random::Random,
    sort_key::SortKey,
    warm_up,
};

/// What a move came to, for all members together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows that were moved.
    pub moved: usize,
    /// Rows that stood at the message, or at a newer one, already.
    pub already_there: usize,
    /// Rows that had to be searched for, since the index did not show where they are.
    pub located: usize,
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        self.moved += other.moved;
        self.already_there += other.already_there;
        self.located += other.located;
    }
}

/// Why a group was not moved. All of these are tried again with the next delivery.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// There is no membership row. (The message was written with it or after it.)
    #[error("the group has no membership row")]
    NoMembership,
    /// A member has no inbox row.
    #[error("member {member} has no inbox row")]
    NoInboxRow {
        /// Whose row is missing.
        member: Uuid,
    },
    /// An inbox row has a sort key that is none.
    #[error("the inbox row of member {member} has a malformed sort key")]
    MalformedInboxRow {
        /// Whose row it is.
        member: Uuid,
    },
    /// Others were faster, or DynamoDB was busy, every time.
    #[error("the inbox row of member {member} could not be moved in {MAX_TRIES} tries")]
    TriedTooOften {
        /// Whose row it is.
        member: Uuid,
        /// Why the last try failed.
        source: Option<Box<WriteErrorSource>>,
    },
    /// The invocation ends before the move does.
    #[error("there is no time left")]
    OutOfTime,
    /// The table can't be read, or refuses the write for good.
    #[error("the table fails")]
    Table(#[from] Error),
}

/// What the last write said.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WriteErrorSource(WriteError);

/// Tries to move one row at most.
const MAX_TRIES: usize = 8;

/// What a move begins with, read at the same time: who is in the group, and where the index shows its inbox rows.
async fn look_up(
    table: &Table,
    group_uuid: Uuid,
) -> (Result<Option<Membership>, Error>, Result<Vec<Item>, Error>) {
    tokio::join!(Membership::get(table, group_uuid), table.group_index(group_uuid))
}

/// Gets ready for the first batch: looks the nil uuid up, which no group has.
pub async fn warm_up(table: &Table) {
    let (membership, hints) = look_up(table, Uuid::nil()).await;
    warm_up::log_failure("DynamoDB", membership.and(hints));
}

/// Moves the inbox row of every member to the message.
pub async fn move_group(table: &Table, random: &Random, newest: &NewestMessage) -> Result<Moved, MoveError> {
    let group = newest.group_uuid.to_string();
    let (membership, hints) = look_up(table, newest.group_uuid).await;
    let membership = membership?.ok_or(MoveError::NoMembership)?;
    let mut hints = newest_by_partition(hints?);
    let moves = membership.members.keys().map(|member| {
        let inbox = partition_key(*member);
        let hint = hints.remove(&inbox);
        let created_sk = membership.created_sk;
        RowMove { table, group: &group, newest, member: *member, inbox, created_sk }.carry_out(random, hint)
    });
    let moves = moves.collect::<Vec<_>>();
    // Every member's row is moved as far as it can be, also when another's fails.
    let outcomes = stream::iter(moves).buffer_unordered(MAX_ROWS_AT_A_TIME).collect::<Vec<_>>().await;
    let mut sum = Moved::default();
    for outcome in outcomes {
        sum += outcome?;
    }
    Ok(sum)
}

/// Rows of one group that are moved at the same time. A group has two members.
const MAX_ROWS_AT_A_TIME: usize = 8;

/// The newest row of each partition.
fn newest_by_partition(rows: Vec<Item>) -> HashMap<String, Item> {
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
    table: &'a Table,
    group: &'a str,
    newest: &'a NewestMessage,
    member: Uuid,
    inbox: String,
    created_sk: SortKey,
}

impl RowMove<'_> {
    async fn carry_out(self, random: &Random, hint: Option<Item>) -> Result<Moved, MoveError> {
        let mut result = Moved::default();
        let mut backoff = Backoff::new(random);
        let mut last_error = None;
        let mut row = if let Some(row) = hint {
            row
        } else {
            result.located = 1;
            self.locate_from_the_beginning().await?
        };
        for _ in 0..MAX_TRIES {
            let member = self.member;
            let position = sort_key(&row).ok_or(MoveError::MalformedInboxRow { member })?;
            // True also when the row is stale: positions only grow (I4).
            if position >= self.newest.sk.to_string().as_str() {
                result.already_there = 1;
                return Ok(result);
            }
            match self.table.transact(self.delete_and_put(&row)?).await {
                Ok(()) => {
                    result.moved = 1;
                    return Ok(result);
                }
                // The row is not where it was thought to be, or it was us, and only the answer was lost.
                Err(error @ (WriteError::Refused { .. } | WriteError::Unknown(_))) => {
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
                Err(error @ WriteError::Failed(_)) => return Err(Error::from(error).into()),
            }
        }
        let source = last_error.map(|error| Box::new(WriteErrorSource(error)));
        Err(MoveError::TriedTooOften { member: self.member, source })
    }

    /// Deletes `row` where it stands and puts it, with all its attributes, at the message.
    fn delete_and_put(&self, row: &Item) -> Result<Vec<TransactWriteItem>, MoveError> {
        let position = sort_key(row).unwrap_or_default();
        let delete = Delete::builder()
            .table_name(self.table.name())
            .set_key(Some(key(&self.inbox, position)))
            // The guard fences late requests of dead invocations: without the row there is nothing to move.
            .condition_expression("attribute_exists(pk) AND message_group_uuid = :group")
            .expression_attribute_values(":group", AttributeValue::S(self.group.to_owned()))
            .build()
            .map_err(Error::internal)?;
        let mut moved = row.clone();
        moved.insert("sk".to_owned(), AttributeValue::S(self.newest.sk.to_string()));
        moved.insert("message".to_owned(), AttributeValue::S(message::preview(&self.newest.message)));
        let put = self.table.put_item_action(moved).map_err(Error::from)?;
        Ok(vec![TransactWriteItem::builder().delete(delete).build(), put])
    }

    /// The member's row from `from` on. The scan goes up, as rows do: one that moves while it is under way is
    /// met at its new place, too, whereas a scan downwards could be overtaken.
    async fn locate(&self, from: &str) -> Result<Option<Item>, MoveError> {
        let rows = self.table.rows_from(&self.inbox, from, "message_group_uuid", self.group).await?;
        Ok(rows.into_iter().max_by(|a, b| sort_key(a).cmp(&sort_key(b))))
    }

    /// The member's row, which has never been before its first place.
    async fn locate_from_the_beginning(&self) -> Result<Item, MoveError> {
        let row = self.locate(&self.created_sk.to_string()).await?;
        row.ok_or(MoveError::NoInboxRow { member: self.member })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_the_rows_is_added_up() {
        let mut sum = Moved { moved: 1, already_there: 2, located: 3 };
        sum += Moved { moved: 10, already_there: 20, located: 30 };
        assert_eq!(sum, Moved { moved: 11, already_there: 22, located: 33 });
    }

    #[test]
    fn of_the_rows_that_the_index_shows_of_a_member_the_newest_is_taken() {
        let row = |member: &str, sk: &str| key(&format!("GRP#{member}"), sk);
        let without_key = Item::from([("sk".to_owned(), AttributeValue::S("9".to_owned()))]);
        let rows =
            vec![row("a", "2"), row("b", "1"), without_key, row("a", "3"), row("a", "1"), row("b", "2")];
        let expected =
            HashMap::from([("GRP#a".to_owned(), row("a", "3")), ("GRP#b".to_owned(), row("b", "2"))]);
        assert_eq!(newest_by_partition(rows), expected);
        assert_eq!(newest_by_partition(Vec::new()), HashMap::new());
    }
}

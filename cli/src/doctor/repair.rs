//! Repairs.

use anyhow::Result;
use cruddur::{
    erasure::Erasure,
    error::Error,
    event_log::EventLog,
    message_group::Inbox,
    projection::{
        events::AppendError,
        inbox::{GroupChanges, MoveError},
    },
    table::{LoggedChange, MessageRow, Transaction, WriteError},
    user::User,
};
use uuid::Uuid;

use super::{Doctor, finding::Finding};
use crate::{
    retry::REPAIRS,
    table::write::{Written, commit},
};

/// A finding, and its repair if there is one.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) finding: Finding,
    pub(super) repair: Option<Repair>,
}

#[derive(Clone, Debug)]
pub(super) enum Repair {
    /// Writes one transaction.
    Write(Transaction),
    /// Writes one transaction, then moves the group's rows if a newer message has arrived.
    WriteThenMove(Transaction, Uuid),
    /// Deletes all rows of a group without messages, in one transaction.
    DeleteGroup(Transaction),
    /// Moves the group's rows, as the stream handler does.
    Move(Uuid, Box<MessageRow>),
    /// Erases a user from a group, as `erase-accounts` does.
    Erase(Uuid, Box<User>),
    /// Appends to the log of a user, as the stream handler does.
    Append(Uuid, Vec<LoggedChange>),
}

impl Doctor {
    /// Applies a repair. One whose outcome is unknown counts as written: the next diagnosis shows it.
    pub(super) async fn apply(&self, repair: &Repair) -> Result<Written> {
        match repair {
            Repair::Write(transaction) | Repair::DeleteGroup(transaction) => self.write(transaction).await,
            Repair::WriteThenMove(transaction, group) => {
                let applied = self.write(transaction).await?;
                if applied == Written::Done
                    && let Some(newest) = self.newest_message(*group).await?
                {
                    self.move_rows(*group, &newest).await?;
                }
                Ok(applied)
            }
            Repair::Move(group, newest) => self.move_rows(*group, newest).await,
            Repair::Erase(group, user) => self.erase(*group, user).await,
            Repair::Append(user, changes) => self.append(*user, changes).await,
        }
    }

    async fn write(&self, transaction: &Transaction) -> Result<Written> {
        match commit(transaction, REPAIRS).await {
            Ok(()) | Err(WriteError::Unknown(_)) => Ok(Written::Done),
            Err(WriteError::ConditionFailed { .. } | WriteError::Busy(_)) => Ok(Written::Stale),
            Err(error @ WriteError::Permanent(_)) => Err(Error::from(error).into()),
        }
    }

    async fn move_rows(&self, group: Uuid, newest: &MessageRow) -> Result<Written> {
        let changes = GroupChanges::created(group, newest.clone());
        let inbox = Inbox::new(self.table.clone(), self.random.clone());
        of_move(Box::pin(inbox.apply(&changes)).await)
    }

    async fn erase(&self, group: Uuid, user: &User) -> Result<Written> {
        let erasure = Erasure::new(self.table.clone(), self.clock.clone(), self.random.clone());
        of_move(Box::pin(erasure.erase_from_group(user, group)).await)
    }

    async fn append(&self, user: Uuid, changes: &[LoggedChange]) -> Result<Written> {
        let log = EventLog::new(self.table.clone(), self.clock.clone(), self.random.clone());
        match Box::pin(log.append(user, changes.to_vec(), None)).await {
            Ok(_) | Err(AppendError::Table(Error::Unavailable { .. })) => Ok(Written::Done),
            Err(AppendError::Table(error)) => Err(error.into()),
            Err(AppendError::TooManyAttempts(_) | AppendError::OutOfTime) => Ok(Written::Stale),
        }
    }
}

/// The outcome of a repair that moves or changes inbox rows.
fn of_move<T>(result: Result<T, MoveError>) -> Result<Written> {
    match result {
        Ok(_) | Err(MoveError::Table(Error::Unavailable { .. })) => Ok(Written::Done),
        Err(MoveError::Table(error)) => Err(error.into()),
        // Another finding has to be repaired first, or another writer won.
        Err(
            MoveError::NoMembership
            | MoveError::NoInboxRow { .. }
            | MoveError::MalformedInboxRow { .. }
            | MoveError::TooManyAttempts { .. }
            | MoveError::OutOfTime,
        ) => Ok(Written::Stale),
    }
}

//! Carrying a repair out.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_dynamodb::types::TransactWriteItem;
use cruddur::{
    dynamodb::WriteError,
    error::Error,
    stream::{
        NewestMessage,
        move_group::{MoveError, move_group},
    },
};
use uuid::Uuid;

use super::{Doctor, messages::Standing};

/// Tries of a write that meets a conflict or throttling.
const MAX_TRIES: u32 = 8;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How a finding is healed.
#[derive(Clone, Debug)]
pub(super) enum Repair {
    /// One transaction.
    Write(Vec<TransactWriteItem>),
    /// One transaction, after which the group's rows are moved if a newer message has come.
    WriteThenMove(Vec<TransactWriteItem>, Uuid),
    /// One transaction that takes away all that there is of a group without messages.
    Empty(Vec<TransactWriteItem>),
    /// Moving the group's rows, as the stream's handler does.
    Move(Uuid, Standing),
}

/// What a repair came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// It was carried out, or may have been.
    Out,
    /// Things are not as they were read any more; nothing was done.
    Refused,
}

impl Doctor {
    pub(super) async fn carry_out(&self, repair: &Repair) -> Result<Carried> {
        match repair {
            Repair::Write(actions) | Repair::Empty(actions) => self.write(actions).await,
            Repair::WriteThenMove(actions, group) => {
                let carried = self.write(actions).await?;
                if carried == Carried::Out
                    && let Some(newest) = self.newest_message(*group).await?
                {
                    self.move_rows(*group, &newest).await?;
                }
                Ok(carried)
            }
            Repair::Move(group, newest) => self.move_rows(*group, newest).await,
        }
    }

    async fn write(&self, actions: &[TransactWriteItem]) -> Result<Carried> {
        let mut wait = FIRST_WAIT;
        for _ in 0..MAX_TRIES {
            match Box::pin(self.table.transact(actions.to_vec())).await {
                // What became of an unknown one is seen with the next look.
                Ok(()) | Err(WriteError::Unknown(_)) => return Ok(Carried::Out),
                Err(WriteError::Refused { .. }) => return Ok(Carried::Refused),
                Err(error @ WriteError::Failed(_)) => return Err(Error::from(error).into()),
                Err(WriteError::Busy(_)) => {
                    tokio::time::sleep(self.random.jitter(wait)).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
        Ok(Carried::Refused)
    }

    async fn move_rows(&self, group: Uuid, newest: &Standing) -> Result<Carried> {
        let message = NewestMessage {
            group_uuid: group,
            sk: newest.sk,
            message: newest.text.clone(),
            sequence_numbers: Vec::new(),
        };
        match Box::pin(move_group(&self.table, &self.random, &message)).await {
            Ok(_) | Err(MoveError::Table(Error::Unavailable { .. })) => Ok(Carried::Out),
            Err(MoveError::Table(error)) => Err(error.into()),
            // Another finding stands in the way, or others were faster.
            Err(
                MoveError::NoMembership
                | MoveError::NoInboxRow { .. }
                | MoveError::MalformedInboxRow { .. }
                | MoveError::TriedTooOften { .. }
                | MoveError::OutOfTime,
            ) => Ok(Carried::Refused),
        }
    }
}

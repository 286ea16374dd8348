//! Requests: groups that a stranger has opened and that the receiver has not accepted (design, section 3).
//!
//! The membership, which every send reads, and the receiver's state have the answer. The stream handler carries the
//! receiver's row from the requests to the inbox.

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::{CallLimits, within_time_limit},
    error::{Dependency, Error},
    message_group::membership_for,
    random::Random,
    table::{
        Condition, Key, MemberStateRow, Membership, RequestState, Table, Transaction, WriteError, at_version,
    },
    timestamp::Timestamp,
    warm_up::{self, Failure},
};

/// Maximum number of attempts to write an answer.
const MAX_ATTEMPTS: usize = 8;

/// A member's answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The group moves to the member's inbox, and stays there.
    Accept,
    /// The request is no longer listed, and the sender can send nothing more. The member may still accept.
    Decline,
}

/// The requests of all users.
#[derive(Debug)]
pub struct MessageRequests {
    table: Table,
    clock: Clock,
    random: Random,
}

impl MessageRequests {
    /// Creates the store over `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock, random: Random) -> Self {
        Self { table, clock, random }
    }

    /// Creates the store over the configured table.
    pub fn from_lookup(lookup: impl Lookup, limits: CallLimits) -> Result<Self, ConfigError> {
        Ok(Self::new(Table::from_lookup(lookup, limits)?, Clock::system(), Random::system()))
    }

    /// Opens the connection to DynamoDB: issues the first answer's read for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let key = Key::Membership(Uuid::nil());
        warm_up::call(Dependency::DynamoDb, self.table.get::<Membership>(&key)).await
    }

    /// Stores the answer of `member`. A group without a request counts as accepted, so accepting it changes nothing.
    ///
    /// Fails with [`Error::MessageGroupNotFound`] if the group does not exist or `member` is not in it, and with
    /// [`Error::RequestAccepted`] if a group that was accepted is declined.
    pub async fn answer(&self, member: Uuid, group_uuid: Uuid, answer: Answer) -> Result<(), Error> {
        within_time_limit(Box::pin(self.answer_with_retries(member, group_uuid, answer))).await
    }

    async fn answer_with_retries(&self, member: Uuid, group_uuid: Uuid, answer: Answer) -> Result<(), Error> {
        let mut backoff = Backoff::new(&self.random);
        let mut first = None;
        let mut in_doubt = false;
        for _ in 0..MAX_ATTEMPTS {
            let membership = membership_for(&self.table, group_uuid, member).await?;
            match (membership.request_of(member), answer) {
                (None, Answer::Accept) => return Ok(()),
                // An attempt without an answer may have been executed before the acceptance.
                (None, Answer::Decline) if in_doubt => break,
                (None, Answer::Decline) => return Err(Error::RequestAccepted),
                (Some(_), _) => {}
            }
            let key = Key::MemberState { group_uuid, user_uuid: member };
            let state = self.table.get::<MemberStateRow>(&key).await?;
            // Both from one read: the membership was read before, and a write in between may have accepted the group.
            let version = state.as_ref().map(|state| state.version);
            let is_declined = state.is_some_and(|state| state.request == Some(RequestState::Declined));
            // A greater version fences the late writes of earlier requests. So a request that was declined is declined
            // again: otherwise, such a write could accept it after the answer.
            let is_fenced = version > *first.get_or_insert(version);
            if is_fenced && is_declined && answer == Answer::Decline {
                return Ok(());
            }
            let now = Timestamp::new(self.clock.now());
            let transaction = Transaction::new(&self.table);
            let written = match write_answer(transaction, group_uuid, member, version, answer, now) {
                Ok(transaction) => transaction.commit_once().await,
                Err(error) => Err(error),
            };
            match written {
                Ok(()) => return Ok(()),
                // Another write came first, or this one was executed and its answer was lost.
                Err(WriteError::ConditionFailed { .. } | WriteError::Busy(_)) => {}
                Err(WriteError::Unknown(_)) => in_doubt = true,
                Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
            }
            backoff.wait().await;
        }
        Err(Error::unavailable(Dependency::DynamoDb, "an answer to a request could not be written"))
    }
}

/// Adds to a transaction the answer of `member`: in the membership, which must have a request to the member, and in the
/// member's state, which must have this version. Fails if the transaction can't be built.
pub(crate) fn write_answer(
    transaction: Transaction,
    group_uuid: Uuid,
    member: Uuid,
    version: Option<u64>,
    answer: Answer,
    now: Timestamp,
) -> Result<Transaction, WriteError> {
    let of_membership = Condition::new("request_to = :user AND attribute_exists(request_state)")
        .value(":user", AttributeValue::S(member.to_string()));
    let of_state = at_version(version).value(":now", AttributeValue::S(now.to_string()));
    let set_state = "SET version = :next, settings_at = :now, settings_version = :next";
    let (set_membership, of_membership, set_state, of_state) = match answer {
        Answer::Accept => {
            ("REMOVE request_state", of_membership, format!("{set_state} REMOVE request_state"), of_state)
        }
        Answer::Decline => {
            let declined = || AttributeValue::S(RequestState::Declined.name().to_owned());
            (
                "SET request_state = :declined",
                of_membership.value(":declined", declined()),
                format!("{set_state}, request_state = :declined"),
                of_state.value(":declined", declined()),
            )
        }
    };
    transaction.update(&Key::Membership(group_uuid), set_membership, of_membership)?.update(
        &Key::MemberState { group_uuid, user_uuid: member },
        set_state,
        of_state,
    )
}

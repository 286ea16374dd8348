//! Editing and deleting messages (design, section 3).

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use uuid::Uuid;

use super::{Message, Messages, text::MessageText};
use crate::{
    backoff::Backoff,
    error::{Dependency, Error},
    message_group::membership_for,
    sort_key::SortKey,
    table::{Key, MessageRow, Update, WriteError, from_item, reactions_attribute},
    timestamp::Timestamp,
};

/// Maximum number of attempts to write a change.
pub(super) const MAX_ATTEMPTS: usize = 8;

/// Increases the version of a message. Every write to a message does.
pub(super) const NEXT_VERSION: &str = "version = if_not_exists(version, :one) + :one";

/// A change of a message by its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageChange {
    /// Another text. `window` is the time after the creation in which a message may be edited.
    Edit {
        /// The text.
        text: MessageText,
        /// The time in which a message may be edited.
        window: TimeDelta,
    },
    /// The deletion for both members. A tombstone keeps the message's place.
    Delete,
}

impl Messages {
    /// Changes a message, and returns it. The same text and a second deletion change nothing.
    ///
    /// Fails with [`Error::MessageGroupNotFound`], [`Error::MessageNotFound`], [`Error::MessageNotYours`],
    /// [`Error::EditWindowOver`] and [`Error::MessageDeleted`], in this order.
    pub async fn change(
        &self,
        caller: Uuid,
        group_uuid: Uuid,
        sk: SortKey,
        change: &MessageChange,
    ) -> Result<Message, Error> {
        let membership = membership_for(&self.table, group_uuid, caller).await?;
        let now = self.clock.now();
        let mut time = Timestamp::new(now);
        let key = Key::Message { group_uuid, sk };
        let text = AttributeValue::S;
        let mut values =
            vec![(":caller", text(caller.to_string())), (":one", AttributeValue::N("1".to_owned()))];
        let (condition, set) = match change {
            MessageChange::Edit { text: new, window } => {
                if sk.created_at.to_utc() + *window <= now {
                    let stored = self.table.get::<MessageRow>(&key).await?.ok_or(Error::MessageNotFound)?;
                    let is_own = stored.sender_uuid == caller;
                    return Err(if is_own { Error::EditWindowOver } else { Error::MessageNotYours });
                }
                values.push((":text", text(new.as_str().to_owned())));
                // The time fences late writes of timed-out attempts: the message may have been edited meanwhile.
                (
                    "user_uuid = :caller AND attribute_not_exists(deleted_at) AND message <> :text AND \
                     (attribute_not_exists(edited_at) OR edited_at < :now)",
                    format!("SET message = :text, edited_at = :now, {NEXT_VERSION}"),
                )
            }
            MessageChange::Delete => {
                values.push((":text", text(String::new())));
                let reactions = membership.members.keys().copied().map(reactions_attribute);
                let removed = reactions.collect::<Vec<_>>().join(", ");
                (
                    "user_uuid = :caller AND attribute_not_exists(deleted_at)",
                    format!(
                        "SET message = :text, deleted_at = :now, {NEXT_VERSION} REMOVE edited_at, reply_sk, {removed}"
                    ),
                )
            }
        };
        let mut backoff = Backoff::new(&self.random);
        let mut in_doubt = false;
        for _ in 0..MAX_ATTEMPTS {
            let mut values = values.clone();
            values.push((":now", text(time.to_string())));
            let update = Update { key: key.clone(), condition: condition.into(), set: set.clone(), values };
            match self.table.update(update).await {
                Ok(item) => return Ok(Message::from(&from_item::<MessageRow>(item)?)),
                Err(WriteError::ConditionFailed { rows, .. }) => {
                    let stored = rows.into_iter().next().flatten().filter(|stored| !stored.is_empty());
                    let stored = refuse(stored.map(from_item).transpose()?, caller, change)?;
                    if is_done(&stored, change) {
                        return Ok(Message::from(&stored));
                    }
                    // An earlier attempt may have been made, and the message may have been edited again since.
                    if in_doubt {
                        break;
                    }
                    // This clock is behind the one of the last edit.
                    time = stored.edited_at.map_or(time, |edited_at| time.max(edited_at.successor()));
                }
                Err(error @ (WriteError::Busy(_) | WriteError::Unknown(_))) => {
                    in_doubt |= matches!(error, WriteError::Unknown(_));
                    backoff.wait().await;
                }
                Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
            }
        }
        Err(Error::unavailable(Dependency::DynamoDb, "the message could not be changed"))
    }
}

/// Returns `true` if the stored message is as the change makes it.
fn is_done(stored: &MessageRow, change: &MessageChange) -> bool {
    match change {
        MessageChange::Edit { text, .. } => stored.message == text.as_str(),
        MessageChange::Delete => true,
    }
}

/// Returns the stored message of a refused change that is allowed.
fn refuse(stored: Option<MessageRow>, caller: Uuid, change: &MessageChange) -> Result<MessageRow, Error> {
    let stored = stored.ok_or(Error::MessageNotFound)?;
    if stored.sender_uuid != caller {
        return Err(Error::MessageNotYours);
    }
    match change {
        MessageChange::Edit { .. } if stored.deleted_at.is_some() => Err(Error::MessageDeleted),
        MessageChange::Edit { .. } | MessageChange::Delete => Ok(stored),
    }
}

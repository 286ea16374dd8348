//! Editing and deleting messages (design, section 3).

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use uuid::Uuid;

use super::{Message, Messages, text::MessageText};
use crate::{
    backoff::Backoff,
    dynamodb::within_time_limit,
    error::{Dependency, Error},
    message_group::other_member,
    sort_key::SortKey,
    table::{Key, MessageRow, Update, WriteError, from_item, reactions_attribute},
    timestamp::Timestamp,
};

/// Maximum number of attempts to write a change.
const MAX_ATTEMPTS: usize = 8;

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

/// The parts of an update expression, without the version.
pub(super) struct Assignments {
    /// Follows `SET version = :next`.
    pub set: &'static str,
    /// Further clauses.
    pub more: String,
    pub values: Vec<(&'static str, AttributeValue)>,
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
        let now = self.clock.now();
        let text = AttributeValue::S;
        let changed = self.update(caller, group_uuid, sk, |row, other| {
            if row.sender_uuid != caller {
                return Err(Error::MessageNotYours);
            }
            match change {
                MessageChange::Edit { window, .. } if sk.created_at.to_utc() + *window <= now => {
                    Err(Error::EditWindowOver)
                }
                MessageChange::Edit { .. } if row.deleted_at.is_some() => Err(Error::MessageDeleted),
                MessageChange::Edit { text: new, .. } if row.message == new.as_str() => Ok(None),
                MessageChange::Delete if row.deleted_at.is_some() => Ok(None),
                MessageChange::Edit { text: new, .. } => Ok(Some(Assignments {
                    set: ", message = :text, edited_at = :now",
                    more: String::new(),
                    values: vec![
                        (":text", text(new.as_str().to_owned())),
                        (":now", text(Timestamp::new(now).to_string())),
                    ],
                })),
                MessageChange::Delete => {
                    let [own, others] = [caller, other].map(reactions_attribute);
                    Ok(Some(Assignments {
                        set: ", message = :text, deleted_at = :now",
                        more: format!(" REMOVE edited_at, reply_sk, {own}, {others}"),
                        values: vec![
                            (":text", text(String::new())),
                            (":now", text(Timestamp::new(now).to_string())),
                        ],
                    }))
                }
            }
        });
        Ok(Message::from(&changed.await?))
    }

    /// Updates a message for a member, and returns it. `assignments` gets the row and the other member, and returns
    /// `None` if the row needs no change.
    ///
    /// Each write adds 1 to the version and requires the version that was read. Otherwise, a write that is executed long
    /// after its time limit could undo a later one.
    pub(super) async fn update(
        &self,
        caller: Uuid,
        group_uuid: Uuid,
        sk: SortKey,
        assignments: impl Fn(&MessageRow, Uuid) -> Result<Option<Assignments>, Error>,
    ) -> Result<MessageRow, Error> {
        within_time_limit(Box::pin(async {
            let other = other_member(&self.table, &self.members, group_uuid, caller).await?;
            let key = Key::Message { group_uuid, sk };
            let mut stored = self.table.get::<MessageRow>(&key).await?;
            let mut backoff = Backoff::new(&self.random);
            for _ in 0..MAX_ATTEMPTS {
                let row = stored.as_ref().ok_or(Error::MessageNotFound)?;
                let Some(Assignments { set, more, mut values }) = assignments(row, other)? else {
                    return Ok(row.clone());
                };
                let number = |number: u64| AttributeValue::N(number.to_string());
                values.push((":next", number(row.version + 1)));
                // Version 1 is not stored. The key alone would create a row in place of a removed one.
                let condition = if row.version == 1 {
                    "attribute_exists(pk) AND attribute_not_exists(version)"
                } else {
                    values.push((":version", number(row.version)));
                    "version = :version"
                };
                let set = format!("SET version = :next{set}{more}");
                let update = Update { key: key.clone(), condition: condition.into(), set, values };
                match self.table.update(update).await {
                    Ok(item) => return from_item(item),
                    Err(WriteError::ConditionFailed { rows, .. }) => {
                        let row = rows.into_iter().next().flatten().filter(|row| !row.is_empty());
                        stored = row.map(from_item).transpose()?;
                        backoff.wait().await;
                    }
                    Err(WriteError::Busy(_) | WriteError::Unknown(_)) => backoff.wait().await,
                    Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
                }
            }
            Err(Error::unavailable(Dependency::DynamoDb, "the message could not be changed"))
        }))
        .await
    }
}

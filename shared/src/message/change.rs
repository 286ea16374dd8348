//! Editing and deleting messages (design, section 3).

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use uuid::Uuid;

use super::{Message, Messages, text::MessageText};
use crate::{
    dynamodb::within_time_limit,
    error::Error,
    message_group::membership_for,
    sort_key::SortKey,
    table::{Assignments, Key, MessageRow, reactions_attribute},
    timestamp::Timestamp,
};

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

/// Makes a message a tombstone. The `members` may have reacted to it.
pub(crate) fn deletion(members: [Uuid; 2], deleted_at: Timestamp) -> Assignments {
    let [a, b] = members.map(reactions_attribute);
    Assignments {
        set: ", message = :text, deleted_at = :now".to_owned(),
        more: format!(" REMOVE edited_at, reply_sk, {a}, {b}"),
        values: vec![
            (":text", AttributeValue::S(String::new())),
            (":now", AttributeValue::S(deleted_at.to_string())),
        ],
    }
}

impl Messages {
    /// Changes a message, and returns it. The same text and a second deletion change nothing.
    ///
    /// Fails with [`Error::MessageGroupNotFound`], for edits [`Error::UserBlocked`] and [`Error::MessageNotAccepted`],
    /// [`Error::MessageNotFound`], [`Error::MessageNotYours`], [`Error::EditWindowOver`] and [`Error::MessageDeleted`],
    /// in this order.
    pub async fn change(
        &self,
        caller: Uuid,
        group_uuid: Uuid,
        sk: SortKey,
        change: &MessageChange,
    ) -> Result<Message, Error> {
        let now = self.clock.now();
        let text = AttributeValue::S;
        let adds = matches!(change, MessageChange::Edit { .. });
        let changed = self.update(caller, group_uuid, sk, adds, |row, other| {
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
                    set: ", message = :text, edited_at = :now".to_owned(),
                    more: String::new(),
                    values: vec![
                        (":text", text(new.as_str().to_owned())),
                        (":now", text(Timestamp::new(now).to_string())),
                    ],
                })),
                MessageChange::Delete => Ok(Some(deletion([caller, other], Timestamp::new(now)))),
            }
        });
        Ok(Message::from(&changed.await?))
    }

    /// Updates a message for a member, and returns it. A change that `adds` something is refused while one of the members
    /// blocks the other. `assignments` gets the row and the other member, and returns `None` if the row needs no change.
    pub(super) async fn update(
        &self,
        caller: Uuid,
        group_uuid: Uuid,
        sk: SortKey,
        adds: bool,
        assignments: impl Fn(&MessageRow, Uuid) -> Result<Option<Assignments>, Error>,
    ) -> Result<MessageRow, Error> {
        within_time_limit(Box::pin(async {
            let membership = membership_for(&self.table, group_uuid, caller).await?;
            if adds {
                membership.check_accepts(caller)?;
            }
            let other = membership.other_than(caller);
            let decide = |row: Option<&MessageRow>| assignments(row.ok_or(Error::MessageNotFound)?, other);
            let changed = self.table.change(&Key::Message { group_uuid, sk }, &self.random, decide).await?;
            changed.ok_or(Error::MessageNotFound)
        }))
        .await
    }
}

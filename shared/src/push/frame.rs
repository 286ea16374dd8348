//! Frames: log rows as they are sent to open sockets.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::{
    event_log::{Event, EventCursor, events_of},
    message::Message,
    message_group::MessageGroup,
    sort_key::SortKey,
    table::{EventLogRow, LoggedChange, Membership, MessageRow},
};

/// The maximum size of a frame in bytes. API Gateway's limit is 32 KB.
const MAX_BYTES: usize = 30_000;

/// The age from which a message is not embedded: a late frame must not show a text that has been deleted since.
const MAX_AGE: TimeDelta = TimeDelta::seconds(60);

/// A frame, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The frame as JSON.
    pub body: String,
    /// The creation time of the newest message in the frame.
    pub newest: DateTime<Utc>,
}

/// What a frame may embed of a group.
#[derive(Clone, Copy, Debug)]
pub struct GroupContent<'a> {
    /// The group's members.
    pub membership: &'a Membership,
    /// The group's messages in the batch, oldest first.
    pub messages: &'a [MessageRow],
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    number: u64,
    cursor: EventCursor,
    events: &'a [Event],
    messages: Vec<Box<RawValue>>,
    message_groups: Vec<Box<RawValue>>,
}

impl Frame {
    /// Creates the frame of a log row of `user_uuid`. Embeds messages and groups, as the API lists them, until the frame
    /// is full. `content` finds a group of the batch.
    pub fn new<'a>(
        row: &EventLogRow,
        user_uuid: Uuid,
        content: impl Fn(Uuid) -> Option<GroupContent<'a>>,
        now: DateTime<Utc>,
    ) -> Result<Self, serde_json::Error> {
        let events = events_of(row);
        let mut body = Body {
            kind: "events",
            number: row.sk.get(),
            cursor: row.into(),
            events: &events,
            messages: Vec::new(),
            message_groups: Vec::new(),
        };
        let mut size = serde_json::to_string(&body)?.len();
        let mut embed = |list: &mut Vec<Box<RawValue>>, json: Box<RawValue>| {
            // One byte for the comma.
            let grown = size + json.get().len() + 1;
            if grown <= MAX_BYTES {
                size = grown;
                list.push(json);
            }
        };
        let is_young = |sk: &SortKey| sk.created_at.to_utc() > now - MAX_AGE;
        for event in &events {
            let group = content(event.message_group_uuid)
                .and_then(|content| group_of(content, user_uuid))
                .filter(|(sk, _)| is_young(sk));
            if let Some((_, group)) = group {
                embed(&mut body.message_groups, to_raw_value(&group)?);
            }
        }
        for change in &row.changes {
            let LoggedChange::Message { group_uuid, message_sk } = change else { continue };
            let message = content(*group_uuid)
                .and_then(|content| content.messages.iter().find(|message| message.sk == *message_sk))
                .filter(|message| is_young(&message.sk));
            if let Some(message) = message {
                embed(&mut body.messages, to_raw_value(&Message::from(message))?);
            }
        }
        let newest = row.changes.iter().filter_map(|change| match change {
            LoggedChange::Message { message_sk, .. } => Some(message_sk.created_at.to_utc()),
            LoggedChange::Other { .. } => None,
        });
        Ok(Self { body: serde_json::to_string(&body)?, newest: newest.max().unwrap_or(now) })
    }
}

/// A group as its list shows it to `user_uuid`, at its newest message in the batch.
fn group_of(content: GroupContent<'_>, user_uuid: Uuid) -> Option<(SortKey, MessageGroup)> {
    let newest = content.messages.last()?;
    let others = &mut content.membership.members.iter().filter(|(member, _)| **member != user_uuid);
    let (other_uuid, other) = others.next()?;
    let group = MessageGroup {
        uuid: content.membership.group_uuid,
        user_uuid: *other_uuid,
        display_name: other.display_name.clone(),
        handle: other.handle.clone(),
        message: crate::message::text::preview(&newest.message),
        created_at: newest.sk.created_at,
    };
    Some((newest.sk, group))
}

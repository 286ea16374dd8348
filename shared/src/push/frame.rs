//! Frames: log rows as they are sent to open sockets.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::{
    event_log::{Event, EventCursor, events_of},
    message::Message,
    message_group::MessageGroup,
    projection::inbox::{GroupChanges, MovedRow},
    sort_key::SortKey,
    table::{EventLogRow, LoggedChange},
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
    /// The changes of the group in the batch.
    pub changes: &'a GroupChanges,
    /// The inbox row of the frame's user.
    pub row: Option<&'a MovedRow>,
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
    /// Creates the frame of a log row. Embeds messages and groups, as the API lists them, until the frame
    /// is full. `content` finds a group of the batch.
    pub fn new<'a>(
        row: &EventLogRow,
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
            let row = content(event.message_group_uuid).and_then(|content| content.row);
            let row = row.filter(|row| row.is_new).map(|row| &row.row);
            if let Some(row) = row.filter(|row| is_young(&row.sk) && !row.is_left_out()) {
                embed(&mut body.message_groups, to_raw_value(&MessageGroup::from(row))?);
            }
        }
        for change in &row.changes {
            let Some(sk) = change.message_sk().filter(is_young) else { continue };
            let Some(content) = content(change.group_uuid()) else { continue };
            let cleared_sk = content.row.and_then(|row| row.row.cleared_sk);
            if let Some(message) = content.changes.message(sk).filter(|_| cleared_sk < Some(sk)) {
                embed(&mut body.messages, to_raw_value(&Message::from(message))?);
            }
        }
        let newest = row.changes.iter().filter_map(|change| match change {
            LoggedChange::Message { message_sk, .. } => Some(message_sk.created_at.to_utc()),
            LoggedChange::MessageChanged { .. }
            | LoggedChange::Read { .. }
            | LoggedChange::Group { .. }
            | LoggedChange::Other { .. } => None,
        });
        Ok(Self { body: serde_json::to_string(&body)?, newest: newest.max().unwrap_or(now) })
    }
}

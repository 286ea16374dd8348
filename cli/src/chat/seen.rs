//! Read receipts of the other members, from events.

use std::collections::{HashMap, hash_map};

use anyhow::Result;
use http::StatusCode;
use uuid::Uuid;

use super::{
    api::{ApiError, Event, Row},
    feed::Feed,
};
use crate::{
    context::Context,
    listing::{self, Content, Entry},
};

/// Prints events about read markers.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Groups of earlier events. `None` for groups that the caller is not in.
    groups: HashMap<Uuid, Option<Row>>,
}

impl Seen {
    /// Prints that the other member of the event's group has read. Prints nothing about the caller.
    pub(super) async fn show(&mut self, context: &Context, feed: &mut Feed, event: &Event) -> Result<()> {
        let Some(read) = event.read() else { return Ok(()) };
        let group_uuid = event.message_group_uuid;
        let group = match self.groups.entry(group_uuid) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(unknown) => unknown.insert(loop {
                match feed.api.group(group_uuid).await {
                    Ok(group) => break Some(group),
                    Err(ApiError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => break None,
                    Err(error) => feed.wait_after(error).await?,
                }
            }),
        };
        let group = group.as_ref();
        if let Some(group) = group.filter(|group| group.user_uuid == read.user_uuid) {
            let entry = Entry {
                uuid: None,
                handle: group.handle.clone(),
                display_name: None,
                created_at: read.last_read_at.unwrap_or(event.at).to_utc(),
                unread: 0,
                content: Content { text: "(seen)".to_owned(), ..Content::default() },
            };
            listing::show(context.output, &[entry])?;
        }
        Ok(())
    }
}

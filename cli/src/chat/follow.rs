//! New messages of a conversation.

use std::collections::HashSet;

use anyhow::Result;
use cruddur::timestamp::Timestamp;
use uuid::Uuid;

use super::{
    api::{Api, ApiError, Row},
    feed::{Feed, News},
    show::show,
};
use crate::context::Context;

/// Shows new messages. `feed` starts before `shown` was read, so that no message is between the two. `shown` are the
/// messages shown before, oldest first.
pub(super) async fn follow(
    context: &Context,
    feed: &mut Feed,
    group_uuid: Uuid,
    shown: &[Row],
) -> Result<()> {
    let mut shown = Shown::new(shown);
    loop {
        let known = match feed.next().await? {
            News::Missed { .. } => None,
            News::Events { mut events, messages, .. } => {
                events.retain(|event| event.message_group_uuid == group_uuid);
                if events.is_empty() {
                    continue;
                }
                let uuids = events.iter().flat_map(|event| &event.message_uuids);
                let uuids = uuids.filter(|uuid| !shown.messages.contains(uuid));
                let known = uuids.map(|uuid| messages.iter().find(|row| row.uuid == *uuid).cloned());
                // An event of another type says nothing about messages.
                let says_all = events.iter().all(|event| !event.message_uuids.is_empty());
                known.collect::<Option<Vec<_>>>().filter(|_| says_all)
            }
        };
        let new = match known {
            Some(known) => shown.take_new(known),
            None => list_new(feed, group_uuid, &mut shown).await?,
        };
        show(context, new, false)?;
    }
}

async fn list_new(feed: &mut Feed, group_uuid: Uuid, shown: &mut Shown) -> Result<Vec<Row>, ApiError> {
    loop {
        match new_messages(&mut feed.api, group_uuid, shown).await {
            Ok(new) => return Ok(new),
            Err(error) => feed.wait_after(error).await?,
        }
    }
}

/// Reads messages that were not shown, oldest first. Usually one page suffices.
async fn new_messages(api: &mut Api, group_uuid: Uuid, shown: &mut Shown) -> Result<Vec<Row>, ApiError> {
    let mut pages = Vec::new();
    let mut next = Some(format!("/api/messages/{group_uuid}?limit=50"));
    while let Some(path) = next {
        let page = api.page(&path).await?;
        // Continue only if the whole page is new.
        next = page.next.filter(|_| page.rows.iter().all(|row| shown.is_new(row)));
        pages.push(page.rows);
    }
    Ok(shown.take_new(pages.into_iter().rev().flatten()))
}

/// The messages shown. A message may appear after a later one, so the newest time is not enough.
struct Shown {
    messages: HashSet<Uuid>,
    /// Time and UUID of the oldest message shown. Older messages are not new.
    first: Option<(Timestamp, Uuid)>,
}

impl Shown {
    fn new(messages: &[Row]) -> Self {
        Self {
            messages: messages.iter().map(|message| message.uuid).collect(),
            first: messages.first().map(|message| (message.created_at, message.uuid)),
        }
    }

    fn is_new(&self, message: &Row) -> bool {
        let is_later = self.first.is_none_or(|first| (message.created_at, message.uuid) > first);
        is_later && !self.messages.contains(&message.uuid)
    }

    /// The new ones of `messages`, which count as shown from here on.
    fn take_new(&mut self, messages: impl IntoIterator<Item = Row>) -> Vec<Row> {
        let mut new = messages.into_iter().collect::<Vec<_>>();
        new.retain(|message| {
            let is_new = self.is_new(message);
            self.messages.insert(message.uuid);
            is_new
        });
        new
    }
}

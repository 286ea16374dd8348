//! New messages of a conversation.

use std::collections::HashMap;

use anyhow::Result;
use cruddur::timestamp::Timestamp;
use uuid::Uuid;

use super::{
    api::{Api, ApiError, Event, READ, Row},
    feed::{Feed, News},
    seen::Seen,
    show::show_messages,
};
use crate::context::Context;

/// Shows new and changed messages, and marks them as read, unless the caller only peeks. `feed` starts before `shown` was
/// read, so that no message is between the two. `shown` are the messages shown before, oldest first.
pub(super) async fn follow(
    context: &Context,
    feed: &mut Feed,
    group_uuid: Uuid,
    shown: &[Row],
    peeks: bool,
    uuids: bool,
) -> Result<()> {
    let mut newest = shown.last().cloned();
    let mut shown = Shown::new(shown);
    let mut seen = Seen::default();
    if let Some(newest) = newest.as_ref().filter(|_| !peeks) {
        mark_read(feed, group_uuid, newest).await?;
    }
    loop {
        let (events, new) = match feed.next().await? {
            News::Missed { .. } => (Vec::new(), list_new(feed, group_uuid, &mut shown).await?),
            News::Events { mut events, messages, .. } => {
                events.retain(|event| event.message_group_uuid == group_uuid);
                let is_known = |event: &Event| !event.message_uuids.is_empty() || event.kind == READ;
                if events.iter().all(is_known) {
                    let known = shown.messages_of(feed, &events, messages).await?;
                    (events, shown.take_new(known))
                } else {
                    // An event of another type may be about messages.
                    (events, list_new(feed, group_uuid, &mut shown).await?)
                }
            }
        };
        let place = |row: &Row| (row.created_at, row.uuid);
        let newest_new = new.iter().max_by_key(|row| place(row)).cloned();
        show_messages(context, new, uuids)?;
        if !context.output.is_json() {
            for event in &events {
                seen.show(context, feed, event).await?;
            }
        }
        if let Some(new) = newest_new
            && newest.as_ref().is_none_or(|newest| place(newest) < place(&new))
        {
            if !peeks {
                mark_read(feed, group_uuid, &new).await?;
            }
            newest = Some(new);
        }
    }
}

async fn mark_read(feed: &mut Feed, group_uuid: Uuid, newest: &Row) -> Result<(), ApiError> {
    loop {
        match feed.api.mark_read(group_uuid, newest).await {
            Ok(()) => return Ok(()),
            Err(error) => feed.wait_after(error).await?,
        }
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
    /// Their versions.
    messages: HashMap<Uuid, u64>,
    /// Time and UUID of the oldest message shown. Older messages are not new.
    first: Option<(Timestamp, Uuid)>,
}

impl Shown {
    fn new(messages: &[Row]) -> Self {
        Self {
            messages: messages.iter().map(|message| (message.uuid, message.version.unwrap_or(1))).collect(),
            first: messages.first().map(|message| (message.created_at, message.uuid)),
        }
    }

    fn is_new(&self, message: &Row) -> bool {
        match self.messages.get(&message.uuid) {
            Some(version) => message.version.unwrap_or(1) > *version,
            None => self.first.is_none_or(|first| (message.created_at, message.uuid) > first),
        }
    }

    /// The messages of events, from `known` and from lists, in the order of the events. Reads no message that was shown,
    /// unless it has changed.
    async fn messages_of(
        &self,
        feed: &mut Feed,
        events: &[Event],
        known: Vec<Row>,
    ) -> Result<Vec<Row>, ApiError> {
        let mut events = events.to_vec();
        for event in events.iter_mut().filter(|event| event.kind == "message") {
            event.message_uuids.retain(|uuid| !self.messages.contains_key(uuid));
        }
        let mut rows = feed.messages(&events, known).await?;
        Ok(events
            .iter()
            .flat_map(|event| &event.message_uuids)
            .filter_map(|uuid| rows.remove(uuid))
            .collect())
    }

    /// The new and changed ones of `messages`, which count as shown from here on.
    fn take_new(&mut self, messages: impl IntoIterator<Item = Row>) -> Vec<Row> {
        let mut new = messages.into_iter().collect::<Vec<_>>();
        new.retain(|message| {
            let is_new = self.is_new(message);
            if is_new {
                self.messages.insert(message.uuid, message.version.unwrap_or(1));
            }
            is_new
        });
        new
    }
}

//! The caller's events as they arrive.

use anyhow::Result;
use cruddur::event_log::EventCursor;
use serde::Serialize;

use super::{
    api::{Event, Row},
    feed::{Feed, News},
    seen::Seen,
    show::show_messages,
};
use crate::context::{Context, note};

/// An event with its messages, as JSON.
#[derive(Serialize)]
struct EventLine<'a> {
    #[serde(flatten)]
    event: &'a Event,
    messages: Vec<&'a Row>,
}

/// The line in place of events that may have been missed.
#[derive(Serialize)]
struct MissedLine {
    #[serde(rename = "type")]
    kind: &'static str,
    cursor: EventCursor,
}

/// Prints events. `printed` is the place after the last one.
pub(super) async fn watch(context: &Context, feed: &mut Feed, printed: &mut EventCursor) -> Result<()> {
    let mut seen = Seen::default();
    loop {
        match feed.next().await? {
            News::Events { events, messages, cursor } => {
                let messages = feed.messages(&events, messages).await?;
                let of_event = |event: &Event| {
                    event.message_uuids.iter().filter_map(|uuid| messages.get(uuid)).collect::<Vec<_>>()
                };
                if context.output.is_json() {
                    for event in &events {
                        context.output.json(&EventLine { event, messages: of_event(event) })?;
                    }
                } else {
                    for event in &events {
                        show_messages(context, of_event(event).into_iter().cloned().collect(), false)?;
                        seen.show(context, feed, event).await?;
                    }
                }
                *printed = cursor;
            }
            News::Missed { cursor } => {
                note("the cursor has expired, so events may have been missed; continuing with new ones");
                if context.output.is_json() {
                    context.output.json(&MissedLine { kind: "missed", cursor })?;
                }
                *printed = cursor;
            }
        }
    }
}

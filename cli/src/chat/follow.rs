//! New messages of a conversation.

use std::{collections::HashSet, time::Duration};

use anyhow::Result;
use cruddur::timestamp::Timestamp;
use tokio::{select, signal::ctrl_c, time::sleep};
use uuid::Uuid;

use super::{
    api::{Api, ApiError, Row},
    show::show,
};
use crate::context::{Context, note};

/// The polling interval.
const INTERVAL: Duration = Duration::from_secs(2);

/// Shows new messages until Ctrl-C. `shown` are the messages shown before, oldest first.
pub(super) async fn follow(context: &Context, api: &mut Api, path: &str, shown: &[Row]) -> Result<()> {
    select! {
        interrupted = ctrl_c() => Ok(interrupted?),
        followed = poll(context, api, path, Shown::new(shown)) => followed,
    }
}

async fn poll(context: &Context, api: &mut Api, path: &str, mut shown: Shown) -> Result<()> {
    let mut is_interrupted = false;
    let mut wait = INTERVAL;
    loop {
        sleep(wait).await;
        wait = INTERVAL;
        match new_messages(api, path, &mut shown).await {
            Ok(messages) => {
                is_interrupted = false;
                show(context, messages, false)?;
            }
            Err(ApiError::Unavailable { cause, retry_after, .. }) => {
                wait = INTERVAL.max(retry_after);
                if !is_interrupted {
                    note(&format!("{cause}; still trying"));
                    is_interrupted = true;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads messages that were not shown, oldest first. Usually one page suffices.
async fn new_messages(api: &mut Api, path: &str, shown: &mut Shown) -> Result<Vec<Row>, ApiError> {
    let mut pages = Vec::new();
    let mut next = Some(format!("{path}?limit=50"));
    while let Some(path) = next {
        let page = api.page(&path).await?;
        let rows = page.rows.len();
        let new = page.rows.into_iter().filter(|row| shown.is_new(row)).collect::<Vec<_>>();
        // Continue only if the whole page is new.
        next = page.next.filter(|_| new.len() == rows);
        pages.push(new);
    }
    let messages = pages.into_iter().rev().flatten().collect::<Vec<_>>();
    shown.messages.extend(messages.iter().map(|message| message.uuid));
    Ok(messages)
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
}

//! What is said in a conversation from now on.

use std::{collections::HashSet, time::Duration};

use anyhow::Result;
use tokio::{select, signal::ctrl_c, time::sleep};
use uuid::Uuid;

use super::{
    api::{Api, ApiError, Row},
    show::show,
};
use crate::context::{Context, note};

/// How often it is looked for new messages.
const INTERVAL: Duration = Duration::from_secs(2);

/// Shows the messages that are new, until Ctrl-C. `shown`: what was shown so far, oldest first.
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
            Err(ApiError::Unavailable { cause, retry_after } | ApiError::TooEarly { cause, retry_after }) => {
                wait = INTERVAL.max(retry_after);
                // Said once and not every other second.
                if !is_interrupted {
                    note(&format!("{cause}; still trying"));
                    is_interrupted = true;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The messages that were not shown yet, oldest first. Usually they are on the newest page, or none is.
async fn new_messages(api: &mut Api, path: &str, shown: &mut Shown) -> Result<Vec<Row>, ApiError> {
    let mut pages = Vec::new();
    let mut next = Some(format!("{path}?limit=50"));
    while let Some(path) = next {
        let page = api.page(&path).await?;
        let rows = page.rows.len();
        let new = page.rows.into_iter().filter(|row| shown.is_new(row)).collect::<Vec<_>>();
        // Older pages have something new only when this one has nothing else.
        next = page.next.filter(|_| new.len() == rows);
        pages.push(new);
    }
    let messages = pages.into_iter().rev().flatten().collect::<Vec<_>>();
    shown.messages.extend(messages.iter().map(|message| message.uuid));
    Ok(messages)
}

/// What was shown. A message may come to light after a later one, so the newest time alone does not say it.
struct Shown {
    messages: HashSet<Uuid>,
    /// The first: what is older is not new, although it was not shown.
    first: Option<Row>,
}

impl Shown {
    fn new(messages: &[Row]) -> Self {
        Self {
            messages: messages.iter().map(|message| message.uuid).collect(),
            first: messages.first().cloned(),
        }
    }

    fn is_new(&self, message: &Row) -> bool {
        let position = |message: &Row| (message.created_at, message.uuid);
        let is_later = self.first.as_ref().is_none_or(|first| position(message) > position(first));
        is_later && !self.messages.contains(&message.uuid)
    }
}

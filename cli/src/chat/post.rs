//! Sending one message exactly once.

use std::{
    io::{Read as _, stdin},
    time::Duration,
};

use anyhow::{Result, bail};
use backon::BackoffBuilder as _;
use cruddur::{clock::Clock, random::Random};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::api::{Api, ApiError, Row};
use crate::{advice::advised, arguments::Conversation, context::note, retry::SENDS};

/// The time for which a message is retried. The response to the last attempt may arrive later.
const PATIENCE: Duration = Duration::from_secs(30);

/// More bytes than any valid message has.
const MOST_INPUT: u64 = 64 * 1024;

/// A stored message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sent {
    message_group_uuid: Uuid,
    #[serde(flatten)]
    pub(super) row: Row,
}

/// Joins the words, or reads standard input for `-`.
pub(super) fn text(words: &[String]) -> Result<String> {
    if words == ["-"] { standard_input() } else { Ok(words.join(" ")) }
}

pub(super) fn standard_input() -> Result<String> {
    let mut bytes = Vec::new();
    stdin().take(MOST_INPUT).read_to_end(&mut bytes)?;
    let Ok(text) = String::from_utf8(bytes) else { bail!("standard input is not UTF-8") };
    // A trailing newline comes from the shell.
    let text = text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
    Ok(text.to_owned())
}

/// Sends `text` with retries, as an answer to a message of the group if there is one. All attempts have the same idempotency key, and the same receiver even if the handle
/// changes its owner.
pub(super) async fn send(
    api: &mut Api,
    conversation: &Conversation,
    text: &str,
    answered: Option<&Row>,
) -> Result<Sent> {
    let mut body = match (conversation, answered) {
        (Conversation::Group(group_uuid), None) => {
            Some(json!({"message": text, "message_group_uuid": group_uuid}))
        }
        (Conversation::Group(group_uuid), Some(row)) => {
            let reply_to = json!({"uuid": row.uuid, "created_at": row.created_at});
            Some(json!({"message": text, "message_group_uuid": group_uuid, "reply_to": reply_to}))
        }
        (Conversation::User(_), _) => None,
    };
    let key = Random::system().uuid_v7(Clock::system().now()).to_string();
    let give_up = Instant::now() + PATIENCE;
    let mut waits = SENDS.build();
    let mut is_first = true;
    let mut in_doubt = false;
    loop {
        let result = match (&body, conversation) {
            (None, Conversation::User(handle)) => match api.user_uuid(handle).await {
                Ok(user_uuid) => {
                    body = Some(json!({"message": text, "user_uuid": user_uuid}));
                    continue;
                }
                Err(error) => Err(error),
            },
            (body, _) => api.post(body, &key).await,
        };
        let (cause, retry_after) = match result {
            Ok(sent) => return Ok(sent),
            Err(ApiError::Unavailable { cause, retry_after, in_doubt: may_be_stored, .. }) => {
                in_doubt |= may_be_stored && body.is_some();
                (cause, retry_after)
            }
            Err(error) => return Err(error.into()),
        };
        // Honors Retry-After, unless that is too late.
        let wait = waits.next().unwrap_or_default().max(retry_after);
        if wait > give_up.saturating_duration_since(Instant::now()) {
            if in_doubt {
                return Err(advised(
                    format!("{cause}, and the message may have been stored"),
                    "check before you send it again",
                ));
            }
            bail!("{cause}; the message was not sent");
        }
        if is_first {
            note(&format!("{cause}; retrying for up to {} s", PATIENCE.as_secs()));
            is_first = false;
        }
        sleep(wait).await;
    }
}

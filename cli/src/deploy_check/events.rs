//! Checks of the caller's events, `GET /api/events`.

use std::time::Duration;

use backon::BackoffBuilder as _;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    api::{Api, Reply},
    report::{CheckResult, Problem, Success},
};
use crate::retry::INBOX_POLLS;

const PATH: &str = "/api/events";

/// Returns the query of the events after the current end.
pub(super) async fn end(api: &Api, token: &HeaderValue) -> CheckResult<String> {
    let answer = api.get(PATH, token).await?.expect(StatusCode::OK)?;
    match (answer.json::<Vec<Value>>(), next(&answer)) {
        (Some(events), Some(next)) if events.is_empty() => Ok(Success::with("200: the current end", next)),
        _ => Err(answer.unexpected("an empty array with a Link to the events after it")),
    }
}

/// Reads the events after `query` until one announces the message.
pub(super) async fn announced(
    api: &Api,
    token: &HeaderValue,
    mut query: String,
    message_uuid: Uuid,
    time_limit: Duration,
) -> CheckResult {
    let started = Instant::now();
    let mut waits = INBOX_POLLS.build();
    loop {
        let answer = api.get(&format!("{PATH}?{query}"), token).await?.expect(StatusCode::OK)?;
        if answer.json::<Value>().is_some_and(|events| announces(&events, message_uuid)) {
            return Ok(Success::new("200: the event is in the log"));
        }
        query = next(&answer).ok_or_else(|| answer.unexpected("a Link to the events after it"))?;
        if started.elapsed() > time_limit {
            return Err(Problem::new(
                format!("no event announces it within {} s", time_limit.as_secs()),
                "see stream-handler's log and the alarm groups-not-moved",
            ));
        }
        sleep(waits.next().unwrap_or_default()).await;
    }
}

/// Returns `true` if an event of the array announces the message.
pub(super) fn announces(events: &Value, message_uuid: Uuid) -> bool {
    let uuid = Value::from(message_uuid.to_string());
    let is_it = |event: &Value| {
        event["type"] == "message"
            && event["message_uuids"].as_array().is_some_and(|uuids| uuids.contains(&uuid))
    };
    events.as_array().is_some_and(|events| events.iter().any(is_it))
}

/// The query of the link to the next page. The path may begin with a stage.
fn next(answer: &Reply) -> Option<String> {
    let link = answer.header(header::LINK.as_str())?;
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    let (_, query) = target.split_once('?')?;
    relation.contains("rel=\"next\"").then(|| query.to_owned())
}

//! A connection to the WebSocket API: frames and the heartbeat.

use std::time::Duration;

use chrono::TimeDelta;
use cruddur::{clock::Clock, event_log::EventCursor};
use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderValue;
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::{
    api::{Api, Event, Row},
    refusal::Refusal,
};
use crate::websocket::{Connection, Handshake, PROTOCOL};

const PING_INTERVAL: Duration = Duration::from_mins(1);

const PONG_LIMIT: Duration = Duration::from_secs(10);

/// The time limit of a handshake. Events are not read meanwhile.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// The longest duration of a connection on the server.
const MAX_DURATION: TimeDelta = TimeDelta::minutes(115);

/// The time before the end of a connection at which the next one is opened.
const OVERLAP: TimeDelta = TimeDelta::minutes(1);

/// The duration after which a connection shows that connections work.
const STABLE: Duration = Duration::from_mins(1);

/// A log row that the server sent.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Frame {
    /// The place after the row.
    #[serde(deserialize_with = "cursor")]
    pub(super) cursor: EventCursor,
    pub(super) events: Vec<Event>,
    /// Messages of the events, not necessarily all.
    pub(super) messages: Vec<Row>,
}

/// A message of the server.
#[derive(Debug)]
pub(super) enum Received {
    Frame(Frame),
    /// A pong, or a message of an unknown type.
    Other,
    /// Events that could not be parsed.
    Malformed,
}

/// The server has closed the connection, or does not answer.
#[derive(Debug)]
pub(super) struct Lost;

/// An open connection.
#[derive(Debug)]
pub(super) struct Socket {
    connection: Connection,
    ping_at: Instant,
    /// The time at which the connection is lost without a pong.
    pong_by: Option<Instant>,
    opened_at: Instant,
    /// The time for the next connection.
    pub(super) replace_at: Instant,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

impl Socket {
    /// Opens a connection for a device of the caller. Returns the cause of a failure.
    pub(super) async fn open(url: &str, device: Uuid, api: &mut Api) -> Result<Self, String> {
        let now = Clock::system().now();
        if api.token_expires_at().is_some_and(|end| end < now + OVERLAP * 2) {
            api.renew_token().await;
        }
        let offer = HeaderValue::try_from(format!("{PROTOCOL}, device.{device}"));
        let offer = offer.map_err(|error| error.to_string())?;
        let handshake = timeout(OPEN_LIMIT, Handshake::send(url, offer, Some(api.authorization()))).await;
        let handshake = handshake.map_err(|_| format!("{url} did not respond in time"))?;
        let handshake = handshake.map_err(|_| format!("{url} can't be reached"))?;
        if !handshake.is_accepted() {
            let status = handshake.response.status();
            let body = handshake.response.text().await.unwrap_or_default();
            return Err(Refusal::new(status, &body).to_string());
        }
        let connection = handshake.upgrade().await.map_err(|error| error.to_string())?;
        let opened_at = Instant::now();
        let lifetime = api.token_expires_at().map_or(MAX_DURATION, |end| (end - now).min(MAX_DURATION));
        // Half of it for tokens of a minute or two.
        let lifetime = (lifetime - OVERLAP).max(lifetime / 2).to_std().unwrap_or_default();
        Ok(Self {
            connection,
            ping_at: opened_at + PING_INTERVAL,
            pong_by: None,
            opened_at,
            replace_at: opened_at + lifetime,
        })
    }

    /// Waits for the next message, until `deadline` at the latest, and sends pings. Returns `None` at the deadline.
    pub(super) async fn receive(&mut self, deadline: Instant) -> Result<Option<Received>, Lost> {
        loop {
            let now = Instant::now();
            if self.pong_by.is_some_and(|pong_by| pong_by <= now) {
                return Err(Lost);
            }
            if self.ping_at <= now {
                self.ping_at = now + PING_INTERVAL;
                self.pong_by = Some(now + PONG_LIMIT);
                let ping = self.connection.send(Message::text(r#"{"type":"ping"}"#));
                timeout(PONG_LIMIT, ping).await.map_err(|_| Lost)?.map_err(|_| Lost)?;
            }
            let until = self.pong_by.unwrap_or(self.ping_at).min(deadline);
            match timeout_at(until, self.connection.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    // Any message shows that the connection works.
                    self.pong_by = None;
                    return Ok(Some(parse(&text)));
                }
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => return Err(Lost),
                Err(_) if deadline <= until => return Ok(None),
                Ok(Some(Ok(_))) | Err(_) => {}
            }
        }
    }

    /// Returns `true` if the next failure counts as the first.
    pub(super) fn is_stable(&self) -> bool {
        self.opened_at.elapsed() >= STABLE
    }

    pub(super) async fn close(mut self) {
        let _ = timeout(CLOSE_LIMIT, self.connection.close(None)).await;
    }
}

fn parse(text: &str) -> Received {
    match serde_json::from_str(text) {
        Ok(Kind { kind }) if kind == "events" => {
            serde_json::from_str(text).map_or(Received::Malformed, Received::Frame)
        }
        Ok(_) => Received::Other,
        Err(_) => Received::Malformed,
    }
}

fn cursor<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<EventCursor, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

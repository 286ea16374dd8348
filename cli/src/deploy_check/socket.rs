//! Checks of the WebSocket API, with a client that opens connections as browsers do.

use std::time::Duration;

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, StatusCode};
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::{
    api::Reply,
    events::announces,
    report::{CheckResult, Problem, Report, Success},
};
use crate::{
    output::cut,
    websocket::{Connection, Handshake, PROTOCOL},
};

/// The device of every check, so that a check replaces the connection of the previous one.
const DEVICE: Uuid = Uuid::from_u128(0xdeb1_07c4_ec00_4000_8000_0000_0000_0001);

/// The time after which clients give up on a connection.
const PONG_LIMIT: Duration = Duration::from_secs(10);

const CLOSE_LIMIT: Duration = Duration::from_secs(2);

const FRAME_COLUMNS: usize = 100;

/// The URL of the WebSocket API, or why there is none.
pub(super) type Address = Result<String, String>;

/// An open connection.
#[derive(Debug)]
pub(super) struct Socket(Connection);

/// Checks the handshake and the heartbeat. Returns `None` without an open connection.
pub(super) async fn check(
    report: &mut Report,
    address: &Address,
    token: Option<&HeaderValue>,
) -> Result<Option<Socket>> {
    let names = ["a WebSocket without a token", "a WebSocket", "its heartbeat"];
    let url = match address {
        Ok(url) => url,
        Err(why) => {
            report.skip(names[1], &**why)?;
            return Ok(None);
        }
    };
    report.check(names[0], refused(url)).await?;
    let check = token.map(|token| Socket::open(url, token));
    let Some(mut socket) = report.check_or_skip(names[1], check, "the sender's token").await? else {
        report.skip(names[2], "requires a WebSocket")?;
        return Ok(None);
    };
    let is_alive = report.check(names[2], socket.ping()).await?.is_some();
    Ok(is_alive.then_some(socket))
}

async fn refused(url: &str) -> CheckResult {
    let handshake = handshake(url, None).await?;
    if handshake.is_accepted() {
        return Err(Problem::new(
            "it opens without a token",
            "disable the WebSocket API, and check which function its route $connect invokes",
        ));
    }
    if handshake.response.status() != StatusCode::UNAUTHORIZED {
        return Err(unexpected(handshake.response, "401").await);
    }
    Ok(Success::new("401"))
}

impl Socket {
    async fn open(url: &str, token: &HeaderValue) -> CheckResult<Self> {
        let handshake = handshake(url, Some(token)).await?;
        if !handshake.is_accepted() {
            return Err(unexpected(handshake.response, "101").await);
        }
        let connection = handshake.upgrade().await;
        let connection = connection.map_err(|error| Problem::new(error.to_string(), PROXY))?;
        Ok(Success::with(format!("101 with the subprotocol {PROTOCOL}"), Self(connection)))
    }

    async fn ping(&mut self) -> CheckResult {
        let text = json!({"type": "ping"}).to_string();
        let advice = "deploy the template's routes of the WebSocket API again, with the responses of ping";
        self.0.send(Message::text(text)).await.map_err(|error| Problem::new(error.to_string(), PROXY))?;
        let pong = |frame: &Value| *frame == json!({"type": "pong"});
        self.wait_for(pong, PONG_LIMIT)
            .await
            .map_err(|seen| Problem::new(format!("no pong: {seen}"), advice))?;
        Ok(Success::new("pong"))
    }

    /// Waits for the frame of a message that was acknowledged now.
    pub(super) async fn sees(&mut self, message_uuid: Uuid, time_limit: Duration) -> CheckResult {
        let started = Instant::now();
        let frame = |frame: &Value| frame["type"] == "events" && announces(&frame["events"], message_uuid);
        self.wait_for(frame, time_limit).await.map_err(|seen| {
            Problem::new(
                format!("no frame with the reply: {seen}"),
                "see stream-handler's log and the metrics PushDropped and PushGone; its role needs \
                 execute-api:ManageConnections, and its variable WEBSOCKET_MANAGEMENT_URL the API's address. Clients \
                 receive the event late, from GET /api/events",
            )
        })?;
        let took = started.elapsed().as_millis();
        Ok(Success::new(format!("its frame came {took} ms after it was acknowledged")))
    }

    /// Reads frames until one is `wanted`. Returns what was read instead.
    async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool, limit: Duration) -> Result<(), String> {
        let mut last = "no other frame".to_owned();
        let read = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        if serde_json::from_str(&text).is_ok_and(|frame| wanted(&frame)) {
                            return Ok(());
                        }
                        last = format!("the last frame was {}", cut(&text, FRAME_COLUMNS));
                    }
                    Some(Ok(Message::Close(reason))) => {
                        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                        return Err(format!("the connection was closed{reason}"));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(format!("the connection was lost ({error})")),
                    None => return Err("the connection was closed".to_owned()),
                }
            }
        };
        let read = timeout(limit, read).await;
        read.unwrap_or_else(|_| Err(format!("waited {} s, {last}", limit.as_secs())))
    }

    pub(super) async fn close(mut self) {
        let _ = timeout(CLOSE_LIMIT, self.0.close(None)).await;
    }
}

/// Sends the handshake of a browser.
async fn handshake(url: &str, token: Option<&HeaderValue>) -> Result<Handshake, Problem> {
    let mut offer = format!("{PROTOCOL}, device.{DEVICE}");
    if let Some(token) = token.and_then(|token| token.to_str().ok()?.strip_prefix("Bearer ")) {
        offer = format!("{offer}, bearer.{token}");
    }
    let send = async { anyhow::Ok(Handshake::send(url, HeaderValue::try_from(offer)?, None).await?) };
    send.await.map_err(|error| {
        Problem::new(
            format!("{url} can't be reached ({error:#})"),
            "check the URL (the stack's output WebSocketUrl; --websocket-url sets it); with WebSocketDomainName, its DNS \
             record must point at the output WebSocketDomainTarget",
        )
    })
}

const PROXY: &str = "check for a proxy in between that does not pass WebSockets unchanged";

async fn unexpected(answer: Response, wanted: &str) -> Problem {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.map(|body| body.to_vec()).unwrap_or_default();
    let reply = Reply { status, headers, body };
    let advice = match status.as_u16() {
        401 => {
            "the token has expired, or is of another pool or client than the function's; see open-connection's log"
        }
        403 => {
            "check that the URL names the API's stage, and that the token's user is in the database of users; see \
             open-connection's log"
        }
        409 => "another connection of the same device is newer; is another check running?",
        429 => "the limit OpeningsPerSecond or AWS's own is exceeded; wait a moment, or raise it",
        500.. => {
            "open-connection fails to start or times out, or the API may not invoke it, or PostgreSQL, DynamoDB or the \
             key set can't be reached; see its log"
        }
        _ => PROXY,
    };
    Problem::new(format!("unexpected response {}, expected {wanted}", reply.shown()), advice)
}

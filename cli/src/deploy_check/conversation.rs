//! Messages between two test users, and their events.

use std::time::Duration;

use anyhow::Result;
use backon::BackoffBuilder as _;
use cruddur::{clock::Clock, random::Random, user::Handle};
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    api::{Api, Reply},
    events,
    report::{CheckResult, Problem, Report, Success},
    socket::{self, Address, Socket},
};
use crate::retry::INBOX_POLLS;

const NOT_MOVED: &str = "check whether the stream mapping is enabled, stream-handler's log and the dead letters; \
                         `cruddur ddb doctor` lists rows that lag behind, and with --repair moves them";

/// The test users.
#[derive(Debug)]
pub(super) struct Pair {
    /// Sends the first message.
    pub(super) sender: Option<HeaderValue>,
    /// Replies.
    pub(super) receiver: Option<HeaderValue>,
    /// The receiver's handle.
    pub(super) handle: Option<Handle>,
}

/// The checked fields of a stored message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Sent {
    message_group_uuid: Uuid,
    uuid: Uuid,
    created_at: String,
}

/// The checked fields of a message or a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Row {
    uuid: Uuid,
    created_at: String,
}

/// Checks tokens, the sender's WebSocket, messages, inboxes and events, which may take `time_limit` to show a message.
pub(super) async fn check(
    report: &mut Report,
    api: &Api,
    address: &Address,
    pair: &Pair,
    time_limit: Duration,
) -> Result<()> {
    let sender = check_token(report, api, "the sender's token", pair.sender.as_ref()).await?;
    let receiver = check_token(report, api, "the receiver's token", pair.receiver.as_ref()).await?;
    let mut socket = socket::check(report, address, sender).await?;
    let checked =
        check_messages(report, api, &mut socket, sender, receiver, pair.handle.as_ref(), time_limit).await;
    if let Some(socket) = socket {
        socket.close().await;
    }
    checked
}

async fn check_messages(
    report: &mut Report,
    api: &Api,
    socket: &mut Option<Socket>,
    sender: Option<&HeaderValue>,
    receiver: Option<&HeaderValue>,
    handle: Option<&Handle>,
    time_limit: Duration,
) -> Result<()> {
    let names = [
        "the end of the sender's events",
        "a message by handle",
        "the same request again",
        "reading it",
        "replying to it",
        "both inboxes move",
        "the reply in a frame",
        "the reply as an event",
    ];
    let (sender, handle) = match (sender, handle) {
        (Some(sender), Some(handle)) => (sender, handle),
        (None, _) => return skip_all(report, &names, "requires the sender's token"),
        (_, None) => return skip_all(report, &names, "requires --receiver"),
    };
    let end = report.check(names[0], events::end(api, sender)).await?;
    let text = "A message of cruddur deploy-check: is anybody there?";
    let request = Message::new(json!({"message": text, "handle": handle.canonical()}));
    let Some((first, bytes)) = report.check(names[1], send(api, sender, &request)).await? else {
        return skip_all(report, &names[2..], "requires a message");
    };
    report.check(names[2], send_again(api, sender, &request, &bytes)).await?;
    let Some(receiver) = receiver else {
        return skip_all(report, &names[3..], "requires the receiver's token");
    };
    report.check(names[3], read(api, receiver, &first)).await?;
    let text = "An answer of cruddur deploy-check: yes.";
    let reply = Message::new(json!({"message": text, "message_group_uuid": first.message_group_uuid}));
    let Some((answer, _)) = report.check(names[4], send(api, receiver, &reply)).await? else {
        return skip_all(report, &names[5..], "requires a reply");
    };
    let both = [("sender", sender), ("receiver", receiver)];
    let frame = async {
        let socket = socket.as_mut()?;
        Some(timed(socket.sees(answer.uuid, time_limit)).await)
    };
    let ((moved, duration), frame) = tokio::join!(timed(moved(api, both, &answer, time_limit)), frame);
    report.record(names[5], duration, moved)?;
    match frame {
        Some((frame, duration)) => drop(report.record(names[6], duration, frame)?),
        None => report.skip(names[6], "requires a WebSocket")?,
    }
    let check = end.map(|end| events::announced(api, sender, end, answer.uuid, time_limit));
    report.check_or_skip(names[7], check, names[0]).await?;
    Ok(())
}

async fn timed<T>(check: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    (check.await, started.elapsed())
}

fn skip_all(report: &mut Report, names: &[&str], why: &str) -> Result<()> {
    names.iter().try_for_each(|name| report.skip(name, why))
}

/// Returns the token if it is valid.
async fn check_token<'a>(
    report: &mut Report,
    api: &Api,
    name: &str,
    token: Option<&'a HeaderValue>,
) -> Result<Option<&'a HeaderValue>> {
    let Some(token) = token else {
        report.skip(name, "no token; see --help")?;
        return Ok(None);
    };
    let check = async {
        let answer = api.get("/api/message_groups?limit=1", token).await?.expect(StatusCode::OK)?;
        match answer.json::<Vec<Row>>() {
            Some(_) => Ok(Success::with("200: the token is valid, and its user is known", token)),
            None => Err(answer.unexpected("an array of conversations")),
        }
    };
    report.check(name, check).await
}

/// A message with its idempotency key.
#[derive(Debug)]
struct Message {
    body: Value,
    key: String,
}

impl Message {
    fn new(body: Value) -> Self {
        let key = Random::system().uuid_v7(Clock::system().now());
        Self { body, key: format!("deploy-check-{key}") }
    }
}

async fn post(api: &Api, token: &HeaderValue, message: &Message) -> Result<Reply, Problem> {
    let request = api.request(Method::POST, "/api/messages").header("idempotency-key", &message.key);
    let answer = api.send(request.json(&message.body), Some(token)).await?;
    for (code, seen) in [
        ("user_reciever_not_found", "no user has the receiver's handle"),
        ("user_reciever_is_sender", "the sender has the receiver's handle"),
    ] {
        if answer.json() == Some(json!([code])) {
            return Err(Problem::new(seen, "set --receiver to the handle of the second test user"));
        }
    }
    answer.expect(StatusCode::OK)
}

/// Returns the stored message, and the response body.
async fn send(api: &Api, token: &HeaderValue, message: &Message) -> CheckResult<(Sent, Vec<u8>)> {
    let answer = post(api, token, message).await?;
    let sent = answer.json::<Sent>().ok_or_else(|| answer.unexpected("a message that was stored"))?;
    let seen = format!("200: message {} in group {}", sent.uuid, sent.message_group_uuid);
    Ok(Success::with(seen, (sent, answer.body)))
}

async fn send_again(api: &Api, token: &HeaderValue, message: &Message, first: &[u8]) -> CheckResult {
    let answer = post(api, token, message).await?;
    if answer.body != first {
        return Err(Problem::new(
            format!("another response to the same idempotency key: {}", answer.shown()),
            "check that all functions have one version, and that the table's time to live uses expires_at",
        ));
    }
    Ok(Success::new("200: the same response, byte for byte"))
}

async fn read(api: &Api, token: &HeaderValue, sent: &Sent) -> CheckResult {
    let path = format!("/api/messages/{}?limit=100", sent.message_group_uuid);
    let answer = api.get(&path, token).await?;
    if answer.json() == Some(json!(["message_group_not_found"])) {
        return Err(Problem::new(
            "the receiver is not in the conversation",
            "check that the receiver's token belongs to the user of --receiver",
        ));
    }
    let answer = answer.expect(StatusCode::OK)?;
    let rows = answer.json::<Vec<Row>>().ok_or_else(|| answer.unexpected("an array of messages"))?;
    let is_it = |row: &Row| row.uuid == sent.uuid && row.created_at == sent.created_at;
    if rows.iter().any(is_it) {
        return Ok(Success::new("200: the receiver reads it at once"));
    }
    Err(Problem::new(
        "it is not among the conversation's messages",
        "check that all functions use the same table",
    ))
}

/// Measures how long both inboxes take to show `sent`, the reply: the first message may have opened the conversation,
/// which creates both rows without the stream.
async fn moved(api: &Api, both: [(&str, &HeaderValue); 2], sent: &Sent, time_limit: Duration) -> CheckResult {
    let started = Instant::now();
    let mut seen = both.map(|(member, _)| format!("the {member}'s inbox was not read in time"));
    let check = async {
        let mut waits = INBOX_POLLS.build();
        loop {
            let mut are_moved = true;
            for ((member, token), seen) in both.iter().zip(&mut seen) {
                let at = position(api, token, sent).await?;
                are_moved &= at.as_deref().is_some_and(|at| at >= &*sent.created_at);
                *seen = match at {
                    Some(at) => format!("the {member}'s inbox shows it at {at}"),
                    None => format!("the {member}'s inbox does not show it"),
                };
            }
            if are_moved {
                return Ok::<_, Problem>(());
            }
            sleep(waits.next().unwrap_or_default()).await;
        }
    };
    if let Ok(result) = timeout(time_limit, check).await {
        result?;
        let took = started.elapsed().as_millis();
        return Ok(Success::new(format!("both inboxes show the reply {took} ms after it was acknowledged")));
    }
    let (waited, at) = (time_limit.as_secs(), &sent.created_at);
    Err(Problem::new(format!("{waited} s after the reply at {at}: {}", seen.join(", ")), NOT_MOVED))
}

/// The time of the conversation's newest message in the inbox.
async fn position(api: &Api, token: &HeaderValue, sent: &Sent) -> Result<Option<String>, Problem> {
    let answer = api.get("/api/message_groups?limit=100", token).await?.expect(StatusCode::OK)?;
    let rows = answer.json::<Vec<Row>>().ok_or_else(|| answer.unexpected("an array of conversations"))?;
    let row = rows.into_iter().find(|row| row.uuid == sent.message_group_uuid);
    Ok(row.map(|row| row.created_at))
}

//! Two test users write to each other, and see it where they should.

use std::time::Duration;

use anyhow::Result;
use backon::BackoffBuilder as _;
use cruddur::{clock::Clock, random::Random, user::Handle};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    api::{Answer, Api, Token},
    check::{Good, Look, Problem, millis},
    report::Report,
};
use crate::retry::INBOX_POLLS;

/// How much of what a person is to look into first.
const NOT_MOVED: &str = "is the stream mapping enabled? Look into stream-handler's log and the dead letters; then \
                         `cruddur ddb doctor` says which rows are behind, and with --repair moves them";

/// The test users.
#[derive(Debug)]
pub(super) struct Pair {
    /// Whose first message it is.
    pub(super) sender: Option<Token>,
    /// Who answers.
    pub(super) receiver: Option<Token>,
    /// The receiver's handle.
    pub(super) handle: Option<Handle>,
}

/// The answer to a message that was stored, as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Sent {
    message_group_uuid: Uuid,
    uuid: Uuid,
    created_at: String,
}

/// A message or a conversation, as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Row {
    uuid: Uuid,
    created_at: String,
}

/// The tokens, the messages, and the move. Inboxes may take `patience` to follow.
pub(super) async fn check(report: &mut Report, api: &Api, pair: &Pair, patience: Duration) -> Result<()> {
    let sender = check_token(report, api, "the sender's token", pair.sender.as_ref()).await?;
    let receiver = check_token(report, api, "the receiver's token", pair.receiver.as_ref()).await?;
    let names = [
        "a message by handle",
        "the same request again",
        "reading it",
        "an answer to it",
        "both inboxes move",
    ];
    let (sender, handle) = match (sender, &pair.handle) {
        (Some(sender), Some(handle)) => (sender, handle),
        (None, _) => return skip_all(report, &names, "it takes the sender's token"),
        (_, None) => return skip_all(report, &names, "name the receiver's handle with --receiver"),
    };
    let request = Message::to_handle(handle);
    let Some((first, bytes)) = report.check(names[0], send(api, sender, &request)).await? else {
        return skip_all(report, &names[1..], "it takes a message");
    };
    report.check(names[1], send_again(api, sender, &request, &bytes)).await?;
    let Some(receiver) = receiver else {
        return skip_all(report, &names[2..], "it takes the receiver's token");
    };
    report.check(names[2], read(api, receiver, &first)).await?;
    let reply = Message::to_group(first.message_group_uuid);
    let Some((answer, _)) = report.check(names[3], send(api, receiver, &reply)).await? else {
        return skip_all(report, &names[4..], "it takes an answer");
    };
    let both = [("sender", sender), ("receiver", receiver)];
    report.check(names[4], moved(api, both, &answer, patience)).await?;
    Ok(())
}

fn skip_all(report: &mut Report, names: &[&str], why: &str) -> Result<()> {
    names.iter().try_for_each(|name| report.skip(name, why))
}

/// The token where it is good.
async fn check_token<'a>(
    report: &mut Report,
    api: &Api,
    name: &str,
    token: Option<&'a Token>,
) -> Result<Option<&'a Token>> {
    let Some(token) = token else {
        report.skip(name, "there is none: see --help for how to give it")?;
        return Ok(None);
    };
    let look = async {
        let answer = api.get("/api/message_groups?limit=1", token).await?.expect(StatusCode::OK)?;
        match answer.json::<Vec<Row>>() {
            Some(_) => Ok(Good::with("200: the token is good, and its user is known", token)),
            None => Err(answer.unexpected("an array of conversations")),
        }
    };
    report.check(name, look).await
}

/// A message with the key under which it is sent.
#[derive(Debug)]
struct Message {
    body: Value,
    key: String,
}

impl Message {
    fn to_handle(handle: &Handle) -> Self {
        let text = "A message of cruddur deploy-check: is anybody there?";
        Self::new(json!({"message": text, "handle": handle.canonical()}))
    }

    fn to_group(group_uuid: Uuid) -> Self {
        let text = "An answer of cruddur deploy-check: yes.";
        Self::new(json!({"message": text, "message_group_uuid": group_uuid}))
    }

    fn new(body: Value) -> Self {
        let key = Random::system().uuid_v7(Clock::system().now());
        Self { body, key: format!("deploy-check-{key}") }
    }
}

async fn post(api: &Api, token: &Token, message: &Message) -> Result<Answer, Problem> {
    let answer = api.post("/api/messages", &message.body, &message.key, token).await?;
    if answer.json() == Some(json!(["user_reciever_not_found"])) {
        return Err(Problem::new(
            "nobody has the receiver's handle",
            "name that of the second test user: --receiver",
        ));
    }
    if answer.json() == Some(json!(["user_reciever_is_sender"])) {
        return Err(Problem::new(
            "the sender has the receiver's handle",
            "name that of the other test user: --receiver",
        ));
    }
    answer.expect(StatusCode::OK)
}

/// What was sent, and the answer byte for byte.
async fn send(api: &Api, token: &Token, message: &Message) -> Look<(Sent, Vec<u8>)> {
    let answer = post(api, token, message).await?;
    let sent = answer.json::<Sent>().ok_or_else(|| answer.unexpected("a message that was stored"))?;
    let seen = format!("200: message {} in group {}", sent.uuid, sent.message_group_uuid);
    Ok(Good::with(seen, (sent, answer.body)))
}

async fn send_again(api: &Api, token: &Token, message: &Message, first: &[u8]) -> Look {
    let answer = post(api, token, message).await?;
    if answer.body != first {
        return Err(Problem::new(
            format!("another answer to the same idempotency key: {}", answer.shown()),
            "are all functions of one version, and does the table's time to live go by expires_at?",
        ));
    }
    Ok(Good::new("200: the same answer, byte for byte"))
}

async fn read(api: &Api, token: &Token, sent: &Sent) -> Look {
    let path = format!("/api/messages/{}?limit=100", sent.message_group_uuid);
    let answer = api.get(&path, token).await?;
    if answer.json() == Some(json!(["message_group_not_found"])) {
        return Err(Problem::new(
            "the receiver is not in the conversation",
            "is the receiver's token that of the user with the handle of --receiver?",
        ));
    }
    let answer = answer.expect(StatusCode::OK)?;
    let rows = answer.json::<Vec<Row>>().ok_or_else(|| answer.unexpected("an array of messages"))?;
    let is_it = |row: &Row| row.uuid == sent.uuid && row.created_at == sent.created_at;
    if rows.iter().any(is_it) {
        return Ok(Good::new("200: the receiver reads it at once"));
    }
    Err(Problem::new("it is not among the conversation's messages", "do all functions have the same table?"))
}

/// How long the inboxes take to show the conversation at `sent`. The message by handle may have opened the
/// conversation, which makes both rows without the stream: it is the answer that has to move them.
async fn moved(api: &Api, both: [(&str, &Token); 2], sent: &Sent, patience: Duration) -> Look {
    let begun = Instant::now();
    let mut last = both.map(|(who, _)| format!("the {who}'s inbox was not read in time"));
    let look = async {
        let mut waits = INBOX_POLLS.build();
        let mut is_moved = both.map(|_| false);
        loop {
            for (((who, token), is_moved), last) in both.iter().zip(&mut is_moved).zip(&mut last) {
                if !*is_moved {
                    let at = position(api, token, sent).await?;
                    *is_moved = at.as_deref().is_some_and(|at| at >= &*sent.created_at);
                    *last = match at {
                        Some(at) => format!("the {who}'s inbox shows it at {at}"),
                        None => format!("the {who}'s inbox does not show it"),
                    };
                }
            }
            if is_moved == [true; 2] {
                return Ok(());
            }
            sleep(waits.next().unwrap_or_default()).await;
        }
    };
    if let Ok(result) = timeout(patience, look).await {
        result?;
        let took = millis(begun.elapsed());
        return Ok(Good::new(format!("both inboxes show the answer {took} ms after it was acknowledged")));
    }
    let (waited, at) = (patience.as_secs(), &sent.created_at);
    let seen = format!("{waited} s after the answer at {at}: {}", last.join(", "));
    Err(Problem::new(seen, NOT_MOVED))
}

/// When the conversation's newest message was sent, as the inbox has it.
async fn position(api: &Api, token: &Token, sent: &Sent) -> Result<Option<String>, Problem> {
    let answer = api.get("/api/message_groups?limit=100", token).await?.expect(StatusCode::OK)?;
    let rows = answer.json::<Vec<Row>>().ok_or_else(|| answer.unexpected("an array of conversations"))?;
    let row = rows.into_iter().find(|row| row.uuid == sent.message_group_uuid);
    Ok(row.map(|row| row.created_at))
}

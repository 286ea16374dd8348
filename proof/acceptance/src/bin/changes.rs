//! Two people send, edit, delete, react and mark as read at the same time, on a running local stack whose calls to
//! DynamoDB may fail. At rest, lists, inboxes, unread counts, event logs and frames must agree with what the people did.

#![expect(clippy::indexing_slicing, reason = "a missing field of a JSON value is null")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write as _},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use acceptance::{PATIENCE, Person, Socket, Stage, Target, eventually};
use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use futures_util::{StreamExt as _, future::try_join_all};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};
use testing::Answer;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Changes messages from four devices at once, and checks that everything agrees at rest.
#[derive(Debug, Parser)]
#[command(name = "changes", version)]
struct Options {
    /// Origin of the local stack.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4567")]
    url: String,

    /// Actions of each device.
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    actions: usize,

    /// Selects the actions.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// File for the texts that no row may hold at the end: deleted ones, and those before an edit.
    #[arg(long, value_name = "FILE")]
    gone: PathBuf,
}

/// The expected state of a message at rest.
#[derive(Clone, Debug)]
struct Expected {
    uuid: String,
    created_at: String,
    sender: String,
    /// None if the message is deleted.
    text: Option<String>,
    /// Pairs of emoji and user uuid.
    reactions: BTreeSet<(String, String)>,
}

/// The messages of a conversation, as its people know them.
#[derive(Debug, Default)]
struct Known {
    messages: BTreeMap<String, Expected>,
    gone: Vec<String>,
}

/// A device. No two devices edit the same message or use the same emoji, so that each knows how its own changes end.
struct Device<'a> {
    stage: &'a Stage,
    me: &'a Person,
    other: &'a Person,
    group_uuid: &'a str,
    emoji: &'static str,
    own: Vec<String>,
    random: fastrand::Rng,
    known: &'a Mutex<Known>,
    repeated: &'a AtomicUsize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Options { url, actions, seed, gone } = Options::parse();
    let url = url.trim_end_matches('/').to_owned();
    let stage = Stage::new(&Target { api: url.clone(), tokens: url }).await?;
    let [.., first, second] = &stage.people;
    let group_uuid = eventually(|| stage.group(first, second)).await?;
    let earlier = eventually(|| stage.messages(first, &group_uuid)).await?.len();
    let mut logs = Vec::new();
    for person in [first, second] {
        let start = eventually(|| async { end_of_log(&stage, person).await }).await?;
        let frames = Arc::default();
        let socket = eventually(|| stage.open_socket(person)).await?;
        tokio::spawn(receive(socket, Arc::clone(&frames)));
        logs.push((person, start, frames));
    }

    let (known, repeated) = (Mutex::default(), AtomicUsize::new(0));
    let devices = (0..4).map(|number| {
        let (me, other) = if number % 2 == 0 { (first, second) } else { (second, first) };
        let device = Device {
            stage: &stage,
            me,
            other,
            group_uuid: &group_uuid,
            emoji: if number < 2 { "🎉" } else { "👍" },
            own: Vec::new(),
            random: fastrand::Rng::with_seed(seed.wrapping_mul(4).wrapping_add(number)),
            known: &known,
            repeated: &repeated,
        };
        device.act(actions)
    });
    try_join_all(devices).await?;

    let Known { messages, gone: texts } = known.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut expected: Vec<_> = messages.into_values().collect();
    expected.sort_unstable_by(|a, b| (&a.created_at, &a.uuid).cmp(&(&b.created_at, &b.uuid)));
    let mut stdout = io::stdout();
    writeln!(stdout, "{} messages, {} requests repeated", expected.len(), repeated.load(Ordering::Relaxed))?;
    let listed = lists_agree(&stage, [first, second], &group_uuid, earlier, &expected).await?;
    unread_agrees(&stage, [first, second], &group_uuid).await?;
    for (person, start, frames) in &logs {
        let rows = eventually(|| async {
            let rows = rows_after(&stage, person, start).await?;
            log_agrees(&rows, &listed)?;
            Ok(rows)
        })
        .await
        .with_context(|| format!("the log of {}", person.handle))?;
        let frames = frames.lock().unwrap_or_else(PoisonError::into_inner).clone();
        frames_agree(&frames, &rows, &listed, &texts)
            .with_context(|| format!("the frames of {}", person.handle))?;
        writeln!(stdout, "{}: {} rows of the log, {} frames", person.handle, rows.len(), frames.len())?;
    }
    fs::write(gone, texts.join("\n"))?;
    writeln!(
        stdout,
        "ok: lists, inboxes, unread counts, logs and frames agree; {} texts are gone",
        texts.len()
    )?;
    Ok(())
}

impl Device<'_> {
    async fn act(mut self, actions: usize) -> Result<()> {
        for _ in 0..actions {
            match self.random.u8(0..10) {
                0..=3 => self.send().await?,
                4..=5 => self.change(false).await?,
                6 => self.change(true).await?,
                7..=8 => self.react().await?,
                _ => self.mark().await?,
            }
        }
        Ok(())
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Repeats a request until it does not answer 503.
    async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer> {
        let authorization = format!("Bearer {}", self.me.token);
        let headers = [headers, &[("authorization", &authorization)]].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.stage.request(method, path, &headers, body.clone()).await?;
            if answer.status != 503 || Instant::now() > end {
                return Ok(answer);
            }
            self.repeated.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn send(&mut self) -> Result<()> {
        let text = Uuid::new_v4().simple().to_string();
        let mut body = json!({"message_group_uuid": self.group_uuid, "message": text});
        if self.random.bool()
            && let Some(answered) = self.any()
        {
            body["reply_to"] = json!({"uuid": answered.uuid, "created_at": answered.created_at});
        }
        let key = Uuid::new_v4().to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", &*key)];
        let answer = self.request("POST", "/api/messages", &headers, &body).await?;
        if answer.status == 409 && body.get("reply_to").is_some() {
            // The answered message is deleted.
            return Ok(());
        }
        ensure!(answer.status == 200, "a send: {answer:?}");
        let sent: Value = serde_json::from_str(&answer.body)?;
        let member = |name: &str| sent[name].as_str().map(str::to_owned).context("a string is missing");
        let (uuid, created_at) = (member("uuid")?, member("created_at")?);
        let message = Expected {
            uuid: uuid.clone(),
            created_at,
            sender: self.me.uuid.clone(),
            text: Some(text),
            reactions: BTreeSet::new(),
        };
        self.known(|known| known.messages.insert(uuid.clone(), message));
        self.own.push(uuid);
        Ok(())
    }

    /// Edits or deletes one of the last own messages.
    async fn change(&mut self, is_deletion: bool) -> Result<()> {
        let recent = self.own.len().saturating_sub(8)..self.own.len();
        if recent.is_empty() {
            return Ok(());
        }
        let place = self.random.usize(recent);
        let Some(mut message) = self.known(|known| known.messages.get(&self.own[place]).cloned()) else {
            return Ok(());
        };
        let path = format!("/api/messages/{}/{}", self.group_uuid, message.uuid);
        let text = Uuid::new_v4().simple().to_string();
        let answer = if is_deletion {
            let path = format!("{path}?created_at={}", message.created_at);
            self.request("DELETE", &path, &[], &Value::Null).await?
        } else {
            let body = json!({"message": text, "created_at": message.created_at});
            self.request("PUT", &path, &[("content-type", "application/json")], &body).await?
        };
        let expected = match (is_deletion, &message.text) {
            (true, _) => 204,
            (false, Some(_)) => 200,
            (false, None) => 409,
        };
        ensure!(answer.status == expected, "a change, expected {expected}: {answer:?}");
        if let Some(before) = message.text.take() {
            message.text = (!is_deletion).then_some(text);
            self.known(|known| {
                known.gone.push(before);
                if let Some(shared) = known.messages.get_mut(&message.uuid) {
                    shared.text = message.text;
                }
            });
        }
        Ok(())
    }

    async fn react(&mut self) -> Result<()> {
        let Some(message) = self.any() else { return Ok(()) };
        let is_removal = self.random.u8(0..3) == 0;
        let method = if is_removal { "DELETE" } else { "PUT" };
        let emoji = percent_encode(self.emoji.as_bytes(), NON_ALPHANUMERIC);
        let (uuid, created_at) = (&message.uuid, &message.created_at);
        let path =
            format!("/api/messages/{}/{uuid}/reactions/{emoji}?created_at={created_at}", self.group_uuid);
        let answer = self.request(method, &path, &[], &Value::Null).await?;
        if answer.status == 409 && !is_removal {
            // The message is deleted.
            return Ok(());
        }
        ensure!(answer.status == 204, "a reaction: {answer:?}");
        let reaction = (self.emoji.to_owned(), self.me.uuid.clone());
        self.known(|known| {
            if let Some(message) = known.messages.get_mut(&message.uuid) {
                if is_removal {
                    message.reactions.remove(&reaction);
                } else {
                    message.reactions.insert(reaction);
                }
            }
        });
        Ok(())
    }

    /// Marks as read, up to a message of the other or to the end.
    async fn mark(&mut self) -> Result<()> {
        let of_other = self.any().filter(|message| message.sender == self.other.uuid);
        let body = of_other.map_or_else(
            || json!({}),
            |message| json!({"message_uuid": message.uuid, "created_at": message.created_at}),
        );
        let path = format!("/api/message_groups/{}/read", self.group_uuid);
        let answer = self.request("PUT", &path, &[("content-type", "application/json")], &body).await?;
        ensure!(answer.status == 204, "a mark: {answer:?}");
        Ok(())
    }

    /// Any message that a device knows.
    fn any(&mut self) -> Option<Expected> {
        let number = self.random.usize(..);
        self.known(|known| {
            let number = number.checked_rem(known.messages.len())?;
            known.messages.values().nth(number).cloned()
        })
    }
}

/// Fails unless both people are shown the expected messages, equally, and the newest one in their inboxes. Returns the
/// messages.
async fn lists_agree(
    stage: &Stage,
    people: [&Person; 2],
    group_uuid: &str,
    earlier: usize,
    expected: &[Expected],
) -> Result<Vec<Value>> {
    let [listed, of_other] = &*try_join_all(
        people.map(|person| async move { eventually(|| stage.messages(person, group_uuid)).await }),
    )
    .await?
    else {
        unreachable!("two people, two lists")
    };
    ensure!(listed == of_other, "the lists differ");
    let listed = listed.get(earlier..).unwrap_or_default();
    ensure!(listed.len() == expected.len(), "{} of {} messages are listed", listed.len(), expected.len());
    for (message, expected) in listed.iter().zip(expected) {
        let reactions: BTreeSet<_> = elements(message, "reactions")
            .flat_map(|reaction| {
                let emoji = reaction["emoji"].as_str().unwrap_or_default();
                elements(reaction, "user_uuids").filter_map(Value::as_str).map(move |user| (emoji, user))
            })
            .collect();
        let mut of_expected: BTreeSet<_> =
            expected.reactions.iter().map(|(emoji, user)| (&**emoji, &**user)).collect();
        if expected.text.is_none() {
            of_expected.clear();
        }
        let is_equal = message["uuid"] == *expected.uuid
            && message["user_uuid"] == *expected.sender
            && message["message"] == expected.text.clone().unwrap_or_default()
            && message["deleted_at"].is_string() == expected.text.is_none()
            && reactions == of_expected;
        ensure!(is_equal, "expected {expected:?}\n  but got {message}");
    }
    let newest = listed.last().context("no message was sent")?;
    for person in people {
        eventually(|| async {
            let inbox = stage.inbox(person).await?;
            let rows: Vec<_> = inbox.iter().filter(|row| row["uuid"] == group_uuid).collect();
            let [row] = *rows else { anyhow::bail!("{} rows of the group", rows.len()) };
            for name in ["message", "created_at", "version", "deleted_at", "edited_at"] {
                ensure!(row[name] == newest[name], "{name} of {row}\n  but of the newest message: {newest}");
            }
            Ok(())
        })
        .await
        .with_context(|| format!("the inbox of {}", person.handle))?;
    }
    Ok(listed.to_vec())
}

/// Fails unless the badges are right after a mark, two messages and the deletion of one, and 0 after the next mark.
async fn unread_agrees(stage: &Stage, [reader, sender]: [&Person; 2], group_uuid: &str) -> Result<()> {
    let mark = || async {
        let path = format!("/api/message_groups/{group_uuid}/read");
        let answer = stage.send_json(reader, "PUT", &path, &json!({})).await?;
        ensure!(answer.status == 204, "a mark: {answer:?}");
        Ok(())
    };
    let unread = |expected: u64| {
        eventually(move || async move {
            let inbox = stage.inbox(reader).await?;
            let row = inbox.iter().find(|row| row["uuid"] == group_uuid).context("the group is not there")?;
            ensure!(row["unread_count"] == expected, "expected {expected} unread: {row}");
            Ok(())
        })
    };
    eventually(mark).await?;
    unread(0).await?;
    let mut sent = Value::Null;
    for _ in 0..2 {
        let text = Uuid::new_v4().simple().to_string();
        let body = json!({"message_group_uuid": group_uuid, "message": text});
        sent = eventually(|| async {
            let key = [("idempotency-key", &*text)];
            let answer = stage.post_with(sender, &key, body.to_string()).await?;
            ensure!(answer.status == 200, "a send: {answer:?}");
            Ok(serde_json::from_str(&answer.body)?)
        })
        .await?;
    }
    unread(2).await?;
    let (uuid, created_at) = (&sent["uuid"], &sent["created_at"]);
    let path = format!(
        "/api/messages/{group_uuid}/{}?created_at={}",
        uuid.as_str().unwrap_or_default(),
        created_at.as_str().unwrap_or_default()
    );
    eventually(|| async {
        let answer = stage.send_json(sender, "DELETE", &path, &Value::Null).await?;
        ensure!(answer.status == 204, "a deletion: {answer:?}");
        Ok(())
    })
    .await?;
    unread(1).await?;
    eventually(mark).await?;
    unread(0).await
}

/// Path of the page after the end of the person's log.
async fn end_of_log(stage: &Stage, person: &Person) -> Result<String> {
    let answer = stage.get(person, "/api/events").await?;
    ensure!(answer.status == 200, "the log: {answer:?}");
    Ok(answer.next_page().context("no link to the next page")?.to_owned())
}

/// The events of each row of the person's log from `path` on, by number.
async fn rows_after(stage: &Stage, person: &Person, path: &str) -> Result<BTreeMap<u64, Vec<Value>>> {
    let mut rows = BTreeMap::<_, Vec<_>>::new();
    let mut path = path.to_owned();
    loop {
        let answer = stage.get(person, &path).await?;
        ensure!(answer.status == 200, "the log: {answer:?}");
        let events: Vec<Value> = serde_json::from_str(&answer.body)?;
        if events.is_empty() {
            return Ok(rows);
        }
        for event in events {
            let number = event["number"].as_u64().context("a row without a number")?;
            rows.entry(number).or_default().push(event);
        }
        answer.next_page().context("no link to the next page")?.clone_into(&mut path);
    }
}

/// Fails unless the log names each message and each changed message, without gaps in its numbers.
fn log_agrees(rows: &BTreeMap<u64, Vec<Value>>, listed: &[Value]) -> Result<()> {
    let named = |kind: &str| -> BTreeSet<&str> {
        let events = rows.values().flatten().filter(|event| event["type"] == kind);
        events.flat_map(|event| elements(event, "message_uuids")).filter_map(Value::as_str).collect()
    };
    let (sent, changed) = (named("message"), named("message_changed"));
    for message in listed {
        let uuid = message["uuid"].as_str().unwrap_or_default();
        ensure!(sent.contains(uuid), "no event about {message}");
        ensure!(message["version"] == 1 || changed.contains(uuid), "no event about the change of {message}");
    }
    let gap = rows.keys().zip(rows.keys().skip(1)).find(|(number, next)| **number + 1 != **next);
    ensure!(gap.is_none(), "a gap between {gap:?}");
    Ok(())
}

/// Fails unless each frame is a row of the log, its messages are versions of those listed, and no frame has a
/// replaced or deleted text after a frame with a later version.
fn frames_agree(
    frames: &[Value],
    rows: &BTreeMap<u64, Vec<Value>>,
    listed: &[Value],
    gone: &[String],
) -> Result<()> {
    ensure!(!frames.is_empty(), "no frame has arrived");
    let by_uuid: BTreeMap<_, _> =
        listed.iter().filter_map(|message| Some((message["uuid"].as_str()?, message))).collect();
    let gone: BTreeSet<&str> = gone.iter().map(String::as_str).collect();
    let mut frames: Vec<_> =
        frames.iter().filter_map(|frame| Some((frame["number"].as_u64()?, frame))).collect();
    frames.sort_by_key(|(number, _)| *number);
    // A frame may be sent of the row before those that were read.
    let first = rows.keys().next().copied().unwrap_or_default();
    // The greatest version of each message in the frames so far.
    let mut last_versions = BTreeMap::new();
    for (number, frame) in frames.into_iter().skip_while(|(number, _)| *number < first) {
        let events = rows.get(&number).with_context(|| format!("the log lacks the row of {frame}"))?;
        ensure!(elements(frame, "events").eq(events), "the log has other events than {frame}: {events:?}");
        for shown in elements(frame, "messages") {
            let (uuid, text) = (shown["uuid"].as_str().unwrap_or_default(), &shown["message"]);
            if let Some(message) = by_uuid.get(uuid) {
                let (version, last) = (shown["version"].as_u64(), message["version"].as_u64());
                ensure!(version <= last, "{shown} is newer than {message}");
                ensure!(version < last || text == &message["message"], "{shown} differs from {message}");
            }
            let last = last_versions.entry(uuid).or_insert(0);
            *last = version_of(shown).max(*last);
            let is_gone = text.as_str().is_some_and(|text| gone.contains(text));
            ensure!(!is_gone || version_of(shown) == *last, "{shown} was shown in version {last} before");
        }
    }
    Ok(())
}

fn version_of(message: &Value) -> u64 {
    message["version"].as_u64().unwrap_or_default()
}

async fn receive(mut socket: Socket, frames: Arc<Mutex<Vec<Value>>>) -> Result<()> {
    while let Some(frame) = socket.next().await {
        let frame = serde_json::from_str(frame?.to_text()?)?;
        frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
    }
    Ok(())
}

fn elements<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

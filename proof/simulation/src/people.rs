//! People with clients: they write, read, retry when the outcome is unknown, and try to read others' groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use checker::history::{Groups, History, Messages, Moment, Outcome, Send};
use cruddur::{message_group::uuid_of_pair, sort_key::SortKey, timestamp::Timestamp};
use dynamodb_fake::{Dice, FaultKind, Faults};
use http::{
    Request,
    header::{AUTHORIZATION, LINK, RETRY_AFTER},
    request::Builder,
};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{commits::uuid, lambda::Lambda, users::SignedUp};

#[derive(Clone)]
pub(crate) struct People {
    api: Lambda,
    faults: Faults,
    dice: Dice,
    users: Arc<Vec<SignedUp>>,
    tokens: Arc<Vec<String>>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    history: History,
    moment: Moment,
    /// Groups that at least one person knows of.
    groups: Vec<(Uuid, [usize; 2])>,
    violations: Vec<String>,
    answers: BTreeMap<u16, u64>,
}

impl People {
    /// Creates people from `users` and their `tokens`. `faults` decides their actions and when a client disconnects.
    pub(crate) fn new(api: Lambda, faults: Faults, users: Vec<SignedUp>, tokens: Vec<String>) -> Self {
        let dice = faults.dice().clone();
        let (users, tokens) = (Arc::new(users), Arc::new(tokens));
        Self { api, faults, dice, users, tokens, notes: Arc::default() }
    }

    /// The number of users.
    pub(crate) fn count(&self) -> usize {
        self.users.len()
    }

    /// The user with this number.
    pub(crate) fn user(&self, me: usize) -> &SignedUp {
        &self.users[me]
    }

    fn sign(&self, me: usize, request: Builder) -> Builder {
        request.header(AUTHORIZATION, format!("Bearer {}", self.tokens[me]))
    }

    /// Requests and responses.
    pub(crate) fn history(&self) -> History {
        self.notes.lock().unwrap().history.clone()
    }

    /// Responses that must never occur.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.notes.lock().unwrap().violations.clone()
    }

    /// Number of responses by status; 0 is no response.
    pub(crate) fn answers(&self) -> BTreeMap<u16, u64> {
        self.notes.lock().unwrap().answers.clone()
    }

    /// Runs one of a user's devices: a number of actions in sequence, with pauses of up to `pause`.
    pub(crate) async fn use_device(self, me: usize, actions: usize, pause: Duration) {
        for _ in 0..actions {
            let pause = self.dice.duration(Duration::ZERO, pause);
            tokio::time::sleep(pause).await;
            match self.dice.below(10) {
                0..=2 => {
                    let other = self.other_than(me);
                    self.write(me, To::Handle(other)).await;
                }
                3..=5 => match self.a_group_of(me) {
                    Some((group, _)) => self.write(me, To::Group(group)).await,
                    None => self.write(me, To::Handle(self.other_than(me))).await,
                },
                6..=7 => {
                    self.list_groups(me, *self.dice.pick(&[1, 2, 20])).await;
                }
                8 => {
                    if let Some((group, _)) = self.a_group_of(me) {
                        let _ = self.list_messages(me, group, *self.dice.pick(&[1, 3, 20, 100])).await;
                    }
                }
                _ => self.try_foreign_group(me).await,
            }
        }
    }

    /// Reads everything that belongs to each user, once the system is at rest. All of it must be there.
    pub(crate) async fn read_everything(&self) {
        for me in 0..self.users.len() {
            let groups = self.groups_of(me);
            let shown = self.list_groups(me, 100).await.unwrap_or_default();
            for (group, _) in groups {
                if !shown.iter().any(|(shown, _)| *shown == group) {
                    self.violation(format!("I1: {group} is not listed for its member {me}"));
                }
                let _ = self.list_messages(me, group, 100).await;
            }
        }
    }

    fn other_than(&self, me: usize) -> usize {
        (me + 1 + self.dice.below(self.users.len() - 1)) % self.users.len()
    }

    fn groups_of(&self, me: usize) -> Vec<(Uuid, [usize; 2])> {
        let notes = self.notes.lock().unwrap();
        notes.groups.iter().filter(|(_, members)| members.contains(&me)).copied().collect()
    }

    fn a_group_of(&self, me: usize) -> Option<(Uuid, [usize; 2])> {
        let groups = self.groups_of(me);
        (!groups.is_empty()).then(|| *self.dice.pick(&groups))
    }

    fn violation(&self, what: String) {
        self.notes.lock().unwrap().violations.push(what);
    }

    fn moment(&self) -> Moment {
        let mut notes = self.notes.lock().unwrap();
        notes.moment += 1;
        notes.moment
    }

    fn new_text(&self) -> String {
        format!("text {}", self.moment())
    }

    /// Sends messages from random users to others.
    pub(crate) async fn write_some(&self, number: usize) {
        for _ in 0..number {
            let me = self.dice.below(self.users.len());
            self.write(me, To::Handle(self.other_than(me))).await;
        }
    }

    /// Reads `path` as `me`.
    pub(crate) async fn get(&self, me: usize, path: &str) -> Answer {
        self.request(self.sign(me, Request::get(path)).body(String::new()).unwrap()).await
    }

    async fn request(&self, request: Request<String>) -> Answer {
        let api = self.api.clone();
        let name = format!("{} {}", request.method(), request.uri());
        let invocation = tokio::spawn(async move { api.request(request).await });
        // API Gateway waits for 30 s. A client that disconnects does not stop the invocation.
        let gone = self.faults.inject(&[FaultKind::ClientGone]).is_some();
        let limit =
            if gone { self.dice.duration(Duration::ZERO, Duration::from_secs(2)) } else { API_TIMEOUT };
        let answer = timeout(limit, invocation).await.ok().and_then(Result::unwrap);
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        *self.notes.lock().unwrap().answers.entry(status).or_default() += 1;
        let Some(answer) = answer else { return Answer::default() };
        let (parts, body) = answer.into_parts();
        let retry_after = parts.headers.get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok());
        let has_retry_after =
            retry_after.is_some_and(|seconds| seconds.parse().is_ok_and(|seconds: u32| seconds >= 1));
        let is_allowed = match status {
            200 | 404 | 422 => true,
            410 => body == r#"["cursor_expired"]"#,
            429 => has_retry_after && body == r#"["rate_limited"]"#,
            503 => has_retry_after && body == r#"["unavailable"]"# || body == TIMED_OUT,
            // Tokens are valid, users exist, requests are well-formed.
            _ => false,
        };
        if !is_allowed {
            self.violation(format!("{name}: {status} {body}, Retry-After {retry_after:?}"));
        }
        let next = parts.headers.get(LINK).map(|link| {
            let link = link.to_str().unwrap();
            link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned()
        });
        Answer { status, next, body }
    }

    async fn write(&self, me: usize, to: To) {
        let keyed = self.dice.chance(0.5);
        let other = match to {
            To::Handle(other) => other,
            To::Group(group) => {
                let notes = self.notes.lock().unwrap();
                let members = notes.groups.iter().find(|(uuid, _)| *uuid == group).unwrap().1;
                members.into_iter().find(|member| *member != me).unwrap()
            }
        };
        let [mine, theirs] = [me, other].map(|user| self.users[user].user.uuid);
        let group = uuid_of_pair(mine, theirs);
        let mut text = self.new_text();
        let key = keyed.then(|| text.replace(' ', "-"));
        let mut tries = 1 + self.dice.below(4);
        loop {
            let target = match to {
                To::Handle(other) => ("handle", self.users[other].user.handle.clone()),
                To::Group(group) => ("message_group_uuid", group.to_string()),
            };
            let body = json!({"message": text, target.0: target.1});
            let index = {
                let begun = self.moment();
                let mut notes = self.notes.lock().unwrap();
                notes.history.sends.push(Send {
                    sender: mine,
                    group,
                    text: text.clone(),
                    key: key.clone(),
                    begun,
                    ended: None,
                });
                notes.history.sends.len() - 1
            };
            let mut request = self.sign(me, Request::post("/api/messages"));
            if let Some(key) = &key {
                request = request.header("idempotency-key", key);
            }
            let answer = self.request(request.body(body.to_string()).unwrap()).await;
            let outcome = match answer.status {
                200 => self.acknowledge(&answer.json(), &text, group, [me, other]),
                404 | 422 => {
                    self.violation(format!("a member's message was answered with {answer:?}"));
                    Outcome::Refused
                }
                0 | 503 => Outcome::Unknown,
                _ => Outcome::Refused,
            };
            let moment = self.moment();
            let unknown = outcome == Outcome::Unknown;
            self.notes.lock().unwrap().history.sends[index].ended = Some((moment, outcome));
            tries -= 1;
            // Some clients retry after a success.
            if tries == 0 || !(unknown || keyed && self.dice.chance(0.1)) {
                return;
            }
            let pause = self.dice.duration(Duration::ZERO, Duration::from_millis(1_500));
            tokio::time::sleep(pause).await;
            if keyed {
                self.faults.count(FaultKind::RetryWithKey);
            } else {
                // To the server, this is another message.
                self.faults.count(FaultKind::RetryWithoutKey);
                text = self.new_text();
            }
        }
    }

    fn acknowledge(&self, answer: &Value, text: &str, group: Uuid, members: [usize; 2]) -> Outcome {
        let field = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let acknowledged: Uuid = field("message_group_uuid").parse().unwrap();
        if acknowledged != group || field("message") != text {
            self.violation(format!("{text:?} was acknowledged as {answer}"));
        }
        let mut notes = self.notes.lock().unwrap();
        if !notes.groups.iter().any(|(uuid, _)| *uuid == group) {
            notes.groups.push((group, members));
        }
        let created_at = field("created_at").parse().unwrap();
        Outcome::Acknowledged(
            acknowledged,
            SortKey { created_at, message_uuid: field("uuid").parse().unwrap() },
        )
    }

    /// Reads a page of a list. Returns `None` without a list.
    async fn list(&self, me: usize, path: &str, limit: usize) -> Option<List> {
        let begun = self.moment();
        let answer = self.get(me, &format!("{path}?limit={limit}")).await;
        let ended = self.moment();
        match answer.status {
            200 => Some(List { rows: answer.rows(), next: answer.next, begun, ended }),
            0 | 503 => None,
            _ => {
                self.violation(format!("the list {path} was answered with {answer:?}"));
                None
            }
        }
    }

    /// Reads the first page of groups, with their positions. Returns `None` without a list.
    pub(crate) async fn list_groups(&self, me: usize, limit: usize) -> Option<Vec<(Uuid, Timestamp)>> {
        let List { rows, begun, ended, .. } = self.list(me, "/api/message_groups", limit).await?;
        let rows = rows.iter().map(|row| (uuid(row, "uuid"), timestamp(row))).collect::<Vec<_>>();
        let reader = self.users[me].user.uuid;
        self.notes.lock().unwrap().history.groups.push(Groups { reader, begun, ended, rows: rows.clone() });
        Some(rows)
    }

    /// Reads all messages of a group. Returns `None` unless every page is answered with a list.
    pub(crate) async fn list_all_messages(&self, me: usize, group: Uuid) -> Option<BTreeSet<Uuid>> {
        let mut messages = BTreeSet::new();
        let mut next = self.list_messages(me, group, *self.dice.pick(&[3, 20, 100])).await?;
        loop {
            messages.extend(next.rows.iter().map(|row| uuid(row, "uuid")));
            let Some(path) = next.next.take() else { return Some(messages) };
            let answer = self.get(me, &path).await;
            if answer.status != 200 {
                return None;
            }
            next.rows = answer.rows();
            next.next = answer.next;
        }
    }

    async fn list_messages(&self, me: usize, group: Uuid, limit: usize) -> Option<List> {
        let path = format!("/api/messages/{group}");
        let list = self.list(me, &path, limit).await?;
        let row = |row: &Value| {
            let sk = SortKey { created_at: timestamp(row), message_uuid: uuid(row, "uuid") };
            (sk, row["message"].as_str().unwrap().to_owned())
        };
        let rows = list.rows.iter().map(row).collect();
        let List { begun, ended, .. } = list;
        let page = Messages { reader: self.users[me].user.uuid, group, begun, ended, rows, limit };
        self.notes.lock().unwrap().history.messages.push(page);
        Some(list)
    }

    /// Reads and writes in a group that is foreign or does not exist. Both get the same response and have no effect.
    async fn try_foreign_group(&self, me: usize) {
        let others = {
            let notes = self.notes.lock().unwrap();
            let others = notes.groups.iter().filter(|(_, members)| !members.contains(&me));
            others.map(|(group, _)| *group).collect::<Vec<_>>()
        };
        let group = match &*others {
            [] => Uuid::from_u128(7),
            others => *self.dice.pick(others),
        };
        let request = if self.dice.chance(0.5) {
            self.sign(me, Request::get(format!("/api/messages/{group}?limit=20"))).body(String::new())
        } else {
            let body = json!({"message": "I am not in this group", "message_group_uuid": group});
            self.sign(me, Request::post("/api/messages")).body(body.to_string())
        };
        let answer = self.request(request.unwrap()).await;
        let is_refused = answer.status == 404 && answer.body == r#"["message_group_not_found"]"#;
        if !is_refused && !matches!(answer.status, 0 | 429 | 503) {
            self.violation(format!("I10: a stranger was answered {answer:?}"));
        }
    }
}

/// A response.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0 is no response.
    pub status: u16,
    /// The path in the `Link` header.
    pub next: Option<String>,
    pub body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The rows of a list.
    pub(crate) fn rows(&self) -> Vec<Value> {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A page of a list, with the times of request and response.
struct List {
    rows: Vec<Value>,
    next: Option<String>,
    begun: Moment,
    ended: Moment,
}

/// Target of a message.
#[derive(Clone, Copy)]
enum To {
    Handle(usize),
    Group(Uuid),
}

/// Body of API Gateway's own 503 after a function's timeout.
const TIMED_OUT: &str = r#"{"message":"Service Unavailable"}"#;

const API_TIMEOUT: Duration = Duration::from_secs(30);

fn timestamp(row: &Value) -> Timestamp {
    row["created_at"].as_str().unwrap().parse().unwrap()
}

//! People with clients: they write, read, retry when the outcome is unknown, and try to read others' groups.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use checker::history::{Groups, History, Messages, Moment, Outcome, Send};
use cruddur::{
    message_group::uuid_of_pair, sort_key::SortKey, table::ReadPosition, timestamp::Timestamp,
    user::settings::MessagesFrom,
};
use dynamodb_fake::{Dice, FaultKind, Faults};
use http::{
    Request,
    header::{AUTHORIZATION, LINK, RETRY_AFTER},
    request::Builder,
};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    changes::Requested,
    commits::{Commits, uuid},
    lambda::Lambda,
    users::SignedUp,
    versions::{content, preview_of},
};

#[derive(Clone)]
pub(crate) struct People {
    pub(crate) api: Lambda,
    pub(crate) faults: Faults,
    pub(crate) dice: Dice,
    users: Arc<Vec<SignedUp>>,
    tokens: Arc<Vec<String>>,
    pub(crate) commits: Arc<Mutex<Commits>>,
    pub(crate) notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) history: History,
    /// Requests that change messages and markers.
    pub(crate) changes: Vec<Requested>,
    moment: Moment,
    /// Groups that at least one person knows of.
    groups: Vec<(Uuid, [usize; 2])>,
    violations: Vec<String>,
    answers: BTreeMap<u16, u64>,
}

impl People {
    /// Creates people from `users` and their `tokens`. `faults` decides their actions and when a client disconnects.
    pub(crate) fn new(
        api: Lambda,
        faults: Faults,
        users: Vec<SignedUp>,
        tokens: Vec<String>,
        commits: Arc<Mutex<Commits>>,
    ) -> Self {
        let dice = faults.dice().clone();
        let (users, tokens) = (Arc::new(users), Arc::new(tokens));
        Self { api, faults, dice, users, tokens, commits, notes: Arc::default() }
    }

    /// The number of users.
    pub(crate) fn count(&self) -> usize {
        self.users.len()
    }

    /// The user with this number.
    pub(crate) fn user(&self, me: usize) -> &SignedUp {
        &self.users[me]
    }

    pub(crate) fn sign(&self, me: usize, request: Builder) -> Builder {
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
            match self.dice.below(20) {
                10..=19 => self.change_something(me).await,
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
                        let _ = self.list_messages(me, group, *self.dice.pick(&[1, 1, 3, 3, 20, 100])).await;
                    }
                }
                _ => self.try_foreign_group(me).await,
            }
        }
    }

    /// Reads everything that belongs to each user, once the system is at rest. All of it must be there, as it was
    /// committed last.
    pub(crate) async fn read_everything(&self) {
        for me in 0..self.users.len() {
            let groups = self.groups_of(me);
            let my_uuid = self.users[me].user.uuid;
            let shown = self.list_groups(me, 100).await.unwrap_or_default();
            for (group, [a, b]) in groups {
                let (newest, unread) = {
                    let commits = self.commits.lock().unwrap();
                    (commits.versions.newest(my_uuid, group), commits.versions.unread(group, my_uuid))
                };
                let single = self.show_group(me, group, if a == me { b } else { a }).await;
                let listed = shown.iter().find(|row| uuid(row, "uuid") == group);
                if listed.is_none() {
                    self.violation(format!("I1: {group} is not listed for its member {me}"));
                }
                for group in listed.into_iter().chain(&single) {
                    if Some(preview_of(group)) != newest {
                        self.violation(format!("I3: {group} is shown to user {me} instead of {newest:?}"));
                    }
                    if group["unread_count"] != json!(unread) {
                        self.violation(format!("I18: user {me} has {unread} unread messages, but {group}"));
                    }
                }
                self.check_members(me, if a == me { b } else { a }, group, single.as_ref());
                if let Some(list) = self.list_messages(me, group, 100).await {
                    let commits = self.commits.lock().unwrap();
                    let current = commits.versions.current(group, my_uuid);
                    let is_current = |row: &Value| current.get(&uuid(row, "uuid")) == Some(&content(row));
                    if !list.rows.iter().all(is_current) {
                        drop(commits);
                        self.violation(format!("I19: the list of {group} does not show the last versions"));
                    }
                }
            }
            // Also those of messages whose sender got no answer.
            let conversations = {
                let commits = self.commits.lock().unwrap();
                let is_unread = |group: &Uuid| commits.versions.unread(*group, my_uuid) > 0;
                commits.groups_of(my_uuid).iter().filter(|group| is_unread(group)).count()
            };
            let counted = self.count_unread(me).await;
            if counted != Some(conversations) {
                self.violation(format!(
                    "I18: user {me} has {conversations} unread groups, but {counted:?} are shown"
                ));
            }
        }
    }

    /// Compares what a group shows of its members with their states (I20).
    fn check_members(&self, me: usize, other: usize, group: Uuid, shown: Option<&Value>) {
        let commits = self.commits.lock().unwrap();
        let members = shown.and_then(|shown| shown["members"].as_array()).map_or(&[][..], Vec::as_slice);
        let [my_uuid, other_uuid] = [me, other].map(|user| self.users[user].user.uuid);
        let mut findings = Vec::new();
        for member in [my_uuid, other_uuid] {
            let state = commits.versions.state(group, member);
            let (sk, at) = if member == my_uuid {
                let read = state.and_then(|state| state.read_sk).and_then(ReadPosition::sort_key);
                (read, state.and_then(|state| state.read_at))
            } else if self.api.users.have_receipts(my_uuid, other_uuid) {
                (state.and_then(|state| state.seen_sk), state.and_then(|state| state.seen_at))
            } else {
                (None, None)
            };
            let shown = members.iter().find(|shown| uuid(shown, "uuid") == member);
            let read = |name: &str| shown.map_or(&Value::Null, |shown| &shown[name]);
            let expected = (json!(sk.map(|sk| sk.message_uuid)), json!(at));
            if (read("last_read_message_uuid"), read("last_read_at")) != (&expected.0, &expected.1) {
                findings.push(format!("I20: user {me} is shown {shown:?} instead of {expected:?}"));
            }
        }
        drop(commits);
        self.add_violations(findings);
    }

    pub(crate) fn other_than(&self, me: usize) -> usize {
        (me + 1 + self.dice.below(self.users.len() - 1)) % self.users.len()
    }

    fn groups_of(&self, me: usize) -> Vec<(Uuid, [usize; 2])> {
        let notes = self.notes.lock().unwrap();
        notes.groups.iter().filter(|(_, members)| members.contains(&me)).copied().collect()
    }

    pub(crate) fn a_group_of(&self, me: usize) -> Option<(Uuid, [usize; 2])> {
        let groups = self.groups_of(me);
        (!groups.is_empty()).then(|| *self.dice.pick(&groups))
    }

    pub(crate) fn violation(&self, what: String) {
        self.notes.lock().unwrap().violations.push(what);
    }

    /// Adds violations.
    pub(crate) fn add_violations(&self, findings: Vec<String>) {
        self.notes.lock().unwrap().violations.extend(findings);
    }

    pub(crate) fn moment(&self) -> Moment {
        let mut notes = self.notes.lock().unwrap();
        notes.moment += 1;
        notes.moment
    }

    pub(crate) fn new_text(&self) -> String {
        format!("text {}", self.moment())
    }

    /// Sends messages from random users to others who accept them.
    pub(crate) async fn write_some(&self, number: usize) {
        for _ in 0..number {
            let me = self.dice.below(self.users.len());
            let other = self.other_than(me);
            let [mine, theirs] = [me, other].map(|user| self.users[user].user.uuid);
            let exists = self.commits.lock().unwrap().groups_of(mine).contains(&uuid_of_pair(mine, theirs));
            if exists || self.users[other].messages_from == MessagesFrom::Everyone {
                self.write(me, To::Handle(other)).await;
            }
        }
    }

    /// Reads `path` as `me`.
    pub(crate) async fn get(&self, me: usize, path: &str) -> Answer {
        self.request(self.sign(me, Request::get(path)).body(String::new()).unwrap()).await
    }

    pub(crate) async fn request(&self, request: Request<String>) -> Answer {
        let api = self.api.clone();
        let name = format!("{} {}", request.method(), request.uri());
        let invocation = tokio::spawn(async move { Box::pin(api.request(request)).await });
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
            204 => body.is_empty(),
            403 => matches!(
                &*body,
                r#"["message_not_yours"]"#
                    | r#"["edit_window_over"]"#
                    | USER_BLOCKED
                    | NOT_ACCEPTED
                    | REQUEST_PENDING
            ),
            409 => matches!(&*body, r#"["message_deleted"]"# | r#"["reaction_limit"]"# | REQUEST_ACCEPTED),
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

    pub(crate) async fn write(&self, me: usize, to: To) {
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
        let reply_to = self.dice.chance(0.2).then(|| self.a_message_of(group)).flatten();
        let mut text = self.new_text();
        let key = keyed.then(|| text.replace(' ', "-"));
        let mut tries = 1 + self.dice.below(4);
        loop {
            let target = match to {
                To::Handle(other) => ("handle", self.users[other].user.handle.clone()),
                To::Group(group) => ("message_group_uuid", group.to_string()),
            };
            let mut body = json!({"message": text, target.0: target.1});
            if let Some(sk) = reply_to {
                body["reply_to"] = json!({"uuid": sk.message_uuid, "created_at": sk.created_at});
            }
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
                200 if answer.json().get("reply_to") == body.get("reply_to") => {
                    self.acknowledge(&answer.json(), &text, group, [me, other])
                }
                409 if reply_to.is_some_and(|sk| self.is_deleted(group, sk)) => Outcome::Refused,
                403 if self.may_be_refused(me, other, &answer.body) => Outcome::Refused,
                200 | 204 | 403 | 404 | 409 | 422 => {
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

    fn is_deleted(&self, group: Uuid, sk: SortKey) -> bool {
        let commits = self.commits.lock().unwrap();
        commits.versions.of_message(group, sk).last().is_some_and(|row| row.deleted_at.is_some())
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

    /// The groups among a user's requests.
    pub(crate) async fn list_requests(&self, me: usize) -> Vec<Uuid> {
        let list = self.list(me, "/api/message_requests", 100).await;
        list.map_or_else(Vec::new, |list| list.rows.iter().map(|row| uuid(row, "uuid")).collect())
    }

    /// Reads the first page of groups. Returns `None` without a list.
    pub(crate) async fn list_groups(&self, me: usize, limit: usize) -> Option<Vec<Value>> {
        let List { rows, begun, ended, .. } = self.list(me, "/api/message_groups", limit).await?;
        let reader = self.users[me].user.uuid;
        for row in &rows {
            let (is_shown, others) = {
                let commits = self.commits.lock().unwrap();
                let sent = commits.versions.others_messages(uuid(row, "uuid"), reader);
                (commits.versions.is_shown_group(reader, row), sent as u64)
            };
            if !is_shown {
                self.violation(format!("Phantom: user {me} was shown {row}"));
            }
            if row["unread_count"].as_u64().is_none_or(|count| count > others.min(100)) {
                self.violation(format!("I18: user {me} has {others} messages of others, but {row}"));
            }
        }
        let positions = rows.iter().map(|row| (uuid(row, "uuid"), timestamp(row))).collect();
        self.notes.lock().unwrap().history.groups.push(Groups { reader, begun, ended, rows: positions });
        Some(rows)
    }

    /// Reads all messages of a group. Returns `None` unless every page is answered with a list.
    pub(crate) async fn list_all_messages(&self, me: usize, group: Uuid) -> Option<Vec<Value>> {
        let mut messages = Vec::new();
        let mut next = self.list_messages(me, group, *self.dice.pick(&[3, 20, 100])).await?;
        loop {
            messages.append(&mut next.rows);
            let Some(path) = next.next.take() else { return Some(messages) };
            let numbers = self.commits.lock().unwrap().versions.numbers(group);
            let answer = self.get(me, &path).await;
            if answer.status != 200 {
                return None;
            }
            next.rows = answer.rows();
            for row in &next.rows {
                self.check_message(me, group, row, &numbers);
            }
            next.next = answer.next;
        }
    }

    /// Returns `true` if the user has asked to clear the group.
    fn clears(&self, me: usize, group: Uuid) -> bool {
        self.notes.lock().unwrap().changes.iter().any(|request| request.clears(me, group))
    }

    async fn list_messages(&self, me: usize, group: Uuid, limit: usize) -> Option<List> {
        let path = format!("/api/messages/{group}");
        let numbers = self.commits.lock().unwrap().versions.numbers(group);
        let list = self.list(me, &path, limit).await?;
        let row = |row: &Value| (sort_key(row), self.check_message(me, group, row, &numbers));
        let rows = list.rows.iter().map(row).collect();
        let List { begun, ended, .. } = list;
        let page = Messages { reader: self.users[me].user.uuid, group, begun, ended, rows, limit };
        // A page without cleared messages is no page of all messages.
        if !self.clears(me, group) {
            self.notes.lock().unwrap().history.messages.push(page);
        }
        Some(list)
    }

    /// Checks a listed message: a version that was committed, not before those in `since`, the versions at the time of the
    /// request. Returns the text as it was sent.
    fn check_message(&self, me: usize, group: Uuid, row: &Value, since: &BTreeMap<SortKey, u64>) -> String {
        let commits = self.commits.lock().unwrap();
        let mut findings = Vec::new();
        let shown = commits.versions.shown_version(group, row);
        match shown {
            None => findings.push(format!("Phantom: {row} was never stored")),
            Some(shown) if Some(&shown.version) < since.get(&shown.sk) => {
                findings.push(format!("NonMonotonic: a newer version was stored than {row}"));
            }
            Some(_) => {}
        }
        if let Some(reply_to) = row.get("reply_to") {
            let answered = commits.versions.of_message(group, sort_key(&json!(reply_to)));
            let from =
                since.get(&sort_key(reply_to)).map_or(0, |version| usize::try_from(*version).unwrap() - 1);
            let is_quoted = answered.iter().skip(from).any(|answered| {
                let text = answered.deleted_at.is_none().then_some(&answered.message);
                reply_to["user_uuid"] == json!(answered.sender_uuid)
                    && reply_to.get("message") == text.map(|text| json!(text)).as_ref()
            });
            let my_uuid = self.users[me].user.uuid;
            let is_cleared = commits.versions.was_cleared(group, my_uuid, sort_key(reply_to))
                && reply_to.get("user_uuid").is_none();
            if !is_quoted && !is_cleared {
                findings.push(format!("Phantom: {row} quotes what was not stored, or not any more"));
            }
        }
        let sent = commits.versions.of_message(group, sort_key(row)).first();
        let text = match (shown, sent) {
            (Some(_), Some(sent)) => sent.message.clone(),
            _ => row["message"].as_str().unwrap().to_owned(),
        };
        drop(commits);
        self.add_violations(findings);
        text
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
        let known = self.a_message_of(group);
        let message = known.map_or(Uuid::from_u128(7), |sk| sk.message_uuid);
        let created_at = known.map_or(json!("2026-11-22T09:30:00.000000Z"), |sk| json!(sk.created_at));
        let key = format!("created_at={}", created_at.as_str().unwrap());
        let (method, path, body) = match self.dice.below(8) {
            0 => ("GET", format!("/api/messages/{group}?limit=20"), json!("")),
            1 => ("PUT", format!("/api/message_groups/{group}/read"), json!({})),
            2 => (
                "DELETE",
                format!("/api/message_groups/{group}/read?message_uuid={message}&{key}"),
                json!(""),
            ),
            3 => ("DELETE", format!("/api/messages/{group}/{message}?{key}"), json!("")),
            4 => ("PUT", format!("/api/messages/{group}/{message}/reactions/%F0%9F%91%8D?{key}"), json!("")),
            5 => ("GET", format!("/api/message_groups/{group}"), json!("")),
            6 => {
                let body = json!({"message": "I edit", "created_at": created_at});
                ("PUT", format!("/api/messages/{group}/{message}"), body)
            }
            _ => {
                let body = json!({"message": "I am not in this group", "message_group_uuid": group});
                ("POST", "/api/messages".to_owned(), body)
            }
        };
        let request = self.sign(me, Request::builder().method(method).uri(path));
        let answer = self.request(request.body(body.to_string()).unwrap()).await;
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
    pub(crate) fn json(&self) -> Value {
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
pub(crate) enum To {
    Handle(usize),
    Group(Uuid),
}

/// The answer to a member who blocks the other one.
pub(crate) const USER_BLOCKED: &str = r#"["user_blocked"]"#;

/// The answer to a member who declines a group that is accepted.
pub(crate) const REQUEST_ACCEPTED: &str = r#"["request_accepted"]"#;

/// The answer to a stranger who writes a second message.
pub(crate) const REQUEST_PENDING: &str = r#"["request_pending"]"#;

/// The answer to a member whom the other one does not accept.
pub(crate) const NOT_ACCEPTED: &str = r#"["message_not_accepted"]"#;

/// Body of API Gateway's own 503 after a function's timeout.
const TIMED_OUT: &str = r#"{"message":"Service Unavailable"}"#;

const API_TIMEOUT: Duration = Duration::from_secs(30);

fn sort_key(row: &Value) -> SortKey {
    SortKey { created_at: timestamp(row), message_uuid: uuid(row, "uuid") }
}

pub(crate) fn timestamp(row: &Value) -> Timestamp {
    row["created_at"].as_str().unwrap().parse().unwrap()
}

//! Devices that follow their user's events as the contract (section 3) tells clients to: they list everything once, and
//! then apply frames and read the log.
//!
//! A device checks that its cursor never passes an event that it was not given (I13), and that lists show what events
//! announce (I12).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cruddur::event_log::EventCursor;
use dynamodb_fake::{Dice, FaultKind, Faults};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use uuid::Uuid;

use crate::{
    commits::{Commits, message_uuids, told_by_event, uuid},
    key_set,
    lambda::Lambda,
    people::{People, timestamp},
    planted::Planted,
    versions::{cleared, content, preview_of},
    websocket::{Handshake, Socket, WebSocketApi},
};

/// A device of a user.
pub(crate) struct Device {
    lambda: Lambda,
    people: People,
    api: WebSocketApi,
    faults: Faults,
    dice: Dice,
    commits: Arc<Mutex<Commits>>,
    /// The user's number.
    me: usize,
    user_uuid: Uuid,
    uuid: Uuid,
    /// The place in the log up to which the device has all events. `None` before the first answer.
    cursor: Option<EventCursor>,
    /// What the given events tell, by the number of their row.
    given: BTreeMap<u64, BTreeSet<String>>,
    /// All known messages, at their greatest known versions.
    messages: BTreeMap<Uuid, Value>,
    /// True if the groups and all their messages have to be listed.
    must_list: bool,
    /// True if the groups have to be listed, since an event has not shown one.
    must_list_groups: bool,
    /// Groups whose messages were listed, or are to be listed.
    groups: BTreeSet<Uuid>,
    /// What is known of the newest message of each group.
    previews: BTreeMap<Uuid, Value>,
    /// Groups whose messages have to be listed, with the announced messages that are not known.
    to_list: BTreeMap<Uuid, BTreeSet<Uuid>>,
    /// Groups whose settings have changed.
    to_show: BTreeSet<Uuid>,
    /// The groups of known messages.
    group_of: BTreeMap<Uuid, Uuid>,
    /// The time of the last cleared message that the device was shown, by group.
    cleared_until: BTreeMap<Uuid, String>,
    socket: Option<Socket>,
    counts: Counts,
    violations: Vec<String>,
}

/// What a frame embeds.
#[derive(Default)]
struct Embedded {
    messages: BTreeSet<Uuid>,
    groups: BTreeSet<Uuid>,
}

/// Numbers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Log rows that were first given by a frame.
    pub by_frame: u64,
    /// Log rows that were first given by reading the log.
    pub by_reading: u64,
    /// Cursors that had expired.
    pub expired: u64,
}

/// The parts that all devices share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub lambda: Lambda,
    pub people: People,
    pub commits: Arc<Mutex<Commits>>,
}

impl Device {
    /// Creates a device of the user `me`. `number` is unique.
    pub(crate) fn new(surroundings: Surroundings, me: usize, number: usize) -> Self {
        let Surroundings { lambda, people, commits } = surroundings;
        Self {
            user_uuid: people.user(me).user.uuid,
            uuid: Uuid::from_u128(number as u128 + 1),
            api: lambda.sockets.clone(),
            faults: lambda.faults.clone(),
            dice: lambda.dice.clone(),
            lambda,
            people,
            commits,
            me,
            cursor: None,
            given: BTreeMap::new(),
            messages: BTreeMap::new(),
            must_list: true,
            must_list_groups: false,
            groups: BTreeSet::new(),
            previews: BTreeMap::new(),
            to_list: BTreeMap::new(),
            to_show: BTreeSet::new(),
            group_of: BTreeMap::new(),
            cleared_until: BTreeMap::new(),
            socket: None,
            counts: Counts::default(),
            violations: Vec::new(),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }

    fn violation(&mut self, what: &str) {
        let device = self.uuid.as_u128();
        self.violations.push(format!("{what} (device {device} of user {})", self.me));
    }

    fn planted(&self, planted: Planted) -> bool {
        self.lambda.planted == Some(planted)
    }

    /// Does up to `actions` things, with pauses of up to `pause`, until `stop`.
    pub(crate) async fn follow(mut self, actions: usize, pause: Duration, stop: Arc<AtomicBool>) -> Self {
        for _ in 0..actions {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let pause = self.dice.duration(Duration::from_millis(1), pause);
            match self.dice.below(20) {
                0..=9 => self.listen(pause).await,
                10..=12 => {
                    sleep(pause).await;
                    self.catch_up().await;
                }
                13..=16 => {
                    sleep(pause).await;
                    self.connect().await;
                }
                17 => {
                    sleep(pause).await;
                    self.disconnect();
                }
                18 => {
                    sleep(pause).await;
                    self.list().await;
                }
                _ => {
                    sleep(pause).await;
                    self.forget();
                }
            }
        }
        self
    }

    /// Forgets everything, as after a reload.
    fn forget(&mut self) {
        self.disconnect();
        self.cursor = None;
        self.given.clear();
        self.messages.clear();
        self.must_list = true;
        self.groups.clear();
        self.previews.clear();
        self.to_list.clear();
        self.to_show.clear();
        self.group_of.clear();
        self.cleared_until.clear();
    }

    fn disconnect(&mut self) {
        if let Some(socket) = self.socket.take() {
            self.api.close(&socket);
        }
    }

    /// Opens a socket in place of the current one. Its token is valid for a random time.
    async fn connect(&mut self) {
        let lifetime = *self.dice.pick(&[1, 3, 10, 30, LONG]);
        self.connect_for(lifetime).await;
    }

    /// Opens a socket with a token that is valid for a number of seconds.
    async fn connect_for(&mut self, lifetime: i64) {
        let token_expires_at = self.api.now().timestamp() + lifetime;
        let handshake = Handshake {
            user_uuid: self.user_uuid,
            device_uuid: self.uuid,
            token: key_set::token(&self.people.user(self.me).subject, token_expires_at),
            token_expires_at,
        };
        let (api, lambda) = (self.api.clone(), self.lambda.clone());
        let opening = tokio::spawn(async move { Box::pin(api.open(lambda, handshake)).await });
        // A client that does not wait does not stop the handshake.
        let is_gone = self.faults.inject(&[FaultKind::ClientGone]).is_some();
        let limit = if is_gone {
            self.dice.duration(Duration::ZERO, Duration::from_millis(60))
        } else {
            Duration::MAX
        };
        let Ok(opened) = timeout(limit, opening).await else { return };
        match opened.unwrap() {
            Ok(socket) => {
                self.socket = Some(socket);
                self.catch_up().await;
            }
            // Clocks are up to five minutes ahead.
            Err(401) if lifetime < LONG => {}
            Err(0 | 500 | 503) => {}
            Err(status) => self.violation(&format!("a handshake was answered with {status}")),
        }
    }

    /// Applies the frames of the next `time`.
    async fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            let Some(socket) = &mut self.socket else {
                tokio::time::sleep_until(end).await;
                return;
            };
            match timeout_at(end, socket.frames.recv()).await {
                Ok(Some(frame)) => self.take_frame(&frame).await,
                Ok(None) => self.socket = None,
                Err(_) => return,
            }
        }
    }

    /// Applies the frames that have arrived.
    async fn drain(&mut self) {
        while let Some(frame) = self.socket.as_mut().and_then(|socket| socket.frames.try_recv().ok()) {
            self.take_frame(&frame).await;
        }
    }

    async fn take_frame(&mut self, frame: &str) {
        let frame: Value = serde_json::from_str(frame).unwrap();
        let Some(cursor) = self.cursor else { return };
        let after: EventCursor = frame["cursor"].as_str().unwrap().parse().unwrap();
        let (number, last) = (after.number.get(), cursor.number.get());
        if number <= last {
            self.faults.count(FaultKind::FrameTooLate);
        } else if number == last + 1 || self.planted(Planted::NoGapRuleForFrames) {
            let members = |name: &str| frame[name].as_array().map_or(&[][..], Vec::as_slice);
            for event in members("events") {
                let group = uuid(event, "message_group_uuid");
                self.group_of.extend(message_uuids(event).map(|message| (message, group)));
            }
            for message in members("messages") {
                let group = self.group_of.get(&uuid(message, "uuid"));
                if !group.is_some_and(|group| self.is_cleared(*group, message)) {
                    self.learn(message);
                }
            }
            let mut groups = BTreeSet::new();
            for group in members("message_groups") {
                let group_uuid = uuid(group, "uuid");
                groups.insert(group_uuid);
                if self.is_cleared(group_uuid, group) {
                    self.learn_group(&cleared(group));
                } else {
                    self.learn_group(group);
                }
            }
            let messages = members("messages").iter().map(|message| uuid(message, "uuid")).collect();
            self.counts.by_frame += 1;
            self.advance(members("events"), &Embedded { messages, groups }, after).await;
        } else {
            self.faults.count(FaultKind::FrameTooEarly);
            sleep(Duration::from_millis(500)).await;
            self.catch_up().await;
        }
    }

    /// Reads the log to its end, and lists what is missing.
    async fn catch_up(&mut self) {
        while self.read().await {}
        self.list().await;
    }

    /// Reads events after the cursor. Returns whether there were any.
    async fn read(&mut self) -> bool {
        let limit = *self.dice.pick(&[1, 2, 100]);
        let path = match self.cursor {
            Some(cursor) => format!("/api/events?after={cursor}&limit={limit}"),
            None => "/api/events".to_owned(),
        };
        if self.cursor.is_none() && self.planted(Planted::ListsBeforeEnd) {
            self.must_list = true;
            self.list().await;
        }
        let answer = self.people.get(self.me, &path).await;
        match answer.status {
            200 => {}
            410 => {
                self.counts.expired += 1;
                self.cursor = None;
                self.given.clear();
                // The end is taken first, and then everything is listed.
                self.must_list = true;
                return true;
            }
            0 | 503 => return false,
            status => {
                self.violation(&format!("{path} was answered with {status}"));
                return false;
            }
        }
        let Some(next) = answer.next.as_deref().and_then(after) else {
            self.violation(&format!("{path} was answered without a cursor"));
            return false;
        };
        let events = answer.rows();
        if self.cursor.is_none() {
            if !events.is_empty() {
                self.violation("the end of a log has events");
            }
            self.cursor = Some(next);
            return true;
        }
        if events.is_empty() && self.cursor != Some(next) {
            self.violation("I13: a cursor moved without events");
        }
        let numbers = events.iter().map(|event| event["number"].as_u64()).collect::<BTreeSet<_>>();
        self.counts.by_reading += numbers.len() as u64;
        self.advance(&events, &Embedded::default(), next).await;
        !events.is_empty()
    }

    /// Keeps the greatest version of a message.
    fn learn(&mut self, message: &Value) {
        let version = |message: &Value| message["version"].as_u64();
        let known = self.messages.entry(uuid(message, "uuid")).or_insert_with(|| content(message));
        if version(known) < version(message) {
            *known = content(message);
        }
    }

    /// Keeps the greatest position and version of a group. Of two equal ones, the later shows whether its message is
    /// cleared. Returns the group.
    fn learn_group(&mut self, group: &Value) -> Uuid {
        let place = |preview: &Value| (timestamp(preview), preview["version"].as_u64());
        let group_uuid = uuid(group, "uuid");
        let known = self.previews.entry(group_uuid).or_insert_with(|| preview_of(group));
        if place(known) <= place(group) {
            *known = preview_of(group);
        }
        group_uuid
    }

    /// Moves the cursor to `next` with the events that were given.
    async fn advance(&mut self, events: &[Value], embedded: &Embedded, next: EventCursor) {
        for event in events {
            let number = event["number"].as_u64().unwrap();
            self.given.entry(number).or_default().extend(told_by_event(event));
        }
        let last = self.cursor.map_or(0, |cursor| cursor.number.get());
        let passed = (last + 1..=next.number.get()).take(1_000);
        let missing = passed.filter(|number| !self.given.contains_key(number)).collect::<Vec<_>>();
        if !missing.is_empty() {
            self.violation(&format!("I13: the cursor passed {missing:?} from {last} to {}", next.number));
        }
        self.cursor = Some(next);

        let mut announced = Vec::new();
        for event in events.iter().filter(|event| event["type"] != "read") {
            let group = uuid(event, "message_group_uuid");
            if event["type"] == "group" {
                self.to_show.insert(group);
                continue;
            }
            let number = event["number"].as_u64().unwrap();
            announced.extend(message_uuids(event).map(|message| (group, number, message)));
            // A known message may have been changed since.
            let is_known = |message: &Uuid| {
                embedded.messages.contains(message)
                    || event["type"] == "message" && self.messages.contains_key(message)
            };
            let unknown = message_uuids(event).filter(|message| !is_known(message)).collect::<BTreeSet<_>>();
            self.must_list_groups |= !embedded.groups.contains(&group);
            // A group that moves may be absent from the list that the device has seen.
            let is_new = self.groups.insert(group);
            if is_new || !unknown.is_empty() {
                self.to_list.entry(group).or_default().extend(unknown);
            }
        }
        if self.dice.chance(0.3) {
            self.check_inbox(&announced).await;
        }
    }

    /// Checks that the inbox shows no older message or version of a group than those that events announced.
    async fn check_inbox(&mut self, announced: &[(Uuid, u64, Uuid)]) {
        let Some(rows) = self.people.list_groups(self.me, 100).await else { return };
        for (group, number, message) in announced {
            let logged = self.commits.lock().unwrap().logged_version(self.user_uuid, *number, *message);
            let Some((sk, version)) = logged else { continue };
            let place = |row: &Value| (timestamp(row), row["version"].as_u64());
            let is_older = |row: &Value| place(row) < (sk.created_at, Some(version));
            if rows.iter().any(|row| uuid(row, "uuid") == *group && is_older(row)) {
                self.violation(&format!(
                    "I12: {message} was announced before the inbox of {group} showed it"
                ));
            }
        }
    }

    /// Lists what is missing. What fails is listed the next time.
    async fn list(&mut self) {
        // Before the end of the log is known, messages could be missed.
        if self.cursor.is_none() && !self.planted(Planted::ListsBeforeEnd) {
            return;
        }
        if self.must_list {
            let Some(groups) = self.people.list_groups(self.me, 100).await else { return };
            self.must_list = false;
            self.must_list_groups = false;
            for group in groups {
                let group = self.learn_group(&group);
                self.groups.insert(group);
                self.to_list.entry(group).or_default();
            }
        } else if self.must_list_groups
            && let Some(groups) = self.people.list_groups(self.me, 100).await
        {
            self.must_list_groups = false;
            for group in &groups {
                self.learn_group(group);
            }
        }
        for (group, announced) in self.to_list.clone() {
            let Some(messages) = self.people.list_all_messages(self.me, group).await else { continue };
            let listed = messages.iter().map(|message| uuid(message, "uuid")).collect::<BTreeSet<_>>();
            let is_missing = |message: &Uuid| !listed.contains(message) && !self.has_cleared(group, *message);
            if announced.iter().any(is_missing) {
                self.violation(&format!("I12: {announced:?} of {group} were announced but are not listed"));
            }
            for message in &messages {
                self.group_of.insert(uuid(message, "uuid"), group);
                self.learn(message);
            }
            self.to_list.remove(&group);
        }
        for group in self.to_show.clone() {
            let answer = self.people.get(self.me, &format!("/api/message_groups/{group}")).await;
            if answer.status != 200 {
                continue;
            }
            let shown = answer.json();
            self.to_show.remove(&group);
            if shown.get("request").is_some() {
                continue;
            }
            self.learn_group(&shown);
            // Lists may have left it out.
            if self.groups.insert(group) {
                self.to_list.entry(group).or_default();
            }
            if let Some(cleared) = shown["cleared_until"].as_str() {
                self.cleared_until.insert(group, cleared.to_owned());
                let of_group = |message: &Uuid| self.group_of.get(message) == Some(&group);
                self.messages.retain(|message, content| {
                    !of_group(message) || content["created_at"].as_str() > Some(cleared)
                });
            }
        }
    }

    /// Returns `true` if a frame shows again what the device was told to drop: the row that says what is cleared may have been
    /// an older one of the index. Lists never do so.
    fn is_cleared(&self, group: Uuid, shown: &Value) -> bool {
        self.cleared_until.get(&group).is_some_and(|until| shown["created_at"].as_str() <= Some(until))
    }

    /// Returns `true` if the user has cleared a message.
    fn has_cleared(&self, group: Uuid, message: Uuid) -> bool {
        let commits = self.commits.lock().unwrap();
        let mut keys = commits.versions.numbers(group).into_keys();
        let sk = keys.find(|sk| sk.message_uuid == message);
        sk.is_some_and(|sk| commits.versions.was_cleared(group, self.user_uuid, sk))
    }

    /// Opens a socket for the rest of the run and catches up, without faults.
    pub(crate) async fn settle(&mut self) {
        self.catch_up().await;
        self.connect_for(LONG).await;
        if self.socket.is_none() {
            self.violation("no socket could be opened although nothing failed");
        }
    }

    /// Checks that the frames alone have brought all events, although nothing failed.
    pub(crate) async fn check_frames(&mut self) {
        self.drain().await;
        self.check_end("the frames do not lead to the end of the log");
    }

    /// Catches up at rest, and checks that the device has everything that its user may read, and nothing else.
    pub(crate) async fn finish(&mut self) {
        let expired = self.counts.expired;
        self.catch_up().await;
        if self.counts.expired != expired {
            self.violation("I14: a cursor expired although nothing failed");
        }
        self.check_end("reading does not lead to the end of the log");
        let (expected, log) = {
            let commits = self.commits.lock().unwrap();
            (commits.messages_of(self.user_uuid), commits.log_of(self.user_uuid))
        };
        if self.messages != expected {
            let is_known = |message: &&Uuid| self.messages.contains_key(message);
            let missing = expected.keys().filter(|message| !is_known(message)).count();
            let foreign = self.messages.keys().filter(|message| !expected.contains_key(message)).count();
            self.violation(&format!(
                "I13: the device lacks {missing} messages and has {foreign} foreign ones, or old versions"
            ));
        }
        let commits = self.commits.lock().unwrap();
        let newest = |group: &Uuid| commits.versions.newest(self.user_uuid, *group);
        let outdated =
            self.previews.iter().filter(|(group, preview)| newest(group).as_ref() != Some(preview));
        let outdated = outdated.map(|(group, _)| *group).collect::<Vec<_>>();
        drop(commits);
        if !outdated.is_empty() {
            self.violation(&format!("I13: the device has old previews of {outdated:?}"));
        }
        if self.given.iter().any(|(number, messages)| log.get(number) != Some(messages)) {
            self.violation("I13: a given event is not the log's");
        }
    }

    fn check_end(&mut self, what: &str) {
        let end = self.commits.lock().unwrap().log_of(self.user_uuid).keys().next_back().copied();
        let number = self.cursor.map(|cursor| cursor.number.get());
        if number.is_none() || end.is_some_and(|end| number != Some(end)) {
            self.violation(&format!("I13: {what}: {number:?} instead of {end:?}"));
        }
    }
}

/// The lifetime of a token that outlives the run, in seconds.
const LONG: i64 = 5 * 24 * 3_600;

/// The cursor in the path of a `Link` header.
fn after(path: &str) -> Option<EventCursor> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|parameter| parameter.strip_prefix("after="))?.parse().ok()
}

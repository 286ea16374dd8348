//! Checks of each commit, and the trace of a run.

use std::collections::{BTreeMap, BTreeSet};

use cruddur::{
    event_log::LogNumber,
    sort_key::SortKey,
    table::{EventLogRow, Key as RowKey, LoggedChange, Partition, RequestState, RowKind},
};
use dynamodb_fake::{Call, Change, Key, text};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::versions::{Versions, parse};

/// Committed rows, and violations by single commits.
#[derive(Default)]
pub(crate) struct Commits {
    /// Rows by key.
    pub(crate) rows: BTreeMap<Key, Value>,
    /// Places of inbox rows, by owner and group.
    inboxes: BTreeMap<(String, String), BTreeSet<Place>>,
    /// Versions of messages and states.
    pub(crate) versions: Versions,
    /// Number of transactions and single writes that changed a row.
    pub(crate) count: u64,
    /// Violations of invariants by single commits.
    pub(crate) violations: Vec<String>,
}

/// What an inbox row has joined: its position, the version of that message, and the version of the owner's state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    sk: String,
    version: u64,
    state_version: u64,
    /// The row is in the inbox, not among the requests.
    is_accepted: bool,
}

impl Place {
    fn of(row: &Value) -> Self {
        let number = |name: &str, default| row[name]["N"].as_str().map_or(default, |n| n.parse().unwrap());
        let (version, state_version) = (number("version", 1), number("state_version", 0));
        let is_accepted = RowKind::of_partition(text(row, "pk")) == Some(RowKind::Inbox);
        Self { sk: text(row, "sk").to_owned(), version, state_version, is_accepted }
    }
}

/// A hash of every event of a run. Equal for two runs that did the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    hash: u64,
    /// Number of calls to DynamoDB.
    pub calls: u64,
}

impl Trace {
    /// Adds a call of DynamoDB, with its time since `begin`.
    pub(crate) fn add_call(&mut self, call: &Call, begin: Instant) {
        self.calls += 1;
        self.add(&format!("{:?} {} {} {}", begin.elapsed(), call.caller(), call.operation, call.request));
    }

    /// Adds an event.
    pub(crate) fn add(&mut self, event: &str) {
        // FNV-1a: equal on every machine.
        for byte in event.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Commits {
    /// Adds a commit and checks the rows that it changed.
    pub(crate) fn add(&mut self, changes: &[Change]) {
        self.count += 1;
        let mut touched = BTreeMap::<(String, String), Option<Place>>::new();
        for change in changes {
            let (pk, sk) = change.key();
            let kind = RowKind::of_partition(&pk);
            match (change, kind) {
                (Change::Put(row) | Change::Update(row), Some(RowKind::Message)) => {
                    self.versions.add_message(row);
                }
                (Change::Put(row) | Change::Update(row), Some(RowKind::MemberState)) => {
                    self.versions.add_state(row);
                }
                (Change::Put(row), Some(RowKind::EventLog)) => self.check_log_row(row),
                (Change::Update(_), Some(RowKind::Block)) => self.versions.counts.blocks += 1,
                _ => {}
            }
            let row = match change {
                Change::Put(row) => Some(row.clone()),
                Change::Delete(_) => None,
                Change::Update(row) => {
                    self.rows.insert((pk, sk), row.clone());
                    continue;
                }
            };
            let before = match &row {
                Some(row) => self.rows.insert((pk.clone(), sk.clone()), row.clone()),
                None => self.rows.remove(&(pk.clone(), sk.clone())),
            };
            // The next connection of a device replaces the row. States and inbox rows have versions.
            let may_replace = matches!(
                kind,
                Some(RowKind::Connection | RowKind::MemberState | RowKind::Inbox | RowKind::Request)
            );
            if before.is_some() && row.is_some() && !may_replace {
                self.violations.push(format!("I7: {pk} {sk} was overwritten"));
            }
            let group = row.as_ref().or(before.as_ref()).map_or("", |row| text(row, "message_group_uuid"));
            if !group.is_empty() {
                let (_, owner) = pk.split_once('#').unwrap();
                let inbox = (owner.to_owned(), group.to_owned());
                let places = self.inboxes.entry(inbox.clone()).or_default();
                touched.entry(inbox).or_insert_with(|| places.last().cloned());
                if let Some(before) = &before {
                    places.remove(&Place::of(before));
                }
                places.extend(row.as_ref().map(Place::of));
            }
        }
        self.check_requests(changes);
        for (inbox, before) in touched {
            let places = &self.inboxes[&inbox];
            let (owner, group) = inbox;
            if places.len() != 1 {
                self.violations.push(format!("I1: {} rows of {group} of {owner}", places.len()));
            }
            if places.last().map(|place| &place.sk) < before.as_ref().map(|place| &place.sk) {
                self.violations.push(format!("I4: the row of {group} of {owner} moved back from {before:?}"));
            }
            if places.last().is_some_and(|place| !place.is_accepted)
                && before.as_ref().is_some_and(|place| place.is_accepted)
            {
                self.violations.push(format!("I22: the row of {group} of {owner} is a request again"));
            }
            let joined = |place: &Place| (place.sk.clone(), place.version);
            let state = |place: Option<&Place>| place.map(|place| place.state_version);
            if places.last().map(joined) < before.as_ref().map(joined)
                || state(places.last()) < state(before.as_ref())
            {
                self.violations.push(format!("I17: the row of {group} of {owner} lost a change: {before:?}"));
            }
            if let Some(place) = places.last()
                && !self.rows.contains_key(&(RowKind::Message.partition(&group), place.sk.clone()))
            {
                self.violations.push(format!("I3: the row of {group} of {owner} is at no message"));
            }
        }
    }

    /// A request has one message, until a message of the receiver or another answer accepts it.
    fn check_requests(&mut self, changes: &[Change]) {
        for change in changes {
            let Change::Put(row) = change else { continue };
            let (pk, sk) = (text(row, "pk"), text(row, "sk"));
            let Some(RowKey::Message { group_uuid, .. }) = RowKey::parse(pk, sk) else { continue };
            let membership = RowKey::Membership(group_uuid);
            let Some(membership) = self.rows.get(&(membership.pk(), membership.sk())) else { continue };
            if membership.get("request_state").is_some() && text(membership, "created_sk") != sk {
                self.violations.push(format!("I22: a second message is at {sk} of the request {group_uuid}"));
            }
        }
    }

    fn check_log_row(&mut self, row: &Value) {
        let (_, owner) = text(row, "pk").split_once('#').unwrap();
        let owner = owner.parse().unwrap();
        for change in logged_changes(row) {
            self.violations.extend(self.versions.check_logged(owner, &change));
        }
    }

    /// The rows of a partition.
    fn partition(&self, partition: Partition) -> impl Iterator<Item = &Value> {
        let pk = partition.to_string();
        let from = (pk.clone(), String::new());
        self.rows.range(from..).take_while(move |((other, _), _)| *other == pk).map(|(_, row)| row)
    }

    /// The rows of a user's groups, in the inbox and among the requests.
    fn rows_of_groups(&self, user_uuid: Uuid) -> impl Iterator<Item = &Value> {
        self.partition(Partition::Requests(user_uuid)).chain(self.partition(Partition::Inbox(user_uuid)))
    }

    /// The groups of a user.
    pub(crate) fn groups_of(&self, user_uuid: Uuid) -> Vec<Uuid> {
        let groups = self.rows_of_groups(user_uuid);
        groups.map(|row| text(row, "message_group_uuid").parse().unwrap()).collect()
    }

    /// The groups among a user's requests, with their states.
    pub(crate) fn requests_to(&self, user_uuid: Uuid) -> Vec<(Uuid, RequestState)> {
        let rows = self.partition(Partition::Requests(user_uuid));
        let request = |row: &Value| {
            let state = serde_json::from_value(row["request_state"]["S"].clone()).unwrap();
            (text(row, "message_group_uuid").parse().unwrap(), state)
        };
        rows.map(request).collect()
    }

    /// The blocks that stand: users who block, with those whom they block.
    pub(crate) fn blocks(&self) -> Vec<(Uuid, Uuid)> {
        let blocks = self.rows.values().filter(|row| row.get("blocked_at").is_some());
        let keys = blocks.filter_map(|row| RowKey::parse(text(row, "pk"), text(row, "sk")));
        let pairs = keys.filter_map(|key| match key {
            RowKey::Block { user_uuid, blocked_uuid } => Some((user_uuid, blocked_uuid)),
            _ => None,
        });
        pairs.collect()
    }

    /// All messages that a user may read and has not cleared, as they are.
    pub(crate) fn messages_of(&self, user_uuid: Uuid) -> BTreeMap<Uuid, Value> {
        let groups = self.groups_of(user_uuid).into_iter();
        groups.flat_map(|group| self.versions.current(group, user_uuid)).collect()
    }

    /// What the rows of a user's log tell, by number.
    pub(crate) fn log_of(&self, user_uuid: Uuid) -> BTreeMap<u64, BTreeSet<String>> {
        let rows = self.partition(Partition::EventLog(user_uuid)).filter(|row| row.get("changes").is_some());
        let row = |row: &Value| (text(row, "sk").parse::<LogNumber>().unwrap().get(), told_by_row(row));
        rows.map(row).collect()
    }

    /// The changes in a user's log.
    pub(crate) fn logged_changes(&self, user_uuid: Uuid) -> Vec<LoggedChange> {
        self.partition(Partition::EventLog(user_uuid)).flat_map(logged_changes).collect()
    }

    /// The version of a message that a row of a user's log announces.
    pub(crate) fn logged_version(
        &self,
        user_uuid: Uuid,
        number: u64,
        message: Uuid,
    ) -> Option<(SortKey, u64)> {
        let key = (Partition::EventLog(user_uuid).to_string(), LogNumber::new(number).to_string());
        let versions = logged_changes(self.rows.get(&key)?).into_iter().filter_map(|change| match change {
            LoggedChange::Message { message_sk, .. } => Some((message_sk, 1)),
            LoggedChange::MessageChanged { message_sk, version, .. } => Some((message_sk, version)),
            LoggedChange::Read { .. } | LoggedChange::Group { .. } | LoggedChange::Other { .. } => None,
        });
        versions.filter(|(sk, _)| sk.message_uuid == message).max()
    }

    /// The findings about a frame for a connection of `user_uuid` (I15), sent by an environment whose clock shows `now`,
    /// in seconds since 1970.
    pub(crate) fn check_frame(&self, user_uuid: Uuid, frame: &str, now: i64) -> Vec<String> {
        /// Messages of this age are not embedded, in seconds, with the limit of pushes.
        const MAX_AGE: i64 = 60 + 5;
        let mut findings = Vec::new();
        if frame.len() > 30_000 {
            findings.push(format!("a frame of {} bytes", frame.len()));
        }
        let frame: Value = serde_json::from_str(frame).unwrap();
        let list = |name: &str| frame[name].as_array().map_or(&[][..], Vec::as_slice);
        let number = LogNumber::new(frame["number"].as_u64().unwrap());
        let key = (Partition::EventLog(user_uuid).to_string(), number.to_string());
        let sent = list("events").iter().flat_map(told_by_event).collect::<BTreeSet<_>>();
        if self.rows.get(&key).map(told_by_row) != Some(sent) {
            findings.push(format!("I15: frame {number} to {user_uuid} is not in their log"));
        }
        let events = list("events").iter().map(|event| (uuid(event, "message_group_uuid"), event));
        let embedded = list("message_groups").iter().map(|group| uuid(group, "uuid"));
        for group_uuid in events.clone().map(|(group_uuid, _)| group_uuid).chain(embedded) {
            if !self
                .rows_of_groups(user_uuid)
                .any(|row| text(row, "message_group_uuid") == group_uuid.to_string())
            {
                findings.push(format!("I15: a frame to {user_uuid} shows the foreign group {group_uuid}"));
            }
        }
        for message in list("messages") {
            let announcing = events.clone().filter(|(_, event)| {
                message_uuids(event).any(|announced| announced == uuid(message, "uuid"))
            });
            let mut versions = announcing.filter_map(|(group_uuid, _)| {
                let shown = self.versions.shown_version(group_uuid, message)?;
                Some((shown, self.versions.of_message(group_uuid, shown.sk).last()?))
            });
            let Some((shown, current)) = versions.next() else {
                findings.push(format!("I15: a frame shows {message}, which is not announced or not stored"));
                continue;
            };
            // A late record shows an earlier version.
            let is_young = shown.sk.created_at.to_utc().timestamp() >= now - MAX_AGE;
            if current.deleted_at.is_some() && shown.deleted_at.is_none() && !is_young {
                findings.push(format!("I19: a frame shows the deleted {message}"));
            }
        }
        for group in list("message_groups") {
            if !self.versions.is_shown_group(user_uuid, group) || group.get("unread_count").is_some() {
                findings.push(format!("I17: a frame to {user_uuid} shows the group {group}"));
            }
        }
        findings
    }
}

fn logged_changes(row: &Value) -> Vec<LoggedChange> {
    if row.get("changes").is_some() { parse::<EventLogRow>(row).changes } else { vec![] }
}

/// What a log row tells: each message and marker, with the kind of its event.
fn told_by_row(row: &Value) -> BTreeSet<String> {
    let changes = logged_changes(row).into_iter().map(|change| match change {
        LoggedChange::Message { group_uuid, message_sk } => {
            format!("message {group_uuid} {}", message_sk.message_uuid)
        }
        LoggedChange::MessageChanged { group_uuid, message_sk, .. } => {
            format!("message_changed {group_uuid} {}", message_sk.message_uuid)
        }
        LoggedChange::Read { group_uuid, user_uuid, read_sk, read_at, .. } => {
            let message = json!(read_sk.sort_key().map(|sk| sk.message_uuid));
            format!("read {group_uuid} {user_uuid} {message} {}", json!(read_at))
        }
        LoggedChange::Group { group_uuid, .. } => format!("group {group_uuid}"),
        LoggedChange::Other { group_uuid, kind } => format!("{kind} {group_uuid}"),
    });
    changes.collect()
}

/// What an event tells, as [`told_by_row`] spells it.
pub(crate) fn told_by_event(event: &Value) -> Vec<String> {
    let kind = event["type"].as_str().unwrap();
    let group = uuid(event, "message_group_uuid");
    if kind == "read" {
        let (message, at) = (&event["last_read_message_uuid"], &event["last_read_at"]);
        return vec![format!("read {group} {} {message} {at}", uuid(event, "user_uuid"))];
    }
    if kind == "group" {
        return vec![format!("group {group}")];
    }
    message_uuids(event).map(|message| format!("{kind} {group} {message}")).collect()
}

/// The messages in an event.
pub(crate) fn message_uuids(event: &Value) -> impl Iterator<Item = Uuid> {
    let uuids = event["message_uuids"].as_array().map_or(&[][..], Vec::as_slice);
    uuids.iter().map(|uuid| uuid.as_str().unwrap().parse().unwrap())
}

/// A member of an answer or a frame.
pub(crate) fn uuid(shown: &Value, name: &str) -> Uuid {
    shown[name].as_str().unwrap().parse().unwrap()
}

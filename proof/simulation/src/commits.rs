//! Checks of each commit, and the trace of a run.

use std::collections::{BTreeMap, BTreeSet};

use cruddur::{
    event_log::LogNumber,
    sort_key::SortKey,
    table::{Partition, RowKind},
};
use dynamodb_fake::{Call, Change, Key, text};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

/// Committed rows, and violations by single commits.
#[derive(Default)]
pub(crate) struct Commits {
    /// Rows by key.
    pub(crate) rows: BTreeMap<Key, Value>,
    /// Sort keys of inbox rows, by partition and group.
    inboxes: BTreeMap<(String, String), BTreeSet<String>>,
    /// Number of transactions and single writes that changed a row.
    pub(crate) count: u64,
    /// Violations of invariants by single commits.
    pub(crate) violations: Vec<String>,
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
    /// Adds a commit and checks the inboxes that it changed.
    pub(crate) fn add(&mut self, changes: &[Change]) {
        self.count += 1;
        let mut touched = BTreeMap::<(String, String), Option<String>>::new();
        for change in changes {
            let (pk, sk) = change.key();
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
            // The next connection of a device replaces the row.
            let may_replace = RowKind::of_partition(&pk) == Some(RowKind::Connection);
            if before.is_some() && row.is_some() && !may_replace {
                self.violations.push(format!("I7: {pk} {sk} was overwritten"));
            }
            let group = row.as_ref().or(before.as_ref()).map_or("", |row| text(row, "message_group_uuid"));
            if !group.is_empty() {
                let inbox = (pk, group.to_owned());
                let positions = self.inboxes.entry(inbox.clone()).or_default();
                touched.entry(inbox).or_insert_with(|| positions.last().cloned());
                if row.is_some() {
                    positions.insert(sk);
                } else {
                    positions.remove(&sk);
                }
            }
        }
        for (inbox, before) in touched {
            let positions = &self.inboxes[&inbox];
            let (pk, group) = inbox;
            if positions.len() != 1 {
                self.violations.push(format!("I1: {} rows of {group} in {pk}", positions.len()));
            }
            if positions.last() < before.as_ref() {
                self.violations.push(format!("I4: the row of {group} in {pk} moved back from {before:?}"));
            }
            if let Some(position) = positions.last()
                && !self.rows.contains_key(&(RowKind::Message.partition(&group), position.clone()))
            {
                self.violations.push(format!("I3: the row of {group} in {pk} is at no message"));
            }
        }
    }

    /// The rows of a partition.
    fn partition(&self, partition: Partition) -> impl Iterator<Item = &Value> {
        let pk = partition.to_string();
        let from = (pk.clone(), String::new());
        self.rows.range(from..).take_while(move |((other, _), _)| *other == pk).map(|(_, row)| row)
    }

    /// The key of a message.
    pub(crate) fn message(&self, group_uuid: Uuid, message_uuid: Uuid) -> Option<SortKey> {
        let mut keys = self.partition(Partition::Messages(group_uuid)).map(sort_key);
        keys.find(|sk| sk.message_uuid == message_uuid)
    }

    /// All messages that a user may read.
    pub(crate) fn messages_of(&self, user_uuid: Uuid) -> BTreeSet<Uuid> {
        let groups = self.partition(Partition::Inbox(user_uuid));
        let groups = groups.map(|row| text(row, "message_group_uuid").parse().unwrap());
        groups
            .flat_map(|group| self.partition(Partition::Messages(group)))
            .map(|row| sort_key(row).message_uuid)
            .collect()
    }

    /// The messages in a user's log, by number.
    pub(crate) fn log_of(&self, user_uuid: Uuid) -> BTreeMap<u64, BTreeSet<Uuid>> {
        let rows = self.partition(Partition::EventLog(user_uuid)).filter(|row| row.get("changes").is_some());
        let row = |row: &Value| (text(row, "sk").parse::<LogNumber>().unwrap().get(), logged_messages(row));
        rows.map(row).collect()
    }

    /// The findings about a frame for a connection of `user_uuid` (I15).
    pub(crate) fn check_frame(&self, user_uuid: Uuid, frame: &str) -> Vec<String> {
        let mut findings = Vec::new();
        if frame.len() > 30_000 {
            findings.push(format!("a frame of {} bytes", frame.len()));
        }
        let frame: Value = serde_json::from_str(frame).unwrap();
        let list = |name: &str| frame[name].as_array().map_or(&[][..], Vec::as_slice);
        let number = LogNumber::new(frame["number"].as_u64().unwrap());
        let key = (Partition::EventLog(user_uuid).to_string(), number.to_string());
        let sent = list("events").iter().flat_map(message_uuids).collect::<BTreeSet<_>>();
        if self.rows.get(&key).map(logged_messages) != Some(sent) {
            findings.push(format!("I15: frame {number} to {user_uuid} is not in their log"));
        }
        let events = list("events").iter().map(|event| (uuid(event, "message_group_uuid"), event));
        let embedded = list("message_groups").iter().map(|group| uuid(group, "uuid"));
        for group_uuid in events.clone().map(|(group_uuid, _)| group_uuid).chain(embedded) {
            let mut inbox = self.partition(Partition::Inbox(user_uuid));
            if !inbox.any(|row| text(row, "message_group_uuid") == group_uuid.to_string()) {
                findings.push(format!("I15: a frame to {user_uuid} shows the foreign group {group_uuid}"));
            }
        }
        for message in list("messages") {
            let is_stored = events.clone().any(|(group_uuid, event)| {
                let message_uuid = uuid(message, "uuid");
                let mut rows = self.partition(Partition::Messages(group_uuid));
                let mut announced = message_uuids(event);
                announced.any(|announced| announced == message_uuid)
                    && rows.any(|row| {
                        sort_key(row).message_uuid == message_uuid
                            && message["message"] == text(row, "message")
                    })
            });
            if !is_stored {
                findings.push(format!("I15: a frame shows {message}, which is not announced or not stored"));
            }
        }
        findings
    }
}

fn sort_key(row: &Value) -> SortKey {
    text(row, "sk").parse().unwrap()
}

/// The messages in a log row.
fn logged_messages(row: &Value) -> BTreeSet<Uuid> {
    let changes = row["changes"]["L"].as_array().map_or(&[][..], Vec::as_slice);
    let keys = changes.iter().filter_map(|change| text(&change["M"], "message_sk").parse::<SortKey>().ok());
    keys.map(|sk| sk.message_uuid).collect()
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

//! The predecessor system with all its faults. It fills tables for `cruddur ddb migrate` to convert.
//!
//! It behaves like the Flask handlers, the boto3 scripts and the Python stream function. Each message to a handle
//! opened a random group. Sort keys were bare local times, with or without microseconds and offset. Rows were
//! written one by one. The stream function looked inbox rows up in a lagging index, then deleted and put them
//! again without any condition. It could be killed in between, called twice or late, or not be called.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use cruddur::{
    table::{Partition, RowKind},
    user::User,
};
use fastrand::Rng;
use serde_json::{Value, json};
use uuid::{Builder, Uuid};

/// The group of the old seed script.
pub const SEEDED_GROUP: &str = "5ae290ed-55d1-47a0-bc6d-fe2bc2700399";

/// Offset of the machine that wrote times without one.
pub const OFFSET_OF_NAIVE_TIMES: FixedOffset = FixedOffset::east_opt(2 * 3600).unwrap();

/// The predecessor system and its table.
#[derive(Debug)]
pub struct OldSystem {
    rng: Rng,
    now: DateTime<Utc>,
    users: Vec<User>,
    rows: BTreeMap<Key, Value>,
    /// The pair of each opened group.
    groups: BTreeMap<String, (Uuid, Uuid)>,
    /// Send time of each message.
    sent_at: BTreeMap<Uuid, DateTime<Utc>>,
    /// Inbox rows of each group.
    index: BTreeMap<String, BTreeSet<Key>>,
    /// Keys of messages that the stream has not delivered yet.
    stream: Vec<Key>,
    /// Inbox rows of a group in the index before its last change.
    stale: BTreeMap<String, Vec<Key>>,
}

/// Partition key and sort key.
pub type Key = (String, String);

/// Expected result of migrating an old table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Messages of each pair's conversation, in order.
    pub conversations: BTreeMap<(Uuid, Uuid), Vec<Uuid>>,
    /// Keys of rows that cannot be converted.
    pub left: BTreeSet<Key>,
    /// The new group's pair, by the old group's uuid.
    pub redirects: BTreeMap<String, (Uuid, Uuid)>,
}

impl OldSystem {
    /// A system that `users` have used, with this number of messages. Equal seeds make equal tables.
    #[must_use]
    pub fn with_messages(seed: u64, users: &[User], messages: usize) -> Self {
        let mut system = Self {
            rng: Rng::with_seed(seed),
            now: "2022-12-30T20:00:00.25Z".parse().unwrap(),
            users: users.to_vec(),
            rows: BTreeMap::new(),
            groups: BTreeMap::new(),
            sent_at: BTreeMap::new(),
            index: BTreeMap::new(),
            stream: Vec::new(),
            stale: BTreeMap::new(),
        };
        system.seed();
        while system.sent_at.len() < messages {
            system.step();
        }
        system
    }

    /// All rows as items in DynamoDB's JSON.
    pub fn rows(&self) -> impl Iterator<Item = &Value> {
        self.rows.values()
    }

    /// Send time of a message.
    #[must_use]
    pub fn sent_at(&self, message_uuid: Uuid) -> DateTime<Utc> {
        self.sent_at[&message_uuid]
    }

    /// Message rows by the messages' uuids.
    #[must_use]
    pub fn messages(&self) -> BTreeMap<Uuid, &Value> {
        let messages = self.rows.iter().filter(|((pk, _), _)| group_of(pk).is_some());
        messages.map(|(_, row)| (uuid(row, "message_uuid"), row)).collect()
    }

    /// Expected result of the migration, computed independently from the old system's history.
    #[must_use]
    pub fn expected(&self) -> Expected {
        let mut expected = Expected::default();
        let members = self.known_members();
        // In the order of conversations: by time, then by key.
        let mut placed: BTreeMap<(Uuid, Uuid), BTreeSet<_>> = BTreeMap::new();
        for ((pk, sk), row) in &self.rows {
            let Some(id) = group_of(pk) else { continue };
            let sender = uuid(row, "user_uuid");
            let pair = match id.strip_prefix('@') {
                Some(handle) => self
                    .users
                    .iter()
                    .find(|user| user.handle == handle)
                    .map(|user| ordered(sender, user.uuid)),
                None => members.get(id).copied(),
            };
            match pair.filter(|(a, b)| a != b && [*a, *b].contains(&sender)) {
                Some(pair) => {
                    let message_uuid = uuid(row, "message_uuid");
                    let sent_at = self.sent_at[&message_uuid];
                    placed.entry(pair).or_default().insert((sent_at, sk, pk, message_uuid));
                    if !id.starts_with('@') {
                        expected.redirects.insert(id.to_owned(), pair);
                    }
                }
                None => drop(expected.left.insert((pk.clone(), sk.clone()))),
            }
        }
        for (pair, messages) in placed {
            let messages = messages.into_iter().map(|(.., message_uuid)| message_uuid).collect();
            expected.conversations.insert(pair, messages);
        }
        for ((pk, sk), row) in &self.rows {
            let Some(owner) = id_of(RowKind::Inbox, pk) else { continue };
            let pair = ordered(owner.parse().unwrap(), uuid(row, "user_uuid"));
            let shown = (RowKind::Message.partition(text(row, "message_group_uuid")), sk.clone());
            let is_there = self.rows.get(&shown).is_some_and(|shown| shown["message"] == row["message"]);
            if !is_there || !expected.conversations.contains_key(&pair) {
                expected.left.insert((pk.clone(), sk.clone()));
            }
        }
        expected
    }

    /// Members of each group, if they can be determined: from its inbox rows, or else from its two senders.
    fn known_members(&self) -> BTreeMap<&str, (Uuid, Uuid)> {
        let mut senders: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
        for ((pk, _), row) in &self.rows {
            if let Some(group) = group_of(pk) {
                senders.entry(group).or_default().insert(uuid(row, "user_uuid"));
            }
        }
        let members = |(group, senders): (_, BTreeSet<Uuid>)| {
            let pair = *self.groups.get(group)?;
            if !self.inbox_rows_of(group).is_empty() {
                return Some((group, pair));
            }
            let senders = senders.into_iter().collect::<Vec<_>>();
            let [a, b] = senders[..] else { return None };
            Some((group, (a, b)))
        };
        senders.into_iter().filter_map(members).collect()
    }

    /// `bin/ddb/seed`: a conversation with one message per minute and a fixed group uuid. In some tables, it ran twice.
    fn seed(&mut self) {
        let (a, b) = (self.users[0].clone(), self.users[1].clone());
        self.groups.insert(SEEDED_GROUP.to_owned(), ordered(a.uuid, b.uuid));
        for run in 0..2 {
            let created_at = self.time();
            for (owner, other) in [(&a, &b), (&b, &a)] {
                self.put_inbox_row(owner.uuid, &created_at, SEEDED_GROUP, other, "this is a filler message");
            }
            for line in 0..6 {
                let sender = if line % 2 == 0 { &a } else { &b };
                self.put_message(SEEDED_GROUP, sender, &format!("line {line} of run {run}"));
                self.now += TimeDelta::minutes(1);
            }
        }
    }

    fn step(&mut self) {
        self.now += match self.rng.u32(..20) {
            // The same instant, as another machine writes it.
            0 => TimeDelta::zero(),
            1 => TimeDelta::days(self.rng.i64(1..20)),
            _ => TimeDelta::microseconds(self.rng.i64(1..900_000_000)),
        };
        match self.rng.u32(..1000) {
            0..120 => self.open(),
            120..125 => self.send_to_handle_as_group(),
            125..135 => self.send_to_foreign_group(),
            135..145 => self.rename_user(),
            _ => self.answer(),
        }
        while self.rng.u32(..10) < 6 && !self.stream.is_empty() {
            self.deliver();
        }
    }

    /// `POST /api/messages` with a handle: two inbox rows and a message in one `BatchWriteItem`. Its
    /// unprocessed items were ignored.
    fn open(&mut self) {
        let [sender, receiver] = self.random_pair();
        let group = self.uuid().to_string();
        self.groups.insert(group.clone(), ordered(sender.uuid, receiver.uuid));
        let (time, text) = (self.time(), self.text());
        let processed = self.rng.u32(..60);
        if processed != 0 {
            self.put_inbox_row(sender.uuid, &time, &group, &receiver, &text);
        }
        if processed != 1 {
            self.put_inbox_row(receiver.uuid, &time, &group, &sender, &text);
        }
        if processed != 2 {
            self.put_message_at(&time, &group, &sender, &text);
        }
    }

    /// `POST /api/messages` with a group.
    fn answer(&mut self) {
        let (group, (a, b)) = self.random_group();
        let sender = if self.rng.u32(..5) < 2 { a } else { b };
        let sender = self.users.iter().find(|user| user.uuid == sender).unwrap().clone();
        let text = self.text();
        self.put_message(&group, &sender, &text);
    }

    /// The client sent a handle in place of a uuid.
    fn send_to_handle_as_group(&mut self) {
        let [sender, receiver] = self.random_pair();
        let text = self.text();
        // Users written to by handle have kept their handles: otherwise they could not be identified.
        self.put_message(&format!("@{}", receiver.handle), &sender, &text);
    }

    /// The sender's membership was not checked.
    fn send_to_foreign_group(&mut self) {
        let (group, pair) = self.random_group();
        let [sender, _] = self.random_pair();
        if ![pair.0, pair.1].contains(&sender.uuid) {
            let text = self.text();
            self.put_message(&group, &sender, &text);
        }
    }

    /// Existing rows keep the old name.
    fn rename_user(&mut self) {
        let number = self.rng.usize(..self.users.len());
        self.users[number].display_name = format!("Name {}", self.rng.u32(..1000));
    }

    /// The stream function: takes one record, finds the group's rows in the index, deletes each and puts it again.
    fn deliver(&mut self) {
        let number = if self.rng.u32(..10) < 8 { 0 } else { self.rng.usize(..self.stream.len()) };
        let record = self.stream[number].clone();
        // Some records are delivered again later, and of a batch only the first record was processed.
        if self.rng.u32(..20) != 0 {
            self.stream.remove(number);
        }
        if self.rng.u32(..30) == 0 {
            return;
        }
        let (pk, sk) = record.clone();
        let group = group_of(&pk).unwrap().to_owned();
        let Some(message) = self.rows.get(&record).map(|row| row["message"].clone()) else { return };
        let now = self.inbox_rows_of(&group);
        let before = self.stale.insert(group.clone(), now.clone());
        let seen = if self.rng.u32(..8) == 0 { before.unwrap_or_default() } else { now };
        // Attributes come from the index.
        for key in seen {
            let Some(mut row) = self.rows.get(&key).cloned() else { continue };
            let lags = self.rng.u32(..25) == 0;
            let index = self.index.entry(group.clone()).or_default();
            if !lags {
                self.rows.remove(&key);
                index.remove(&key);
            }
            if self.rng.u32(..150) == 0 {
                // Killed between the two calls.
                return;
            }
            row["sk"] = json!({"S": sk});
            row["message"] = message.clone();
            index.insert((key.0.clone(), sk.clone()));
            self.rows.insert((key.0, sk.clone()), row);
        }
    }

    fn inbox_rows_of(&self, group: &str) -> Vec<Key> {
        // Another group's row may have overwritten it, at the same time in the same inbox.
        let is_there =
            |key: &&Key| self.rows.get(*key).is_some_and(|row| text(row, "message_group_uuid") == group);
        self.index.get(group).into_iter().flatten().filter(is_there).cloned().collect()
    }

    fn put_message(&mut self, group: &str, sender: &User, text: &str) {
        let time = self.time();
        self.put_message_at(&time, group, sender, text);
    }

    fn put_message_at(&mut self, time: &str, group: &str, sender: &User, text: &str) {
        let key = (RowKind::Message.partition(group), time.to_owned());
        let message_uuid = self.uuid();
        let row = row(&key, sender, text, ("message_uuid", &message_uuid.to_string()));
        // A PutItem without a condition overwrites the row with the same key.
        if let Some(lost) = self.rows.insert(key.clone(), row) {
            self.sent_at.remove(&uuid(&lost, "message_uuid"));
        }
        self.sent_at.insert(message_uuid, self.now);
        self.stream.push(key);
    }

    fn put_inbox_row(&mut self, owner: Uuid, time: &str, group: &str, other: &User, text: &str) {
        let key = (Partition::Inbox(owner).to_string(), time.to_owned());
        let row = row(&key, other, text, ("message_group_uuid", group));
        self.index.entry(group.to_owned()).or_default().insert(key.clone());
        self.rows.insert(key, row);
    }

    /// `datetime.now(timezone.utc).astimezone().isoformat()`, and formats of earlier programs.
    fn time(&mut self) -> String {
        if self.rng.u32(..8) == 0 {
            // Without microseconds, Python omits the decimal point too.
            self.now -= TimeDelta::nanoseconds(self.now.timestamp_subsec_nanos().into());
        }
        let format = if self.now.timestamp_subsec_micros() == 0 {
            "%Y-%m-%dT%H:%M:%S"
        } else {
            "%Y-%m-%dT%H:%M:%S%.6f"
        };
        if self.rng.u32(..10) == 0 {
            return self.now.with_timezone(&OFFSET_OF_NAIVE_TIMES).format(format).to_string();
        }
        let minutes = [0, 0, 0, 60, 120, -300, 330, -570][self.rng.usize(..8)];
        let offset = FixedOffset::east_opt(minutes * 60).unwrap();
        self.now.with_timezone(&offset).format(&format!("{format}%:z")).to_string()
    }

    fn text(&mut self) -> String {
        let number = self.sent_at.len();
        match self.rng.u32(..40) {
            0 => " \t ".to_owned(),
            1 => format!("{number} {}", "long é🎉 ".repeat(60)),
            2 => format!("line one of {number}\nline two"),
            // Two messages may have equal texts.
            3 => "ok".to_owned(),
            _ => format!("message {number}"),
        }
    }

    fn random_group(&mut self) -> (String, (Uuid, Uuid)) {
        let (group, pair) = self.rng.choice(&self.groups).unwrap();
        (group.clone(), *pair)
    }

    fn random_pair(&mut self) -> [User; 2] {
        let first = self.rng.usize(..self.users.len());
        let second = (first + self.rng.usize(1..self.users.len())) % self.users.len();
        [self.users[first].clone(), self.users[second].clone()]
    }

    /// `uuid.uuid4()`
    fn uuid(&mut self) -> Uuid {
        Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid()
    }
}

/// Orders two users by their uuids.
#[must_use]
pub fn ordered(a: Uuid, b: Uuid) -> (Uuid, Uuid) {
    (a.min(b), a.max(b))
}

/// A row, with the attribute that only its kind has.
fn row((pk, sk): &Key, user: &User, text: &str, (name, value): (&str, &str)) -> Value {
    json!({
        "pk": {"S": pk},
        "sk": {"S": sk},
        "message": {"S": text},
        "user_uuid": {"S": user.uuid.to_string()},
        "user_display_name": {"S": user.display_name},
        "user_handle": {"S": user.handle},
        name: {"S": value},
    })
}

/// The id in a partition key of `kind`.
fn id_of(kind: RowKind, pk: &str) -> Option<&str> {
    let (_, id) = pk.split_once('#')?;
    (RowKind::of_partition(pk) == Some(kind)).then_some(id)
}

/// The group in a message's partition key, which is not always a uuid.
fn group_of(pk: &str) -> Option<&str> {
    id_of(RowKind::Message, pk)
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name]["S"].as_str().unwrap_or_default()
}

fn uuid(row: &Value, name: &str) -> Uuid {
    text(row, name).parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Vec<User> {
        let user = |number: u128| User {
            uuid: Uuid::from_u128(number + 1),
            handle: format!("user-{number}"),
            display_name: format!("User {number}"),
        };
        (0..10).map(user).collect()
    }

    #[test]
    fn equal_seeds_make_equal_tables_and_different_seeds_different_ones() {
        let table = |seed| OldSystem::with_messages(seed, &users(), 200).rows;
        assert_eq!(table(1), table(1));
        assert_ne!(table(1), table(2));
    }

    /// Checks that a table has every fault that a migration must handle.
    #[test]
    fn a_table_has_every_fault_of_the_old_system() {
        let system = OldSystem::with_messages(1, &users(), 3_000);
        let count = |what: &str, found: usize, least: usize| assert!(found >= least, "{what}: {found}");
        let groups = system.groups.keys();
        let rows_of = groups.map(|group| system.inbox_rows_of(group));
        let owners = |rows: &[Key]| rows.iter().map(|(pk, _)| pk.clone()).collect::<BTreeSet<_>>().len();
        let (doubled, missing): (Vec<_>, Vec<_>) =
            rows_of.map(|rows| (rows.len() > owners(&rows), owners(&rows) < 2)).unzip();
        count("groups with a doubled row", doubled.into_iter().filter(|is| *is).count(), 10);
        count("groups with a missing row", missing.into_iter().filter(|is| *is).count(), 10);
        let pairs = system.groups.values().collect::<BTreeSet<_>>();
        count("groups beyond one per pair", system.groups.len() - pairs.len(), 50);
        let keys = system.rows.keys().map(|(pk, sk)| (pk.as_str(), sk.as_str()));
        let messages = keys.filter(|(pk, _)| group_of(pk).is_some()).collect::<Vec<_>>();
        let of = |is: &dyn Fn(&(&str, &str)) -> bool| messages.iter().filter(|key| is(key)).count();
        count("under a handle", of(&|(pk, _)| group_of(pk).unwrap().starts_with('@')), 5);
        count("without an offset", of(&|(_, sk)| !sk[19..].contains(['+', '-'])), 100);
        count("without microseconds", of(&|(_, sk)| !sk.contains('.')), 100);
        count("of another offset", of(&|(_, sk)| !sk.ends_with("+00:00")), 500);
        let times = system.sent_at.values().collect::<BTreeSet<_>>();
        count("of the same instant as another", system.sent_at.len() - times.len(), 20);
        let expected = system.expected();
        count("not convertible", expected.left.len(), 10);
        let converted = expected.conversations.values().map(Vec::len).sum::<usize>();
        count("converted", converted, 2_800);
    }
}

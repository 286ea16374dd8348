//! The table, its index that lags, and its stream: what is committed, and what must be true of it at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{lambda::TABLE, wire::dispatch};

/// The keys of a row.
pub type Key = (String, String);

/// The table. Rows are kept by an embedded DynamoDB; what is committed is written down beside it.
pub struct Table {
    database: Database,
    rows: BTreeMap<Key, Value>,
    /// How often each partition was changed.
    changes: HashMap<String, u64>,
    /// The index, by group and key: what there is to be seen, and from when on.
    index: HashMap<String, BTreeMap<Key, Versions>>,
    inboxes: BTreeMap<(String, String), BTreeSet<String>>,
    /// Rows as the stream has them, in the order of their commits.
    stream: Vec<Value>,
    commits: u64,
    broken: Vec<String>,
}

/// A row, or none, from some moment on: in the order of the moments.
type Versions = Vec<(Instant, Option<Value>)>;

/// One change of a row.
enum Change {
    Put(Value),
    Delete(Key),
    /// In place: the row is as the database has it then.
    Update(Key),
}

/// What may be seen of the index at some moment, and how it differs from the table.
#[derive(Debug, Default)]
pub struct IndexView {
    /// The rows, greatest sort key first.
    pub rows: Vec<Value>,
    /// Members without a row.
    pub none: usize,
    /// Members with one row, where theirs was.
    pub old: usize,
    /// Members with more than one.
    pub many: usize,
}

impl Table {
    /// A DynamoDB without any table.
    #[must_use]
    pub fn new() -> Self {
        Self {
            database: Database::memory().unwrap(),
            rows: BTreeMap::new(),
            changes: HashMap::new(),
            index: HashMap::new(),
            inboxes: BTreeMap::new(),
            stream: Vec::new(),
            commits: 0,
            broken: Vec::new(),
        }
    }

    /// Carries a call out. Each row that it changes is seen in the index after the time that `lag` gives.
    pub fn carry_out(
        &mut self,
        operation: &str,
        request: &Value,
        lag: impl FnMut() -> std::time::Duration,
    ) -> Result<Value, DynoxideError> {
        let answer = dispatch(&self.database, operation, request.clone())?;
        let changes = changes(operation, request);
        if !changes.is_empty() {
            self.commit(changes, lag);
        }
        Ok(answer)
    }

    /// What the index shows of `group` as of `moment`.
    #[must_use]
    pub fn index(&self, group: &str, moment: Instant) -> IndexView {
        let mut view = IndexView::default();
        let mut shown = BTreeMap::<&str, Vec<&str>>::new();
        for ((pk, sk), versions) in self.index.get(group).into_iter().flatten() {
            let version = versions.iter().rev().find(|(visible, _)| *visible <= moment);
            if let Some((_, Some(row))) = version {
                shown.entry(pk).or_default().push(sk);
                view.rows.push(row.clone());
            }
        }
        for ((pk, _), positions) in self.inboxes.iter().filter(|((_, of), _)| of == group) {
            match shown.get(pk.as_str()).map_or(&[][..], Vec::as_slice) {
                [] => view.none += 1,
                [one] if !positions.contains(*one) => view.old += 1,
                [_] => {}
                _ => view.many += 1,
            }
        }
        view.rows.sort_by(|a, b| text(b, "sk").cmp(text(a, "sk")));
        view
    }

    /// How often the partition was changed.
    #[must_use]
    pub fn changes_of(&self, pk: &str) -> u64 {
        self.changes.get(pk).copied().unwrap_or_default()
    }

    /// Every row, in the order of the keys.
    #[must_use]
    pub fn rows(&self) -> Vec<Value> {
        self.rows.values().cloned().collect()
    }

    /// The rows that the stream has from place `from` on.
    #[must_use]
    pub fn stream_from(&self, from: usize) -> &[Value] {
        self.stream.get(from..).unwrap_or_default()
    }

    /// Transactions and single writes that changed something.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// What was broken by a commit.
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// Whether the embedded DynamoDB has the rows that were committed, and no others.
    #[must_use]
    pub fn agrees_with_database(&self) -> bool {
        let mut rows = Vec::new();
        let mut request = json!({"TableName": TABLE});
        loop {
            let answer = dispatch(&self.database, "Scan", request.clone()).unwrap();
            rows.extend(answer["Items"].as_array().unwrap().iter().cloned());
            match answer.get("LastEvaluatedKey") {
                Some(last) if !last.is_null() => request["ExclusiveStartKey"] = last.clone(),
                _ => break,
            }
        }
        rows.sort_by_key(key);
        rows == self.rows()
    }

    fn read(&self, (pk, sk): &Key) -> Value {
        let request = json!({"TableName": TABLE, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}});
        dispatch(&self.database, "GetItem", request).unwrap()["Item"].take()
    }

    fn commit(&mut self, changes: Vec<Change>, mut lag: impl FnMut() -> std::time::Duration) {
        self.commits += 1;
        let mut touched = BTreeMap::<(String, String), Option<String>>::new();
        let now = Instant::now();
        for change in changes {
            let (key, row) = match change {
                Change::Put(row) => (key(&row), Some(row)),
                Change::Delete(key) => (key, None),
                Change::Update(key) => {
                    let row = self.read(&key);
                    self.rows.insert(key, row);
                    continue;
                }
            };
            let (pk, sk) = key.clone();
            *self.changes.entry(pk.clone()).or_default() += 1;
            let before = match &row {
                Some(row) => self.rows.insert(key.clone(), row.clone()),
                None => self.rows.remove(&key),
            };
            if before.is_some() && row.is_some() {
                self.broken.push(format!("I7: {pk} {sk} was overwritten"));
            }
            let group =
                row.as_ref().or(before.as_ref()).map(|row| text(row, "message_group_uuid").to_owned());
            if let Some(group) = group.filter(|group| !group.is_empty()) {
                let versions = self.index.entry(group.clone()).or_default().entry(key).or_default();
                let last = versions.last().map_or(now, |(visible, _)| *visible);
                versions.push(((now + lag()).max(last), row.clone()));

                let inbox = (pk, group);
                let positions = self.inboxes.entry(inbox.clone()).or_default();
                touched.entry(inbox).or_insert_with(|| positions.last().cloned());
                if row.is_some() {
                    positions.insert(sk);
                } else {
                    positions.remove(&sk);
                }
            }
            if before.is_none() {
                self.stream.extend(row);
            }
        }
        for ((pk, group), before) in touched {
            let positions = &self.inboxes[&(pk.clone(), group.clone())];
            if positions.len() != 1 {
                self.broken.push(format!("I1: {} rows of {group} in {pk}", positions.len()));
            }
            if positions.last() < before.as_ref() {
                self.broken.push(format!("I4: the row of {group} in {pk} moved back from {before:?}"));
            }
            if let Some(position) = positions.last()
                && !self.rows.contains_key(&(format!("MSG#{group}"), position.clone()))
            {
                self.broken.push(format!("I3: the row of {group} in {pk} is at no message"));
            }
        }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

/// The keys of an item.
#[must_use]
pub fn key(item: &Value) -> Key {
    (text(item, "pk").to_owned(), text(item, "sk").to_owned())
}

/// A text of an item; empty when it has none.
#[must_use]
pub fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap_or_default()
}

fn changes(operation: &str, request: &Value) -> Vec<Change> {
    let change = |action: &Value| match action {
        Value::Object(action) if action.contains_key("Item") => Change::Put(action["Item"].clone()),
        Value::Object(action) if action.contains_key("Key") => Change::Delete(key(&action["Key"])),
        _ => panic!("an action that the simulation does not know: {action}"),
    };
    match operation {
        "PutItem" | "DeleteItem" => vec![change(request)],
        "UpdateItem" => vec![Change::Update(key(&request["Key"]))],
        "TransactWriteItems" => {
            let actions = request["TransactItems"].as_array().unwrap().iter();
            actions.flat_map(|action| action.as_object().unwrap().values()).map(change).collect()
        }
        _ => vec![],
    }
}

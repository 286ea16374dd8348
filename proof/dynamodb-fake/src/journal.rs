//! The journal of committed writes. Emulates transaction tokens, the stream, a lagging index, and commits between
//! the pages of a query.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Mutex,
    time::Duration,
};

use dynoxide::Database;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{FaultKind, Faults, dispatch, fault::error_body, stream::Stream, text};

/// The keys of a row.
pub type Key = (String, String);

/// A committed change to a row.
#[derive(Clone, Debug)]
pub enum Change {
    Put(Value),
    Update(Value),
    Delete(Key),
}

/// The journal of a table's commits.
pub struct Journal {
    faults: Faults,
    lag: Duration,
    state: Mutex<State>,
}

struct State {
    /// Transactions by client token: `true` once executed. Tokens never expire here; DynamoDB forgets them after ten
    /// minutes. Kept here because the embedded engine scans all tokens at each transaction, which would take half the
    /// time of a long run.
    tokens: HashMap<String, bool>,
    /// Number of changes to each partition that was queried.
    changes: HashMap<String, u64>,
    index: Index,
    stream: Stream,
    observe: Box<Observe>,
}

/// Versions of the rows of the index, by group and key.
#[derive(Default)]
struct Index {
    groups: HashMap<String, BTreeMap<Key, Versions>>,
    group_of: HashMap<Key, String>,
}

/// Versions of a row, oldest first, with the time at which each becomes visible. `None` means that the row is absent.
type Versions = Vec<(Instant, Option<Value>)>;

/// The result of a query of the index.
#[derive(Default)]
struct View {
    /// Greatest sort key first.
    rows: Vec<Value>,
    /// One fault for each member whose rows differ from the table.
    faults: Vec<FaultKind>,
}

type Observe = dyn FnMut(&[Change]) + Send;

type Answer = Result<Value, (u16, String)>;

impl Journal {
    /// A journal whose index lags by up to `lag` while `faults` are on. `observe` receives each commit.
    #[must_use]
    pub fn new(faults: Faults, lag: Duration, observe: impl FnMut(&[Change]) + Send + 'static) -> Self {
        let state = State {
            tokens: HashMap::new(),
            changes: HashMap::new(),
            index: Index::default(),
            stream: Stream::default(),
            observe: Box::new(observe),
        };
        Self { faults, lag, state: Mutex::new(state) }
    }

    /// The rows of `group` that the index shows now.
    #[must_use]
    pub fn indexed(&self, group: &str) -> Vec<Value> {
        self.state.lock().unwrap().index.view(group, Instant::now()).rows
    }

    /// The stream's records from position `from` on.
    #[must_use]
    pub fn records(&self, from: usize) -> Vec<Value> {
        let records = self.state.lock().unwrap().stream.read(from, usize::MAX);
        records.iter().map(|record| serde_json::from_str(record).unwrap()).collect()
    }

    pub(crate) fn serve_stream(&self, operation: &str, request: &Value) -> String {
        self.state.lock().unwrap().stream.respond(operation, request)
    }

    pub(crate) async fn execute(&self, database: &Database, operation: &str, request: &Value) -> Answer {
        match operation {
            "Query" if request.get("IndexName").is_some() => Ok(self.query_index(request)),
            "Query" => self.query(database, request.clone()).await,
            "BatchGetItem" => self.get_some(database, request.clone()),
            "PutItem" | "DeleteItem" | "UpdateItem" | "TransactWriteItems" => {
                self.write(database, operation, request.clone())
            }
            _ => {
                let mut request = request.clone();
                Stream::replace(&mut request);
                let mut answer = self.dispatch(database, operation, request)?;
                Stream::describe(&mut answer);
                Ok(answer)
            }
        }
    }

    /// Reads several rows, and may leave the last ones unread.
    fn get_some(&self, database: &Database, mut request: Value) -> Answer {
        let mut unprocessed = json!({});
        if self.faults.inject(&[FaultKind::KeysUnprocessed]).is_some() {
            for (table, read) in request["RequestItems"].as_object_mut().unwrap() {
                let keys = read["Keys"].as_array_mut().unwrap();
                let kept = self.faults.dice().below(keys.len());
                let left = keys.split_off(kept);
                unprocessed[table] = read.clone();
                unprocessed[table]["Keys"] = json!(left);
            }
            let is_empty = |read: &Value| read["Keys"].as_array().unwrap().is_empty();
            if request["RequestItems"].as_object().unwrap().values().all(is_empty) {
                return Ok(json!({"Responses": {}, "UnprocessedKeys": unprocessed}));
            }
        }
        let mut answer = self.dispatch(database, "BatchGetItem", request)?;
        answer["UnprocessedKeys"] = unprocessed;
        Ok(answer)
    }

    /// Marks a transaction as in progress and returns its token. Returns `None` if the request has no token or the token
    /// is already known.
    pub(crate) fn begin(&self, request: &Value) -> Option<String> {
        let token = request["ClientRequestToken"].as_str()?.to_owned();
        let mut state = self.state.lock().unwrap();
        if state.tokens.contains_key(&token) {
            return None;
        }
        state.tokens.insert(token.clone(), false);
        Some(token)
    }

    pub(crate) fn end(&self, token: Option<String>) {
        if let Some(token) = token {
            self.state.lock().unwrap().tokens.remove(&token);
        }
    }

    fn write(&self, database: &Database, operation: &str, mut request: Value) -> Answer {
        let mut state = self.state.lock().unwrap();
        let token = request.as_object_mut().and_then(|request| request.remove("ClientRequestToken"));
        let token = token.and_then(|token| token.as_str().map(str::to_owned));
        match token.as_ref().and_then(|token| state.tokens.get(token)) {
            Some(true) => return Ok(json!({})),
            Some(false) => {
                self.faults.count(FaultKind::TransactionInProgress);
                return Err((400, error_body("TransactionInProgressException")));
            }
            None => {}
        }
        let answer = self.dispatch(database, operation, request.clone())?;
        state.tokens.extend(token.map(|token| (token, true)));
        state.commit(&changes(database, operation, &request), self);
        Ok(answer)
    }

    fn dispatch(&self, database: &Database, operation: &str, request: Value) -> Answer {
        let answer = dispatch(database, operation, request);
        answer.map_err(|error| (error.status_code(), self.hide_rows(error.to_json())))
    }

    /// Replaces the rows of some failed conditions by conflicts, which don't return a row.
    fn hide_rows(&self, body: String) -> String {
        if !body.contains("ConditionalCheckFailed\"")
            || self.faults.inject(&[FaultKind::ConflictHidesRows]).is_none()
        {
            return body;
        }
        let mut body: Value = serde_json::from_str(&body).unwrap();
        for reason in body["CancellationReasons"].as_array_mut().into_iter().flatten() {
            if reason["Code"] == "ConditionalCheckFailed" && self.faults.dice().chance(0.6) {
                *reason = json!({"Code": "TransactionConflict", "Message": "injected"});
            }
        }
        body.to_string()
    }

    fn sample_lag(&self) -> Duration {
        let dice = self.faults.dice();
        let most = if !self.faults.is_enabled() || dice.chance(0.3) { Duration::ZERO } else { self.lag };
        dice.duration(Duration::ZERO, most)
    }

    /// The maximum age of versions in the index.
    fn retention(&self) -> Duration {
        self.lag + Duration::from_secs(1)
    }

    fn query_index(&self, request: &Value) -> Value {
        let group = text(&request["ExpressionAttributeValues"], ":group");
        let back = self.faults.inject(&[FaultKind::IndexGoesBack]);
        let back = back.map_or(Duration::ZERO, |_| {
            self.faults.dice().duration(Duration::from_millis(1), self.retention())
        });
        let now = Instant::now();
        let view = self.state.lock().unwrap().index.view(group, now.checked_sub(back).unwrap_or(now));
        view.faults.iter().for_each(|kind| self.faults.count(*kind));
        json!({"Count": view.rows.len(), "ScannedCount": view.rows.len(), "Items": view.rows})
    }

    /// Queries the table, with pages as short as DynamoDB may return, and commits between and within pages.
    async fn query(&self, database: &Database, mut request: Value) -> Answer {
        let partition = text(&request["ExpressionAttributeValues"], ":pk").to_owned();
        if request.get("ExclusiveStartKey").is_some() {
            let longest = if self.faults.is_enabled() { 300 } else { 10 };
            self.pause(&partition, longest, FaultKind::CommitBetweenPages).await;
        }
        let limit = request["Limit"].as_u64().unwrap_or(1_000);
        let short = self.faults.draw(&[FaultKind::ShortPage]).is_some();
        if short {
            request["Limit"] = json!(self.faults.dice().between(1, limit.clamp(1, 2)));
        }
        let mut answer = if self.faults.draw(&[FaultKind::CommitWithinPage]).is_some() {
            self.query_with_changes(database, &request, &partition).await?
        } else {
            self.dispatch(database, "Query", request)?
        };
        let rows = answer["Items"].as_array().map_or(0, Vec::len);
        if answer["LastEvaluatedKey"].is_object() {
            if short && rows == 0 {
                self.faults.count(FaultKind::EmptyPage);
            } else if short && (rows as u64) < limit {
                self.faults.count(FaultKind::ShortPage);
            }
        } else if let Some(answer) = answer.as_object_mut() {
            answer.remove("LastEvaluatedKey");
        }
        Ok(answer)
    }

    /// Reads a page while the partition changes: up to some row as before the changes, and behind it as after them.
    /// DynamoDB's pages are not snapshots either.
    async fn query_with_changes(&self, database: &Database, request: &Value, partition: &str) -> Answer {
        let before = self.dispatch(database, "Query", request.clone())?;
        self.pause(partition, 300, FaultKind::CommitWithinPage).await;
        let mut after = self.dispatch(database, "Query", request.clone())?;
        let [old, new] = [&before, &after].map(|page| page["Items"].as_array().cloned().unwrap_or_default());
        let sk = |row| text(row, "sk");
        let is_descending = request["ScanIndexForward"] == json!(false);
        let is_behind = |one: &str, other: &str| if is_descending { one < other } else { one > other };
        // The page ends at the earlier end of the two.
        let ends = [&before, &after].map(|page| sk(&page["LastEvaluatedKey"]).to_owned());
        let is_read = |sk: &&str| ends.iter().all(|end| end.is_empty() || !is_behind(sk, end));
        let places = old.iter().chain(&new).map(sk).filter(is_read).collect::<BTreeSet<_>>();
        if old == new || places.is_empty() {
            return Ok(after);
        }
        let place = *self.faults.dice().pick(&places.into_iter().collect::<Vec<_>>());
        let (shown, hidden): (Vec<_>, Vec<_>) =
            new.iter().filter(|row| !old.contains(row)).partition(|row| is_behind(sk(row), place));
        if !shown.is_empty() && !hidden.is_empty() {
            self.faults.count(FaultKind::GapWithinPage);
        }
        let first = old.iter().filter(|row| !is_behind(sk(row), place));
        let rest = new.iter().filter(|row| is_behind(sk(row), place));
        let mut rows = first.chain(rest).cloned().collect::<Vec<_>>();
        let limit = request["Limit"].as_u64().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
        if rows.len() >= limit {
            rows.truncate(limit);
            after["LastEvaluatedKey"] = json!({"pk": {"S": partition}, "sk": {"S": sk(&rows[limit - 1])}});
        }
        after["Items"] = json!(rows);
        Ok(after)
    }

    /// Pauses for up to `longest` milliseconds, and counts `fault` if the partition changes meanwhile.
    async fn pause(&self, partition: &str, longest: u64, fault: FaultKind) {
        let before = self.changes(partition);
        sleep(self.faults.dice().duration(Duration::ZERO, Duration::from_millis(longest))).await;
        if before != self.changes(partition) {
            self.faults.count(fault);
        }
    }

    /// Number of changes to a partition since the first call.
    fn changes(&self, partition: &str) -> u64 {
        *self.state.lock().unwrap().changes.entry(partition.to_owned()).or_default()
    }
}

impl State {
    fn commit(&mut self, changes: &[Change], journal: &Journal) {
        for change in changes {
            if let Some(number) = self.changes.get_mut(&change.key().0) {
                *number += 1;
            }
            self.index.commit(change, journal);
            self.stream.append(change);
        }
        (self.observe)(changes);
    }
}

impl Index {
    fn commit(&mut self, change: &Change, journal: &Journal) {
        let key = change.key();
        let row = match change {
            Change::Put(row) => {
                let group = text(row, "message_group_uuid").to_owned();
                if !group.is_empty() {
                    self.group_of.insert(key.clone(), group);
                }
                Some(row.clone())
            }
            Change::Delete(_) => None,
            Change::Update(_) => return,
        };
        let Some(group) = self.group_of.get(&key).cloned() else { return };
        if row.is_none() {
            self.group_of.remove(&key);
        }
        let now = Instant::now();
        let rows = self.groups.entry(group).or_default();
        let versions = rows.entry(key).or_default();
        let last = versions.last().map_or(now, |(visible, _)| *visible);
        versions.push(((now + journal.sample_lag()).max(last), row));
        // Drops versions that no later query can see.
        if let Some(oldest) = now.checked_sub(journal.retention()) {
            rows.retain(|_, versions| {
                let superseded = versions.iter().rposition(|(visible, _)| *visible < oldest).unwrap_or(0);
                versions.drain(..superseded);
                !matches!(versions[..], [(visible, None)] if visible < oldest)
            });
        }
    }

    fn view(&self, group: &str, moment: Instant) -> View {
        let mut view = View::default();
        // For each member, the sort keys of its rows in the table and in the index.
        let mut members = BTreeMap::<&str, (BTreeSet<&str>, Vec<&str>)>::new();
        for ((pk, sk), versions) in self.groups.get(group).into_iter().flatten() {
            let (positions, shown) = members.entry(pk).or_default();
            if versions.last().is_some_and(|(_, row)| row.is_some()) {
                positions.insert(sk);
            }
            let version = versions.iter().rev().find(|(visible, _)| *visible <= moment);
            if let Some((_, Some(row))) = version {
                shown.push(sk);
                view.rows.push(row.clone());
            }
        }
        for (positions, shown) in members.values() {
            match shown[..] {
                [] => view.faults.push(FaultKind::IndexShowsNone),
                [one] if !positions.contains(one) => view.faults.push(FaultKind::IndexShowsOld),
                [_] => {}
                _ => view.faults.push(FaultKind::IndexShowsMany),
            }
        }
        view.rows.sort_by(|a, b| text(b, "sk").cmp(text(a, "sk")));
        view
    }
}

impl Change {
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Put(row) | Self::Update(row) => key(row),
            Self::Delete(key) => key.clone(),
        }
    }
}

/// The keys of an item.
#[must_use]
pub fn key(item: &Value) -> Key {
    (text(item, "pk").to_owned(), text(item, "sk").to_owned())
}

fn changes(database: &Database, operation: &str, request: &Value) -> Vec<Change> {
    let change = |kind: &str, action: &Value| match kind {
        "Put" | "PutItem" => Some(Change::Put(action["Item"].clone())),
        "Delete" | "DeleteItem" => Some(Change::Delete(key(&action["Key"]))),
        "Update" | "UpdateItem" => {
            let request = json!({"TableName": action["TableName"], "Key": action["Key"]});
            Some(Change::Update(dispatch(database, "GetItem", request).unwrap()["Item"].take()))
        }
        "ConditionCheck" => None,
        _ => panic!("unsupported action {action}"),
    };
    if operation == "TransactWriteItems" {
        let actions = request["TransactItems"].as_array().unwrap().iter();
        let actions = actions.flat_map(|action| action.as_object().unwrap());
        actions.filter_map(|(kind, action)| change(kind, action)).collect()
    } else {
        change(operation, request).into_iter().collect()
    }
}

//! The event source mapping: delivers every committed record at least once, in batches of any order and size.
//!
//! Lambda keeps the order of each item's records. This mapping does not: a batch that fails is delivered again after later
//! ones, and the functions promise that the order makes no difference (I17).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cruddur::{stream::Batch, table::RowKind};
use dynamodb_fake::{FaultKind, Journal, text};
use serde_json::{Value, json};

use crate::lambda::Lambda;

#[derive(Clone)]
pub(crate) struct Mapping {
    lambda: Lambda,
    journal: Arc<Journal>,
    /// Longest pause between two deliveries.
    pause: Duration,
    state: Arc<Mutex<State>>,
    running: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    /// Number of records read so far.
    read: usize,
    waiting: Vec<Record>,
    delivered: Vec<Record>,
}

#[derive(Clone)]
struct Record {
    record: Value,
    /// Whether a batch with this record failed.
    failed: bool,
}

impl Mapping {
    /// Maximum number of simultaneous invocations.
    const MAX_INVOCATIONS: usize = 6;

    /// Creates a mapping that has delivered nothing.
    pub(crate) fn new(lambda: Lambda, journal: Arc<Journal>) -> Self {
        let pause = Duration::from_millis(*lambda.dice.pick(&[20, 100, 400]));
        Self { lambda, journal, pause, state: Arc::default(), running: Arc::default() }
    }

    /// Delivers forever.
    pub(crate) async fn run(self) {
        loop {
            let pause = self.lambda.dice.duration(Duration::from_millis(1), self.pause);
            tokio::time::sleep(pause).await;
            self.read_stream();
            if self.running.load(Ordering::Relaxed) >= Self::MAX_INVOCATIONS {
                continue;
            }
            let batch = self.batch();
            if !batch.is_empty() {
                if self.running.fetch_add(1, Ordering::Relaxed) > 0 {
                    self.lambda.faults.count(FaultKind::ConcurrentMoves);
                }
                let mapping = self.clone();
                tokio::spawn(async move {
                    mapping.deliver(batch).await;
                    mapping.running.fetch_sub(1, Ordering::Relaxed);
                });
            }
        }
    }

    /// Whether every committed record was delivered.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.read_stream();
        self.state.lock().unwrap().waiting.is_empty() && self.running.load(Ordering::Relaxed) == 0
    }

    /// Delivers every record again in one batch. Returns whether none failed.
    pub(crate) async fn deliver_all_again(&self) -> bool {
        let all = self.state.lock().unwrap().delivered.clone();
        let records = all.iter().map(|record| &record.record).collect::<Vec<_>>();
        let batch = serde_json::from_value(json!({"Records": records})).unwrap();
        self.lambda.deliver(batch).await.is_some_and(|failures| failures.is_empty())
    }

    fn read_stream(&self) {
        let mut state = self.state.lock().unwrap();
        let records = self.journal.records(state.read);
        state.read += records.len();
        // The mapping's filter.
        let passes = |record: &Value| {
            let kind = RowKind::of_partition(text(&record["dynamodb"]["Keys"], "pk"));
            matches!(kind, Some(RowKind::Message | RowKind::MemberState)) && record["eventName"] != "REMOVE"
        };
        let passing = records.into_iter().filter(passes);
        state.waiting.extend(passing.map(|record| Record { record, failed: false }));
    }

    fn batch(&self) -> Vec<Record> {
        let (dice, faults) = (&self.lambda.dice, &self.lambda.faults);
        let mut state = self.state.lock().unwrap();
        if faults.inject(&[FaultKind::Redelivery]).is_some() && !state.delivered.is_empty() {
            let again = dice.pick(&state.delivered).clone();
            state.waiting.push(again);
        }
        if state.waiting.is_empty() {
            return vec![];
        }
        if faults.draw(&[FaultKind::Reordered]).is_some() && state.waiting.len() > 1 {
            dice.shuffle(&mut state.waiting);
            faults.count(FaultKind::Reordered);
        }
        let size = dice.pick(&[1, 1, 3, 10]).min(&state.waiting.len()).to_owned();
        let batch = state.waiting.drain(..size).collect::<Vec<_>>();
        if batch.iter().any(|record| record.failed) && batch.iter().any(|record| !record.failed) {
            faults.count(FaultKind::Resplit);
        }
        batch
    }

    async fn deliver(&self, batch: Vec<Record>) {
        let mut records = batch.iter().map(|record| record.record.clone()).collect::<Vec<_>>();
        if self.lambda.faults.inject(&[FaultKind::Poison]).is_some() {
            let place = self.lambda.dice.below(records.len() + 1);
            let poison = self.poison(&records[0]);
            records.insert(place, poison);
        }
        if let Some(planted) = self.lambda.planted {
            planted.edit_records(&mut records, &self.journal);
        }
        let event: Batch = serde_json::from_value(json!({"Records": records})).unwrap();
        let failures = self.lambda.deliver(event).await;
        let mut state = self.state.lock().unwrap();
        for mut record in batch {
            let number = &record.record["dynamodb"]["SequenceNumber"];
            let failed =
                failures.as_ref().is_none_or(|failures| failures.iter().any(|failed| number == failed));
            if failed {
                record.failed = true;
                state.waiting.push(record);
            } else {
                state.delivered.push(record);
            }
        }
    }

    /// A record that no stream should contain.
    fn poison(&self, record: &Value) -> Value {
        let mut record = record.clone();
        match self.lambda.dice.below(8) {
            0 => return json!("poison"),
            1 => return json!({"eventName": "INSERT"}),
            2 => drop(record["dynamodb"].as_object_mut().unwrap().remove("NewImage")),
            3 => record["dynamodb"]["NewImage"]["sk"] = json!({"S": "2026"}),
            4 => record["dynamodb"]["NewImage"]["message"] = json!({"N": "7"}),
            5 => record["dynamodb"]["Keys"]["pk"] = json!({"N": "7"}),
            6 => record["dynamodb"]["NewImage"]["pk"] = json!({"S": RowKind::Message.partition("malformed")}),
            _ => record["dynamodb"]["SequenceNumber"] = json!(""),
        }
        record
    }
}

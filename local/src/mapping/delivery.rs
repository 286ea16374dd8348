//! Delivery of one shard's records, from reading to checkpoint. Pure decisions: no I/O, no clock.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::answer::Outcome;

/// The batch settings of a mapping, by default those of `template.yaml`.
#[derive(Debug, Clone)]
pub struct Batching {
    /// Maximum number of records per invocation, 1 to 1000.
    pub batch_size: usize,
    /// Maximum number of retries of a batch.
    pub max_retries: u32,
    /// Older records are given up, *even if never delivered*. `None` means unlimited.
    pub max_record_age: Option<Duration>,
}

impl Default for Batching {
    fn default() -> Self {
        Self { batch_size: 100, max_retries: 100, max_record_age: Some(Duration::from_hours(6)) }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) sequence_number: String,
    pub(super) created_at: DateTime<Utc>,
    /// The record as an element of the event's `Records`.
    pub(super) event: Value,
}

/// A record of a shard, after the filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    Matched(Record),
    /// The filter rejected the record with this sequence number.
    Skipped(String),
}

/// The next step.
#[derive(Debug, PartialEq)]
pub(super) enum Next<'a> {
    /// Nothing is pending: read after `Delivery::position`.
    Read,
    /// Invoke the function with these records, then call `Delivery::answered`.
    Invoke(Vec<&'a Record>),
    /// Send these records to the dead-letter destination, then call `Delivery::discard`.
    GiveUp(GivenUp<'a>),
}

/// Records that are given up.
#[derive(Debug, PartialEq)]
pub(super) struct GivenUp<'a> {
    pub(super) records: Vec<&'a Record>,
    pub(super) condition: Condition,
    /// The number of deliveries in this batch. Zero if the records were too old from the start.
    pub(super) invocations: u32,
    /// `true` if the last invocation ended in a function error.
    pub(super) function_error: bool,
}

/// The reason for giving up records, in Lambda's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

/// The pending records of one shard, in order. Only the first batch is delivered, so no record is
/// acknowledged before an earlier one.
#[derive(Debug)]
pub(super) struct Delivery {
    batching: Batching,
    pending: VecDeque<Batch>,
    position: Option<String>,
}

#[derive(Debug)]
struct Batch {
    records: VecDeque<Pending>,
    retries: u32,
    invocations: u32,
    function_error: bool,
    exhausted: bool,
}

#[derive(Debug)]
struct Pending {
    record: Record,
    /// The position after this record: its own sequence number, or that of the last skipped record directly
    /// after it.
    through: String,
}

impl Delivery {
    /// Resumes after `position`, the last sequence number that is done.
    pub(super) fn new(batching: Batching, position: Option<String>) -> Self {
        Self { batching, pending: VecDeque::new(), position }
    }

    /// The checkpoint: every record up to and including this sequence number is done.
    pub(super) fn position(&self) -> Option<&str> {
        self.position.as_deref()
    }

    /// The number of records that were read but are not done.
    pub(super) fn pending(&self) -> usize {
        self.pending.iter().map(|batch| batch.records.len()).sum()
    }

    /// Appends records in the order of the shard.
    pub(super) fn push(&mut self, read: impl IntoIterator<Item = Read>) {
        for record in read {
            match record {
                Read::Skipped(sequence_number) => {
                    match self.pending.back_mut().and_then(|batch| batch.records.back_mut()) {
                        Some(before) => before.through = sequence_number,
                        None => self.position = Some(sequence_number),
                    }
                }
                Read::Matched(record) => {
                    let pending = Pending { through: record.sequence_number.clone(), record };
                    match self.pending.back_mut() {
                        Some(batch) if batch.takes_more(self.batching.batch_size) => {
                            batch.records.push_back(pending);
                        }
                        _ => self.pending.push_back(Batch::of([pending].into())),
                    }
                }
            }
        }
    }

    /// Returns the next step at the time `now`.
    pub(super) fn next(&self, now: DateTime<Utc>) -> Next<'_> {
        let Some(batch) = self.pending.front() else {
            return Next::Read;
        };
        if batch.exhausted {
            return Next::GiveUp(batch.given_up(batch.records.len(), Condition::RetryAttemptsExhausted));
        }
        match batch.records.iter().take_while(|pending| self.is_too_old(pending, now)).count() {
            0 => Next::Invoke(batch.records.iter().map(|pending| &pending.record).collect()),
            expired => Next::GiveUp(batch.given_up(expired, Condition::RecordAgeExceeded)),
        }
    }

    /// Records the outcome of the invocation that `next` requested. If the batch is retried, returns the
    /// number of its deliveries so far, for the backoff.
    pub(super) fn answered(&mut self, outcome: Outcome) -> Option<u32> {
        let batch = self.pending.front_mut()?;
        batch.invocations += 1;
        batch.function_error = outcome == Outcome::FunctionError;
        match outcome {
            Outcome::Succeeded => {
                let done = batch.records.len();
                self.discard(done);
                return None;
            }
            // The remaining records form a new batch with all its retries, as observed on AWS. With three
            // retries, a record that fails after a success is delivered once, and then four more times.
            Outcome::FailedFrom(place @ 1..) => {
                batch.retries = 0;
                batch.invocations = 0;
                self.discard(place);
                return Some(1);
            }
            // "Splitting batches doesn't consume the retry quota", Lambda's documentation says. A failure
            // that the function reports itself is no function error and doesn't split the batch.
            Outcome::FunctionError if batch.records.len() > 1 => {
                let second = batch.split();
                let invocations = batch.invocations;
                self.pending.insert(1, second);
                return Some(invocations);
            }
            Outcome::FailedFrom(_) | Outcome::Failed | Outcome::FunctionError => {}
        }
        if batch.retries >= self.batching.max_retries {
            batch.exhausted = true;
            return None;
        }
        batch.retries += 1;
        Some(batch.invocations)
    }

    /// Removes the first `count` records of the first batch, which were delivered or given up.
    pub(super) fn discard(&mut self, count: usize) {
        let Some(batch) = self.pending.front_mut() else {
            return;
        };
        let count = count.min(batch.records.len());
        if let Some(last) = batch.records.drain(..count).next_back() {
            self.position = Some(last.through);
        }
        if batch.records.is_empty() {
            self.pending.pop_front();
        }
    }

    fn is_too_old(&self, pending: &Pending, now: DateTime<Utc>) -> bool {
        // A record from the future, after the clock was set back, is not old.
        let age = (now - pending.record.created_at).to_std().unwrap_or_default();
        self.batching.max_record_age.is_some_and(|max| age > max)
    }
}

impl Batch {
    fn of(records: VecDeque<Pending>) -> Self {
        Self { records, retries: 0, invocations: 0, function_error: false, exhausted: false }
    }

    /// A batch that was delivered keeps its records: a retry is the same batch.
    fn takes_more(&self, batch_size: usize) -> bool {
        self.invocations == 0 && self.records.len() < batch_size
    }

    fn split(&mut self) -> Self {
        let records = self.records.split_off(self.records.len() / 2);
        Self { records, ..*self }
    }

    fn given_up(&self, count: usize, condition: Condition) -> GivenUp<'_> {
        GivenUp {
            records: self.records.iter().take(count).map(|pending| &pending.record).collect(),
            condition,
            invocations: self.invocations,
            function_error: self.function_error,
        }
    }
}

#[cfg(test)]
mod tests;

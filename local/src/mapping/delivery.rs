//! What happens to the records of one shard between reading and checkpoint. Pure decisions: no I/O, no time of
//! its own.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::answer::Outcome;

/// The mapping's settings that decide about batches.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// Records per invocation, at most.
    pub(super) batch_size: usize,
    /// Retries of one batch, or without limit.
    pub(super) max_retries: Option<u32>,
    /// Records older than this are given up, delivered before or not.
    pub(super) max_record_age: Option<Duration>,
    /// Whether a function error splits the batch.
    pub(super) bisect_on_function_error: bool,
}

/// A record that passed the filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) sequence_number: String,
    pub(super) created_at: DateTime<Utc>,
    /// Its element of the event's `Records`.
    pub(super) event: Value,
}

/// One record of a shard, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    Matched(Record),
    /// The filter took it out; its sequence number is all that counts.
    Skipped(String),
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
pub(super) enum Next<'a> {
    /// Nothing is pending: read on behind `Delivery::position`.
    Read,
    /// Invoke the function with these records and report to `Delivery::answered`.
    Invoke(Vec<&'a Record>),
    /// Send these records to the dead-letter destination, then call `Delivery::discard`.
    GiveUp(GivenUp<'a>),
}

/// Records that are not delivered any more.
#[derive(Debug, PartialEq)]
pub(super) struct GivenUp<'a> {
    pub(super) records: Vec<&'a Record>,
    pub(super) condition: Condition,
    /// How often they were delivered in this batch; zero when they were too old from the start.
    pub(super) invocations: u32,
    /// Whether the last invocation ended in a function error.
    pub(super) function_error: bool,
}

/// Why records were given up, in Lambda's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

/// The records of one shard that were read and are not done, strictly in order: only the first batch is ever
/// delivered, so no record is acknowledged before an earlier one.
#[derive(Debug)]
pub(super) struct Delivery {
    policy: Policy,
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
    /// The position once this record is done: itself, or the last skipped record directly behind it.
    through: String,
}

impl Delivery {
    /// Goes on behind `position`, the last sequence number that is done.
    pub(super) fn new(policy: Policy, position: Option<String>) -> Self {
        Self { policy, pending: VecDeque::new(), position }
    }

    /// The sequence number up to which, and including which, every record is done: the checkpoint.
    pub(super) fn position(&self) -> Option<&str> {
        self.position.as_deref()
    }

    /// How many records were read and are not done.
    pub(super) fn pending(&self) -> usize {
        self.pending.iter().map(|batch| batch.records.len()).sum()
    }

    /// Takes over records in the order of the shard.
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
                        Some(batch) if batch.takes_more(self.policy.batch_size) => {
                            batch.records.push_back(pending);
                        }
                        _ => self.pending.push_back(Batch::of([pending].into())),
                    }
                }
            }
        }
    }

    /// What is to be done at the time `now`.
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

    /// Takes note of what became of the invocation that `next` asked for. After a failure that is retried: how
    /// often these records were delivered by now, for the back-off.
    pub(super) fn answered(&mut self, outcome: Outcome) -> Option<u32> {
        let bisect = self.policy.bisect_on_function_error;
        let batch = self.pending.front_mut()?;
        batch.invocations += 1;
        batch.function_error = outcome == Outcome::FunctionError;
        match outcome {
            Outcome::Succeeded => {
                let done = batch.records.len();
                self.discard(done);
                return None;
            }
            // The rest is a new batch with all its retries, as seen on AWS: with three retries a record that fails
            // behind a success is delivered once, and then four times more.
            Outcome::FailedFrom(place @ 1..) => {
                batch.retries = 0;
                batch.invocations = 0;
                self.discard(place);
                return Some(1);
            }
            // "Splitting batches doesn't consume the retry quota", Lambda's documentation says. A failure that the
            // function reported itself is no function error, and doesn't split.
            Outcome::FunctionError if bisect && batch.records.len() > 1 => {
                let second = batch.split();
                let invocations = batch.invocations;
                self.pending.insert(1, second);
                return Some(invocations);
            }
            Outcome::FailedFrom(_) | Outcome::Failed | Outcome::FunctionError => {}
        }
        if self.policy.max_retries.is_some_and(|max| batch.retries >= max) {
            batch.exhausted = true;
            return None;
        }
        batch.retries += 1;
        Some(batch.invocations)
    }

    /// The first `count` records of the first batch are done, delivered or given up.
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
        // A record from the future, by a clock that was set back, is not old.
        let age = (now - pending.record.created_at).to_std().unwrap_or_default();
        self.policy.max_record_age.is_some_and(|max| age > max)
    }
}

impl Batch {
    fn of(records: VecDeque<Pending>) -> Self {
        Self { records, retries: 0, invocations: 0, function_error: false, exhausted: false }
    }

    /// A batch that was delivered once keeps its records: a retry is the same batch again.
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

//! The reader of one shard. It reads, delivers and stores checkpoints in turn until the shard is drained.

use std::sync::Arc;

use aws_sdk_dynamodbstreams::types;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{
    Mapping, Stop,
    answer::Outcome,
    checkpoint::Checkpoint,
    dead_letter::DeadLetter,
    delivery::{Delivery, Next, Read, Record},
    event,
    stream::{Start, Stream, StreamError},
};

/// The reason why a reader ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The shard is closed and all its records are done.
    Drained,
    /// The stream doesn't have the shard. It was trimmed, or it will reappear in the list.
    Lost,
    /// The mapping was stopped.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Shard {
    mapping: Arc<Mapping>,
    id: String,
    stop: Stop,
    delivery: Delivery,
    cursor: Cursor,
    /// Consecutive failures to read the stream or to write a dead letter.
    failures: u32,
}

/// The position of the next page in the shard.
#[derive(Debug, Default)]
struct Cursor {
    iterator: Option<String>,
    /// Whether the iterator has returned no page yet. If it fails, its position may be the cause.
    is_fresh: bool,
    /// Whether to start at the trim horizon, because the stored position was trimmed.
    at_horizon: bool,
    /// Whether the last page was read.
    is_closed: bool,
}

impl Shard {
    pub(super) async fn new(mapping: Arc<Mapping>, id: String, stop: Stop) -> Self {
        let position = mapping.checkpoints.get(&id).await.sequence_number;
        tracing::info!(shard = id, position, "reading a shard");
        let delivery = Delivery::new(mapping.policy(), position);
        Self { mapping, id, stop, delivery, cursor: Cursor::default(), failures: 0 }
    }

    /// Reads and delivers until the shard is drained or lost, or the mapping is stopped.
    pub(super) async fn run(mut self) -> Ended {
        while !self.stop.is_requested() {
            let now = self.mapping.options.clock.now();
            match self.delivery.next(now) {
                Next::Read => {
                    if let Some(ended) = self.read().await {
                        return ended;
                    }
                }
                Next::Invoke(records) => {
                    let payload = event::payload(records.iter().map(|record| &record.event));
                    let numbers = records.iter().map(|record| record.sequence_number.clone()).collect();
                    self.invoke(payload, numbers).await;
                }
                Next::GiveUp(given_up) => {
                    let request_id = self.mapping.options.random.uuid_v7(now).to_string();
                    if let Some(letter) =
                        self.mapping.dead_letters.letter(&self.id, &given_up, request_id, now)
                    {
                        self.give_up(letter).await;
                    }
                }
            }
        }
        Ended::Stopped
    }

    async fn read(&mut self) -> Option<Ended> {
        if self.cursor.is_closed {
            let sequence_number = self.delivery.position().map(str::to_owned);
            self.mapping.checkpoints.store(&self.id, Checkpoint { sequence_number, drained: true }).await;
            tracing::info!(shard = self.id, "the shard is closed and drained");
            return Some(Ended::Drained);
        }
        let start = Instant::now();
        let page = tokio::select! {
            () = self.stop.requested() => return Some(Ended::Stopped),
            page = self.cursor.read(&self.mapping.stream, &self.id, self.delivery.position()) => page,
        };
        let records = page.and_then(|records| {
            // The cursor is already past this page, so a page that can't be converted must be read again.
            self.mapping.filtered(&records).inspect_err(|_| self.cursor = Cursor::default())
        });
        match records {
            Ok(records) if records.is_empty() => {
                self.recovered();
                if !self.cursor.is_closed {
                    self.report(Some(start));
                    self.pause(self.mapping.options.poll_interval).await;
                }
            }
            Ok(records) => {
                self.recovered();
                self.delivery.push(records);
                self.report(None);
                self.store().await;
            }
            Err(StreamError::NotFound) => {
                tracing::warn!(shard = self.id, "the stream doesn't know the shard any more");
                return Some(Ended::Lost);
            }
            Err(error) => {
                self.report(None);
                if self.failures == 0 {
                    tracing::warn!(shard = self.id, %error, "the shard can't be read, trying again");
                }
                self.failed().await;
            }
        }
        None
    }

    async fn invoke(&mut self, payload: String, numbers: Vec<String>) {
        let (first, last) = (numbers.first(), numbers.last());
        let answer = self.mapping.function.invoke(payload).await;
        let outcome = match &answer {
            Ok(answer) if self.mapping.options.report_batch_item_failures => {
                Outcome::of_answer(answer, &numbers)
            }
            Ok(_) => Outcome::Succeeded,
            Err(_) => Outcome::FunctionError,
        };
        let shard = &self.id;
        match (&answer, outcome) {
            (Err(error), _) => tracing::warn!(shard, first, last, %error, "a batch failed"),
            (_, Outcome::FailedFrom(place)) => {
                tracing::warn!(shard, first, last, from = numbers.get(place), "a part of a batch failed");
            }
            (_, Outcome::Failed) => {
                tracing::warn!(shard, first, last, "the function's answer fails the whole batch");
            }
            (Ok(_), _) => tracing::debug!(shard, first, last, records = numbers.len(), "a batch is done"),
        }
        let deliveries = self.delivery.answered(outcome);
        self.report(None);
        self.store().await;
        if let Some(deliveries) = deliveries {
            self.pause(self.mapping.options.backoff(deliveries)).await;
        }
    }

    /// Removes the records only after their metadata is stored.
    async fn give_up(&mut self, letter: DeadLetter) {
        if let Err(error) = self.mapping.dead_letters.send(&letter).await {
            tracing::error!(shard = self.id, %error, "the dead letter can't be written, trying again");
            self.failed().await;
            return;
        }
        let DeadLetter { request_id, condition, first, last, records, invocations, .. } = letter;
        let shard = &self.id;
        tracing::error!(
            shard,
            request_id,
            condition,
            first,
            last,
            records,
            invocations,
            "records are given up"
        );
        self.failures = 0;
        self.delivery.discard(records);
        self.report(None);
        self.store().await;
    }

    async fn store(&self) {
        // Without a position the shard starts at its trim horizon, which needs no checkpoint.
        if let Some(position) = self.delivery.position() {
            let checkpoint = Checkpoint { sequence_number: Some(position.to_owned()), drained: false };
            self.mapping.checkpoints.store(&self.id, checkpoint).await;
        }
    }

    fn report(&self, empty_since: Option<Instant>) {
        let pending = self.delivery.pending();
        self.mapping.progress.send_modify(|progress| progress.read(&self.id, pending, empty_since));
    }

    fn recovered(&mut self) {
        if self.failures > 0 {
            tracing::info!(shard = self.id, attempts = self.failures, "the shard can be read again");
        }
        self.failures = 0;
    }

    async fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.pause(self.mapping.options.backoff(self.failures)).await;
    }

    async fn pause(&mut self, duration: std::time::Duration) {
        tokio::select! {
            () = self.stop.requested() => {}
            () = tokio::time::sleep(duration) => {}
        }
    }
}

impl Cursor {
    /// Reads the next page of the shard, after `position` if there is no iterator yet. After an error, the
    /// same call resumes.
    async fn read(
        &mut self,
        stream: &Stream,
        shard: &str,
        position: Option<&str>,
    ) -> Result<Vec<types::Record>, StreamError> {
        let start = match position {
            Some(position) if !self.at_horizon => Start::After(position),
            _ => Start::TrimHorizon,
        };
        let iterator = match self.iterator.clone() {
            Some(iterator) => iterator,
            None => match stream.iterator(shard, start).await {
                Ok(iterator) => {
                    self.is_fresh = true;
                    self.iterator.insert(iterator).clone()
                }
                Err(error) => return Err(self.without_iterator(shard, start, true, error)),
            },
        };
        match stream.records(&iterator).await {
            Ok(page) => {
                self.is_fresh = false;
                self.at_horizon = false;
                self.is_closed = page.next_iterator.is_none();
                self.iterator = page.next_iterator;
                Ok(page.records)
            }
            Err(error @ (StreamError::Expired | StreamError::Trimmed)) => {
                Err(self.without_iterator(shard, start, self.is_fresh, error))
            }
            Err(error) => Err(error),
        }
    }

    /// Drops the iterator. The next read requests a new one, at the trim horizon if the position was trimmed.
    fn without_iterator(
        &mut self,
        shard: &str,
        start: Start<'_>,
        is_fresh: bool,
        error: StreamError,
    ) -> StreamError {
        self.iterator = None;
        if let (StreamError::Trimmed, Start::After(position), true) = (&error, start, is_fresh) {
            tracing::warn!(
                shard,
                position,
                "the position is not in the stream any more: reading from the trim horizon"
            );
            self.at_horizon = true;
        }
        error
    }
}

impl Mapping {
    /// Converts stream records into event records and applies the filter.
    fn filtered(&self, records: &[types::Record]) -> Result<Vec<Read>, StreamError> {
        records.iter().map(|record| self.filter_one(record)).collect()
    }

    fn filter_one(&self, record: &types::Record) -> Result<Read, StreamError> {
        let number = record.dynamodb().and_then(|change| change.sequence_number());
        let (Some(number), Some(event)) = (number, event::record(record, &self.options.stream_arn)) else {
            return Err(StreamError::Failed(
                "a record has no sequence number, or an unknown type".to_owned(),
            ));
        };
        if !self.filter.matches(&event) {
            return Ok(Read::Skipped(number.to_owned()));
        }
        // A record without a time counts as new, so its age can't cause it to be given up.
        let created_at = record.dynamodb().and_then(|change| change.approximate_creation_date_time());
        let created_at = created_at
            .and_then(|time| DateTime::<Utc>::from_timestamp(time.secs(), time.subsec_nanos()))
            .unwrap_or_else(|| self.options.clock.now());
        Ok(Read::Matched(Record { sequence_number: number.to_owned(), created_at, event }))
    }
}

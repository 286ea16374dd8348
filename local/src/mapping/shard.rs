//! The reader of one shard. It reads, delivers and stores checkpoints in turn until the shard is drained.

use std::sync::Arc;

use aws_sdk_dynamodbstreams::types;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Mapping, Stop,
    answer::Outcome,
    checkpoint::Checkpoint,
    delivery::{Delivery, Next, Read, Record},
    event,
    stream::{Stream, StreamError},
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
    /// `true` if the iterator has returned no page yet. If it fails, its position may be the cause.
    is_fresh: bool,
    /// `true` to start at the trim horizon, because the stored position was trimmed.
    at_horizon: bool,
    /// `true` if the last page was read.
    is_closed: bool,
}

impl Shard {
    pub(super) async fn new(mapping: Arc<Mapping>, id: String, stop: Stop) -> Self {
        let position = mapping.checkpoints.get(&id).await.sequence_number;
        tracing::info!(shard = id, position, "reading a shard");
        let delivery = Delivery::new(mapping.options.batching.clone(), position);
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
                    let count = given_up.records.len();
                    let request_id = self.mapping.options.random.uuid_v7(now).to_string();
                    let message = self.mapping.dead_letters.message(&self.id, &given_up, &request_id, now);
                    self.give_up(count, &message).await;
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
            let records = records.iter().map(|record| self.mapping.convert(record));
            records.collect::<Result<Vec<_>, _>>().inspect_err(|_| self.cursor = Cursor::default())
        });
        match records {
            Ok(records) if records.is_empty() => {
                self.failures = 0;
                if !self.cursor.is_closed {
                    self.report(Some(start));
                    self.pause(self.mapping.options.poll_interval).await;
                }
            }
            Ok(records) => {
                self.failures = 0;
                self.delivery.push(records);
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
        let (shard, first, last) = (&self.id, numbers.first(), numbers.last());
        let outcome = match self.mapping.function.invoke(payload).await {
            Ok(answer) => Outcome::of_answer(&answer, &numbers),
            Err(error) => {
                tracing::warn!(shard, first, last, %error, "a batch failed");
                Outcome::FunctionError
            }
        };
        match outcome {
            Outcome::Succeeded => {
                tracing::debug!(shard, first, last, records = numbers.len(), "a batch is done");
            }
            Outcome::FailedFrom(place) => {
                tracing::warn!(shard, first, last, from = numbers.get(place), "a part of a batch failed");
            }
            Outcome::Failed => {
                tracing::warn!(shard, first, last, "the function's answer fails the whole batch");
            }
            Outcome::FunctionError => {}
        }
        let deliveries = self.delivery.answered(outcome);
        self.store().await;
        if let Some(deliveries) = deliveries {
            self.pause(self.mapping.options.backoff(deliveries)).await;
        }
    }

    /// Gives up the first `count` records. Removes them only after their metadata is stored.
    async fn give_up(&mut self, count: usize, message: &Value) {
        if let Err(error) = self.mapping.dead_letters.send(message).await {
            tracing::error!(shard = self.id, %error, "the dead letter can't be written, trying again");
            self.failed().await;
            return;
        }
        tracing::error!(shard = self.id, %message, "records are given up");
        self.failures = 0;
        self.delivery.discard(count);
        self.store().await;
    }

    /// Reports the progress and stores the checkpoint.
    async fn store(&self) {
        self.report(None);
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
        let after = position.filter(|_| !self.at_horizon);
        let page = async {
            let iterator = if let Some(iterator) = &self.iterator {
                iterator
            } else {
                self.is_fresh = true;
                self.iterator.insert(stream.iterator(shard, after).await?)
            };
            stream.records(iterator).await
        };
        match page.await {
            Ok(page) => {
                self.is_fresh = false;
                self.at_horizon = false;
                self.is_closed = page.next_iterator.is_none();
                self.iterator = page.next_iterator;
                Ok(page.records)
            }
            Err(error) => {
                // The next read requests a new iterator, at the trim horizon if the position was trimmed.
                if matches!(error, StreamError::Expired | StreamError::Trimmed) {
                    self.iterator = None;
                }
                if let (StreamError::Trimmed, Some(position), true) = (&error, after, self.is_fresh) {
                    tracing::warn!(
                        shard,
                        position,
                        "the position was trimmed: reading from the trim horizon"
                    );
                    self.at_horizon = true;
                }
                Err(error)
            }
        }
    }
}

impl Mapping {
    /// Converts a stream record into an event record and applies the filter.
    fn convert(&self, record: &types::Record) -> Result<Read, StreamError> {
        let number = record.dynamodb().and_then(|change| change.sequence_number());
        let (Some(number), Ok(event)) = (number, event::record(record, &self.options.stream_arn)) else {
            return Err(StreamError::Failed(
                "a record has no sequence number, or an attribute of an unknown type".to_owned(),
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

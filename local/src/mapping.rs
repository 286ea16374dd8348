//! The event source mapping: Lambda's part between a DynamoDB stream and a function.
//!
//! The code is written by hand, because no library imitates the event source mapping inside a process.
//!
//! One reader per shard reads in order, filters, and invokes the function with one batch at a time. A failed
//! batch is retried after a backoff, from its lowest failed record on. When its retries or its age are
//! exhausted, its metadata goes to the dead-letter file and the reader continues. Checkpoints cover only
//! records that are done, so a restart may deliver records again but never misses one.
//!
//! A function's answer lists the failed records (`ReportBatchItemFailures`). A function error halves the batch, which
//! uses no retry (`BisectBatchOnFunctionError`).

mod answer;
mod checkpoint;
mod dead_letter;
mod delivery;
mod event;
mod filter;
mod progress;
mod shard;
mod shards;
mod stream;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use aws_sdk_dynamodbstreams::Client;
use cruddur::{clock::Clock, random::Random};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use self::{checkpoint::Checkpoints, dead_letter::DeadLetters, filter::Filter, stream::Stream};
use crate::function::Function;

pub use self::{delivery::Batching, progress::Progress};

/// Settings of a mapping.
#[derive(Debug, Clone)]
pub struct Options {
    pub client: Client,
    /// The stream's ARN: its table's `LatestStreamArn`.
    pub stream_arn: String,
    /// The `Pattern` texts of `FilterCriteria`. A record passes if one matches or there are none.
    pub filters: Vec<String>,
    pub batching: Batching,
    /// The pause after a read without records.
    pub poll_interval: Duration,
    /// The upper bound of the first backoff, doubled for each further one.
    pub backoff_base: Duration,
    /// The upper bound of every backoff.
    pub backoff_cap: Duration,
    /// The file of checkpoints. `None` keeps them in memory, and a restart begins at the trim horizon.
    pub checkpoint_file: Option<PathBuf>,
    /// The file for the metadata of given-up records, one JSON line each. `None` only logs them.
    pub dead_letter_file: Option<PathBuf>,
    /// The clock for the age of records.
    pub clock: Clock,
    /// The source of jitter and request ids.
    pub random: Random,
}

#[derive(Debug)]
pub struct Mapping {
    options: Options,
    function: Function,
    filter: Filter,
    stream: Stream,
    checkpoints: Checkpoints,
    dead_letters: DeadLetters,
    progress: watch::Sender<Progress>,
}

/// A running mapping. Dropping the handle stops the mapping without waiting.
#[derive(Debug)]
pub struct MappingHandle {
    stop: watch::Sender<bool>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

impl Options {
    /// The mapping of `template.yaml` without its filters. Checkpoints are kept in memory; given-up records are
    /// logged.
    #[must_use]
    pub fn new(client: Client, stream_arn: impl Into<String>) -> Self {
        Self {
            client,
            stream_arn: stream_arn.into(),
            filters: Vec::new(),
            batching: Batching::default(),
            poll_interval: Duration::from_millis(50),
            backoff_base: Duration::from_millis(100),
            backoff_cap: Duration::from_secs(5),
            checkpoint_file: None,
            dead_letter_file: None,
            clock: Clock::system(),
            random: Random::system(),
        }
    }

    /// The pause after this many consecutive failures: full jitter below a doubling upper bound.
    fn backoff(&self, failures: u32) -> Duration {
        let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
        self.random.jitter(self.backoff_base.saturating_mul(doubled).min(self.backoff_cap))
    }
}

impl Mapping {
    /// Starts a mapping in the current tokio runtime. It waits while the stream is unreadable, and runs until
    /// the handle is stopped or dropped.
    ///
    /// Returns an error if a filter is not supported or the checkpoint file exists but can't be read.
    pub fn start(options: Options, function: Function) -> Result<MappingHandle> {
        let filter = Filter::parse(&options.filters)?;
        let checkpoints = Checkpoints::open(options.checkpoint_file.clone(), &options.stream_arn)
            .context("the checkpoints can't be read")?;
        let stream = Stream::new(options.client.clone(), &options.stream_arn);
        let dead_letters =
            DeadLetters::new(options.dead_letter_file.clone(), &options.stream_arn, function.name());
        let (progress, watched) = watch::channel(Progress::default());
        let mapping = Self { options, function, filter, stream, checkpoints, dead_letters, progress };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(shards::run(Arc::new(mapping), Stop(stopped)));
        Ok(MappingHandle { stop, progress: watched, task })
    }
}

impl MappingHandle {
    /// Stops the mapping: starts no further batch, waits for the running invocation, and stores its
    /// checkpoint.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the mapping panicked");
        }
    }

    /// Waits until every record in the stream at the time of the call is done: delivered, given up or
    /// filtered out.
    pub async fn idle(&self) {
        let start = Instant::now();
        let mut progress = self.progress.clone();
        // An error means that the mapping has ended, so nothing is pending.
        let _gone = progress.wait_for(|progress| progress.is_idle_since(start)).await;
    }

    /// The mapping's current progress, to be read or watched.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

/// A reader's view of the stop signal.
#[derive(Debug, Clone)]
struct Stop(watch::Receiver<bool>);

impl Stop {
    fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits for the stop signal. A dropped handle counts as one.
    async fn requested(&mut self) {
        let _dropped = self.0.wait_for(|stop| *stop).await;
    }
}

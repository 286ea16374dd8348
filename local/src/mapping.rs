//! The event source mapping: what Lambda does between a DynamoDB stream and a function.
//!
//! A reader per shard reads in order, filters, and invokes the function with one batch at a time. A batch that fails
//! comes again, after a back-off, from its lowest failed record on; when its retries or its age are used up, its
//! metadata goes to the dead-letter file and the shard goes on. A checkpoint is stored only behind records that are
//! done, so a restart may deliver records again and never misses one.

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

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use aws_sdk_dynamodbstreams::Client;
use cruddur::{clock::Clock, random::Random};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use self::{
    checkpoint::Checkpoints, dead_letter::DeadLetters, delivery::Policy, filter::Filter, stream::Stream,
};
use crate::function::Function;

pub use self::{filter::FilterError, progress::Progress};

/// What can be said about a mapping, under the names of `AWS::Lambda::EventSourceMapping`.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the stream is read.
    pub client: Client,
    /// The stream, as `LatestStreamArn` of its table.
    pub stream_arn: String,
    /// The `Pattern` texts of `FilterCriteria`; a record passes when one matches, or when there are none.
    pub filters: Vec<String>,
    /// Records per invocation, 1 to 1000.
    pub batch_size: usize,
    /// `ReportBatchItemFailures`: whether the function's answer says which records failed.
    pub report_batch_item_failures: bool,
    /// Whether a function error halves the batch. A split uses up no retry.
    pub bisect_on_function_error: bool,
    /// How often a batch is delivered again, or None for no limit.
    pub max_retries: Option<u32>,
    /// Records older than this are given up, *even when they were never delivered*; None for no limit.
    pub max_record_age: Option<Duration>,
    /// The pause after a read that found nothing.
    pub poll_interval: Duration,
    /// The ceiling of the first back-off; each further one doubles it.
    pub backoff_base: Duration,
    /// The ceiling no back-off exceeds.
    pub backoff_cap: Duration,
    /// Where checkpoints are kept. None: in memory, and a restart begins at the trim horizon.
    pub checkpoint_file: Option<PathBuf>,
    /// Where the metadata of given-up records goes, a line of JSON each. None: to the log only.
    pub dead_letter_file: Option<PathBuf>,
    /// What the age of records is measured with.
    pub clock: Clock,
    /// Where jitter and request ids come from.
    pub random: Random,
}

/// Why a mapping can't start.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// A filter pattern that Lambda would refuse, or that this stack can't evaluate.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The batch size is out of range.
    #[error("the batch size has to be 1 to 1000, not {0}")]
    BatchSize(usize),
    /// The file of checkpoints is there and can't be opened.
    #[error("cannot read the checkpoints in {}", .file.display())]
    Checkpoints {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A mapping from a stream to a function.
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

/// A mapping that runs. Dropping it stops the mapping too, without waiting.
#[derive(Debug)]
pub struct MappingHandle {
    stop: watch::Sender<bool>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

impl Options {
    /// The mapping of `template.yaml`, but for its filters: batches of 100, reported failures, bisection, 100
    /// retries, 6 hours; checkpoints in memory, given-up records to the log.
    #[must_use]
    pub fn new(client: Client, stream_arn: impl Into<String>) -> Self {
        Self {
            client,
            stream_arn: stream_arn.into(),
            filters: Vec::new(),
            batch_size: 100,
            report_batch_item_failures: true,
            bisect_on_function_error: true,
            max_retries: Some(100),
            max_record_age: Some(Duration::from_hours(6)),
            poll_interval: Duration::from_millis(100),
            backoff_base: Duration::from_millis(100),
            backoff_cap: Duration::from_secs(5),
            checkpoint_file: None,
            dead_letter_file: None,
            clock: Clock::system(),
            random: Random::system(),
        }
    }

    /// How long to wait after the `failures`th failure in a row: full jitter below a ceiling that doubles.
    fn backoff(&self, failures: u32) -> Duration {
        let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
        self.random.jitter(self.backoff_base.saturating_mul(doubled).min(self.backoff_cap))
    }
}

impl Mapping {
    /// Starts a mapping in the current tokio runtime. From here on only `MappingHandle::stop` ends it: a stream
    /// that can't be read is waited for.
    pub fn start(options: Options, function: Function) -> Result<MappingHandle, MappingError> {
        let filter = Filter::parse(&options.filters)?;
        if !(1..=1000).contains(&options.batch_size) {
            return Err(MappingError::BatchSize(options.batch_size));
        }
        let checkpoints =
            Checkpoints::open(options.checkpoint_file.clone(), &options.stream_arn).map_err(|source| {
                MappingError::Checkpoints {
                    file: options.checkpoint_file.clone().unwrap_or_default(),
                    source,
                }
            })?;
        let stream = Stream::new(options.client.clone(), &options.stream_arn);
        let dead_letters =
            DeadLetters::new(options.dead_letter_file.clone(), &options.stream_arn, function.name());
        let (progress, watched) = watch::channel(Progress::default());
        let mapping = Self { options, function, filter, stream, checkpoints, dead_letters, progress };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(shards::run(Arc::new(mapping), Stop(stopped)));
        Ok(MappingHandle { stop, progress: watched, task })
    }

    fn policy(&self) -> Policy {
        Policy {
            batch_size: self.options.batch_size,
            max_retries: self.options.max_retries,
            max_record_age: self.options.max_record_age,
            bisect_on_function_error: self.options.bisect_on_function_error,
        }
    }
}

impl MappingHandle {
    /// Stops the mapping: no further batch is started, the running invocation ends, its checkpoint is stored.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the mapping panicked");
        }
    }

    /// Returns once everything that was in the stream at the time of the call is done: delivered to success, given
    /// up, or taken out by the filter.
    pub async fn idle(&self) {
        let start = Instant::now();
        let mut progress = self.progress.clone();
        // It fails only when the mapping is gone, and then nothing is pending.
        let _gone = progress.wait_for(|progress| progress.is_idle_since(start)).await;
    }

    /// How far the mapping is now, to be asked or watched.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

/// The order to stop, as a reader sees it.
#[derive(Debug, Clone)]
struct Stop(watch::Receiver<bool>);

impl Stop {
    fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when the mapping is to stop; a dropped handle is an order as well.
    async fn requested(&mut self) {
        let _dropped = self.0.wait_for(|stop| *stop).await;
    }
}

//! Tests of the mapping against the embedded engine, and against a stream that misbehaves as real streams do.

mod embedded;
mod scripted;
mod scripted_stream;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lambda_events::event::dynamodb::Event;
use cruddur::table::RowKind;
use serde_json::{Value, json};

use super::{Mapping, Options};
use crate::function::Function;

/// The tested function's result for a batch, given its records' keys and numbers of earlier deliveries.
type Behavior = dyn Fn(&[Delivered]) -> Result<Value, String> + Send + Sync;

/// A record as the function received it.
#[derive(Debug, Clone)]
struct Delivered {
    key: String,
    sequence_number: String,
    /// The number of earlier deliveries.
    before: usize,
}

/// The deliveries to a function.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    batches: Vec<Vec<String>>,
    deliveries: HashMap<String, usize>,
    running: usize,
    overlapped: bool,
}

impl Recorder {
    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of every batch so far.
    fn batches(&self) -> Vec<Vec<String>> {
        self.recorded().batches.clone()
    }

    /// Every delivered key, in order.
    fn keys(&self) -> Vec<String> {
        self.batches().concat()
    }

    fn function(
        &self,
        behavior: impl Fn(&[Delivered]) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Function {
        self.slow_function(Duration::ZERO, behavior)
    }

    /// A function whose invocations each take `duration`.
    fn slow_function(
        &self,
        duration: Duration,
        behavior: impl Fn(&[Delivered]) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Function {
        let recorder = self.clone();
        let behavior: Arc<Behavior> = Arc::new(behavior);
        Function::event(
            "stream-handler",
            Duration::from_secs(30),
            move |event: lambda_runtime::LambdaEvent<Event>| {
                let (recorder, behavior) = (recorder.clone(), Arc::clone(&behavior));
                async move {
                    let delivered = recorder.begin(&event.payload);
                    tokio::time::sleep(duration).await;
                    recorder.recorded().running -= 1;
                    behavior(&delivered)
                }
            },
        )
    }

    fn begin(&self, event: &Event) -> Vec<Delivered> {
        let mut recorded = self.recorded();
        recorded.running += 1;
        recorded.overlapped |= recorded.running > 1;
        let delivered: Vec<_> = event
            .records
            .iter()
            .map(|record| {
                let keys = serde_json::to_value(&record.change.keys).unwrap();
                let key = keys["pk"]["S"].as_str().unwrap().to_owned();
                let count = recorded.deliveries.entry(key.clone()).or_default();
                *count += 1;
                let before = *count - 1;
                Delivered { key, sequence_number: record.change.sequence_number.clone().unwrap(), before }
            })
            .collect();
        recorded.batches.push(delivered.iter().map(|record| record.key.clone()).collect());
        delivered
    }
}

/// Reports success for every record.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a behavior")]
fn success(_: &[Delivered]) -> Result<Value, String> {
    Ok(json!({ "batchItemFailures": [] }))
}

/// Reports these records as failed.
fn failures<'a>(failed: impl Iterator<Item = &'a Delivered>) -> Value {
    let failures: Vec<_> = failed.map(|record| json!({ "itemIdentifier": record.sequence_number })).collect();
    json!({ "batchItemFailures": failures })
}

/// The partition key of a message.
fn key(number: usize) -> String {
    RowKind::Message.partition(format_args!("{number:04}"))
}

fn keys(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(key).collect()
}

/// Runs a mapping until all records in the stream are done.
async fn run(options: Options, function: Function) {
    let mapping = Mapping::start(options, function).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
}

/// Fails after a time limit that is far longer than any test needs.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("timeout")
}

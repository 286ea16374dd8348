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
use serde_json::{Value, json};

use crate::function::Function;

/// The tested function's result for a batch, given its records' keys and numbers of earlier deliveries.
type Behaviour = dyn Fn(&[Delivered]) -> Result<Value, String> + Send + Sync;

/// A record as the function received it.
#[derive(Debug, Clone)]
struct Delivered {
    key: String,
    sequence_number: String,
    /// The number of earlier deliveries.
    before: usize,
}

/// A function that records its deliveries.
#[derive(Clone, Default)]
struct Notebook(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    batches: Vec<Vec<String>>,
    deliveries: HashMap<String, usize>,
    running: usize,
    overlapped: bool,
}

impl Notebook {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of every batch so far.
    fn batches(&self) -> Vec<Vec<String>> {
        self.notes().batches.clone()
    }

    /// Every delivered key, in order.
    fn keys(&self) -> Vec<String> {
        self.batches().concat()
    }

    fn function(
        &self,
        behaviour: impl Fn(&[Delivered]) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Function {
        self.slow_function(Duration::ZERO, behaviour)
    }

    /// A function whose invocations each take `duration`.
    fn slow_function(
        &self,
        duration: Duration,
        behaviour: impl Fn(&[Delivered]) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Function {
        let notebook = self.clone();
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        Function::event(
            "stream-handler",
            Duration::from_secs(30),
            move |event: lambda_runtime::LambdaEvent<Event>| {
                let (notebook, behaviour) = (notebook.clone(), Arc::clone(&behaviour));
                async move {
                    let delivered = notebook.begin(&event.payload);
                    tokio::time::sleep(duration).await;
                    notebook.notes().running -= 1;
                    behaviour(&delivered)
                }
            },
        )
    }

    fn begin(&self, event: &Event) -> Vec<Delivered> {
        let mut notes = self.notes();
        notes.running += 1;
        notes.overlapped |= notes.running > 1;
        let delivered: Vec<_> = event
            .records
            .iter()
            .map(|record| {
                let keys = serde_json::to_value(&record.change.keys).unwrap();
                let key = keys["pk"]["S"].as_str().unwrap().to_owned();
                let count = notes.deliveries.entry(key.clone()).or_default();
                *count += 1;
                let before = *count - 1;
                Delivered { key, sequence_number: record.change.sequence_number.clone().unwrap(), before }
            })
            .collect();
        notes.batches.push(delivered.iter().map(|record| record.key.clone()).collect());
        delivered
    }
}

/// Reports success for every record.
#[expect(clippy::unnecessary_wraps, reason = "it is a behaviour like any other")]
fn success(_: &[Delivered]) -> Result<Value, String> {
    Ok(json!({ "batchItemFailures": [] }))
}

/// Reports these records as failed.
fn failures<'a>(failed: impl Iterator<Item = &'a Delivered>) -> Value {
    let failures: Vec<_> = failed.map(|record| json!({ "itemIdentifier": record.sequence_number })).collect();
    json!({ "batchItemFailures": failures })
}

fn keys(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("MSG#{number:04}")).collect()
}

/// Fails after a time limit that is far longer than any test needs.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("it takes too long")
}

//! Interruption and error messages of the doctor and the migration.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use cruddur::error::{Chain, Dependency, Error};
use indicatif::ProgressBar;

use crate::{
    advice::advised,
    context::{Database, DynamoDb, note, query_cause},
};

/// Runs `work`, and asks it to stop at the first Ctrl-C.
pub(crate) async fn run<T>(
    work: impl Future<Output = Result<T>>,
    stop: &AtomicBool,
    progress: &ProgressBar,
) -> Result<T> {
    let result = tokio::select! {
        result = work => result,
        error = interrupted(stop) => Err(error),
    };
    progress.finish_and_clear();
    result
}

/// Sets `stop` at the first Ctrl-C. Returns an error at the second one.
async fn interrupted(stop: &AtomicBool) -> anyhow::Error {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    stop.store(true, Ordering::Relaxed);
    note("stopping after the writes in progress");
    let _ = tokio::signal::ctrl_c().await;
    advised("aborted", "the lease of this run expires within 65 s, then run it again (or use --wait)")
}

/// Adds advice to an error, on one line.
pub(crate) fn explained(
    error: anyhow::Error,
    dynamodb: &DynamoDb,
    database: Option<&Database>,
) -> anyhow::Error {
    let place = &dynamodb.place;
    match (error.downcast_ref::<Error>(), database) {
        (Some(Error::Unavailable { what: Dependency::DynamoDb, source }), _) => advised(
            format!("failed to reach {place} ({})", Chain(&**source)),
            "run it again, nothing is half done",
        ),
        (Some(error), Some(database)) if query_cause(error).is_some() => database.query_error(error),
        (Some(Error::Internal(source)), _) => advised(
            format!("{place} rejected the request: {}", Chain(&**source)),
            "may these credentials read and write the table?",
        ),
        _ => error,
    }
}

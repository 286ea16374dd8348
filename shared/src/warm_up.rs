//! Warm-up before the first event, and the check of a new version: opens connections, and issues the reads of a first
//! request with keys that do not exist: the nil UUID in DynamoDB, an empty subject in PostgreSQL.
//!
//! During initialization Lambda gives a function a full vCPU at every memory size. After that, a TLS handshake takes
//! fourteen times as long at 128 MB. During start-up, failures are logged and ignored: the first event retries, and
//! reports them.

use std::time::Duration;

use tokio::time::timeout;

use crate::error::{Cause, Chain, Dependency};

/// The time limit of a start-up's warm-up.
const LIMIT: Duration = Duration::from_secs(2);

/// The time limit of a call. Below the timeout of every function, so that a health check can name the dependency.
const CALL_LIMIT: Duration = Duration::from_secs(4);

/// A dependency that could not be used.
#[derive(Debug)]
pub struct Failure {
    /// The dependency.
    pub dependency: Dependency,
    /// The error of its client.
    pub cause: Cause,
}

impl Failure {
    /// The cause with all its sources.
    #[must_use]
    pub fn chain(&self) -> Chain<'_> {
        Chain(&*self.cause)
    }
}

/// The failures among `results`.
pub fn failures(results: impl IntoIterator<Item = Result<(), Failure>>) -> Vec<Failure> {
    results.into_iter().filter_map(Result::err).collect()
}

/// Waits for `connections`, for two seconds at most, and logs failures.
pub fn within_limit(connections: impl Future<Output = Vec<Failure>>) -> impl Future<Output = ()> {
    // Boxed, since the futures of SDK clients are large.
    let connections = Box::pin(connections);
    async move {
        let Ok(failures) = timeout(LIMIT, connections).await else {
            tracing::info!("not all connections were opened in time; the first event retries");
            return;
        };
        for failure in failures {
            tracing::info!(cause = %failure.chain(), "can't use {} during start-up", failure.dependency);
        }
    }
}

/// Waits for a call to `dependency`, for four seconds at most.
pub(crate) fn call<T, E: Into<Cause>>(
    dependency: Dependency,
    call: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<(), Failure>> {
    // Boxed, since the futures of SDK clients are large.
    let call = Box::pin(call);
    async move {
        let cause = match timeout(CALL_LIMIT, call).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.into(),
            Err(_) => "no answer within 4 s".into(),
        };
        Err(Failure { dependency, cause })
    }
}

//! Warm-up before the first event: opens connections, and issues the reads of a first request with keys that do
//! not exist: the nil UUID in DynamoDB, an empty subject in PostgreSQL.
//!
//! During initialization Lambda gives a function a full vCPU, whatever its memory size. After that, a TLS handshake takes
//! fourteen times as long at 128 MB. Failures are logged and ignored: the first event retries, and reports them.

use std::time::Duration;

use tokio::time::timeout;

use crate::error::Chain;

const LIMIT: Duration = Duration::from_secs(2);

/// Waits for `connections`, for two seconds at most.
pub fn within_limit(connections: impl Future) -> impl Future<Output = ()> {
    // Boxed, since the futures of SDK clients are large.
    let connections = Box::pin(connections);
    async move {
        if timeout(LIMIT, connections).await.is_err() {
            tracing::info!("not all connections were opened in time; the first event retries");
        }
    }
}

/// Logs the error of a warm-up call to `dependency`, if it failed.
pub(crate) fn log_failure<T, E: std::error::Error + 'static>(dependency: &str, result: Result<T, E>) {
    if let Err(error) = result {
        tracing::info!(cause = %Chain(&error), "can't call {dependency} during start-up");
    }
}

//! What a function does before its first event: it makes the connections that the first event needs, and makes on them the
//! calls that it begins with, about nobody.
//!
//! While it starts, a function has a whole processor whatever its memory size, and up to ten seconds that nobody
//! waits for twice; with 128 MB a handshake takes fourteen times as long afterwards. A connection that can't be made
//! is no reason not to start: the first event makes it once more, and tells what is wrong.

use std::time::Duration;

use tokio::time::timeout;

use crate::error::Chain;

/// How long a start waits for connections.
const LIMIT: Duration = Duration::from_secs(2);

/// Makes connections, for two seconds at most.
pub fn within_limit(connections: impl Future) -> impl Future<Output = ()> {
    // Boxed before it is part of another future: clients' calls are large.
    let connections = Box::pin(connections);
    async move {
        if timeout(LIMIT, connections).await.is_err() {
            tracing::info!("not all connections could be made before the first event");
        }
    }
}

/// Tells what went wrong with a call to `whom`, if anything did.
pub(crate) fn tell<T, E: std::error::Error + 'static>(whom: &str, result: Result<T, E>) {
    if let Err(error) = result {
        tracing::info!(cause = %Chain(&error), "can't call {whom} beforehand");
    }
}

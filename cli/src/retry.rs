//! Retry policies. Each retry comes on top of the SDK's own.

use std::time::Duration;

use anyhow::Result;
use backon::{ConstantBuilder, ExponentialBuilder, Retryable as _};
use cruddur::error::Error;

/// Reads of DynamoDB and PostgreSQL: about three minutes.
pub(crate) const READS: ExponentialBuilder = ExponentialBuilder::new()
    .with_jitter()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_secs(5))
    .without_max_times()
    .with_total_delay(Some(Duration::from_mins(3)));

/// Transactions that meet a conflict or throttling: eight attempts.
pub(crate) const REPAIRS: ExponentialBuilder = ExponentialBuilder::new()
    .with_jitter()
    .with_min_delay(Duration::from_millis(25))
    .with_max_delay(Duration::from_millis(2_500))
    .with_max_times(7);

/// Transactions of a migration, which stops if one fails: about three minutes.
pub(crate) const MIGRATION_WRITES: ExponentialBuilder =
    REPAIRS.without_max_times().with_total_delay(Some(Duration::from_mins(3)));

/// Writes of a lease, which has to be renewed within a minute: eight retries, one second apart.
pub(crate) const LEASE_WRITES: ConstantBuilder =
    ConstantBuilder::new().with_delay(Duration::from_secs(1)).with_max_times(8);

/// Signed calls to AWS services: four attempts.
pub(crate) const AWS_CALLS: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(300)).with_max_times(3);

/// Sends of one message; the caller sets the time limit.
pub(crate) const SENDS: ExponentialBuilder = ExponentialBuilder::new()
    .with_jitter()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_millis(2_500))
    .without_max_times();

/// Polls of an inbox that the stream handler updates; the caller sets the time limit.
pub(crate) const INBOX_POLLS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(50))
    .with_max_delay(Duration::from_secs(1))
    .without_max_times();

/// Retries `read` by [`READS`] while its dependency is unavailable.
pub(crate) async fn read<T, R>(mut read: impl FnMut() -> R) -> Result<T>
where
    R: Future<Output = Result<T, Error>>,
{
    // Boxed: the SDK's futures are large, and many are in flight.
    let read = || Box::pin(read());
    Ok(read.retry(READS).when(|error| matches!(error, Error::Unavailable { .. })).await?)
}

//! The lease: only one doctor or migration writes to a table at a time.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use backon::Retryable as _;
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    error::{Chain, Error},
    random::Random,
    table::{Condition, Item, Key, Table, Transaction, WriteError},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::write::held_by;
use crate::{advice::advised, retry::LEASE_WRITES};

/// How long a lease is valid after it is acquired or renewed.
const DURATION: Duration = Duration::from_mins(1);

/// Margin for clock differences: a lease can be taken over only this long after it expires.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(5);

/// The interval between attempts to acquire a lease that another process holds.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// A held lease. Writes are allowed while it is renewed.
#[derive(Debug)]
pub struct Lease {
    table: Table,
    clock: Clock,
    /// The id of this run. Writes that require the lease check it.
    pub owner: Uuid,
}

impl Lease {
    /// Acquires the lease. If another process holds it, waits if `wait` is set, and fails otherwise.
    pub async fn acquire(table: &Table, clock: &Clock, random: &Random, wait: bool) -> Result<Self> {
        let owner = random.uuid_v7(clock.now());
        let lease = Self { table: table.clone(), clock: clock.clone(), owner };
        loop {
            let acquire = || lease.try_acquire();
            match acquire.retry(LEASE_WRITES).when(is_transient).await.map_err(Error::from)? {
                None => return Ok(lease),
                Some(_) if wait => sleep(POLL_INTERVAL).await,
                Some(end) => {
                    let end = end.format("%Y-%m-%d %H:%M:%S");
                    return Err(advised(
                        format!(
                            "another doctor or migration is running (its lease expires at {end} UTC unless renewed)"
                        ),
                        "use --wait, or try again later",
                    ));
                }
            }
        }
    }

    /// Runs `work` and renews the lease meanwhile. Fails as soon as the lease is lost.
    pub async fn hold<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            lost = self.keep_renewing() => Err(lost),
            result = work => result,
        }
    }

    /// Releases the lease if this process still holds it. After a failure the lease expires by itself.
    pub async fn release(self) {
        let release = || async {
            Transaction::new(&self.table).delete(&Key::Lease, held_by(self.owner))?.commit().await
        };
        let _ = release.retry(LEASE_WRITES).when(is_transient).await;
    }

    /// Returns `None` if the lease was acquired. Otherwise returns the time at which the holder's lease expires.
    async fn try_acquire(&self) -> Result<Option<DateTime<Utc>>, WriteError> {
        let mut row = Item::from(&Key::Lease);
        row.insert("owner".to_owned(), self.owner_value());
        row.insert("expires_at".to_owned(), self.expiry());
        let expired = (self.clock.now() - CLOCK_MARGIN).timestamp();
        // The same owner: an earlier attempt succeeded and its response was lost.
        let free = Condition::new("attribute_not_exists(pk) OR expires_at < :expired OR #owner = :owner")
            .name("#owner", "owner")
            .value(":owner", self.owner_value())
            .value(":expired", AttributeValue::N(expired.to_string()));
        match Transaction::new(&self.table).put_item(row, free)?.commit().await {
            Ok(()) => Ok(None),
            Err(WriteError::ConditionFailed { rows, .. }) => {
                let held = rows.into_iter().flatten().next().unwrap_or_default();
                let end = held.get("expires_at").and_then(|value| value.as_n().ok()?.parse().ok());
                let end = end.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
                Ok(Some(end.unwrap_or_else(|| self.clock.now())))
            }
            Err(error) => Err(error),
        }
    }

    /// Renews the lease three times per [`DURATION`]. Returns the error once the lease is lost.
    async fn keep_renewing(&self) -> anyhow::Error {
        let mut valid_until = Instant::now() + DURATION;
        loop {
            sleep(DURATION / 3).await;
            let renew = || async {
                let sent_at = Instant::now();
                self.renew().await.map(|()| sent_at)
            };
            // Retries while the lease is valid, without a limit on attempts.
            let renewal = renew
                .retry(LEASE_WRITES.without_max_times())
                .when(|error| is_transient(error) && Instant::now() < valid_until);
            match renewal.await {
                Ok(sent_at) => valid_until = sent_at + DURATION,
                Err(WriteError::ConditionFailed { .. }) => {
                    return advised(
                        "another doctor or migration has taken over, since this one was too slow",
                        "run it again",
                    );
                }
                Err(error) => {
                    let error = Error::from(error);
                    return advised(format!("failed to renew the lease: {}", Chain(&error)), "run it again");
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), WriteError> {
        let held = held_by(self.owner).value(":expiry", self.expiry());
        Transaction::new(&self.table).update(&Key::Lease, "SET expires_at = :expiry", held)?.commit().await
    }

    /// The expiry of a lease acquired or renewed now, in seconds since 1970.
    fn expiry(&self) -> AttributeValue {
        AttributeValue::N((self.clock.now() + DURATION).timestamp().to_string())
    }

    fn owner_value(&self) -> AttributeValue {
        AttributeValue::S(self.owner.to_string())
    }
}

fn is_transient(error: &WriteError) -> bool {
    matches!(error, WriteError::Busy(_) | WriteError::Unknown(_))
}

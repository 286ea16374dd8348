//! One doctor or migration at a time: a row of the table says who is at work, and until when.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    dynamodb::{Item, Table, WriteError, key},
    random::Random,
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// The lease's partition key.
pub(super) const PK: &str = "LEASE#doctor";

/// The lease's sort key.
pub(super) const SK: &str = "LEASE";

/// How long a lease lasts that is not renewed.
const LIFE: Duration = Duration::from_mins(1);

/// How long after its end a lease is another's to take: clocks differ a little.
const SLACK: TimeDelta = TimeDelta::seconds(5);

/// How often a lease that another has is looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// How long a failed write is waited with.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Tries to take or to give back a lease.
const MAX_TRIES: usize = 8;

/// The right to repair, for as long as it is renewed.
#[derive(Debug)]
pub struct Lease {
    table: Table,
    clock: Clock,
    owner: Uuid,
}

/// Why there is no lease.
enum NotTaken {
    HeldUntil(DateTime<Utc>),
    Failed(WriteError),
}

impl Lease {
    /// Takes the lease. Where another doctor has it: waits for it with `wait`, and fails without.
    pub async fn take(table: &Table, clock: &Clock, random: &Random, wait: bool) -> Result<Self> {
        let owner = random.uuid_v7(clock.now());
        let lease = Self { table: table.clone(), clock: clock.clone(), owner };
        let mut tries = 0;
        loop {
            match lease.try_to_take().await {
                Ok(()) => return Ok(lease),
                Err(NotTaken::HeldUntil(_)) if wait => sleep(POLL_INTERVAL).await,
                Err(NotTaken::HeldUntil(end)) => {
                    let end = end.format("%Y-%m-%d %H:%M:%S");
                    bail!(
                        "another doctor or migration is at work, whose lease ends at {end} UTC unless it goes on: wait for it \
                         with --wait, or try again later"
                    );
                }
                Err(NotTaken::Failed(WriteError::Busy(_) | WriteError::Unknown(_))) if tries < MAX_TRIES => {
                    tries += 1;
                    sleep(RETRY_INTERVAL).await;
                }
                Err(NotTaken::Failed(error)) => return Err(cruddur::error::Error::from(error).into()),
            }
        }
    }

    /// Who has it: what a write checks that is to be made by its owner alone.
    #[must_use]
    pub fn owner(&self) -> Uuid {
        self.owner
    }

    /// Carries `work` out, renewing the lease all the while; fails as soon as it is lost.
    pub async fn hold<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            lost = self.renew_for_ever() => Err(lost),
            result = work => result,
        }
    }

    /// Gives the lease back, if it is still ours. (One that can't be given back ends by itself.)
    pub async fn give_back(self) {
        let delete = Delete::builder()
            .table_name(self.table.name())
            .set_key(Some(key(PK, SK)))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", self.owner_value())
            .build();
        let Ok(delete) = delete else { return };
        let delete = vec![TransactWriteItem::builder().delete(delete).build()];
        for _ in 0..MAX_TRIES {
            match self.table.transact(delete.clone()).await {
                Err(WriteError::Busy(_) | WriteError::Unknown(_)) => sleep(RETRY_INTERVAL).await,
                _ => return,
            }
        }
    }

    async fn try_to_take(&self) -> Result<(), NotTaken> {
        let failed = |error| NotTaken::Failed(WriteError::Failed(error));
        let end = self.end();
        let row = Item::from([
            ("pk".to_owned(), AttributeValue::S(PK.to_owned())),
            ("sk".to_owned(), AttributeValue::S(SK.to_owned())),
            ("owner".to_owned(), self.owner_value()),
            ("expires_at".to_owned(), end),
        ]);
        let ended = (self.clock.now() - SLACK).timestamp();
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(row))
            // Ours: an earlier try went through, and only its answer was lost.
            .condition_expression("attribute_not_exists(pk) OR expires_at < :ended OR #owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", self.owner_value())
            .expression_attribute_values(":ended", AttributeValue::N(ended.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| failed(error.into()))?;
        match self.table.transact(vec![TransactWriteItem::builder().put(put).build()]).await {
            Ok(()) => Ok(()),
            Err(WriteError::Refused { rows, .. }) => {
                let held = rows.into_iter().flatten().next().unwrap_or_default();
                let end = held.get("expires_at").and_then(|value| value.as_n().ok()?.parse().ok());
                let end = end.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
                Err(NotTaken::HeldUntil(end.unwrap_or_else(|| self.clock.now())))
            }
            Err(error) => Err(NotTaken::Failed(error)),
        }
    }

    /// Renews every third of the lease's life; the error with which it was lost.
    async fn renew_for_ever(&self) -> anyhow::Error {
        let mut good_until = Instant::now() + LIFE;
        loop {
            sleep(LIFE / 3).await;
            loop {
                let asked_at = Instant::now();
                match self.renew().await {
                    Ok(()) => {
                        good_until = asked_at + LIFE;
                        break;
                    }
                    Err(WriteError::Busy(_) | WriteError::Unknown(_)) if Instant::now() < good_until => {
                        sleep(RETRY_INTERVAL).await;
                    }
                    Err(WriteError::Refused { .. }) => {
                        return anyhow!(
                            "another doctor or migration has taken over, since this one was too slow: run it again"
                        );
                    }
                    Err(error) => {
                        let error = cruddur::error::Error::from(error);
                        let error = anyhow::Error::from(error);
                        return error.context("the lease can't be renewed; run it again");
                    }
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), WriteError> {
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(key(PK, SK)))
            .update_expression("SET expires_at = :end")
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", self.owner_value())
            .expression_attribute_values(":end", self.end())
            .build()
            .map_err(|error| WriteError::Failed(error.into()))?;
        self.table.transact(vec![TransactWriteItem::builder().update(update).build()]).await
    }

    /// When the lease ends that is taken now, in seconds since 1970.
    fn end(&self) -> AttributeValue {
        AttributeValue::N((self.clock.now() + LIFE).timestamp().to_string())
    }

    fn owner_value(&self) -> AttributeValue {
        AttributeValue::S(self.owner.to_string())
    }
}

//! Handler of a schedule: erases what the table has of erased users, and deletes reports at the end of their retention.

#![warn(missing_docs)]

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use cruddur::{
    cognito::UserPool,
    config::{ConfigError, ErasureConfig, Lookup},
    erasure::{Erasure, Pass},
    error::{Chain, Dependency, Error},
    invocation::{self, Completion},
    metrics::Metric,
    start,
    user::{Users, erasure::DueErasure},
    warm_up::{Failure, failures},
};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

/// The function's name in the log.
const NAME: &str = "erase-accounts";

/// Time limit of an invocation. Below the function's timeout, so that a pass that is cut off is logged.
const LIMIT: Duration = Duration::from_secs(270);

/// The time between two deletions of old reports.
const DELETION_PERIOD: Duration = Duration::from_hours(1);

/// What becomes of the Cognito users of erased users.
#[derive(Debug)]
pub enum CognitoUsers {
    /// The function deletes them from this pool.
    In(UserPool),
    /// An operator deletes them with `cruddur users finish-erasures`. The `sub` is kept until then.
    LeftToOperator,
    /// There are none.
    Absent,
}

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// The users, their reports, and the erasures that are due.
    pub users: Users,
    /// Erases users from the table.
    pub erasure: Erasure,
    /// What becomes of the Cognito users.
    pub cognito: CognitoUsers,
    /// The times of erasures, and the retention of reports.
    pub config: ErasureConfig,
    /// The time of the next deletion of old reports.
    pub next_deletion: Mutex<Instant>,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            users: Users::from_lookup(lookup)?,
            erasure: Erasure::from_lookup(lookup)?,
            cognito: UserPool::from_lookup(lookup)?.map_or(CognitoUsers::LeftToOperator, CognitoUsers::In),
            config: ErasureConfig::from_lookup(lookup)?,
            next_deletion: Mutex::new(Instant::now()),
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        let (users, table) = tokio::join!(self.users.warm_up(), self.erasure.warm_up());
        failures([users, table])
    }
}

/// Makes the passes that are due, one after the other. A pass that fails is due again after ten minutes.
pub async fn handler(app: &App, _event: LambdaEvent<Value>) -> Value {
    invocation::observe(NAME, async { ((), app.serve().await) }).await;
    Value::Null
}

impl App {
    async fn serve(&self) -> Completion {
        let deadline = Instant::now() + LIMIT;
        self.delete_old_reports().await;
        while Instant::now() < deadline {
            let erasure = match self.users.take_erasure(&self.config).await {
                Ok(Some(erasure)) => erasure,
                Ok(None) => return Completion::new("no erasure is due"),
                Err(error) => {
                    tracing::error!(cause = %Chain(&error), "could not look for erasures");
                    invocation::count(Metric::ErasuresFailed, 1);
                    return Completion::new("failed");
                }
            };
            let user_uuid = erasure.user.uuid;
            let pass = timeout_at(deadline, self.make_pass(&erasure)).await;
            match pass.unwrap_or_else(|elapsed| Err(Error::unavailable(Dependency::DynamoDb, elapsed))) {
                Ok(()) => invocation::count(Metric::AccountsErased, usize::from(erasure.is_last_pass)),
                Err(error) => {
                    tracing::error!(%user_uuid, cause = %Chain(&error), "could not erase a user");
                    invocation::count(Metric::ErasuresFailed, 1);
                }
            }
        }
        Completion::new("more erasures are due")
    }

    async fn delete_old_reports(&self) {
        let now = Instant::now();
        {
            let mut next = self.next_deletion.lock().unwrap_or_else(PoisonError::into_inner);
            if now < *next {
                return;
            }
            *next = now + DELETION_PERIOD;
        }
        match self.users.delete_old_reports(self.config.report_retention_days).await {
            Ok(deleted) => invocation::count(Metric::ReportsDeleted, deleted),
            Err(error) => tracing::error!(cause = %Chain(&error), "could not delete old reports"),
        }
    }

    async fn make_pass(&self, erasure: &DueErasure) -> Result<(), Error> {
        let Pass { groups, messages, failed } = self.erasure.pass(&erasure.user).await?;
        tracing::info!(user_uuid = %erasure.user.uuid, groups, messages, "made a pass");
        if failed > 0 {
            return Err(Error::unavailable(Dependency::DynamoDb, "some groups could not be erased"));
        }
        let is_deleted = match (&erasure.subject, &self.cognito) {
            (Some(subject), CognitoUsers::In(pool)) => {
                pool.delete(subject).await?;
                true
            }
            (Some(_), CognitoUsers::LeftToOperator) => false,
            (None, _) | (_, CognitoUsers::Absent) => true,
        };
        self.users.end_erasure_pass(&self.config, erasure, is_deleted).await
    }
}

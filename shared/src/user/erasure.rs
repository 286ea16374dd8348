//! Erasure of accounts (design, section 3).

use std::time::Duration;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{User, Users};
use crate::{
    auth::{SignIn, Subject},
    config::ErasureConfig,
    error::Error,
};

/// The time after which another function takes over an erasure, in seconds. Longer than a function's timeout.
const TAKEN_FOR: i32 = 600;

/// An erasure whose next pass is due.
#[derive(Clone, Debug)]
pub struct DueErasure {
    /// The user, with the names of a deleted user.
    pub user: User,
    /// The Cognito user, if there was one.
    pub subject: Option<Subject>,
    /// No request that began before the erasure can write anything after this pass.
    pub is_last_pass: bool,
}

impl Users {
    /// Erases the caller's account, and returns the UUID: nobody finds the user any more, and the caller's requests are
    /// refused once cached UUIDs have ended. A repeated request changes nothing. Fails as [`Self::uuid_of`] does.
    pub async fn erase(&self, sign_in: &SignIn) -> Result<Uuid, Error> {
        let statement = include_str!("../../../sql/users/erase.sql");
        let parameters = [
            (&sign_in.subject.as_str() as _, Type::TEXT),
            (&None::<&str> as _, Type::TEXT),
            (&sign_in.at as _, Type::INT8),
        ];
        let rows = self.postgres.query(statement, &parameters).await?;
        self.forget(&sign_in.subject);
        match rows.first() {
            Some(row) => row.try_get("uuid").map_err(Error::internal),
            None => Err(self.refusal(sign_in).await),
        }
    }

    /// Takes the erasure that has been due for longest. No other caller gets it for ten minutes.
    pub async fn take_erasure(&self, config: &ErasureConfig) -> Result<Option<DueErasure>, Error> {
        let statement = include_str!("../../../sql/users/take_erasure.sql");
        let parameters = [(&TAKEN_FOR as _, Type::INT4), (&seconds(config.settled_after) as _, Type::INT4)];
        let rows = self.postgres.query(statement, &parameters).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let subject = row.try_get::<_, Option<String>>("cognito_user_id").map_err(Error::internal)?;
        Ok(Some(DueErasure {
            user: User::from_row(row)?,
            subject: subject.and_then(Subject::new),
            is_last_pass: row.try_get("is_last_pass").map_err(Error::internal)?,
        }))
    }

    /// Ends a pass. After the last one, the `sub` is removed if the Cognito user `is_deleted`.
    pub async fn end_erasure_pass(
        &self,
        config: &ErasureConfig,
        erasure: &DueErasure,
        is_deleted: bool,
    ) -> Result<(), Error> {
        let statement = include_str!("../../../sql/users/end_erasure_pass.sql");
        let parameters = [
            (&erasure.user.uuid as _, Type::UUID),
            (&erasure.is_last_pass as _, Type::BOOL),
            (&seconds(config.settled_after) as _, Type::INT4),
            (&(erasure.is_last_pass && is_deleted) as _, Type::BOOL),
        ];
        self.postgres.query(statement, &parameters).await.map(drop)
    }

    /// Deletes reports older than `retention_days`, and returns their number.
    pub async fn delete_old_reports(&self, retention_days: u32) -> Result<usize, Error> {
        let statement = include_str!("../../../sql/reports/delete_old.sql");
        let days = i32::try_from(retention_days).map_err(Error::internal)?;
        Ok(self.postgres.query(statement, &[(&days, Type::INT4)]).await?.len())
    }
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

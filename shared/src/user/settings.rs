//! A user's own profile and settings.

use serde::Serialize;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{User, Users, display_name::DisplayName};
use crate::{auth::Subject, error::Error};

/// A user, as only that user is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Me {
    /// The public profile.
    #[serde(flatten)]
    pub user: User,
    /// Tells the other member of a conversation what the user has read. Takes effect only if both have it on.
    pub read_receipts: bool,
}

impl Me {
    fn from_row(row: &Row) -> Result<Self, Error> {
        let read_receipts = row.try_get("read_receipts").map_err(Error::internal)?;
        Ok(Self { user: User::from_row(row)?, read_receipts })
    }
}

impl Users {
    /// Reads the caller. Fails with [`Error::UserNotProvisioned`] if no row has the subject.
    pub async fn me(&self, subject: &Subject) -> Result<Me, Error> {
        let statement = include_str!("../../../sql/users/me.sql");
        let rows = self.postgres.query(statement, &[(&subject.as_str(), Type::TEXT)]).await?;
        self.caller(subject, &rows)
    }

    /// Changes the caller's display name and read receipts, and returns the caller. `None` leaves a value as it is.
    /// Fails with [`Error::UserNotProvisioned`] if no row has the subject.
    ///
    /// Other functions' caches show the old name for up to a minute.
    pub async fn update(
        &self,
        subject: &Subject,
        display_name: Option<&DisplayName>,
        read_receipts: Option<bool>,
    ) -> Result<Me, Error> {
        let statement = include_str!("../../../sql/users/update.sql");
        let display_name = display_name.map(DisplayName::as_str);
        let parameters = [
            (&subject.as_str() as _, Type::TEXT),
            (&display_name as _, Type::TEXT),
            (&read_receipts as _, Type::BOOL),
        ];
        let rows = self.postgres.query(statement, &parameters).await?;
        self.caller(subject, &rows)
    }

    /// Returns `true` if both users have read receipts on. A user without an account counts as one who has.
    pub async fn have_read_receipts(&self, a: Uuid, b: Uuid) -> Result<bool, Error> {
        let statement = include_str!("../../../sql/users/read_receipts.sql");
        let rows = self.postgres.query(statement, &[(&a, Type::UUID), (&b, Type::UUID)]).await?;
        rows.first().map_or(Ok(true), |row| row.try_get("read_receipts").map_err(Error::internal))
    }

    fn caller(&self, subject: &Subject, rows: &[Row]) -> Result<Me, Error> {
        let Some(row) = rows.first() else { return Err(self.not_provisioned(subject)) };
        let me = Me::from_row(row)?;
        self.cache(subject, me.user.uuid, Some(me.user.clone()));
        Ok(me)
    }
}

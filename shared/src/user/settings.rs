//! A user's own profile and settings.

use std::str::FromStr;

use serde::Serialize;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{User, Users, display_name::DisplayName};
use crate::{auth::SignIn, error::Error};

/// A user, as only that user is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Me {
    /// The public profile.
    #[serde(flatten)]
    pub user: User,
    /// Tells the other member of a conversation what the user has read. Takes effect only if both have it on.
    pub read_receipts: bool,
    /// Who may open a conversation with the user.
    pub messages_from: MessagesFrom,
}

/// Who may open a conversation with a user. Conversations that the user has accepted are not affected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagesFrom {
    /// Everyone.
    #[default]
    Everyone,
    /// Everyone, with one message until the user accepts.
    Requests,
    /// Nobody.
    Nobody,
}

/// The text names no such setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not everyone, requests or nobody")]
pub struct InvalidMessagesFrom;

impl MessagesFrom {
    /// All settings.
    pub const ALL: [Self; 3] = [Self::Everyone, Self::Requests, Self::Nobody];

    /// The name in requests, answers and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Requests => "requests",
            Self::Nobody => "nobody",
        }
    }

    /// Parses the column `messages_from`.
    pub(super) fn from_row(row: &Row) -> Result<Self, Error> {
        let name: &str = row.try_get("messages_from").map_err(Error::internal)?;
        name.parse().map_err(|error: InvalidMessagesFrom| Error::internal(error))
    }
}

impl FromStr for MessagesFrom {
    type Err = InvalidMessagesFrom;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|setting| setting.name() == text).ok_or(InvalidMessagesFrom)
    }
}

impl Me {
    /// Parses a row with the columns of a [`User`] and of the settings.
    pub fn from_row(row: &Row) -> Result<Self, Error> {
        let read_receipts = row.try_get("read_receipts").map_err(Error::internal)?;
        Ok(Self { user: User::from_row(row)?, read_receipts, messages_from: MessagesFrom::from_row(row)? })
    }
}

impl Users {
    /// Reads the caller. Fails as [`Self::uuid_of`] does.
    pub async fn me(&self, sign_in: &SignIn) -> Result<Me, Error> {
        let statement = include_str!("../../../sql/users/me.sql");
        let rows = self.postgres.query(statement, &[(&sign_in.subject.as_str(), Type::TEXT)]).await?;
        self.caller(sign_in, self.caller_row(sign_in, &rows)?)
    }

    /// Changes the caller's display name and settings, and returns the caller. `None` leaves a value as it is.
    /// Fails as [`Self::uuid_of`] does.
    ///
    /// Other functions' caches show the old name for up to a minute.
    pub async fn update(
        &self,
        sign_in: &SignIn,
        display_name: Option<&DisplayName>,
        read_receipts: Option<bool>,
        messages_from: Option<MessagesFrom>,
    ) -> Result<Me, Error> {
        let statement = include_str!("../../../sql/users/update.sql");
        let display_name = display_name.map(DisplayName::as_str);
        let messages_from = messages_from.map(MessagesFrom::name);
        let parameters = [
            (&sign_in.subject.as_str() as _, Type::TEXT),
            (&display_name as _, Type::TEXT),
            (&read_receipts as _, Type::BOOL),
            (&messages_from as _, Type::TEXT),
            (&sign_in.at as _, Type::INT8),
        ];
        let rows = self.postgres.query(statement, &parameters).await?;
        match rows.first() {
            Some(row) => self.caller(sign_in, row),
            None => Err(self.refusal(sign_in).await),
        }
    }

    /// Returns `true` if both users have read receipts on. A user without an account counts as one who has.
    pub async fn have_read_receipts(&self, a: Uuid, b: Uuid) -> Result<bool, Error> {
        let statement = include_str!("../../../sql/users/read_receipts.sql");
        let rows = self.postgres.query(statement, &[(&a, Type::UUID), (&b, Type::UUID)]).await?;
        rows.first().map_or(Ok(true), |row| row.try_get("read_receipts").map_err(Error::internal))
    }

    fn caller(&self, sign_in: &SignIn, row: &Row) -> Result<Me, Error> {
        let me = Me::from_row(row)?;
        self.cache(sign_in, row, me.user.uuid, Some(me.user.clone()))?;
        Ok(me)
    }
}

//! Users: handles, and the table of users in PostgreSQL with what is remembered of it.

use std::{
    num::NonZeroUsize,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use serde::Serialize;
use tokio::time::Instant;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use crate::{
    auth::Subject,
    config::{ConfigError, DatabaseConfig, Lookup},
    error::{Chain, Error},
    postgres::{Parameter, Postgres},
    warm_up,
};

pub mod confirm;
mod names;

use self::names::NamesByUuid;
pub use self::names::ShowsUser;

const UUID_FROM_SUBJECT: &str = include_str!("../../sql/users/uuid_from_cognito_user_id.sql");

/// A user as others see them (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// The user's uuid, for ever.
    pub uuid: Uuid,
    /// 1 to 30 of `[A-Za-z0-9_.-]`.
    pub handle: String,
    /// 1 to 64 Unicode scalar values.
    pub display_name: String,
}

impl User {
    /// The user in a row with the columns `uuid`, `handle` and `display_name`.
    pub fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            uuid: row.try_get("uuid").map_err(Error::internal)?,
            handle: row.try_get("handle").map_err(Error::internal)?,
            display_name: row.try_get("display_name").map_err(Error::internal)?,
        })
    }
}

/// A user's handle as somebody wrote it: with or without one leading `@`, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle(String);

/// The text can't be anybody's handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 30 of A-Z a-z 0-9 _ . -")]
pub struct InvalidHandle;

impl Handle {
    /// Characters in a handle at most.
    pub const MAX_CHARS: usize = 30;

    /// The handle in lower case: equal for two handles that name the same user.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.0
    }

    /// Whether a new user can get the handle. Not `.` and `..`: as the segment of a URL's path they mean something else,
    /// so nobody could open a conversation with them.
    #[must_use]
    pub fn is_assignable(&self) -> bool {
        !matches!(&*self.0, "." | "..")
    }
}

impl FromStr for Handle {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let handle = text.strip_prefix('@').unwrap_or(text);
        let fits = (1..=Self::MAX_CHARS).contains(&handle.len())
            && handle.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if fits { Ok(Self(handle.to_ascii_lowercase())) } else { Err(InvalidHandle) }
    }
}

/// How long the names of a user are used before they are looked up again.
const NAMES_KEPT_FOR: Duration = Duration::from_mins(1);

/// How long the uuid of a subject is used before it is looked up again: a row that was deleted, or given to another
/// subject, ends access after this time at the latest.
const UUID_KEPT_FOR: Duration = Duration::from_mins(10);

/// Users that are remembered at most: some hundred bytes each.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// The table of users.
///
/// The uuid of a token's subject is cached for ten minutes, names for one. Older entries serve only while PostgreSQL
/// can't be reached. A look-up that finds no row drops the subject's entry (design, section 6).
#[derive(Debug)]
pub struct Users {
    postgres: Arc<Postgres>,
    remembered: Mutex<LruCache<Subject, Remembered>>,
    names: Arc<NamesByUuid>,
}

#[derive(Clone, Debug)]
struct Remembered {
    uuid: Uuid,
    uuid_read_at: Instant,
    names: Option<Names>,
}

#[derive(Clone, Debug)]
struct Names {
    user: User,
    read_at: Instant,
}

/// The sender of a message, and its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageUsers {
    /// The user of the token.
    pub sender: User,
    /// The user with the handle or the uuid; `None` if there is no such user.
    pub receiver: Option<User>,
}

impl Users {
    /// The users in the database behind `postgres`.
    #[must_use]
    pub fn new(postgres: Arc<Postgres>) -> Self {
        Self { postgres, remembered: Mutex::new(LruCache::new(REMEMBERED)), names: Arc::default() }
    }

    /// The users in the configured database.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let config = DatabaseConfig::from_lookup(lookup)?;
        Ok(Self::new(Arc::new(Postgres::new(config.server, config.keep))))
    }

    /// Gets ready for the first look-up: looks nobody up. (PostgreSQL reads what it knows of a table once for each connection.)
    /// Does nothing where connections are closed after use.
    pub async fn warm_up(&self) {
        if self.postgres.keeps_connections() {
            warm_up::tell("PostgreSQL", self.postgres.query(UUID_FROM_SUBJECT, &[(&"", Type::TEXT)]).await);
        }
    }

    /// The uuid of the caller.
    pub async fn uuid_of(&self, subject: &Subject) -> Result<Uuid, Error> {
        let remembered = self.recall(subject);
        if let Some(remembered) = &remembered
            && remembered.uuid_read_at.elapsed() < UUID_KEPT_FOR
        {
            return Ok(remembered.uuid);
        }
        match self.postgres.query(UUID_FROM_SUBJECT, &[(&subject.as_str(), Type::TEXT)]).await {
            Ok(rows) => {
                let Some(row) = rows.first() else { return Err(self.not_provisioned(subject)) };
                let uuid = row.try_get("uuid").map_err(Error::internal)?;
                self.remember(subject, uuid, None);
                Ok(uuid)
            }
            Err(error @ Error::Unavailable { .. }) => {
                let Some(Remembered { uuid, .. }) = remembered else { return Err(error) };
                tracing::warn!(cause = %Chain(&error), user_uuid = %uuid, "using an old uuid");
                Ok(uuid)
            }
            Err(error) => Err(error),
        }
    }

    /// The caller with the names that a message of theirs carries.
    pub async fn sender(&self, subject: &Subject) -> Result<User, Error> {
        let names = self.recall(subject).and_then(|remembered| remembered.names);
        if let Some(names) = &names
            && names.read_at.elapsed() < NAMES_KEPT_FOR
        {
            return Ok(names.user.clone());
        }
        let statement = include_str!("../../sql/users/from_cognito_user_id.sql");
        match self.postgres.query(statement, &[(&subject.as_str(), Type::TEXT)]).await {
            Ok(rows) => {
                let Some(row) = rows.first() else { return Err(self.not_provisioned(subject)) };
                let sender = User::from_row(row)?;
                self.remember(subject, sender.uuid, Some(sender.clone()));
                Ok(sender)
            }
            Err(error @ Error::Unavailable { .. }) => {
                let Some(names) = names else { return Err(error) };
                tracing::warn!(cause = %Chain(&error), user_uuid = %names.user.uuid, "using old names");
                Ok(names.user)
            }
            Err(error) => Err(error),
        }
    }

    /// The caller, and the user whose handle is `handle` as it is now.
    pub async fn sender_and_receiver(
        &self,
        subject: &Subject,
        handle: &Handle,
    ) -> Result<MessageUsers, Error> {
        let statement = include_str!("../../sql/users/create_message_users.sql");
        self.message_users(subject, statement, (&handle.canonical(), Type::TEXT)).await
    }

    /// The caller, and the user whose uuid is `receiver`.
    pub async fn sender_and_receiver_by_uuid(
        &self,
        subject: &Subject,
        receiver: Uuid,
    ) -> Result<MessageUsers, Error> {
        let statement = include_str!("../../sql/users/create_message_users_by_uuid.sql");
        self.message_users(subject, statement, (&receiver, Type::UUID)).await
    }

    async fn message_users(
        &self,
        subject: &Subject,
        statement: &str,
        receiver: Parameter<'_>,
    ) -> Result<MessageUsers, Error> {
        let rows = self.postgres.query(statement, &[(&subject.as_str(), Type::TEXT), receiver]).await?;
        let (mut sender, mut receiver) = (None, None);
        for row in &rows {
            match row.try_get("kind").map_err(Error::internal)? {
                "sender" => sender = Some(User::from_row(row)?),
                _ => receiver = Some(User::from_row(row)?),
            }
        }
        let Some(sender) = sender else { return Err(self.not_provisioned(subject)) };
        self.remember(subject, sender.uuid, Some(sender.clone()));
        Ok(MessageUsers { sender, receiver })
    }

    /// The user whose handle is `handle`.
    pub async fn with_handle(&self, handle: &Handle) -> Result<User, Error> {
        let statement = include_str!("../../sql/users/short.sql");
        let rows = self.postgres.query(statement, &[(&handle.canonical(), Type::TEXT)]).await?;
        rows.first().map(User::from_row).transpose()?.ok_or(Error::UserNotFound)
    }

    fn recall(&self, subject: &Subject) -> Option<Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(subject).cloned()
    }

    fn remember(&self, subject: &Subject, uuid: Uuid, user: Option<User>) {
        let now = Instant::now();
        let names = user.map(|user| Names { user, read_at: now });
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.put(subject.clone(), Remembered { uuid, uuid_read_at: now, names });
    }

    /// No row has the subject: an entry from before no longer holds.
    fn not_provisioned(&self, subject: &Subject) -> Error {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).pop(subject);
        Error::UserNotProvisioned
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handle_is_1_to_30_of_its_characters_with_at_most_one_at_sign_before() {
        for (text, expected) in [
            ("sunyoung", Ok("sunyoung")),
            ("@SunYoung", Ok("sunyoung")),
            ("a", Ok("a")),
            ("A.b_c-9", Ok("a.b_c-9")),
            ("@012345678901234567890123456789", Ok("012345678901234567890123456789")),
            ("0123456789012345678901234567890", Err(InvalidHandle)),
            ("", Err(InvalidHandle)),
            ("@", Err(InvalidHandle)),
            ("@@sunyoung", Err(InvalidHandle)),
            ("sun young", Err(InvalidHandle)),
            ("sunyöung", Err(InvalidHandle)),
            ("sunyoung\0", Err(InvalidHandle)),
            ("%40sunyoung", Err(InvalidHandle)),
        ] {
            assert_eq!(
                text.parse::<Handle>().as_ref().map(Handle::canonical),
                expected.as_ref().copied(),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn case_and_at_sign_make_no_difference(handle in "[A-Za-z0-9_.-]{1,30}") {
            let parsed: Handle = handle.parse().unwrap();
            prop_assert_eq!(format!("@{}", handle.to_ascii_uppercase()).parse(), Ok(parsed.clone()));
            prop_assert_eq!(parsed.canonical().parse(), Ok(parsed.clone()));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Handle>();
        }
    }
}

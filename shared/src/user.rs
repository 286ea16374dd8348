//! Users: handles, and the users table in PostgreSQL with caches.

use std::{
    collections::HashMap,
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
    auth::{SignIn, Subject, TokenRefusal},
    config::{ConfigError, DatabaseConfig, Lookup},
    error::{Chain, Dependency, Error},
    postgres::{Parameter, Postgres},
    warm_up::{self, Failure},
};

pub mod confirm;
pub mod display_name;
pub mod erasure;
mod names;
mod reports;
pub mod search;
pub mod settings;
mod sign_out;

pub use self::names::ShowsUser;
use self::{names::NamesByUuid, settings::MessagesFrom};

const UUID_AND_NAMES: &str = include_str!("../../sql/users/short.sql");

const UUID_FROM_SUBJECT: &str = include_str!("../../sql/users/uuid_from_cognito_user_id.sql");

/// A user's public profile (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// The user's permanent UUID.
    pub uuid: Uuid,
    /// 1 to 30 of `[A-Za-z0-9_.-]`.
    pub handle: String,
    /// 1 to 64 Unicode scalar values.
    pub display_name: String,
}

impl User {
    /// Parses a row with the columns `uuid`, `handle` and `display_name`.
    pub fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            uuid: row.try_get("uuid").map_err(Error::internal)?,
            handle: row.try_get("handle").map_err(Error::internal)?,
            display_name: row.try_get("display_name").map_err(Error::internal)?,
        })
    }
}

/// A user's handle, parsed with or without a leading `@`, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle(String);

/// The text is not a valid handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 30 of A-Z a-z 0-9 _ . -")]
pub struct InvalidHandle;

impl Handle {
    /// The maximum number of characters in a handle.
    pub const MAX_CHARS: usize = 30;

    /// The handle in lower case. Handles are compared without case.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.0
    }

    /// Returns `true` if a new user may have the handle. `.` and `..` are excluded: in the path of a URL they have
    /// another meaning.
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

/// The time after which a user's cached names are read again.
const NAMES_TTL: Duration = Duration::from_mins(1);

/// The time after which a subject's cached UUID is read again. The access of a deleted or replaced subject ends after
/// at most this time.
const UUID_TTL: Duration = Duration::from_mins(10);

/// The maximum number of entries of each cache. An entry has a few hundred bytes.
const CACHE_SIZE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// The users table.
///
/// A subject's UUID is cached for ten minutes, and names for one minute. Older entries are used only while PostgreSQL
/// is unavailable. A look-up that finds no row drops the subject's entry (design, section 6).
#[derive(Debug)]
pub struct Users {
    postgres: Arc<Postgres>,
    cache: Mutex<LruCache<Subject, CachedUser>>,
    names: Arc<NamesByUuid>,
}

#[derive(Clone, Debug)]
struct CachedUser {
    uuid: Uuid,
    uuid_read_at: Instant,
    /// The user's last sign-out on all devices, in seconds since 1970.
    signed_out_at: Option<i64>,
    names: Option<Names>,
}

impl CachedUser {
    /// Fails with [`Error::Unauthenticated`] if the user has signed out on all devices since the sign-in.
    fn admit(&self, sign_in: &SignIn) -> Result<(), Error> {
        match self.signed_out_at {
            Some(time) if sign_in.at < time => Err(Error::Unauthenticated(TokenRefusal::SignedOut)),
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Debug)]
struct Names {
    user: User,
    read_at: Instant,
}

/// The sender and the receiver of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageUsers {
    /// The caller.
    pub sender: User,
    /// The user with the requested handle or UUID. `None` if no user has it.
    pub receiver: Option<Receiver>,
}

/// The receiver of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The user.
    pub user: User,
    /// Who may open a conversation with the user.
    pub messages_from: MessagesFrom,
}

impl Receiver {
    /// A user who takes messages of everyone.
    #[must_use]
    pub const fn of_everyone(user: User) -> Self {
        Self { user, messages_from: MessagesFrom::Everyone }
    }
}

impl Users {
    /// Creates the store over `postgres`.
    #[must_use]
    pub fn new(postgres: Arc<Postgres>) -> Self {
        Self { postgres, cache: Mutex::new(LruCache::new(CACHE_SIZE)), names: Arc::default() }
    }

    /// Creates the store over the configured database.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let config = DatabaseConfig::from_lookup(lookup)?;
        Ok(Self::new(Arc::new(Postgres::new(config.server))))
    }

    /// Connects, and looks up an empty subject: the first query of a connection loads the table's metadata.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let query = async { self.postgres.query(UUID_FROM_SUBJECT, &[(&"", Type::TEXT)]).await };
        warm_up::call(Dependency::Postgres, query).await
    }

    /// Connects, and looks up an empty handle: the rights of the public look-up suffice.
    pub async fn try_look_up(&self) -> Result<(), Failure> {
        let query = async { self.postgres.query(UUID_AND_NAMES, &[(&"", Type::TEXT)]).await };
        warm_up::call(Dependency::Postgres, query).await
    }

    /// Returns the caller's UUID, cached for ten minutes. Fails with [`Error::UserNotProvisioned`] if no row has the
    /// subject, and with [`Error::Unauthenticated`] if the user has signed out since the sign-in.
    pub async fn uuid_of(&self, sign_in: &SignIn) -> Result<Uuid, Error> {
        match self.cached(&sign_in.subject) {
            Some(cached) if cached.uuid_read_at.elapsed() < UUID_TTL => {
                cached.admit(sign_in).map(|()| cached.uuid)
            }
            cached => self.read_uuid(sign_in, cached).await,
        }
    }

    /// Returns the caller's UUID as [`Self::uuid_of`] does, but uses the cache only if PostgreSQL is unavailable.
    pub async fn current_uuid_of(&self, sign_in: &SignIn) -> Result<Uuid, Error> {
        self.read_uuid(sign_in, self.cached(&sign_in.subject)).await
    }

    async fn read_uuid(&self, sign_in: &SignIn, cached: Option<CachedUser>) -> Result<Uuid, Error> {
        match self.postgres.query(UUID_FROM_SUBJECT, &[(&sign_in.subject.as_str(), Type::TEXT)]).await {
            Ok(rows) => {
                let row = self.caller_row(sign_in, &rows)?;
                let uuid = row.try_get("uuid").map_err(Error::internal)?;
                self.cache(sign_in, row, uuid, None)?;
                Ok(uuid)
            }
            Err(error @ Error::Unavailable { .. }) => {
                let Some(cached) = cached else { return Err(error) };
                cached.admit(sign_in)?;
                tracing::warn!(cause = %Chain(&error), user_uuid = %cached.uuid, "using an old uuid");
                Ok(cached.uuid)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the caller with names at most a minute old. Fails as [`Self::uuid_of`] does.
    pub async fn sender(&self, sign_in: &SignIn) -> Result<User, Error> {
        let cached = self.cached(&sign_in.subject);
        if let Some(cached) = &cached
            && let Some(names) = &cached.names
            && names.read_at.elapsed() < NAMES_TTL
        {
            return cached.admit(sign_in).map(|()| names.user.clone());
        }
        let statement = include_str!("../../sql/users/from_cognito_user_id.sql");
        match self.postgres.query(statement, &[(&sign_in.subject.as_str(), Type::TEXT)]).await {
            Ok(rows) => {
                let row = self.caller_row(sign_in, &rows)?;
                let sender = User::from_row(row)?;
                self.cache(sign_in, row, sender.uuid, Some(sender.clone()))?;
                Ok(sender)
            }
            Err(error @ Error::Unavailable { .. }) => {
                let Some(cached) = cached else { return Err(error) };
                let admitted = cached.admit(sign_in);
                let Some(names) = cached.names else { return Err(error) };
                admitted?;
                tracing::warn!(cause = %Chain(&error), user_uuid = %names.user.uuid, "using old names");
                Ok(names.user)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the caller and the user with `handle`. Fails as [`Self::uuid_of`] does.
    pub async fn sender_and_receiver(
        &self,
        sign_in: &SignIn,
        handle: &Handle,
    ) -> Result<MessageUsers, Error> {
        let statement = include_str!("../../sql/users/create_message_users.sql");
        self.message_users(sign_in, statement, (&handle.canonical(), Type::TEXT)).await
    }

    /// Reads the caller and the user with the UUID `receiver`. Fails as [`Self::uuid_of`] does.
    pub async fn sender_and_receiver_by_uuid(
        &self,
        sign_in: &SignIn,
        receiver: Uuid,
    ) -> Result<MessageUsers, Error> {
        let statement = include_str!("../../sql/users/create_message_users_by_uuid.sql");
        self.message_users(sign_in, statement, (&receiver, Type::UUID)).await
    }

    async fn message_users(
        &self,
        sign_in: &SignIn,
        statement: &str,
        receiver: Parameter<'_>,
    ) -> Result<MessageUsers, Error> {
        let parameters = [(&sign_in.subject.as_str() as _, Type::TEXT), receiver];
        let rows = self.postgres.query(statement, &parameters).await?;
        let (mut sender, mut receiver) = (None, None);
        for row in &rows {
            let user = User::from_row(row)?;
            if row.try_get::<_, &str>("kind").map_err(Error::internal)? == "sender" {
                self.cache(sign_in, row, user.uuid, Some(user.clone()))?;
                sender = Some(user);
            } else {
                receiver = Some(Receiver { user, messages_from: MessagesFrom::from_row(row)? });
            }
        }
        let Some(sender) = sender else { return Err(self.not_provisioned(&sign_in.subject)) };
        Ok(MessageUsers { sender, receiver })
    }

    /// Reads the user with `handle`. Fails with [`Error::UserNotFound`] if no user has it.
    pub async fn with_handle(&self, handle: &Handle) -> Result<User, Error> {
        let rows = self.postgres.query(UUID_AND_NAMES, &[(&handle.canonical(), Type::TEXT)]).await?;
        rows.first().map(User::from_row).transpose()?.ok_or(Error::UserNotFound)
    }

    /// Reads the users with these UUIDs. Leaves out UUIDs that no user has.
    pub async fn with_uuids(&self, uuids: &[Uuid]) -> Result<HashMap<Uuid, User>, Error> {
        names::read(&self.postgres, uuids).await
    }

    fn cached(&self, subject: &Subject) -> Option<CachedUser> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(subject).cloned()
    }

    fn caller_row<'a>(&self, sign_in: &SignIn, rows: &'a [Row]) -> Result<&'a Row, Error> {
        rows.first().ok_or_else(|| self.not_provisioned(&sign_in.subject))
    }

    /// Caches the caller's row, and fails with [`Error::Unauthenticated`] if the user has signed out since the sign-in.
    fn cache(&self, sign_in: &SignIn, row: &Row, uuid: Uuid, user: Option<User>) -> Result<(), Error> {
        let now = Instant::now();
        let names = user.map(|user| Names { user, read_at: now });
        let signed_out_at = row.try_get("signed_out_at").map_err(Error::internal)?;
        let user = CachedUser { uuid, uuid_read_at: now, signed_out_at, names };
        let admitted = user.admit(sign_in);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(sign_in.subject.clone(), user);
        admitted
    }

    /// Drops the subject's cache entry and returns the error for a subject without a row.
    fn not_provisioned(&self, subject: &Subject) -> Error {
        self.forget(subject);
        Error::UserNotProvisioned
    }

    fn forget(&self, subject: &Subject) {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).pop(subject);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_handle_has_1_to_30_allowed_characters_after_an_optional_at_sign() {
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
        fn case_and_at_sign_do_not_matter(handle in "[A-Za-z0-9_.-]{1,30}") {
            let parsed: Handle = handle.parse().unwrap();
            prop_assert_eq!(format!("@{}", handle.to_ascii_uppercase()).parse(), Ok(parsed.clone()));
            prop_assert_eq!(parsed.canonical().parse(), Ok(parsed.clone()));
        }

        #[test]
        fn a_handle_has_1_to_30_letters_digits_and_marks(text in "@{0,2}[A-Za-z0-9_.-]{0,32}[é @\u{212a}]?|.{0,40}") {
            let name = text.strip_prefix('@').unwrap_or(&text);
            let fits = (1..=30).contains(&name.chars().count())
                && name.chars().all(|char| char.is_ascii_alphanumeric() || "_.-".contains(char));
            let expected = fits.then(|| name.to_ascii_lowercase());
            let parsed = text.parse::<Handle>();
            prop_assert_eq!(parsed.as_ref().ok().map(Handle::canonical), expected.as_deref());
        }
    }
}

//! The users' names as they are in PostgreSQL.

use std::{
    collections::HashSet,
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use cruddur::{
    error::Error,
    postgres::Postgres,
    random::Random,
    user::{Handle, User},
};
use lru::LruCache;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::read::patiently;

/// Users that are remembered at most: some 200 bytes each.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(49_999);

/// Users in one query.
const USERS_IN_A_QUERY: usize = 1_000;

/// The table of users, with what is remembered of it.
pub struct Names {
    postgres: Arc<Postgres>,
    random: Random,
    /// None: there is no such user.
    known: Mutex<LruCache<Uuid, Option<User>>>,
}

impl Names {
    /// The names in the database behind `postgres`.
    #[must_use]
    pub fn new(postgres: Arc<Postgres>, random: Random) -> Self {
        Self { postgres, random, known: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// Looks up those of the users that are not remembered, in as few queries as there can be.
    pub(crate) async fn learn(&self, users: impl IntoIterator<Item = Uuid>) -> Result<()> {
        let unknown = {
            let known = self.known();
            users.into_iter().filter(|user| !known.contains(user)).collect::<HashSet<_>>()
        };
        self.look_up(&unknown.into_iter().collect::<Vec<_>>()).await
    }

    /// The user, as remembered.
    pub(crate) async fn get(&self, user: Uuid) -> Result<Option<User>> {
        let known = self.known().get(&user).cloned();
        match known {
            Some(known) => Ok(known),
            None => self.get_anew(user).await,
        }
    }

    /// The user as of now: before names are said to be wrong.
    pub(super) async fn get_anew(&self, user: Uuid) -> Result<Option<User>> {
        self.look_up(&[user]).await?;
        Ok(self.known().get(&user).cloned().flatten())
    }

    /// The user with this handle, as of now.
    pub(crate) async fn with_handle(&self, handle: &Handle) -> Result<Option<User>> {
        let statement = include_str!("../../../sql/users/short.sql");
        let read = || async {
            let rows = self.postgres.query(statement, &[(&handle.canonical(), Type::TEXT)]).await?;
            rows.first().map(User::from_row).transpose()
        };
        patiently(&self.random, read).await
    }

    /// The first user that `fits`, of all there are.
    pub(super) async fn find(&self, fits: impl Fn(Uuid) -> bool) -> Result<Option<User>> {
        let statement = include_str!("../../../sql/users/after_uuid.sql");
        let limit = i64::try_from(USERS_IN_A_QUERY)?;
        let mut after = Uuid::nil();
        loop {
            let read = || async {
                let parameters = [(&after as _, Type::UUID), (&limit as _, Type::INT8)];
                let rows = self.postgres.query(statement, &parameters).await?;
                rows.iter().map(User::from_row).collect::<Result<Vec<_>, Error>>()
            };
            let users = patiently(&self.random, read).await?;
            let Some(last) = users.last() else { return Ok(None) };
            after = last.uuid;
            if let Some(user) = users.into_iter().find(|user| fits(user.uuid)) {
                return Ok(Some(user));
            }
        }
    }

    async fn look_up(&self, users: &[Uuid]) -> Result<()> {
        let statement = include_str!("../../../sql/users/with_uuids.sql");
        for some in users.chunks(USERS_IN_A_QUERY) {
            let some = some.to_vec();
            let read = || async {
                let rows = self.postgres.query(statement, &[(&some, Type::UUID_ARRAY)]).await?;
                rows.iter().map(User::from_row).collect::<Result<Vec<_>, Error>>()
            };
            let found = patiently(&self.random, read).await?;
            let mut known = self.known();
            for user in &some {
                known.put(*user, None);
            }
            for user in found {
                known.put(user.uuid, Some(user));
            }
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, LruCache<Uuid, Option<User>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("known", &self.known().len()).finish_non_exhaustive()
    }
}

//! Current names of users, from PostgreSQL.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use cruddur::{
    error::Error,
    postgres::{Parameter, Postgres},
    user::{Handle, User},
};
use lru::LruCache;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::retry;

/// Users in the cache, of about 200 bytes each.
const CACHED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(49_999);

const USERS_IN_A_QUERY: usize = 1_000;

/// The table of users behind a cache.
pub struct Names {
    postgres: Arc<Postgres>,
    /// `None` for a user who does not exist.
    cache: Mutex<LruCache<Uuid, Option<User>>>,
}

impl Names {
    #[must_use]
    pub fn new(postgres: Arc<Postgres>) -> Self {
        Self { postgres, cache: Mutex::new(LruCache::new(CACHED)) }
    }

    /// Reads the users that are not in the cache, in as few queries as possible.
    pub(crate) async fn preload(&self, users: impl IntoIterator<Item = Uuid>) -> Result<()> {
        let unknown = {
            let cache = self.cache();
            users.into_iter().filter(|user| !cache.contains(user)).collect::<HashSet<_>>()
        };
        self.look_up(&unknown.into_iter().collect::<Vec<_>>()).await
    }

    /// Returns the user from the cache, or reads it.
    pub(crate) async fn get(&self, user: Uuid) -> Result<Option<User>> {
        let cached = self.cache().get(&user).cloned();
        match cached {
            Some(user) => Ok(user),
            None => self.refresh(user).await,
        }
    }

    /// Reads the user again.
    pub(crate) async fn refresh(&self, user: Uuid) -> Result<Option<User>> {
        self.look_up(&[user]).await?;
        Ok(self.cache().get(&user).cloned().flatten())
    }

    /// Reads the user with this handle.
    pub(crate) async fn with_handle(&self, handle: &Handle) -> Result<Option<User>> {
        let statement = include_str!("../../sql/users/short.sql");
        Ok(self.query(statement, &[(&handle.canonical(), Type::TEXT)]).await?.pop())
    }

    /// Finds the first user for whom `fits` returns true.
    pub(crate) async fn find(&self, fits: impl Fn(Uuid) -> bool) -> Result<Option<User>> {
        let statement = include_str!("../../sql/users/after_uuid.sql");
        let limit = i64::try_from(USERS_IN_A_QUERY)?;
        let mut after = Uuid::nil();
        loop {
            let users = self.query(statement, &[(&after, Type::UUID), (&limit, Type::INT8)]).await?;
            let Some(last) = users.last() else { return Ok(None) };
            after = last.uuid;
            if let Some(user) = users.into_iter().find(|user| fits(user.uuid)) {
                return Ok(Some(user));
            }
        }
    }

    async fn look_up(&self, users: &[Uuid]) -> Result<()> {
        let statement = include_str!("../../sql/users/with_uuids.sql");
        for some in users.chunks(USERS_IN_A_QUERY) {
            let found = self.query(statement, &[(&some, Type::UUID_ARRAY)]).await?;
            let mut cache = self.cache();
            for user in some {
                cache.put(*user, None);
            }
            for user in found {
                cache.put(user.uuid, Some(user));
            }
        }
        Ok(())
    }

    async fn query(&self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Vec<User>> {
        let read = || async {
            let rows = self.postgres.query(statement, parameters).await?;
            rows.iter().map(User::from_row).collect::<Result<Vec<_>, Error>>()
        };
        retry::read(read).await
    }

    fn cache(&self) -> MutexGuard<'_, LruCache<Uuid, Option<User>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

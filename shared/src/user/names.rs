//! Current names of the users in a list (design, section 3).

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::{Instant, timeout};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{CACHE_SIZE, NAMES_TTL, User, Users};
use crate::{
    error::{Chain, Error},
    postgres::Postgres,
};

/// The time that a list waits for names. After that, it shows the names in its rows.
const LOOK_UP_TIMEOUT: Duration = Duration::from_millis(300);

/// The pause before the next look-up after a failed one.
const PAUSE: Duration = Duration::from_secs(10);

/// A listed row with a user's names.
pub trait ShowsUser {
    /// The user's UUID.
    fn user_uuid(&self) -> Uuid;

    /// Replaces the names in the row with those of `user`.
    fn set_names(&mut self, user: &User);
}

/// A cache of users by UUID.
#[derive(Debug)]
pub(super) struct NamesByUuid {
    entries: Mutex<LruCache<Uuid, Entry>>,
    paused_until: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Entry {
    /// `None` if no row has the UUID.
    user: Option<User>,
    read_at: Instant,
}

impl Default for NamesByUuid {
    fn default() -> Self {
        // `LruCache::new` would allocate the full capacity.
        let mut entries = LruCache::unbounded();
        entries.resize(CACHE_SIZE);
        Self { entries: Mutex::new(entries), paused_until: Mutex::default() }
    }
}

impl NamesByUuid {
    /// Returns the cached users, and adds to `unknown` the UUIDs without a fresh entry.
    fn get(&self, uuids: &BTreeSet<Uuid>, unknown: &mut Vec<Uuid>) -> HashMap<Uuid, User> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut users = HashMap::with_capacity(uuids.len());
        for uuid in uuids {
            match entries.get(uuid) {
                Some(entry) if entry.read_at.elapsed() < NAMES_TTL => {
                    users.extend(entry.user.clone().map(|user| (*uuid, user)));
                }
                _ => unknown.push(*uuid),
            }
        }
        users
    }

    /// Reads the users with these UUIDs in one statement.
    async fn look_up(&self, postgres: &Postgres, uuids: Vec<Uuid>) -> Result<(), Error> {
        let read_at = Instant::now();
        let mut users = read(postgres, &uuids).await?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for uuid in uuids {
            entries.put(uuid, Entry { user: users.remove(&uuid), read_at });
        }
        Ok(())
    }

    fn is_paused(&self) -> bool {
        let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        paused_until.is_some_and(|end| Instant::now() < end)
    }

    fn pause(&self) {
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
    }
}

/// Reads the users with these UUIDs in one statement.
pub(super) async fn read(postgres: &Postgres, uuids: &[Uuid]) -> Result<HashMap<Uuid, User>, Error> {
    let statement = include_str!("../../../sql/users/with_uuids.sql");
    let rows = postgres.query(statement, &[(&uuids, Type::UUID_ARRAY)]).await?;
    rows.iter().map(|row| User::from_row(row).map(|user| (user.uuid, user))).collect()
}

impl Users {
    /// Replaces the names in `rows` with the current ones. A row keeps its names if the user has no row in PostgreSQL.
    /// All rows with uncached users keep theirs if the look-up fails or takes more than 300 ms; look-ups then pause for
    /// 10 s.
    pub async fn refresh_names<T: ShowsUser>(&self, rows: &mut [T]) {
        let uuids = rows.iter().map(T::user_uuid).collect();
        let users = self.current(&uuids).await;
        for row in rows {
            if let Some(user) = users.get(&row.user_uuid()) {
                row.set_names(user);
            }
        }
    }

    async fn current(&self, uuids: &BTreeSet<Uuid>) -> HashMap<Uuid, User> {
        let mut unknown = Vec::new();
        let users = self.names.get(uuids, &mut unknown);
        if unknown.is_empty() || self.names.is_paused() {
            return users;
        }
        let (names, postgres) = (Arc::clone(&self.names), Arc::clone(&self.postgres));
        // A separate task continues after the list stops waiting: its result is cached, and a dead connection is
        // replaced.
        let look_up = tokio::spawn(async move { names.look_up(&postgres, unknown).await });
        match timeout(LOOK_UP_TIMEOUT, look_up).await {
            Ok(Ok(Ok(()))) => return self.names.get(uuids, &mut Vec::new()),
            Ok(Ok(Err(error))) => {
                tracing::warn!(cause = %Chain(&error), "using the names in the rows");
            }
            Ok(Err(error)) => tracing::warn!(cause = %Chain(&error), "using the names in the rows"),
            // Not a warning: a busy server may be slow, and the list is complete without the current names.
            Err(_) => {
                tracing::info!(cause = "PostgreSQL does not answer in time", "using the names in the rows");
            }
        }
        self.names.pause();
        users
    }
}

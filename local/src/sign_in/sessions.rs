//! Sessions and their newest refresh tokens. As with Cognito's refresh token rotation, a refresh token can be
//! used once. A second use ends the session.

use std::{collections::BTreeMap, io, path::PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    data_dir::JsonFile,
    issuer::{RefreshToken, Session},
};

/// The period in which the last used token may be repeated, because its response was lost. Cognito's
/// `RetryGracePeriodSeconds`, 0 to 60 s.
const RETRY_GRACE_PERIOD: TimeDelta = TimeDelta::seconds(10);

/// Maximum number of sessions. One more ends the session with the oldest refresh.
const CAPACITY: usize = 1_000;

/// The newest refresh token of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Newest {
    generation: u32,
    issued_at: DateTime<Utc>,
    /// Seconds since 1970.
    session_expires_at: i64,
}

/// The active sessions, by id. Any other session has ended.
type Table = BTreeMap<Uuid, Newest>;

/// The sessions: in memory, and in a file so that they survive a restart.
#[derive(Debug)]
pub(crate) struct Sessions {
    file: JsonFile,
    table: Mutex<Table>,
}

impl Sessions {
    /// Reads the file, if it exists. Damaged contents are dropped, and users sign in again.
    pub(crate) fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let file = JsonFile(file);
        let table = file.read()?.unwrap_or_default();
        Ok(Self { file, table: Mutex::new(table) })
    }

    /// Adds a session and returns its first refresh token.
    pub(super) async fn begin(&self, session: Session, now: DateTime<Utc>) -> io::Result<RefreshToken> {
        let first = Newest { generation: 0, issued_at: now, session_expires_at: session.expires_at() };
        self.change(|table| {
            table.retain(|_, newest| newest.session_expires_at > now.timestamp());
            while table.len() >= CAPACITY {
                let idle = table.iter().min_by_key(|(_, newest)| newest.issued_at).map(|(id, _)| *id);
                if let Some(id) = idle {
                    table.remove(&id);
                }
            }
            table.insert(session.id, first);
        })
        .await?;
        Ok(RefreshToken { session, generation: 0 })
    }

    /// Uses a refresh token and returns the next. A repeated call within [`RETRY_GRACE_PERIOD`] returns the
    /// same one.
    ///
    /// Returns `None` if the session has ended. Reusing an older token ends it.
    pub(super) async fn rotate(
        &self,
        token: RefreshToken,
        now: DateTime<Utc>,
    ) -> io::Result<Option<RefreshToken>> {
        let RefreshToken { session, generation } = token;
        let next = self
            .change(|table| {
                let newest = table.get_mut(&session.id)?;
                let next = generation.saturating_add(1);
                if generation == newest.generation {
                    newest.generation = next;
                    newest.issued_at = now;
                } else if next != newest.generation || now - newest.issued_at > RETRY_GRACE_PERIOD {
                    tracing::warn!(session = %session.id, "a used refresh token was used again: the session has ended");
                    table.remove(&session.id);
                    return None;
                }
                Some(next)
            })
            .await?;
        Ok(next.map(|generation| RefreshToken { session, generation }))
    }

    /// Ends a session. Ending an ended session has no effect.
    pub(super) async fn end(&self, session: &Session) -> io::Result<()> {
        self.change(|table| {
            table.remove(&session.id);
        })
        .await
    }

    /// Applies a change, unless it can't be written. Holds the lock while writing, so that the file never
    /// reverts to an older state.
    async fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> io::Result<T> {
        let mut table = self.table.lock().await;
        let mut changed = table.clone();
        let result = change(&mut changed);
        if changed != *table {
            self.file.write(&changed).await?;
            *table = changed;
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    fn session(id: u128, begun: i64) -> Session {
        Session { sub: "5a1e".to_owned(), id: Uuid::from_u128(id), auth_time: at(begun).timestamp() }
    }

    /// The generation that a rotation at `seconds` returns.
    async fn rotate(sessions: &Sessions, token: &RefreshToken, seconds: i64) -> Option<u32> {
        sessions.rotate(token.clone(), at(seconds)).await.unwrap().map(|token| token.generation)
    }

    fn of_generation(generation: u32) -> RefreshToken {
        RefreshToken { session: session(1, 0), generation }
    }

    #[tokio::test]
    async fn a_used_token_returns_the_same_successor_for_ten_seconds_and_ends_the_session_after_that() {
        let sessions = Sessions::open(None).unwrap();
        let first = sessions.begin(session(1, 0), at(0)).await.unwrap();
        assert_eq!(first, of_generation(0));
        for seconds in [3_600, 3_605, 3_610] {
            assert_eq!(rotate(&sessions, &first, seconds).await, Some(1), "{seconds}");
        }
        assert_eq!(rotate(&sessions, &of_generation(1), 3_610).await, Some(2));
        assert_eq!(rotate(&sessions, &of_generation(1), 3_621).await, None);
        // The newest token is invalid, too.
        assert_eq!(rotate(&sessions, &of_generation(2), 3_621).await, None);
    }

    #[tokio::test]
    async fn a_token_older_than_the_last_used_one_ends_the_session_at_once() {
        let sessions = Sessions::open(None).unwrap();
        let first = sessions.begin(session(1, 0), at(0)).await.unwrap();
        assert_eq!(rotate(&sessions, &first, 1).await, Some(1));
        assert_eq!(rotate(&sessions, &of_generation(1), 2).await, Some(2));
        assert_eq!(rotate(&sessions, &first, 3).await, None);
        assert_eq!(rotate(&sessions, &of_generation(2), 3).await, None);
    }

    #[tokio::test]
    async fn after_a_restart_active_sessions_are_active_and_ended_ones_are_ended() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Sessions::open(Some(folder.path().join("sessions.json"))).unwrap();
        let sessions = open();
        let [kept, reused, ended] = [1, 2, 3].map(|id| session(id, 0));
        for session in [&kept, &reused, &ended] {
            let first = sessions.begin(session.clone(), at(0)).await.unwrap();
            assert_eq!(rotate(&sessions, &first, 1).await, Some(1));
        }
        sessions.end(&ended).await.unwrap();
        let token = |session: &Session, generation| RefreshToken { session: session.clone(), generation };
        assert_eq!(rotate(&open(), &token(&reused, 0), 60).await, None);
        let reopened = open();
        assert_eq!(rotate(&reopened, &token(&kept, 1), 60).await, Some(2));
        assert_eq!(rotate(&reopened, &token(&reused, 1), 60).await, None);
        assert_eq!(rotate(&reopened, &token(&ended, 1), 60).await, None);
    }

    #[tokio::test]
    async fn sessions_in_a_damaged_file_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.json");
        fs::write(&file, "damaged").unwrap();
        let sessions = Sessions::open(Some(file)).unwrap();
        assert_eq!(rotate(&sessions, &of_generation(0), 1).await, None);
        sessions.begin(session(1, 0), at(1)).await.unwrap();
        assert_eq!(rotate(&sessions, &of_generation(0), 2).await, Some(1));
    }

    #[tokio::test]
    async fn a_change_that_cannot_be_written_uses_no_token() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        fs::create_dir(&folder).unwrap();
        let sessions = Sessions::open(Some(folder.join("sessions.json"))).unwrap();
        let first = sessions.begin(session(1, 0), at(0)).await.unwrap();
        fs::remove_dir_all(&folder).unwrap();
        sessions.rotate(first.clone(), at(1)).await.unwrap_err();
        fs::create_dir(&folder).unwrap();
        assert_eq!(rotate(&sessions, &first, 3_600).await, Some(1));
    }

    #[tokio::test]
    async fn the_number_of_sessions_is_limited_and_the_oldest_refresh_ends_first() {
        let sessions = Sessions::open(None).unwrap();
        let count = u128::try_from(CAPACITY).unwrap();
        for id in 1..=count {
            sessions.begin(session(id, 0), at(i64::try_from(id).unwrap())).await.unwrap();
        }
        assert_eq!(rotate(&sessions, &of_generation(0), 2_000).await, Some(1));
        sessions.begin(session(count + 1, 0), at(2_001)).await.unwrap();
        assert_eq!(sessions.table.lock().await.len(), CAPACITY);
        assert_eq!(rotate(&sessions, &of_generation(1), 2_002).await, Some(2));
        let idle = RefreshToken { session: session(2, 0), generation: 0 };
        assert_eq!(rotate(&sessions, &idle, 2_002).await, None);
    }

    #[tokio::test]
    async fn a_new_session_removes_expired_ones() {
        let sessions = Sessions::open(None).unwrap();
        sessions.begin(session(1, 0), at(0)).await.unwrap();
        let days = 30 * 24 * 3_600;
        sessions.begin(session(2, days), at(days)).await.unwrap();
        assert_eq!(sessions.table.lock().await.keys().collect::<Vec<_>>(), [&Uuid::from_u128(2)]);
    }
}

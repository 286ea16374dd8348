//! Appends changes to the event logs of users (design, section 3).
//!
//! Deliveries may be duplicated, concurrent or out of order. A row is put at the number after the newest row, if the
//! number is free, so concurrent writers never skip a number. A look at the newest rows recognizes changes that an
//! earlier delivery logged.

use uuid::Uuid;

use crate::{
    backoff::Backoff,
    error::Error,
    event_log::{EventLog, LogNumber, LogRow, RETENTION, is_current},
    invocation,
    metrics::Metric,
    projection::inbox::GroupChanges,
    table::{EventLogRow, EventLogStartRow, LoggedChange, Newest, Partition, WriteError},
};

/// The number of newest rows in which a repeated delivery is recognized.
const TAIL: usize = 16;

/// Maximum number of failed attempts of an append.
const MAX_ATTEMPTS: usize = 8;

/// The newest rows of a log.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    /// Newest first.
    rows: Vec<EventLogRow>,
    start: Start,
}

/// The start row of a log, as far as the tail shows it.
#[derive(Clone, Debug, Default)]
enum Start {
    /// Not read: the log has more rows than the tail.
    #[default]
    Unread,
    Absent,
    Row(EventLogStartRow),
}

impl Tail {
    fn holds(&self, change: &LoggedChange) -> bool {
        self.rows.iter().any(|row| row.changes.contains(change))
    }

    fn push(&mut self, row: EventLogRow) {
        self.rows.insert(0, row);
        self.rows.truncate(TAIL);
    }

    /// The newer of two tails.
    #[must_use]
    pub fn newer(self, other: Self) -> Self {
        let number = |tail: &Self| tail.rows.first().map(|row| row.sk);
        if number(&self) >= number(&other) { self } else { other }
    }
}

/// The rows that an append wrote.
#[derive(Debug, Default)]
pub struct Appended {
    /// The rows, in the order of their numbers. Without the changes that were logged before.
    pub rows: Vec<EventLogRow>,
    /// The log's newest rows after the append.
    pub tail: Tail,
}

/// The reason for a failed append. The next delivery retries.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Every attempt lost a race, or DynamoDB was busy.
    #[error("the event log could not be appended to in {MAX_ATTEMPTS} attempts")]
    TooManyAttempts(#[source] Option<Box<WriteError>>),
    /// The invocation's time limit cut the append off.
    #[error("the append was cut off by the invocation's time limit")]
    OutOfTime,
    /// A read failed, or a write failed permanently.
    #[error("a call to DynamoDB failed")]
    Table(#[from] Error),
}

impl GroupChanges {
    /// The changes that the log of a member needs: all messages, the member's own markers and settings, and the markers
    /// that the other member lets the member know (I20). If the member has not accepted the group (`is_request`), only
    /// deletions of messages: a device may have kept the text.
    #[must_use]
    pub fn logged_for(&self, member: Uuid, is_request: bool) -> Vec<LoggedChange> {
        let group_uuid = self.group_uuid;
        let created = self.created.iter().filter(|_| !is_request);
        let created = created.map(|row| LoggedChange::Message { group_uuid, message_sk: row.sk });
        let changed = self.changed.iter().filter(|row| !is_request || row.deleted_at.is_some());
        let changed = changed.map(|row| LoggedChange::MessageChanged {
            group_uuid,
            message_sk: row.sk,
            version: row.version,
        });
        let states = self.states.iter().filter(|state| state.sk == member || state.is_seen());
        let states = states.map(|state| {
            let (user_uuid, version) = (state.sk, state.version);
            if state.is_of_settings() {
                return LoggedChange::Group { group_uuid, user_uuid, version };
            }
            let (read_sk, read_at) = (state.read_sk.unwrap_or_default(), state.read_at);
            LoggedChange::Read { group_uuid, user_uuid, version, read_sk, read_at }
        });
        created.chain(changed).chain(states).collect()
    }
}

impl EventLog {
    /// Reads the newest rows of a user's log.
    pub async fn tail(&self, user_uuid: Uuid) -> Result<Tail, Error> {
        let newest =
            Newest { partition: Partition::EventLog(user_uuid), before: None, limit: TAIL, attributes: None };
        let items = self.table.newest(newest).await?;
        let mut rows = Vec::with_capacity(items.len());
        let mut start = if items.len() < TAIL { Start::Absent } else { Start::Unread };
        for row in LogRow::parse_newest(items)? {
            match row {
                LogRow::Events(row) => rows.push(row),
                LogRow::Start(row) => start = Start::Row(row),
            }
        }
        Ok(Tail { rows, start })
    }

    /// Appends `changes`, in rows of at most [`EventLogRow::MAX_CHANGES`]. Skips changes that the newest rows hold, and
    /// messages older than [`RETENTION`]. `tail` may be outdated; without it, the tail is read first.
    pub async fn append(
        &self,
        user_uuid: Uuid,
        mut changes: Vec<LoggedChange>,
        mut tail: Option<Tail>,
    ) -> Result<Appended, AppendError> {
        let mut rows: Vec<EventLogRow> = Vec::new();
        let mut backoff = Backoff::new(&self.random);
        let mut attempted: Option<EventLogRow> = None;
        let mut last_error = None;
        let mut attempts = 0;
        loop {
            let mut current = match tail.take() {
                Some(tail) => tail,
                None => self.tail(user_uuid).await?,
            };
            if let Some(row) = attempted.take() {
                if current.rows.contains(&row) {
                    rows.push(row);
                } else {
                    invocation::count(Metric::LogConflicts, 1);
                }
            }
            changes.retain(|change| self.is_young(change) && !current.holds(change));
            if changes.is_empty() {
                invocation::count(Metric::EventsLogged, rows.iter().map(|row| row.changes.len()).sum());
                return Ok(Appended { rows, tail: current });
            }
            if attempts == MAX_ATTEMPTS {
                return Err(AppendError::TooManyAttempts(last_error.map(Box::new)));
            }
            let Some(last) = self.last(user_uuid, &current).await? else {
                attempts += 1;
                continue;
            };
            let batch = changes.iter().take(EventLogRow::MAX_CHANGES).cloned().collect();
            let row = EventLogRow::new(user_uuid, last.successor(), batch, self.clock.now());
            match self.table.put_new(&row).await {
                Ok(()) => {
                    current.push(row.clone());
                    rows.push(row);
                    tail = Some(current);
                    continue;
                }
                Err(error @ WriteError::Permanent(_)) => return Err(Error::from(error).into()),
                Err(error @ (WriteError::ConditionFailed { .. } | WriteError::Unknown(_))) => {
                    // The row may be in the log all the same: the answer to this attempt, or to one of the SDK, was lost.
                    attempted = Some(row);
                    last_error = Some(error);
                }
                Err(error @ WriteError::Busy(_)) => last_error = Some(error),
            }
            attempts += 1;
            backoff.wait().await;
        }
    }

    /// The greatest number of the log so far. Returns `None` if another writer changed the start of the log meanwhile.
    async fn last(&self, user_uuid: Uuid, tail: &Tail) -> Result<Option<LogNumber>, Error> {
        let newest = tail.rows.first();
        if let Some(row) = newest.filter(|row| is_current(row.at, self.clock.now())) {
            return Ok(Some(row.sk));
        }
        let start = match &tail.start {
            Start::Row(start) => Some(start.clone()),
            Start::Absent => None,
            Start::Unread => self.start(user_uuid).await?,
        };
        let start = self.current_start(user_uuid, newest, start).await?;
        let last = newest.map_or(LogNumber::START, |row| row.sk);
        Ok(start.map(|start| last.max(LogNumber::new(start.start))))
    }

    fn is_young(&self, change: &LoggedChange) -> bool {
        match change {
            LoggedChange::Message { message_sk, .. } => {
                message_sk.created_at.to_utc() > self.clock.now() - RETENTION
            }
            LoggedChange::MessageChanged { .. }
            | LoggedChange::Read { .. }
            | LoggedChange::Group { .. }
            | LoggedChange::Other { .. } => true,
        }
    }
}

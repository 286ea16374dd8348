//! Event logs: the changes that a user learns of, in numbered rows (design, section 3).
//!
//! Numbers are dense: a row is written at the number after the newest one, and never at another. A reader that meets a
//! gap stops, so that its cursor never passes an event that it was not given (I13). [`crate::projection::events`]
//! appends.

use std::{fmt, str::FromStr};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::{Dependency, Error},
    page::InvalidCursor,
    random::Random,
    table::{
        Condition, EventLogRow, EventLogStartRow, InvalidRow, Item, Key, LoggedChange, Newest, Partition,
        Row, Table, WriteError,
    },
    timestamp::Timestamp,
    warm_up::{self, Failure},
};

pub use self::number::{InvalidLogNumber, LogNumber};

mod number;

/// The age up to which rows count. DynamoDB deletes a row at least a day later.
pub const RETENTION: TimeDelta = TimeDelta::days(14);

/// The age from which a gap is final. A younger one may be filled: a query is not a snapshot.
const GAP_LIMIT: TimeDelta = TimeDelta::seconds(60);

/// The age until which the number of a log's newest row is certain: no later row can have expired and been deleted.
/// Half a day more than [`RETENTION`], so that no append that found the row current is still under way.
const CERTAIN: TimeDelta = TimeDelta::hours(14 * 24 + 12);

/// Maximum number of attempts to find or write the start of a log.
const MAX_ATTEMPTS: usize = 8;

/// Returns `true` if a row or cursor of this time, in milliseconds since 1970, still counts.
#[must_use]
pub fn is_current(at: i64, now: DateTime<Utc>) -> bool {
    at > (now - RETENTION).timestamp_millis()
}

/// A place in an event log: after the row with this number, or at the start of the log.
///
/// Unpadded base64url of `{number}-{at}`. Clients may read the number. `at` is the time of the row in milliseconds since
/// 1970: it detects a row that replaced the cursor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCursor {
    /// The number of the last row that the reader has.
    pub number: LogNumber,
    /// The time of that row, in milliseconds since 1970.
    pub at: i64,
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}-{}", self.number.get(), self.at)))
    }
}

impl FromStr for EventCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let printed = std::str::from_utf8(&bytes).map_err(|_| InvalidCursor)?;
        let (number, at) = printed.split_once('-').ok_or(InvalidCursor)?;
        let number = number.parse().map(LogNumber::new).map_err(|_| InvalidCursor)?;
        let cursor = Self { number, at: at.parse().map_err(|_| InvalidCursor)? };
        // `parse` accepts other spellings, such as `+5` and leading zeros.
        let is_canonical = cursor.to_string() == text && number > LogNumber::START && cursor.at >= 0;
        if is_canonical { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl Serialize for EventCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<&EventLogRow> for EventCursor {
    fn from(row: &EventLogRow) -> Self {
        Self { number: row.sk, at: row.at }
    }
}

impl From<&EventLogStartRow> for EventCursor {
    fn from(row: &EventLogStartRow) -> Self {
        Self { number: LogNumber::new(row.start), at: row.at }
    }
}

/// An event in an answer or a frame (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The number of its row. The events of a row have the same number.
    pub number: u64,
    /// The place after its row.
    pub cursor: EventCursor,
    /// `message`, `message_changed`, `read`, `group`, or a kind of a later version.
    #[serde(rename = "type")]
    pub kind: String,
    /// The group.
    pub message_group_uuid: Uuid,
    /// The time at which it was logged.
    pub at: Timestamp,
    /// The messages of an event `message` or `message_changed`, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub message_uuids: Vec<Uuid>,
    /// The read marker of an event `read`.
    #[serde(flatten)]
    pub read: Option<Read>,
}

/// A member's read marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Read {
    /// The member.
    pub user_uuid: Uuid,
    /// The last message that is read. `None` if the first one is marked as unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_read_message_uuid: Option<Uuid>,
    /// The time of the marking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_read_at: Option<Timestamp>,
}

/// The events of a row. The new messages of a group are one event, and so are its changed ones.
#[must_use]
pub fn events_of(row: &EventLogRow) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for change in &row.changes {
        let (kind, read) = match change {
            LoggedChange::Message { .. } => ("message", None),
            LoggedChange::MessageChanged { .. } => ("message_changed", None),
            LoggedChange::Read { user_uuid, read_sk, read_at, .. } => {
                let last_read_message_uuid = read_sk.sort_key().map(|sk| sk.message_uuid);
                ("read", Some(Read { user_uuid: *user_uuid, last_read_message_uuid, last_read_at: *read_at }))
            }
            LoggedChange::Group { .. } => ("group", None),
            LoggedChange::Other { kind, .. } => (&**kind, None),
        };
        let (group_uuid, message) = (change.group_uuid(), change.message_sk().map(|sk| sk.message_uuid));
        let is_same = |event: &Event| event.message_group_uuid == group_uuid && event.kind == kind;
        match events.iter_mut().find(|event| is_same(event)).filter(|_| read.is_none()) {
            Some(known) => known.message_uuids.extend(message),
            None => events.push(Event {
                number: row.sk.get(),
                cursor: row.into(),
                kind: kind.to_owned(),
                message_group_uuid: group_uuid,
                at: Timestamp::new(DateTime::from_timestamp_millis(row.at).unwrap_or_default()),
                message_uuids: message.into_iter().collect(),
                read,
            }),
        }
    }
    events
}

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// The events, oldest first. None at the end of the log.
    pub events: Vec<Event>,
    /// The place after them.
    pub next: EventCursor,
}

/// A row of an event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogRow {
    Events(EventLogRow),
    Start(EventLogStartRow),
}

impl LogRow {
    fn parse(item: Item) -> Result<Self, InvalidRow> {
        match Row::parse(item)? {
            Row::EventLog(row) => Ok(Self::Events(row)),
            Row::EventLogStart(row) => Ok(Self::Start(row)),
            _ => Err(InvalidRow::Kind),
        }
    }

    /// Parses rows. Treats malformed ones as absent, and logs them.
    pub(crate) fn parse_all(items: impl IntoIterator<Item = Item>) -> impl Iterator<Item = Self> {
        let log = |error: &InvalidRow| {
            tracing::error!(cause = %error, "skipped a malformed row of an event log; `cruddur ddb doctor` explains it");
        };
        items.into_iter().filter_map(move |item| Self::parse(item).inspect_err(log).ok())
    }

    /// Parses the newest rows, newest first. Fails if the newest one is malformed: the end of the log is unknown.
    pub(crate) fn parse_newest(items: Vec<Item>) -> Result<impl Iterator<Item = Self>, Error> {
        let mut items = items.into_iter();
        let newest = items.next().map(Self::parse).transpose().map_err(Error::internal)?;
        Ok(newest.into_iter().chain(Self::parse_all(items)))
    }
}

/// The event logs of all users.
#[derive(Clone, Debug)]
pub struct EventLog {
    pub(crate) table: Table,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl EventLog {
    /// Creates the store over `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock, random: Random) -> Self {
        Self { table, clock, random }
    }

    /// Creates the store over the configured table.
    pub fn from_lookup(lookup: impl Lookup, limits: CallLimits) -> Result<Self, ConfigError> {
        Ok(Self::new(Table::from_lookup(lookup, limits)?, Clock::system(), Random::system()))
    }

    /// Opens the connection to DynamoDB: issues the first reading's query for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        warm_up::call(Dependency::DynamoDb, self.table.rows_from(Partition::EventLog(Uuid::nil()), "0", 1))
            .await
    }

    /// Reads the events after a cursor, of at most `limit` rows. Fails with [`Error::CursorExpired`] if events may be
    /// missing: the reader has to list everything again, after it has taken the [end](Self::end) of the log.
    pub async fn read(&self, user_uuid: Uuid, after: EventCursor, limit: usize) -> Result<Events, Error> {
        let mut next = after;
        loop {
            let page = self.read_rows(user_uuid, next, limit).await?;
            // The doctor may have removed all changes of a row. Without events, readers would take it for the end.
            if !page.events.is_empty() || page.next == next {
                return Ok(page);
            }
            next = page.next;
        }
    }

    async fn read_rows(&self, user_uuid: Uuid, after: EventCursor, limit: usize) -> Result<Events, Error> {
        let now = self.clock.now();
        // The next event of a log without a current row has a number far ahead: see `current_start`.
        if !is_current(after.at, now) {
            return Err(Error::CursorExpired);
        }
        let partition = Partition::EventLog(user_uuid);
        let items = self.table.rows_from(partition, &after.number.to_string(), limit + 1).await?;
        let rows = LogRow::parse_all(items).filter_map(|row| match row {
            LogRow::Events(row) => Some(row),
            LogRow::Start(_) => None,
        });
        let mut rows = rows.peekable();
        let row = rows.next_if(|row| row.sk == after.number);
        let is_row = row.is_some_and(|row| EventCursor::from(&row) == after);
        if !is_row && self.start(user_uuid).await?.as_ref().map(EventCursor::from) != Some(after) {
            return Err(Error::CursorExpired);
        }
        let (mut events, mut next) = (Vec::new(), after);
        for row in rows.take(limit) {
            if row.sk != next.number.successor() {
                let is_final = row.at <= (now - GAP_LIMIT).timestamp_millis();
                if is_final && next == after {
                    return Err(Error::CursorExpired);
                }
                break;
            }
            next = EventCursor::from(&row);
            events.extend(events_of(&row));
        }
        Ok(Events { events, next })
    }

    /// Returns the end of a user's log. Writes the start of the log if no row is current.
    pub async fn end(&self, user_uuid: Uuid) -> Result<EventCursor, Error> {
        let partition = Partition::EventLog(user_uuid);
        for _ in 0..MAX_ATTEMPTS {
            let newest = Newest { partition, before: None, limit: 1, attributes: None };
            let newest = LogRow::parse_newest(self.table.newest(newest).await?)?.next();
            let now = self.clock.now();
            let (newest, start) = match newest {
                Some(LogRow::Events(row)) if is_current(row.at, now) => return Ok((&row).into()),
                Some(LogRow::Events(row)) => (Some(row), self.start(user_uuid).await?),
                Some(LogRow::Start(row)) => (None, Some(row)),
                None => (None, None),
            };
            if let Some(start) = self.current_start(user_uuid, newest.as_ref(), start).await? {
                return Ok(EventCursor::from(&start));
            }
        }
        Err(Error::unavailable(Dependency::DynamoDb, "lost every race for the start of an event log"))
    }

    pub(crate) async fn start(&self, user_uuid: Uuid) -> Result<Option<EventLogStartRow>, Error> {
        self.table.get(&Key::EventLog { user_uuid, number: LogNumber::START }).await
    }

    /// Returns the start row of a log whose newest row is no longer current. `start` is the start row as it was read; it
    /// is replaced if it is no longer current either. Returns `None` if another writer was faster, or the outcome is
    /// unknown.
    ///
    /// While the last number is [certain](CERTAIN), the log continues there: an append that found the newest row current
    /// may still be under way. Later, the numbers of deleted rows must not be used again. They follow the rows that
    /// exist, or the clock: a log has fewer than one row in a millisecond.
    pub(crate) async fn current_start(
        &self,
        user_uuid: Uuid,
        newest: Option<&EventLogRow>,
        start: Option<EventLogStartRow>,
    ) -> Result<Option<EventLogStartRow>, Error> {
        let now = self.clock.now();
        let known = newest.map(EventCursor::from).into_iter().chain(start.as_ref().map(EventCursor::from));
        let last = known.clone().map(|known| known.number.get()).max();
        let at = known.map(|known| known.at).max();
        let condition = match start {
            None => Condition::absent(),
            Some(start) if is_current(start.at, now) => return Ok(Some(start)),
            Some(old) => Condition::exists()
                .and_equal("start", AttributeValue::N(old.start.to_string()))
                .and_equal("at", AttributeValue::N(old.at.to_string())),
        };
        let is_certain = at.is_some_and(|at| at > (now - CERTAIN).timestamp_millis());
        let at = now.timestamp_millis();
        let start = match last {
            Some(last) if is_certain => last,
            last => u64::try_from(at).unwrap_or_default().max(last.map_or(0, |last| last + 1)),
        };
        let key = Key::EventLog { user_uuid, number: LogNumber::START };
        let row = EventLogStartRow { pk: key.pk(), sk: LogNumber::START, start, at };
        match self.table.put(&row, condition).await {
            Ok(()) => Ok(Some(row)),
            Err(WriteError::ConditionFailed { .. } | WriteError::Unknown(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

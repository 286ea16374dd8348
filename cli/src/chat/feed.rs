//! The caller's events, in order and each once (design, section 3).
//!
//! The log is the truth, and frames of the WebSocket only make it fast: a frame is taken if its number is the next one.
//! After each connection, each gap and two minutes, the log is read again. Without a WebSocket it is polled.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Result;
use chrono::TimeDelta;
use cruddur::{
    clock::Clock,
    event_log::{EventCursor, LogNumber},
    random::Random,
};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::{
    api::{Api, ApiError, Event, EventPage, Row},
    socket::{Frame, Lost, Received, Socket},
};
use crate::context::note;

/// The interval of reads with a WebSocket.
const CATCH_UP_INTERVAL: Duration = Duration::from_mins(2);

/// The intervals of reads without a WebSocket. They grow while nothing happens.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(30));

/// The time in which the frames before a later one may still arrive.
const GAP_WAIT: Duration = Duration::from_millis(500);

/// The age from which an event shows that frames do not arrive.
const PUSH_LIMIT: TimeDelta = TimeDelta::seconds(5);

/// Frames that wait for earlier ones.
const MAX_HELD: usize = 1_000;

/// A part of the log.
#[derive(Debug)]
pub(super) enum News {
    Events {
        /// At least one, oldest first.
        events: Vec<Event>,
        /// Messages of the events, not necessarily all.
        messages: Vec<Row>,
        /// The place after the events.
        cursor: EventCursor,
    },
    /// Events may have been missed. The next one follows `cursor`.
    Missed { cursor: EventCursor },
}

/// The events of one user.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) api: Api,
    websocket_url: Option<String>,
    device: Uuid,
    random: Random,
    /// The place after the last event that was returned.
    position: EventCursor,
    socket: Option<Socket>,
    /// Frames with greater numbers than the next.
    held: BTreeMap<LogNumber, Frame>,
    read_at: Instant,
    /// The next read looks for events whose frames should have arrived.
    checks_pushes: bool,
    poll_interval: Duration,
    connect_at: Instant,
    connects: Backoff,
    reads: Backoff,
}

/// Exponential back-off with full jitter, for failures that are reported once.
#[derive(Debug, Default)]
struct Backoff {
    failures: u32,
    is_reported: bool,
}

impl Backoff {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_mins(1);

    /// Counts a failure. Returns the wait until the next attempt.
    fn fail(&mut self, random: &Random) -> Duration {
        let ceiling = Self::FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(Self::LONGEST);
        self.failures += 1;
        random.jitter(ceiling)
    }

    /// Reports the first failure since the last success.
    fn report(&mut self, message: &str) {
        if !std::mem::replace(&mut self.is_reported, true) {
            note(message);
        }
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Feed {
    /// Starts after a cursor, or at the end of the log.
    pub(super) async fn start(
        mut api: Api,
        websocket_url: Option<String>,
        after: Option<EventCursor>,
    ) -> Result<Self, ApiError> {
        let position = match after {
            Some(after) => after,
            None => api.events(None).await?.next,
        };
        let (random, now) = (Random::system(), Instant::now());
        Ok(Self {
            api,
            websocket_url,
            // A device of its own: two commands at a time don't take each other's connection.
            device: random.uuid_v7(Clock::system().now()),
            random,
            position,
            socket: None,
            held: BTreeMap::new(),
            read_at: now,
            checks_pushes: false,
            poll_interval: POLL_INTERVALS.0,
            connect_at: now,
            connects: Backoff::default(),
            reads: Backoff::default(),
        })
    }

    /// Waits for the next events. Fails if the API rejects the caller.
    pub(super) async fn next(&mut self) -> Result<News, ApiError> {
        loop {
            if let Some(frame) = self.take_held() {
                self.position = frame.cursor;
                return Ok(News::Events {
                    events: frame.events,
                    messages: frame.messages,
                    cursor: frame.cursor,
                });
            }
            let now = Instant::now();
            if self.is_connecting_due(now) {
                self.connect().await;
            } else if self.read_at <= now {
                if let Some(news) = self.read().await? {
                    return Ok(news);
                }
            } else {
                self.wait().await;
            }
        }
    }

    /// The place after the last event that was returned.
    pub(super) fn position(&self) -> EventCursor {
        self.position
    }

    /// Closes the WebSocket.
    pub(super) async fn close(self) {
        if let Some(socket) = self.socket {
            socket.close().await;
        }
    }

    /// The messages of events, from `known` and from the lists of their groups. Leaves out messages that no longer exist.
    pub(super) async fn messages(
        &mut self,
        events: &[Event],
        known: Vec<Row>,
    ) -> Result<BTreeMap<Uuid, Row>, ApiError> {
        let mut messages = known.into_iter().map(|row| (row.uuid, row)).collect::<BTreeMap<_, _>>();
        let mut missing = BTreeMap::<Uuid, BTreeSet<Uuid>>::new();
        for event in events {
            let of_group = event.message_uuids.iter().filter(|uuid| !messages.contains_key(uuid));
            missing.entry(event.message_group_uuid).or_default().extend(of_group);
        }
        for (group, wanted) in missing {
            if wanted.is_empty() {
                continue;
            }
            let found = loop {
                match self.api.messages_with(group, &wanted).await {
                    Ok(found) => break found,
                    Err(error) => self.wait_after(error).await?,
                }
            };
            messages.extend(found.into_iter().map(|row| (row.uuid, row)));
        }
        self.reads.reset();
        Ok(messages)
    }

    /// Waits before a failed request is repeated. Returns other errors.
    pub(super) async fn wait_after(&mut self, error: ApiError) -> Result<(), ApiError> {
        sleep(self.time_after(error)?).await;
        Ok(())
    }

    /// The wait before a failed request is repeated. Returns other errors.
    fn time_after(&mut self, error: ApiError) -> Result<Duration, ApiError> {
        let (cause, retry_after) = match error {
            ApiError::Unavailable { cause, retry_after, .. } => (cause, retry_after),
            ApiError::Refused(refusal) if refusal.status.is_server_error() => {
                (refusal.to_string(), Duration::ZERO)
            }
            error => return Err(error),
        };
        self.reads.report(&format!("{cause}; still trying"));
        Ok(self.reads.fail(&self.random).max(retry_after))
    }

    fn is_connecting_due(&self, now: Instant) -> bool {
        match &self.socket {
            Some(socket) => socket.replace_at <= now,
            None => self.websocket_url.is_some() && self.connect_at <= now,
        }
    }

    /// Opens a connection, in place of the current one if that is about to end.
    async fn connect(&mut self) {
        let Some(url) = &self.websocket_url else { return };
        match Socket::open(url, self.device, &mut self.api).await {
            Ok(socket) => {
                if self.socket.replace(socket).is_some_and(|replaced| replaced.is_stable()) {
                    self.connects.reset();
                }
                // Events since the last read may have had no connection.
                self.read_soon();
            }
            Err(cause) => {
                self.connects.report(&format!("no WebSocket ({cause}); reading events without it"));
                let next_attempt = Instant::now() + self.connects.fail(&self.random);
                match &mut self.socket {
                    Some(socket) => socket.replace_at = next_attempt,
                    None => self.connect_at = next_attempt,
                }
            }
        }
    }

    /// Drops the connection. Polls until the next one is open.
    fn lose_socket(&mut self) {
        if self.socket.take().is_some_and(|socket| socket.is_stable()) {
            self.connects.reset();
        }
        let now = Instant::now();
        self.connect_at = now + self.connects.fail(&self.random);
        self.poll_interval = POLL_INTERVALS.0;
        self.read_at = self.read_at.min(now + self.poll_interval);
        self.checks_pushes = false;
    }

    fn read_soon(&mut self) {
        self.read_at = Instant::now();
        self.checks_pushes = false;
    }

    /// Reads the events after the last one.
    async fn read(&mut self) -> Result<Option<News>, ApiError> {
        let EventPage { events, next } = match self.api.events(Some(self.position)).await {
            Ok(page) => page,
            Err(ApiError::CursorExpired) => return self.restart().await,
            Err(error) => {
                self.read_at = Instant::now() + self.time_after(error)?;
                return Ok(None);
            }
        };
        self.reads.reset();
        let is_end = next == self.position;
        self.position = next;
        self.held.retain(|number, _| *number > next.number);
        if is_end {
            self.read_at = Instant::now() + self.next_interval();
            self.checks_pushes = self.socket.is_some() && self.held.is_empty();
            return Ok(None);
        }
        self.poll_interval = POLL_INTERVALS.0;
        let pushed_by = Clock::system().now() - PUSH_LIMIT;
        if self.checks_pushes && events.iter().any(|event| event.at.to_utc() < pushed_by) {
            self.lose_socket();
        }
        self.read_soon();
        if events.is_empty() {
            // Rows without events.
            return Ok(None);
        }
        Ok(Some(News::Events { events, messages: Vec::new(), cursor: next }))
    }

    /// The time from a read that found the end to the next one.
    fn next_interval(&mut self) -> Duration {
        if !self.held.is_empty() {
            return POLL_INTERVALS.0;
        }
        if self.socket.is_some() {
            return CATCH_UP_INTERVAL;
        }
        let interval = self.poll_interval;
        self.poll_interval = interval.mul_f64(1.5).min(POLL_INTERVALS.1);
        interval
    }

    /// Continues at the end of the log, after the events from here on are no longer complete.
    async fn restart(&mut self) -> Result<Option<News>, ApiError> {
        let cursor = loop {
            match self.api.events(None).await {
                Ok(page) => break page.next,
                Err(error) => self.wait_after(error).await?,
            }
        };
        self.position = cursor;
        self.held.clear();
        self.read_soon();
        Ok(Some(News::Missed { cursor }))
    }

    /// Waits for a frame, or until the next connection or read is due.
    async fn wait(&mut self) {
        let Some(socket) = &mut self.socket else {
            let until =
                if self.websocket_url.is_some() { self.connect_at.min(self.read_at) } else { self.read_at };
            return sleep_until(until).await;
        };
        let until = socket.replace_at.min(self.read_at);
        match socket.receive(until).await {
            Ok(Some(Received::Frame(frame))) => self.hold(frame),
            Ok(Some(Received::Malformed)) => self.read_soon(),
            Ok(Some(Received::Other) | None) => {}
            Err(Lost) => self.lose_socket(),
        }
    }

    /// Keeps a frame that is new. One that does not follow the last event makes the log be read soon.
    fn hold(&mut self, frame: Frame) {
        let number = frame.cursor.number;
        if number <= self.position.number {
            return;
        }
        if self.held.len() < MAX_HELD {
            self.held.insert(number, frame);
        }
        if !self.held.contains_key(&self.position.number.successor()) {
            self.read_at = self.read_at.min(Instant::now() + GAP_WAIT);
            self.checks_pushes = false;
        }
    }

    fn take_held(&mut self) -> Option<Frame> {
        self.held.remove(&self.position.number.successor())
    }
}

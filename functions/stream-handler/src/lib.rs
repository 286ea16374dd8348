//! Handler of the table's stream: moves the inbox rows of every group with new messages, logs the messages for the
//! members, and sends them to open sockets.

#![warn(missing_docs)]

use std::{collections::BTreeSet, time::Duration};

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    config::{ConfigError, Lookup},
    connection::Connections,
    dynamodb::CallLimits,
    error::Chain,
    event_log::EventLog,
    invocation::{self, Completion},
    message_group::Inbox,
    metrics::Metric,
    projection::{
        events::{AppendError, Appended},
        inbox::{GroupChanges, MoveError, Moved},
    },
    push::Push,
    random::Random,
    start,
    stream::{Batch, Changes, GroupRecords},
    table::Table,
    warm_up::{Failure, failures},
};
use futures_util::{
    StreamExt as _,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use lambda_runtime::{Context, LambdaEvent};
use tokio::time::timeout;

use self::logs::{Append, Logs, MovedGroup};

mod logs;

/// The function's name in the log.
const NAME: &str = "stream-handler";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Moves inbox rows.
    pub inbox: Inbox,
    /// Logs events.
    pub log: EventLog,
    /// Sends events to open sockets. `None` without a WebSocket API.
    pub push: Option<Push>,
    /// Measures the remaining time and the delay of moves.
    pub clock: Clock,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, CallLimits::WRITE)?;
        let (clock, random) = (Clock::system(), Random::system());
        Ok(Self {
            push: Push::from_lookup(lookup, Connections::new(table.clone()))?,
            log: EventLog::new(table.clone(), clock.clone(), random.clone()),
            inbox: Inbox::new(table, random),
            clock,
        })
    }

    async fn connect(&self) -> Vec<Failure> {
        failures([self.inbox.warm_up_move().await])
    }
}

/// Maximum number of groups that are moved at the same time.
const MAX_CONCURRENT_GROUPS: usize = 8;

/// The time reserved for the answer after a move is cut off.
const RESERVED_FOR_ANSWER: TimeDelta = TimeDelta::seconds(1);

/// The minimum remaining time to start a move, without the time reserved for the answer.
const MIN_TIME_LEFT: Duration = Duration::from_secs(9);

/// Time limit of pushes after the last move and append of a batch. The next batch waits for them (I16).
const PUSH_LIMIT: Duration = Duration::from_secs(2);

/// Moves each group to its newest message in the batch, and logs its messages for the members. Reports the records of
/// groups that failed. Lambda delivers the batch again from the first reported record.
pub async fn handler(app: &App, event: LambdaEvent<Batch>) -> DynamoDbEventResponse {
    invocation::observe(NAME, async { (serve(app, &event).await, Completion::new("read a batch")) }).await
}

async fn serve(app: &App, event: &LambdaEvent<Batch>) -> DynamoDbEventResponse {
    let Changes { groups, skipped } = event.payload.changes();
    invocation::batch(event.payload.len(), groups.len());
    invocation::count(Metric::RecordsSkipped, skipped);
    if let [only] = &*groups {
        invocation::group(only.changes.group_uuid);
        if let Some(newest) = only.changes.newest() {
            invocation::message(newest.message_uuid);
        }
    }
    let failed = app.project(&groups, app.deadline(&event.context)).await;
    let mut response = DynamoDbEventResponse::default();
    let sequence_numbers = failed.into_iter().filter_map(|place| groups.get(place)).flat_map(|group| {
        invocation::count(Metric::GroupsNotMoved, 1);
        group.sequence_numbers.iter().cloned()
    });
    response.batch_item_failures = sequence_numbers
        .map(|sequence_number| {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(sequence_number);
            failure
        })
        .collect();
    response
}

impl App {
    /// Moves the groups, appends their messages to the members' logs, and sends the new log rows. Returns the places of
    /// the groups that failed.
    ///
    /// A group's messages are logged after its move, because lists must show what events announce. They do not wait for
    /// other groups, so that a group that fails delays no other.
    async fn project(&self, groups: &[GroupRecords], deadline: Option<DateTime<Utc>>) -> BTreeSet<usize> {
        let mut failed = BTreeSet::new();
        let mut logs = Logs::new(groups);
        let tasks = (0..groups.len()).map(|place| async move {
            let group = groups.get(place)?;
            Some((place, self.move_one(group, deadline).await))
        });
        let mut group_moves = stream::iter(tasks).buffer_unordered(MAX_CONCURRENT_GROUPS);
        let mut moves_left = groups.len();
        let mut appends = FuturesUnordered::new();
        let mut pushes = FuturesUnordered::new();
        loop {
            appends.extend(logs.take_ready().into_iter().map(|append| self.append(append, deadline)));
            if moves_left == 0 && appends.is_empty() {
                break;
            }
            tokio::select! {
                // Moves first: nothing else may delay them.
                biased;
                Some(Some((place, result))) = group_moves.next() => {
                    moves_left -= 1;
                    match result {
                        Some(moved) => logs.add(place, moved),
                        None => {
                            failed.insert(place);
                        }
                    }
                }
                Some((Append { user_uuid, places, .. }, appended)) = appends.next() => {
                    let Some(Appended { rows, tail }) = appended else {
                        failed.extend(places);
                        logs.set_appended(user_uuid, None);
                        continue;
                    };
                    if let Some(push) = self.push.as_ref().filter(|_| !rows.is_empty()) {
                        let frames = logs.frames(user_uuid, &rows, self.clock.now());
                        pushes.push(async move { push.send(user_uuid, &frames).await });
                    }
                    logs.set_appended(user_uuid, Some(tail));
                }
                Some(()) = pushes.next() => {}
            }
        }
        let limit = self.time_left(deadline).min(PUSH_LIMIT);
        let _ = timeout(limit, async { while pushes.next().await.is_some() {} }).await;
        invocation::count(Metric::PushDropped, pushes.len());
        failed
    }

    /// Moves a group, and reads the newest rows of the members' logs meanwhile. Returns `None` on failure.
    async fn move_one(&self, group: &GroupRecords, deadline: Option<DateTime<Utc>>) -> Option<MovedGroup> {
        let changes = &group.changes;
        let group_uuid = changes.group_uuid;
        // The move is safe to repeat if the timeout cuts it off, since its writes are conditional. After Lambda's own
        // timeout, the whole batch would fail.
        let limit = self.time_left(deadline);
        if limit < MIN_TIME_LEFT {
            tracing::warn!(%group_uuid, "not enough time is left to move the group");
            return None;
        }
        let work = async {
            let group_rows = self.inbox.group_rows(group_uuid).await?;
            let membership = &group_rows.membership;
            // Erased members have no log.
            let members = membership.members.keys().filter(|member| !membership.erased.contains(member));
            let members = members.copied().collect::<Vec<_>>();
            // The append reads a tail that could not be read here.
            let tails =
                members.into_iter().map(|member| async move { (member, self.log.tail(member).await.ok()) });
            let (moved, tails) = tokio::join!(self.inbox.apply_to(&group_rows, changes), join_all(tails));
            let (moved, rows) = moved?;
            Ok((moved, MovedGroup { membership: group_rows.membership, rows, tails }))
        };
        match timeout(limit, work).await.unwrap_or(Err(MoveError::OutOfTime)) {
            Ok((moved, group)) => {
                self.measure(changes, moved);
                Some(group)
            }
            Err(error) => {
                tracing::error!(%group_uuid, cause = %Chain(&error), "could not move the group");
                None
            }
        }
    }

    /// Appends to a user's log. Returns `None` instead of the new rows on failure.
    async fn append(
        &self,
        mut append: Append,
        deadline: Option<DateTime<Utc>>,
    ) -> (Append, Option<Appended>) {
        let user_uuid = append.user_uuid;
        let changes = std::mem::take(&mut append.changes);
        let work = self.log.append(user_uuid, changes, append.tail.take());
        let appended = timeout(self.time_left(deadline), work).await.unwrap_or(Err(AppendError::OutOfTime));
        let appended = appended.inspect_err(|error| {
            tracing::error!(%user_uuid, cause = %Chain(error), "could not append to the event log");
        });
        (append, appended.ok())
    }

    fn measure(&self, changes: &GroupChanges, result: Moved) {
        let Moved { moved, changed, already_there, located } = result;
        let group_uuid = changes.group_uuid;
        tracing::debug!(%group_uuid, moved, changed, already_there, located, "joined the group's changes");
        invocation::count(Metric::RowsMoved, moved);
        invocation::count(Metric::RowsChanged, changed);
        invocation::count(Metric::RowsAlreadyThere, already_there);
        invocation::count(Metric::RowsLocated, located);
        if let Some(newest) = changes.newest().filter(|_| moved > 0) {
            // The sender's clock may be ahead of this one.
            let delay = (self.clock.now() - newest.sk.created_at.to_utc()).max(TimeDelta::zero());
            invocation::measure(Metric::MoveDelay, delay.as_seconds_f64() * 1_000.0);
        }
    }

    /// The time until the answer must be ready.
    fn time_left(&self, deadline: Option<DateTime<Utc>>) -> Duration {
        let Some(deadline) = deadline else { return Duration::MAX };
        (deadline - self.clock.now() - RESERVED_FOR_ANSWER).to_std().unwrap_or_default()
    }

    /// The end of the invocation. Returns `None` for a time in the past: cargo-lambda's emulator always sends 600,000
    /// milliseconds since 1970. Lambda never sends a past time.
    fn deadline(&self, context: &Context) -> Option<DateTime<Utc>> {
        let deadline = DateTime::from_timestamp_millis(i64::try_from(context.deadline).ok()?)?;
        (deadline > self.clock.now()).then_some(deadline)
    }
}

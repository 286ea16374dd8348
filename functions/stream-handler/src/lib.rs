//! Handler of the table's stream: moves the inbox rows of every group with new messages.

#![warn(missing_docs)]

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::Chain,
    invocation::{self, Completion},
    message_group::Inbox,
    metrics::Metric,
    projection::inbox::{MoveError, Moved},
    start,
    stream::{Batch, NewMessages, NewestMessage},
    warm_up::{Failure, failures},
};
use futures_util::{StreamExt as _, stream};
use lambda_runtime::{Context, LambdaEvent};
use tokio::time::timeout;

/// The function's name in the log.
const NAME: &str = "stream-handler";

/// The function's clients.
#[derive(Debug)]
pub struct App {
    /// Moves inbox rows.
    pub inbox: Inbox,
    /// Measures the remaining time and the delay of moves.
    pub clock: Clock,
}

impl start::App for App {
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        Ok(Self { inbox: Inbox::from_lookup(lookup, CallLimits::WRITE)?, clock: Clock::system() })
    }

    async fn connect(&self) -> Vec<Failure> {
        failures([self.inbox.warm_up_move().await])
    }
}

/// Maximum number of groups that are moved at the same time.
const MAX_CONCURRENT_GROUPS: usize = 8;

/// The time reserved for the answer after a move is cut off.
const RESERVED_FOR_ANSWER: TimeDelta = TimeDelta::seconds(1);

/// The minimum remaining time to start a move.
const MIN_TIME_LEFT: TimeDelta = TimeDelta::seconds(10);

/// Moves each group to its newest message in the batch. Reports the records of groups that could not be moved. Lambda
/// delivers the batch again from the first reported record.
pub async fn handler(app: &App, event: LambdaEvent<Batch>) -> DynamoDbEventResponse {
    invocation::observe(NAME, async { (serve(app, &event).await, Completion::new("read a batch")) }).await
}

async fn serve(app: &App, event: &LambdaEvent<Batch>) -> DynamoDbEventResponse {
    let NewMessages { newest, skipped } = event.payload.new_messages();
    invocation::batch(event.payload.len(), newest.len());
    invocation::count(Metric::RecordsSkipped, skipped);
    if let [only] = &*newest {
        invocation::group(only.group_uuid);
        invocation::message(only.sk.message_uuid);
    }
    let deadline = app.deadline(&event.context);
    let mut failures = stream::iter(newest.into_iter().enumerate())
        .map(|(place, group)| async move {
            let failed = if app.move_one(&group, deadline).await {
                vec![]
            } else {
                invocation::count(Metric::GroupsNotMoved, 1);
                group.sequence_numbers
            };
            (place, failed)
        })
        .buffer_unordered(MAX_CONCURRENT_GROUPS)
        .collect::<Vec<_>>()
        .await;
    failures.sort_unstable_by_key(|(place, _)| *place);
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failures
        .into_iter()
        .flat_map(|(_, sequence_numbers)| sequence_numbers)
        .map(|sequence_number| {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(sequence_number);
            failure
        })
        .collect();
    response
}

impl App {
    /// Moves a group. Returns `true` on success.
    async fn move_one(&self, newest: &NewestMessage, deadline: Option<DateTime<Utc>>) -> bool {
        let group_uuid = newest.group_uuid;
        let time_left = deadline.map_or(TimeDelta::MAX, |deadline| deadline - self.clock.now());
        if time_left < MIN_TIME_LEFT {
            tracing::warn!(%group_uuid, "not enough time is left to move the group");
            return false;
        }
        // A move cut off by the timeout is safe to repeat, since its writes are conditional. After Lambda's own
        // timeout, the whole batch would fail.
        let limit = (time_left - RESERVED_FOR_ANSWER).to_std().unwrap_or_default();
        let moved = timeout(limit, self.inbox.move_to(newest)).await;
        match moved.unwrap_or(Err(MoveError::OutOfTime)) {
            Ok(moved) => {
                self.measure(newest, moved);
                true
            }
            Err(error) => {
                tracing::error!(%group_uuid, cause = %Chain(&error), "could not move the group");
                false
            }
        }
    }

    fn measure(&self, newest: &NewestMessage, Moved { moved, already_there, located }: Moved) {
        let (group_uuid, message_uuid) = (newest.group_uuid, newest.sk.message_uuid);
        tracing::debug!(%group_uuid, %message_uuid, moved, already_there, located, "moved the group");
        invocation::count(Metric::RowsMoved, moved);
        invocation::count(Metric::RowsAlreadyThere, already_there);
        invocation::count(Metric::RowsLocated, located);
        if moved > 0 {
            // The sender's clock may be ahead of this one.
            let delay = (self.clock.now() - newest.sk.created_at.to_utc()).max(TimeDelta::zero());
            invocation::measure(Metric::MoveDelay, delay.as_seconds_f64() * 1_000.0);
        }
    }

    /// The end of the invocation. Returns `None` for a time in the past: cargo-lambda's emulator always sends 600,000
    /// milliseconds since 1970. Lambda never sends a past time.
    fn deadline(&self, context: &Context) -> Option<DateTime<Utc>> {
        let deadline = DateTime::from_timestamp_millis(i64::try_from(context.deadline).ok()?)?;
        (deadline > self.clock.now()).then_some(deadline)
    }
}

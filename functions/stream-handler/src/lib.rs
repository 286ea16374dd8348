//! Stream of `cruddur-messages`: moves the inbox rows of every group that has new messages.

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    dynamodb::Table,
    error::Chain,
    invocation::{self, Completion},
    metrics::Metric,
    random::Random,
    stream::{
        Batch, NewMessages, NewestMessage,
        move_group::{self, MoveError, Moved, move_group},
    },
    warm_up,
};
use futures_util::{StreamExt as _, stream};
use lambda_runtime::{Context, LambdaEvent};
use tokio::time::timeout;

/// The name that the log has for it.
const NAME: &str = "stream-handler";

/// What the function works with.
#[derive(Debug)]
pub struct App {
    /// Holds memberships and inboxes.
    pub table: Table,
    /// Tells how much time is left.
    pub clock: Clock,
    /// Spreads the tries of writers that meet.
    pub random: Random,
}

impl App {
    /// Makes every connection that the first batch needs, all at the same time.
    pub async fn warm_up(&self) {
        warm_up::within_limit(move_group::warm_up(&self.table)).await;
    }
}

/// Groups that are moved at the same time.
const MAX_GROUPS_AT_A_TIME: usize = 8;

/// What is left of the time when a move is cut off.
const TIME_FOR_THE_ANSWER: TimeDelta = TimeDelta::seconds(1);

/// No move is started with less time left than this.
const TIME_FOR_A_MOVE: TimeDelta = TimeDelta::seconds(10);

/// Moves each group of the batch to its newest message there, and reports the records of those it could not
/// move: Lambda delivers the batch again from the first of them on.
pub async fn handler(app: &App, event: LambdaEvent<Batch>) -> DynamoDbEventResponse {
    invocation::observe(NAME, async { (serve(app, &event).await, Completion::with("read a batch")) }).await
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
        .buffer_unordered(MAX_GROUPS_AT_A_TIME)
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
    /// Whether the group was moved.
    async fn move_one(&self, newest: &NewestMessage, deadline: Option<DateTime<Utc>>) -> bool {
        let group_uuid = newest.group_uuid;
        let time_left = deadline.map_or(TimeDelta::MAX, |deadline| deadline - self.clock.now());
        if time_left < TIME_FOR_A_MOVE {
            tracing::warn!(%group_uuid, "not enough time is left to move the group");
            return false;
        }
        // Whatever a move that is cut off has done or may do yet is guarded; what matters is that the answer goes out.
        let limit = (time_left - TIME_FOR_THE_ANSWER).to_std().unwrap_or_default();
        let moved = timeout(limit, move_group(&self.table, &self.random, newest)).await;
        match moved.unwrap_or(Err(MoveError::OutOfTime)) {
            Ok(moved) => {
                self.note(newest, moved);
                true
            }
            Err(error) => {
                tracing::error!(%group_uuid, cause = %Chain(&error), "could not move the group");
                false
            }
        }
    }

    fn note(&self, newest: &NewestMessage, Moved { moved, already_there, located }: Moved) {
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

    /// When the invocation ends. None for a time that has passed already: Lambda never begins with one, but
    /// cargo-lambda's emulator does (it sends 600000, ten minutes after the beginning of 1970).
    fn deadline(&self, context: &Context) -> Option<DateTime<Utc>> {
        let deadline = DateTime::from_timestamp_millis(i64::try_from(context.deadline).ok()?)?;
        (deadline > self.clock.now()).then_some(deadline)
    }
}

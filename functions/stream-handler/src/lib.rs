//! Stream of `cruddur-messages`: moves the inbox rows of every group that has new messages.

use std::time::Duration;

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use cruddur::{
    clock::Clock,
    dynamodb::Table,
    error::Chain,
    random::Random,
    stream::{
        Batch, NewestMessage,
        move_group::{Moved, move_group},
    },
};
use futures_util::{StreamExt as _, stream};
use lambda_runtime::LambdaEvent;

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

/// Groups that are moved at the same time.
const MAX_GROUPS_AT_A_TIME: usize = 8;

/// No move is started with less time left than this.
const TIME_FOR_A_MOVE: Duration = Duration::from_secs(10);

/// Moves each group of the batch to its newest message there, and reports the records of those it could not
/// move: Lambda delivers the batch again from the first of them on.
pub async fn handler(app: &App, event: LambdaEvent<Batch>) -> DynamoDbEventResponse {
    let groups = event.payload.newest_messages();
    tracing::info!(records = event.payload.len(), groups = groups.len(), "received a batch");
    let deadline = event.context.deadline;
    let failures = stream::iter(groups)
        .map(|group| async move {
            if app.move_one(&group, deadline).await { vec![] } else { group.sequence_numbers }
        })
        .buffered(MAX_GROUPS_AT_A_TIME)
        .concat()
        .await;
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failures
        .into_iter()
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
    async fn move_one(&self, newest: &NewestMessage, deadline: u64) -> bool {
        let group_uuid = newest.group_uuid;
        if self.time_left(deadline) < TIME_FOR_A_MOVE {
            tracing::warn!(%group_uuid, "not enough time is left to move the group");
            return false;
        }
        match move_group(&self.table, &self.random, newest).await {
            Ok(Moved { moved, already_there, located }) => {
                let message_uuid = newest.sk.message_uuid;
                tracing::info!(%group_uuid, %message_uuid, moved, already_there, located, "moved the group");
                true
            }
            Err(error) => {
                tracing::error!(%group_uuid, cause = %Chain(&error), "could not move the group");
                false
            }
        }
    }

    /// Until `deadline`, which is in milliseconds since 1970.
    fn time_left(&self, deadline: u64) -> Duration {
        let now = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        Duration::from_millis(deadline.saturating_sub(now))
    }
}

//! Load-test users, groups and messages: the same in every run, except for UUIDs of messages. A run creates only what
//! is missing, and so continues an interrupted one.
//!
//! Every message has an idempotency key: a request of a killed run may be stored after the next run has counted
//! messages.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use cruddur::{
    clock::Clock,
    error::{Chain, Error},
    message::{
        Messages,
        send::{NewMessage, Target},
    },
    message_group::uuid_of_pair,
    postgres::Postgres,
    projection::inbox::MoveError,
    random::Random,
    table::{Partition, Table, read_error},
    user::{Receiver, User},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::sleep;
use uuid::{Uuid, uuid};

pub use self::plan::{InvalidPlan, Numbers, Plan};
use crate::{
    SeedError,
    demo::{Made, NewUser, create_many},
    inbox::move_inbox_rows,
};

mod plan;
mod text;

/// The namespace of UUIDs of users and of subs.
const NAMESPACE: Uuid = uuid!("0f6b4a1c-93d7-5e2b-8a55-7c1d2e3f4a5b");

/// Users in a statement.
const BATCH: usize = 500;

/// Groups filled concurrently.
const GROUPS_AT_A_TIME: usize = 32;

/// Retries of a group while DynamoDB is unavailable: six without a new message, about a minute.
const RETRIES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_secs(1)).without_max_delay().with_max_times(6);

/// Creates missing users of `plan`. Calls `progress` with the number of additional users.
pub async fn ensure_users(
    postgres: &Postgres,
    plan: Plan,
    progress: impl Fn(u64),
) -> Result<Made, SeedError> {
    let mut users = Made::default();
    for numbers in (0..plan.users).collect::<Vec<_>>().chunks(BATCH) {
        let new = numbers.iter().copied().map(user).map(|user| NewUser {
            email: format!("{}@example.com", user.handle),
            // No user pool has it.
            subject: Uuid::new_v5(&user.uuid, b"sub").to_string(),
            user,
        });
        let new = new.collect::<Vec<_>>();
        let Made { made, were_there } = create_many(postgres, &new).await?;
        if made + were_there < new.len() {
            return Err(SeedError::HandlesTaken(new.len() - made - were_there));
        }
        users.made += made;
        users.were_there += were_there;
        progress(new.len() as u64);
    }
    Ok(users)
}

/// Sends missing messages of `plan`. Calls `progress` with the number of additional messages. Concurrent runs create no
/// duplicates.
pub async fn ensure_messages(
    table: &Table,
    random: &Random,
    plan: Plan,
    progress: impl Fn(u64),
) -> Result<Made, SeedError> {
    let groups = stream::iter(0..plan.groups).map(|number| {
        let progress = &progress;
        async move { Group::new(plan, number).fill(table, random, progress).await }
    });
    groups
        .buffer_unordered(GROUPS_AT_A_TIME)
        .try_fold(Made::default(), |sum, group| async move {
            Ok(Made { made: sum.made + group.made, were_there: sum.were_there + group.were_there })
        })
        .await
}

struct Group {
    number: u32,
    pair: [User; 2],
    uuid: Uuid,
    messages: u32,
}

impl Group {
    fn new(plan: Plan, number: u32) -> Self {
        let pair = plan.pair(number).map(user);
        let uuid = uuid_of_pair(pair[0].uuid, pair[1].uuid);
        Self { number, pair, uuid, messages: plan.messages_of(number) }
    }

    /// Sends missing messages in order, and moves the inbox rows. Counts stored messages again before each retry.
    async fn fill(
        &self,
        table: &Table,
        random: &Random,
        progress: impl Fn(u64) + Copy,
    ) -> Result<Made, SeedError> {
        let (mut existed, mut stored) = (None, 0);
        let mut waits = RETRIES.build();
        loop {
            let before = stored;
            let mut advance_to = |messages: u32| {
                existed.get_or_insert(messages);
                progress(messages.saturating_sub(stored).into());
                stored = stored.max(messages);
            };
            let Err(error) = self.send_missing(table, random, &mut advance_to).await else {
                let existed = existed.unwrap_or(0);
                let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
                return Ok(Made { made: count(stored - existed), were_there: count(existed) });
            };
            if stored > before {
                waits = RETRIES.build();
            }
            let Some(wait) = waits.next().filter(|_| is_transient(&error)) else { return Err(error) };
            tracing::info!(cause = %Chain(&error), group_uuid = %self.uuid, "retrying a group");
            sleep(wait).await;
        }
    }

    /// Calls `advance_to` with the number of stored messages, first with those of earlier runs.
    async fn send_missing(
        &self,
        table: &Table,
        random: &Random,
        mut advance_to: impl FnMut(u32),
    ) -> Result<(), SeedError> {
        let stored = count(table, Partition::Messages(self.uuid)).await?;
        let stored = u32::try_from(stored).unwrap_or(u32::MAX).min(self.messages);
        advance_to(stored);
        for number in stored..self.messages {
            self.send(table, random, number).await?;
            advance_to(number + 1);
        }
        move_inbox_rows(table, random, self.uuid).await
    }

    /// Sends message `number`, in turns.
    async fn send(&self, table: &Table, random: &Random, number: u32) -> Result<(), Error> {
        let [first, second] = &self.pair;
        let (sender, receiver) = if number.is_multiple_of(2) { (first, second) } else { (second, first) };
        let said_at = text::time(self.number, number, self.messages);
        let new = NewMessage {
            sender: sender.clone(),
            target: Target::User {
                handle: Some(receiver.handle.parse().map_err(Error::internal)?),
                receiver: Receiver::of_everyone(receiver.clone()),
            },
            text: text::text(self.number, number).parse().map_err(Error::internal)?,
            reply_to: None,
            // Includes everything that determines receiver and text, since another plan may pair users differently.
            idempotency_key: Some(
                format!("load-{}-{}-{number}", self.uuid.simple(), self.number)
                    .parse()
                    .map_err(Error::internal)?,
            ),
        };
        let clock = Clock::from_fn(move || said_at);
        Messages::new(table.clone(), clock, random.clone(), None).send(new).await?;
        Ok(())
    }
}

/// The number of rows in a partition. Reads all of them.
async fn count(table: &Table, partition: Partition) -> Result<u64, Error> {
    let query = table
        .client()
        .query()
        .table_name(table.name())
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(partition.to_string()))
        .select(Select::Count)
        .consistent_read(true);
    let mut pages = query.into_paginator().send();
    let mut rows = 0;
    while let Some(page) = pages.next().await {
        rows += u64::try_from(page.map_err(read_error)?.count).unwrap_or(0);
    }
    Ok(rows)
}

/// Returns whether a retry may succeed.
fn is_transient(error: &SeedError) -> bool {
    match error {
        SeedError::Operation(error) | SeedError::Move(MoveError::Table(error)) => {
            matches!(error, Error::Unavailable { .. })
        }
        SeedError::Move(error) => matches!(error, MoveError::TooManyAttempts { .. }),
        SeedError::HandlesTaken(_) => false,
    }
}

/// User `number`, from 0.
fn user(number: u32) -> User {
    let number = number + 1;
    let handle = format!("load-{number:06}");
    let uuid = Uuid::new_v5(&NAMESPACE, handle.as_bytes());
    User { uuid, handle, display_name: format!("Load No. {number}") }
}

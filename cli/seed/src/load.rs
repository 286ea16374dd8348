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
    user::User,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::sleep;
use tokio_postgres::types::Type;
use uuid::{Uuid, uuid};

pub use self::plan::{InvalidPlan, Numbers, Plan};
use crate::{SeedError, demo::Made, inbox::move_inbox_rows};

mod plan;
mod text;

/// The namespace of UUIDs of users and of subs.
const NAMESPACE: Uuid = uuid!("0f6b4a1c-93d7-5e2b-8a55-7c1d2e3f4a5b");

/// Users in a statement.
const BATCH: u32 = 500;

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
    let statement = include_str!("../../../sql/users/create_many.sql");
    let mut users = Made::default();
    for first in (0..plan.users()).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        let numbers = first..plan.users().min(first.saturating_add(BATCH));
        let batch = i64::from(numbers.end - numbers.start);
        let made = numbers.map(user).collect::<Vec<_>>();
        let column = |of: fn(&User) -> String| made.iter().map(of).collect::<Vec<_>>();
        let parameters = [
            (&made.iter().map(|user| user.uuid).collect::<Vec<_>>() as _, Type::UUID_ARRAY),
            (&column(|user| user.handle.clone()) as _, Type::TEXT_ARRAY),
            (&column(|user| user.display_name.clone()) as _, Type::TEXT_ARRAY),
            (&column(|user| format!("{}@example.com", user.handle)) as _, Type::TEXT_ARRAY),
            (&column(subject) as _, Type::TEXT_ARRAY),
        ];
        let rows = postgres.query(statement, &parameters).await?;
        let count = |name: &str| match rows.first() {
            Some(row) => row.try_get::<_, i64>(name).map_err(Error::internal),
            None => Ok(0),
        };
        let (created, were_there) = (count("made")?, count("were_there")?);
        if created + were_there < batch {
            return Err(SeedError::HandlesTaken(batch - created - were_there));
        }
        users.made += usize::try_from(created).unwrap_or(0);
        users.were_there += usize::try_from(were_there).unwrap_or(0);
        progress(u64::try_from(batch).unwrap_or(0));
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
    let groups = stream::iter(0..plan.groups()).map(|number| {
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
        let mut filled = Filled::default();
        let mut waits = RETRIES.build();
        loop {
            let before = filled.messages;
            let Err(error) = self.send_missing(table, random, &mut filled, progress).await else {
                return Ok(filled.made());
            };
            if filled.messages > before {
                waits = RETRIES.build();
            }
            let Some(wait) = waits.next().filter(|_| is_transient(&error)) else { return Err(error) };
            tracing::info!(cause = %Chain(&error), group_uuid = %self.uuid, "retrying a group");
            sleep(wait).await;
        }
    }

    async fn send_missing(
        &self,
        table: &Table,
        random: &Random,
        filled: &mut Filled,
        progress: impl Fn(u64),
    ) -> Result<(), SeedError> {
        let stored = count(table, Partition::Messages(self.uuid)).await?;
        let stored = u32::try_from(stored).unwrap_or(u32::MAX).min(self.messages);
        filled.were_there.get_or_insert(stored);
        progress(filled.advance_to(stored));
        for number in stored..self.messages {
            self.send(table, random, number).await?;
            progress(filled.advance_to(number + 1));
        }
        let [member, _] = &self.pair;
        move_inbox_rows(table, random, member.uuid, self.uuid).await
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
                receiver: receiver.clone(),
            },
            text: text::text(self.number, number).parse().map_err(Error::internal)?,
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

#[derive(Default)]
struct Filled {
    /// Messages of earlier runs, once counted.
    were_there: Option<u32>,
    /// Messages known to be stored.
    messages: u32,
}

impl Filled {
    /// Returns the number of additional messages.
    fn advance_to(&mut self, messages: u32) -> u64 {
        let more = messages.saturating_sub(self.messages);
        self.messages += more;
        more.into()
    }

    fn made(&self) -> Made {
        let were_there = self.were_there.unwrap_or(0);
        let made = self.messages.saturating_sub(were_there);
        let [made, were_there] = [made, were_there].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Made { made, were_there }
    }
}

/// Returns whether a retry may succeed.
fn is_transient(error: &SeedError) -> bool {
    match error {
        SeedError::Operation(error) | SeedError::Move(MoveError::Table(error)) => {
            matches!(error, Error::Unavailable { .. })
        }
        SeedError::Move(error) => matches!(error, MoveError::TriedTooOften { .. }),
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

/// The user's `sub`, which no user pool has.
fn subject(user: &User) -> String {
    Uuid::new_v5(&user.uuid, b"sub").to_string()
}

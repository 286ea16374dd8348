//! The same requests on inboxes and conversations of different sizes. Their cost must not grow.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock, message_group::uuid_of_pair, random::Random, sort_key::SortKey, timestamp::Timestamp,
    user::User,
};
use dynamodb_fake::dispatch;
use dynoxide::Database;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    functions::Case,
    measure::{Cost, in_turns},
    run::Run,
    stage::{Events, Stage, TABLE, TEXT, records, sample, send},
};

/// The cost of an invocation at one size.
#[derive(Clone, Debug, Serialize)]
pub struct Grown {
    /// Groups in the caller's inbox, or messages in the conversation.
    pub size: u64,
    /// The request.
    pub title: String,
    pub cost: Cost,
}

/// The sizes of inboxes, in groups.
pub const GROUPS: [u64; 5] = [10, 100, 1_000, 10_000, 100_000];

/// The sizes of conversations, in messages, before the measurement adds some.
pub const MESSAGES: [u64; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// The requested page size. With the extra row that detects a next page, every size has enough rows.
const LIMIT: u64 = 9;

/// Measures `cases` on inboxes of all [`GROUPS`], each with one more conversation.
pub async fn inboxes(run: &Run, cases: &[Case]) -> Result<Vec<Grown>> {
    let row = |place: &Place, sk: &str, number: u64| {
        json!({
            "pk": {"S": format!("GRP#{}", place.caller.uuid)},
            "sk": {"S": sk},
            "message_group_uuid": {"S": Uuid::from_u128(0x9209_0000_0000 + u128::from(number)).to_string()},
            "message": {"S": TEXT},
            "user_uuid": {"S": Uuid::from_u128(u128::from(number)).to_string()},
            "user_display_name": {"S": place.other.display_name},
            "user_handle": {"S": place.other.handle},
        })
    };
    grow(run, cases, 0, &GROUPS, row).await
}

/// Measures `cases` on conversations of all [`MESSAGES`].
pub async fn conversations(run: &Run, cases: &[Case]) -> Result<Vec<Grown>> {
    let row = |place: &Place, sk: &str, _: u64| {
        json!({
            "pk": {"S": format!("MSG#{}", place.group_uuid)},
            "sk": {"S": sk},
            "message_uuid": {"S": sk.rsplit('#').next()},
            "message": {"S": TEXT},
            "user_uuid": {"S": place.caller.uuid.to_string()},
            "user_display_name": {"S": place.caller.display_name},
            "user_handle": {"S": place.caller.handle},
        })
    };
    grow(run, cases, 10, &MESSAGES, row).await
}

/// Measures `cases` at each of `sizes`, with users numbered from `first_number`.
async fn grow(
    run: &Run,
    cases: &[Case],
    first_number: u32,
    sizes: &[u64],
    row: impl Fn(&Place, &str, u64) -> Value,
) -> Result<Vec<Grown>> {
    let sizes = sizes.iter().filter(|size| **size <= run.effort.grown);
    let mut places = Vec::new();
    for (number, size) in (first_number..).zip(sizes) {
        let place = Place::open(&run.stage, number, *size).await?;
        // The users' first message is already there.
        for number in 1..*size {
            put(run.stage.database(), &row(&place, &old_sort_key(number)?, number))
                .context("a row can't be put")?;
        }
        places.push(place);
    }
    let mut grown = Vec::new();
    for case in cases {
        let events = places.iter().map(|place| place.events(case)).collect::<Result<Vec<_>>>()?;
        let costs = in_turns(run, case, &events).await?;
        let rows = places.iter().zip(costs);
        grown.extend(rows.map(|(place, cost)| Grown { size: place.size, title: case.title(), cost }));
    }
    grown.sort_by_key(|grown| grown.size);
    Ok(grown)
}

/// An inbox or a conversation of some size. User names and tokens have the same length at every size.
struct Place {
    size: u64,
    caller: User,
    other: User,
    group_uuid: Uuid,
    bearer: String,
}

impl Place {
    /// Creates two users and their first message.
    async fn open(stage: &Stage, number: u32, size: u64) -> Result<Self> {
        let (caller, bearer) = stage.sign_up(2 * number).await?;
        let (other, _) = stage.sign_up(2 * number + 1).await?;
        send(&stage.table, &caller, &other).await?;
        let group_uuid = uuid_of_pair(caller.uuid, other.uuid);
        Ok(Self { size, caller, other, group_uuid, bearer })
    }

    /// The events of `case` for this place.
    fn events(&self, case: &Case) -> Result<Events> {
        let group_uuid = self.group_uuid.to_string();
        if case.function == "stream-handler" {
            return records(&group_uuid);
        }
        let mut event = sample(match case.function {
            "create-message" => "create-message/to-group",
            "list-messages" => "list-messages/first-page",
            _ => "list-message-groups/first-page",
        })?;
        event["headers"]["authorization"] = json!(self.bearer);
        if case.function == "create-message" {
            event["body"] = json!(json!({"message": TEXT, "message_group_uuid": group_uuid}).to_string());
        } else {
            event["rawQueryString"] = json!(format!("limit={LIMIT}"));
            event["queryStringParameters"] = json!({"limit": LIMIT.to_string()});
        }
        if case.function == "list-messages" {
            let path = format!("/api/messages/{group_uuid}");
            event["rawPath"] = json!(path);
            event["requestContext"]["http"]["path"] = json!(path);
            event["pathParameters"] = json!({"message_group_uuid": group_uuid});
        }
        let event = Bytes::from(event.to_string());
        Ok(Arc::new(move |_| event.clone()))
    }
}

/// The sort key of the row with this number, older than all rows of this run.
fn old_sort_key(number: u64) -> Result<String> {
    let begin: DateTime<Utc> = "2020-01-01T00:00:00Z".parse()?;
    let created_at = Timestamp::new(begin + TimeDelta::seconds(i64::try_from(number)?));
    let message_uuid = Random::system().uuid_v7(Clock::system().now());
    Ok(SortKey { created_at, message_uuid }.to_string())
}

fn put(database: &Database, row: &Value) -> Result<()> {
    dispatch(database, "PutItem", json!({"TableName": TABLE, "Item": row}))?;
    Ok(())
}

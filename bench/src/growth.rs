//! The same requests while inboxes and conversations grow: what they cost has to stay.

use anyhow::{Context as _, Result};
use cruddur::{clock::Clock, random::Random, timestamp::Timestamp};
use dynoxide::Database;
use seed::demo::DEMO_USERS;
use serde::Serialize;
use serde_json::{Value, json};
use simulation::wire::dispatch;
use uuid::Uuid;

use crate::{
    functions::Case,
    measure::{Warm, warm},
    run::Run,
    stage::{GROUP, TABLE},
};

/// One size, and what an invocation costs then.
#[derive(Clone, Debug, Serialize)]
pub struct Grown {
    /// Groups in the inbox of who asks, or messages in the conversation.
    pub size: u64,
    /// What is asked.
    pub title: String,
    /// What it costs.
    pub warm: Warm,
}

/// Groups of an inbox.
pub const GROUPS: [u64; 5] = [100, 1_000, 10_000, 30_000, 100_000];

/// Messages of a conversation.
pub const MESSAGES: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

/// Environments for each figure: the one in the middle is taken, since two differ by more than what is looked for.
const ENVIRONMENTS: usize = 3;

/// `cases` over inboxes that grow.
pub async fn inboxes(run: &Run, cases: &[Case]) -> Result<Vec<Grown>> {
    let [sunyoung, ..] = DEMO_USERS;
    let row = |sk: &str, number: u64| {
        json!({
            "pk": {"S": format!("GRP#{}", sunyoung.uuid)},
            "sk": {"S": sk},
            "message_group_uuid": {"S": Uuid::from_u128(0x9209_0000_0000 + u128::from(number)).to_string()},
            "message": {"S": "An old message that nobody has answered"},
            "user_uuid": {"S": Uuid::from_u128(u128::from(number)).to_string()},
            "user_display_name": {"S": "Somebody else"},
            "user_handle": {"S": "somebody-else"},
        })
    };
    grow(run, cases, &GROUPS, row).await
}

/// `cases` over a conversation that grows.
pub async fn conversations(run: &Run, cases: &[Case]) -> Result<Vec<Grown>> {
    let [sunyoung, ..] = DEMO_USERS;
    let row = |sk: &str, _: u64| {
        json!({
            "pk": {"S": format!("MSG#{GROUP}")},
            "sk": {"S": sk},
            "message_uuid": {"S": sk.rsplit('#').next()},
            "message": {"S": "An old message that everybody has read"},
            "user_uuid": {"S": sunyoung.uuid.to_string()},
            "user_display_name": {"S": sunyoung.display_name},
            "user_handle": {"S": sunyoung.handle},
        })
    };
    grow(run, cases, &MESSAGES, row).await
}

async fn grow(
    run: &Run,
    cases: &[Case],
    sizes: &[u64],
    row: impl Fn(&str, u64) -> Value,
) -> Result<Vec<Grown>> {
    let begin: Timestamp = "2020-01-01T00:00:00.000000Z".parse()?;
    let begin = chrono::DateTime::parse_from_rfc3339(&begin.to_string())?.to_utc();
    let (mut there, mut grown) = (0, Vec::new());
    for size in sizes.iter().filter(|size| **size <= run.effort.grown) {
        for number in there..*size {
            // Before everything that there is.
            let time = begin + chrono::TimeDelta::seconds(i64::try_from(number)?);
            let uuid = Random::system().uuid_v7(Clock::system().now());
            let sk = format!("{}#{uuid}", time.format("%Y-%m-%dT%H:%M:%S%.6fZ"));
            put(run.stage.database(), &row(&sk, number)).context("a row can't be put")?;
        }
        there = *size;
        for case in cases {
            let mut environments = Vec::new();
            for _ in 0..ENVIRONMENTS {
                environments.push(warm(run, case).await?);
            }
            environments.sort_by(|one, other| one.cpu_ms.total_cmp(&other.cpu_ms));
            let warm = environments.swap_remove(ENVIRONMENTS / 2);
            grown.push(Grown { size: *size, title: case.title(), warm });
        }
    }
    Ok(grown)
}

fn put(database: &Database, row: &Value) -> Result<()> {
    dispatch(database, "PutItem", json!({"TableName": TABLE, "Item": row}))?;
    Ok(())
}

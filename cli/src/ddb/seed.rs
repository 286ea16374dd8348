//! `ddb seed`

use std::{num::NonZeroU32, time::Instant};

use anyhow::{Result, anyhow};
use clap::{Args, error::ErrorKind};
use cruddur::{clock::Clock, error::Chain, random::Random};
use seed::{
    SeedError,
    demo::{self, Made},
    load::{self, Numbers, Plan},
};
use serde_json::json;

use crate::{
    advice::advised,
    context::{Context, DynamoDb},
    outcome::Outcome,
    output::{duration, progress},
};

const AFTER_HELP: &str = "\
Without numbers, creates the demo users and conversations. With numbers, creates load-test data: users load-000001 and
so on, groups of two spread evenly over them, and messages spread evenly over the groups and the year 2025. A second or
interrupted run sends only missing messages. Each message has an idempotency key, so it is stored only once, with an
idempotency row beside it.

Examples:
  cruddur ddb seed
  cruddur ddb seed --users 1000 --groups 3000 --messages 30000";

#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// Load-test users [default: a third of the groups, or 100]
    #[arg(long, value_name = "N")]
    users: Option<NonZeroU32>,

    /// Load-test groups of two users [default: three for each user, or one for five messages]
    #[arg(long, value_name = "N")]
    groups: Option<NonZeroU32>,

    /// Load-test messages in all groups [default: five for each group]
    #[arg(long, value_name = "N")]
    messages: Option<NonZeroU32>,
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<Outcome> {
    let Options { users, groups, messages } = *options;
    if users.is_none() && groups.is_none() && messages.is_none() {
        return seed_demo(context).await;
    }
    let plan = Plan::new(Numbers { users, groups, messages })
        .map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, error))?;
    seed_load(context, plan).await
}

async fn seed_demo(context: &Context) -> Result<Outcome> {
    let (table, dynamodb) = context.table().await?;
    let database = context.database().await?;
    let started = Instant::now();
    let users = demo::ensure_users(&database.postgres()).await;
    let users = users.map_err(|error| database.query_error(&error))?;
    let messages = demo::ensure_conversations(&table, &Clock::system(), &Random::system()).await;
    let messages = messages.map_err(|error| messages_error(&dynamodb, &error))?;
    report(context, users, messages, started, &dynamodb)
}

async fn seed_load(context: &Context, plan: Plan) -> Result<Outcome> {
    let (table, dynamodb) = context.table().await?;
    let database = context.database().await?;
    let started = Instant::now();

    let bar = progress("users", Some(plan.users.into()));
    let users = load::ensure_users(&database.postgres(), plan, |more| bar.inc(more)).await;
    bar.finish_and_clear();
    let users = users.map_err(|error| match error {
        SeedError::Operation(error) => database.query_error(&error),
        error => anyhow!("{}: {error}", database.place),
    })?;

    let bar = progress("messages", Some(plan.messages.into()));
    let messages = load::ensure_messages(&table, &Random::system(), plan, |more| bar.inc(more)).await;
    bar.finish_and_clear();
    let messages = messages.map_err(|error| messages_error(&dynamodb, &error))?;
    report(context, users, messages, started, &dynamodb)
}

fn messages_error(dynamodb: &DynamoDb, error: &SeedError) -> anyhow::Error {
    advised(format!("{}: {}", dynamodb.place, Chain(error)), "run the command again to continue")
}

fn report(
    context: &Context,
    users: Made,
    messages: Made,
    started: Instant,
    dynamodb: &DynamoDb,
) -> Result<Outcome> {
    let (time, units) = (started.elapsed(), dynamodb.meter.units());
    let seconds = time.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let per_second = messages.made as f64 / seconds.max(0.001);
    let sentence = format!(
        "users: {} created, {} existed\n\
         messages: {} sent, {} existed\n\
         took {}, {per_second:.0} messages/s, {} read and {} write request units",
        users.made,
        users.were_there,
        messages.made,
        messages.were_there,
        duration(time),
        units.read,
        units.write,
    );
    let value = json!({
        "users_made": users.made,
        "users_were_there": users.were_there,
        "messages_sent": messages.made,
        "messages_were_there": messages.were_there,
        "seconds": seconds,
        "messages_per_second": per_second,
        "read_request_units": units.read,
        "write_request_units": units.write,
    });
    context.output.result(&sentence, &value)?;
    Ok(Outcome::Done)
}

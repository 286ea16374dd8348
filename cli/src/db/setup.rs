//! `db setup`, `db migrate` and `db seed`

use anyhow::{Result, anyhow};
use clap::Args;
use schema::migrations;
use seed::demo::{self, DEMO_USERS};
use serde_json::json;

use super::server;
use crate::{
    cognito::{pool, sync},
    context::{Context, Database},
    outcome::Outcome,
};

pub(super) const LONG_ABOUT: &str = "\
Runs create, migrate and seed, and stops at the first failure. With a user pool (--user-pool, or the variable \
AWS_COGNITO_USER_POOL_ID), cognito sync-user-ids runs last.

A second run changes nothing.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur db setup
  cruddur db setup --drop --yes    starts over";

pub(super) const MIGRATE_HELP: &str = "\
Examples:
  cruddur db migrate
  DATABASE_URL=postgresql://… cruddur db migrate --target aws
  DATABASE_URL='postgresql://admin@….rds.amazonaws.com/users?sslmode=verify-full' \\
    cruddur db migrate --target aws --database-auth rds-iam";

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Options {
    /// Drop the database with all users first; needs --yes
    #[arg(long)]
    pub drop: bool,

    /// With --drop: terminate sessions that are connected to the database
    #[arg(long, requires = "drop")]
    pub force: bool,

    #[command(flatten)]
    pub pool: pool::Options,
}

pub(super) async fn run(context: &Context, database: &Database, options: &Options) -> Result<Outcome> {
    // Checked first, so that an invalid pool changes nothing.
    let pool = options.pool.configured(context)?;
    if options.drop {
        server::drop(context, database, server::DropOptions { force: options.force }).await?;
    }
    server::create(context, database).await?;
    migrate(context, database).await?;
    seed(context, database).await?;
    match pool {
        Some(pool) => sync::run(context, &pool, database, &sync::Options::default()).await,
        None => Ok(Outcome::Done),
    }
}

pub(crate) async fn migrate(context: &Context, database: &Database) -> Result<()> {
    let mut connection = database.connect().await?;
    let applied = migrations::run(&mut connection.client).await;
    connection.close().await;
    let place = &database.place;
    // The errors above the root cause only say that the migration failed.
    let failed = |error: anyhow::Error| anyhow!("failed to migrate database {place}: {}", error.root_cause());
    let applied = applied.map_err(|error| failed(error.into()))?;
    let sentence = if applied.is_empty() {
        format!("database {place} has all migrations")
    } else {
        format!("applied to database {place}: {}", applied.join(", "))
    };
    context.output.result(&sentence, &json!({"database": place, "applied": applied}))
}

pub(super) async fn seed(context: &Context, database: &Database) -> Result<()> {
    demo::ensure_users(&database.postgres()).await.map_err(|error| database.query_error(&error))?;
    let handles = DEMO_USERS.map(|user| user.handle);
    let sentence = format!("the demo users exist: {}", handles.join(", "));
    context.output.result(&sentence, &json!({"database": database.place, "users": handles}))
}

//! `db migrate`

use std::error::Error as StdError;

use anyhow::{Result, anyhow};
use schema::migrations;
use serde_json::json;

use crate::context::{Context, Database};

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur db migrate
  DATABASE_URL=postgresql://… cruddur db migrate --target aws
  DATABASE_URL='postgresql://admin@….rds.amazonaws.com/users?sslmode=verify-full' \\
    cruddur db migrate --target aws --database-auth rds-iam";

pub(super) async fn run(context: &Context, database: &Database) -> Result<()> {
    let mut connection = database.connect().await?;
    let report = migrations::run(&mut connection.client).await;
    connection.close().await;
    let place = &database.place;
    let report =
        report.map_err(|error| anyhow!("failed to migrate database {place}: {}", innermost(&error)))?;
    let applied = report.applied();
    let sentence = if applied.is_empty() {
        format!("database {place} has all migrations")
    } else {
        format!("applied to database {place}: {}", applied.join(", "))
    };
    context.output.result(&sentence, &json!({"database": place, "applied": applied}))
}

/// Returns the root cause. The errors above it only say that the migration failed.
fn innermost<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

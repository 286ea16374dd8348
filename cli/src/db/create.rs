//! `db create`

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio_postgres::error::SqlState;

use super::statement::{MAINTENANCE, quoted, statement_error};
use crate::context::{Connection, Context, Database};

pub(super) async fn run(context: &Context, database: &Database) -> Result<()> {
    let created = create(database).await?;
    let place = &database.place;
    let sentence = if created {
        format!("created database {place}")
    } else {
        format!("database {place} already exists")
    };
    context.output.result(&sentence, &json!({"database": place, "made": created}))
}

/// Returns whether the database was created.
async fn create(database: &Database) -> Result<bool> {
    if let Some(connection) = database.connect_if_exists().await? {
        connection.close().await;
        return Ok(false);
    }
    let statement = format!("CREATE DATABASE {}", quoted(database.server.database_name()));
    let connection = maintenance(database).await?;
    let created = connection.client.batch_execute(&statement).await;
    connection.close().await;
    match created {
        Ok(()) => Ok(true),
        // Created concurrently. The catalog's index reports a unique violation.
        Err(error)
            if [&SqlState::DUPLICATE_DATABASE, &SqlState::UNIQUE_VIOLATION]
                .map(Some)
                .contains(&error.code()) =>
        {
            Ok(false)
        }
        Err(error) => Err(statement_error(database, &error)),
    }
}

/// Connects to the server's maintenance database.
pub(super) async fn maintenance(database: &Database) -> Result<Connection> {
    let connection = database.with_name(MAINTENANCE).connect_if_exists().await?;
    connection.with_context(|| {
        format!("the server of {} has no database {MAINTENANCE}, which this command needs", database.place)
    })
}

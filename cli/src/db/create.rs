//! `db create`: the database, where it is missing.

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio_postgres::error::SqlState;

use super::statement::{MAINTENANCE, quoted, statement_error};
use crate::context::{Connection, Context, Database};

/// Makes the database, and says so.
pub(super) async fn run(context: &Context, database: &Database) -> Result<()> {
    let made = create(database).await?;
    let place = &database.place;
    let sentence = if made {
        format!("made the database {place}")
    } else {
        format!("the database {place} is there already")
    };
    context.output.result(&sentence, &json!({"database": place, "made": made}))
}

/// Whether it was missing.
async fn create(database: &Database) -> Result<bool> {
    if let Some(connection) = database.connect_if_there().await? {
        connection.close().await;
        return Ok(false);
    }
    let statement = format!("CREATE DATABASE {}", quoted(database.server.database_name()));
    let connection = maintenance(database).await?;
    let created = connection.client.batch_execute(&statement).await;
    connection.close().await;
    match created {
        Ok(()) => Ok(true),
        // Somebody else has made it at the same moment: the second is how the catalogue's index says so.
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

/// A connection to the server's maintenance database.
pub(super) async fn maintenance(database: &Database) -> Result<Connection> {
    let connection = database.with_name(MAINTENANCE).connect_if_there().await?;
    connection.with_context(|| {
        format!(
            "the server of {} has no database {MAINTENANCE} to do that from: do it by hand",
            database.place
        )
    })
}

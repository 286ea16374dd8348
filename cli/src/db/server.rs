//! `db create` and `db drop`

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use tokio_postgres::error::SqlState;

use crate::{
    advice::advised,
    context::{Connection, Context, Database},
};

/// The database that every server has. Other databases are created and dropped from it.
const MAINTENANCE: &str = "postgres";

pub(super) const DROP_ABOUT: &str = "\
Drops the database with all users.

The maintenance database, postgres, can't be dropped, and the local stack's PostgreSQL has no other: there the schema \
public is dropped and created again. A database that does not exist is no error.";

pub(super) const DROP_HELP: &str = "\
Examples:
  cruddur db drop         fails, and reports what would be dropped
  cruddur db drop --yes";

#[derive(Clone, Copy, Debug, Args)]
pub struct DropOptions {
    /// Terminate sessions that are connected to the database
    #[arg(long)]
    pub force: bool,
}

pub(super) async fn create(context: &Context, database: &Database) -> Result<()> {
    let created = create_if_missing(database).await?;
    let place = &database.place;
    let sentence = if created {
        format!("created database {place}")
    } else {
        format!("database {place} already exists")
    };
    context.output.result(&sentence, &json!({"database": place, "made": created}))
}

/// Returns whether the database was created.
async fn create_if_missing(database: &Database) -> Result<bool> {
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
        Err(error) => Err(database.postgres_error(&error)),
    }
}

/// Connects to the server's maintenance database.
async fn maintenance(database: &Database) -> Result<Connection> {
    let connection = database.with_name(MAINTENANCE).connect_if_exists().await?;
    connection.with_context(|| {
        format!("the server of {} has no database {MAINTENANCE}, which this command needs", database.place)
    })
}

pub(super) async fn drop(context: &Context, database: &Database, options: DropOptions) -> Result<()> {
    let place = &database.place;
    let Some(connection) = database.connect_if_exists().await? else {
        let sentence = format!("database {place} does not exist");
        return context.output.result(&sentence, &json!({"database": place, "dropped": false}));
    };
    // Not the name in the URL: the embedded server has one database under any name.
    let contents = contents(&connection).await;
    connection.close().await;
    let (name, users) = contents.map_err(|error| database.postgres_error(&error))?;
    let users = match users {
        Some(1) => "1 user".to_owned(),
        Some(users) => format!("{users} users"),
        None => "no table of users".to_owned(),
    };
    let sentence = if name == MAINTENANCE {
        context.confirm(&format!("this empties database {place}, with {users}"))?;
        empty(database, options.force).await?;
        format!("emptied database {place}, with {users}")
    } else {
        context.confirm(&format!("this drops database {place}, with {users}"))?;
        drop_database(database, &name, options.force).await?;
        format!("dropped database {place}, with {users}")
    };
    context.output.result(&sentence, &json!({"database": place, "dropped": true}))
}

/// Returns the database's name, and the number of users if it has a table for them.
async fn contents(connection: &Connection) -> Result<(String, Option<i64>), tokio_postgres::Error> {
    let statement = "SELECT current_database()::text, to_regclass('public.users') IS NOT NULL";
    let row = connection.client.query_one(statement, &[]).await?;
    let users = if row.try_get(1)? {
        let count = connection.client.query_one(include_str!("../../../sql/users/count.sql"), &[]).await?;
        Some(count.try_get("users")?)
    } else {
        None
    };
    Ok((row.try_get(0)?, users))
}

async fn drop_database(database: &Database, name: &str, force: bool) -> Result<()> {
    let force = if force { " WITH (FORCE)" } else { "" };
    let connection = maintenance(database).await?;
    let dropped =
        connection.client.batch_execute(&format!("DROP DATABASE IF EXISTS {}{force}", quoted(name))).await;
    connection.close().await;
    dropped.map_err(|error| in_use(database, &error))
}

async fn empty(database: &Database, force: bool) -> Result<()> {
    let connection = database.connect().await?;
    let emptied = async {
        if force {
            connection.client.batch_execute(include_str!("../../../sql/users/end_sessions.sql")).await?;
        }
        connection.client.batch_execute(include_str!("../../../sql/users/empty_schema.sql")).await
    };
    let emptied = emptied.await;
    connection.close().await;
    emptied.map_err(|error| in_use(database, &error))
}

fn in_use(database: &Database, error: &tokio_postgres::Error) -> anyhow::Error {
    match error.code() {
        Some(&SqlState::OBJECT_IN_USE | &SqlState::LOCK_NOT_AVAILABLE) => advised(
            format!("database {} is in use", database.place),
            "list its sessions with `cruddur db sessions`, or use --force",
        ),
        _ => database.postgres_error(error),
    }
}

/// Quotes an identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_identifier() {
        assert_eq!(quoted("cruddur"), r#""cruddur""#);
        assert_eq!(quoted(r#"a"; DROP TABLE users; --"#), r#""a""; DROP TABLE users; --""#);
    }
}

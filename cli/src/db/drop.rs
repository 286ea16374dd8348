//! `db drop`

use anyhow::{Result, anyhow};
use clap::Args;
use serde_json::json;
use tokio_postgres::error::SqlState;

use super::{
    create::maintenance,
    statement::{MAINTENANCE, quoted, statement_error},
};
use crate::context::{Connection, Context, Database};

pub(super) const LONG_ABOUT: &str = "\
Drops the database with all users.

The maintenance database, postgres, can't be dropped, and the local stack's PostgreSQL has no other: there the schema \
public is dropped and created again. A database that does not exist is no error.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur db drop         fails, and reports what would be dropped
  cruddur db drop --yes";

#[derive(Clone, Copy, Debug, Args)]
pub struct Options {
    /// Terminate sessions that are connected to the database
    #[arg(long)]
    pub force: bool,
}

pub(super) async fn run(context: &Context, database: &Database, options: Options) -> Result<()> {
    let place = &database.place;
    let Some(connection) = database.connect_if_exists().await? else {
        let sentence = format!("database {place} does not exist");
        return context.output.result(&sentence, &json!({"database": place, "dropped": false}));
    };
    // Not the name in the URL: the embedded server has one database under any name.
    let contents = contents(&connection).await;
    connection.close().await;
    let (name, users) = contents.map_err(|error| statement_error(database, &error))?;
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
        Some(&SqlState::OBJECT_IN_USE | &SqlState::LOCK_NOT_AVAILABLE) => anyhow!(
            "database {} is in use; list its sessions with `cruddur db sessions`, or use --force",
            database.place
        ),
        _ => statement_error(database, error),
    }
}

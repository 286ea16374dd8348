//! `db drop`: the database, with everything in it.

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
Drops the database with all its users.

The server's maintenance database, postgres, can't be dropped, and the local stack's own PostgreSQL has no other: \
there the schema public goes with everything in it, and is made anew, empty. A database that is not there is fine.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur db drop         says what would go, and fails
  cruddur db drop --yes";

/// `db drop`
#[derive(Clone, Copy, Debug, Args)]
pub struct Options {
    /// End the sessions that are connected to the database, rather than fail
    #[arg(long)]
    pub force: bool,
}

/// Drops the database, and says so.
pub(super) async fn run(context: &Context, database: &Database, options: Options) -> Result<()> {
    let place = &database.place;
    let Some(connection) = database.connect_if_there().await? else {
        let sentence = format!("there is no database {place}");
        return context.output.result(&sentence, &json!({"database": place, "dropped": false}));
    };
    // Asked and not taken from the URL: the embedded server has one database, whatever name it is called by.
    let held = holds(&connection).await;
    connection.close().await;
    let (name, users) = held.map_err(|error| statement_error(database, &error))?;
    let users = match users {
        Some(1) => "1 user".to_owned(),
        Some(users) => format!("{users} users"),
        None => "no table of users".to_owned(),
    };
    let sentence = if name == MAINTENANCE {
        context.confirm(&format!("this empties the database {place}, with {users}"))?;
        empty(database, options.force).await?;
        format!("emptied the database {place}, with {users}")
    } else {
        context.confirm(&format!("this drops the database {place}, with {users}"))?;
        drop_database(database, &name, options.force).await?;
        format!("dropped the database {place}, with {users}")
    };
    context.output.result(&sentence, &json!({"database": place, "dropped": true}))
}

/// The database's name, and how many users it has, where it has a table for them.
async fn holds(connection: &Connection) -> Result<(String, Option<i64>), tokio_postgres::Error> {
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
            "sessions hold the database {}: list them with `cruddur db sessions`; --force ends them",
            database.place
        ),
        _ => statement_error(database, error),
    }
}

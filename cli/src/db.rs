//! The database of users.

use anyhow::Result;
use clap::Subcommand;

use crate::{
    Outcome,
    context::{Context, Database},
};

mod create;
mod drop;
mod migrate;
mod psql;
mod seed;
mod sessions;
mod setup;

/// The database that every server has, and from which the others are made and dropped.
const MAINTENANCE: &str = "postgres";

/// `db …`
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Makes the database that the URL names, where it is missing
    Create,
    /// Drops the database with all its users
    #[command(long_about = drop::LONG_ABOUT, after_help = drop::AFTER_HELP)]
    Drop(drop::Options),
    /// Applies the migrations that the database lacks
    #[command(after_help = migrate::AFTER_HELP)]
    Migrate,
    /// Makes the demo users where they are missing
    Seed,
    /// Makes the database ready: create, migrate, seed, and cognito sync-user-ids where a pool is named
    #[command(long_about = setup::LONG_ABOUT, after_help = setup::AFTER_HELP)]
    Setup(setup::Options),
    /// Opens psql on the database
    #[command(long_about = psql::LONG_ABOUT, after_help = psql::AFTER_HELP)]
    Connect(psql::Options),
    /// Lists who else is connected to the database
    Sessions,
}

/// Carries out `command`.
pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    let database = context.database().await?;
    match command {
        Command::Create => create::run(context, &database).await?,
        Command::Drop(options) => drop::run(context, &database, options).await?,
        Command::Migrate => migrate::run(context, &database).await?,
        Command::Seed => seed::run(context, &database).await?,
        Command::Setup(options) => return setup::run(context, &database, &options).await,
        Command::Connect(options) => psql::run(&database, &options).await?,
        Command::Sessions => sessions::run(context, &database).await?,
    }
    Ok(Outcome::Done)
}

/// One line about a statement that failed. The server's detail and hint are left out: they quote values.
fn statement_error(database: &Database, error: &tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(refusal) => anyhow::anyhow!(
            "PostgreSQL at {}: {} (SQLSTATE {})",
            database.place,
            refusal.message(),
            refusal.code().code()
        ),
        None => database.connect_error(error),
    }
}

/// `name` as an identifier in a statement.
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

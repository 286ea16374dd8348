//! The database of users.

use anyhow::Result;
use clap::Subcommand;

use crate::{context::Context, outcome::Outcome};

mod create;
mod drop;
mod migrate;
mod psql;
mod seed;
mod sessions;
mod setup;
mod statement;

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

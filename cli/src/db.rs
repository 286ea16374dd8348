//! `db`: the database of users.

use anyhow::Result;
use clap::Subcommand;

use crate::{context::Context, outcome::Outcome};

mod psql;
mod server;
mod sessions;
mod setup;

pub(crate) use setup::migrate;

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Creates the database in the URL if it does not exist
    Create,
    /// Drops the database with all users
    #[command(long_about = server::DROP_ABOUT, after_help = server::DROP_HELP)]
    Drop(server::DropOptions),
    /// Applies missing migrations
    #[command(after_help = setup::MIGRATE_HELP)]
    Migrate,
    /// Creates missing demo users
    Seed,
    /// Runs create, migrate and seed, and cognito sync-user-ids if a pool is given
    #[command(long_about = setup::LONG_ABOUT, after_help = setup::AFTER_HELP)]
    Setup(setup::Options),
    /// Opens psql on the database
    #[command(long_about = psql::LONG_ABOUT, after_help = psql::AFTER_HELP)]
    Connect(psql::Options),
    /// Lists the other sessions of the database
    Sessions,
}

pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    let database = context.database().await?;
    match command {
        Command::Create => server::create(context, &database).await?,
        Command::Drop(options) => server::drop(context, &database, options).await?,
        Command::Migrate => migrate(context, &database).await?,
        Command::Seed => setup::seed(context, &database).await?,
        Command::Setup(options) => return setup::run(context, &database, &options).await,
        Command::Connect(options) => psql::run(&database, &options).await?,
        Command::Sessions => sessions::run(context, &database).await?,
    }
    Ok(Outcome::Done)
}

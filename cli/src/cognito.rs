//! `cognito`: the user pool.

use anyhow::Result;
use clap::Subcommand;

use crate::{context::Context, listing::Columns, outcome::Outcome};

mod columns;
mod jwks;
mod list_users;
pub mod pool;
pub mod sync;

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Lists the users of the pool
    #[command(after_help = list_users::AFTER_HELP)]
    ListUsers {
        #[command(flatten)]
        pool: pool::Options,
        #[command(flatten)]
        columns: Columns,
    },
    /// Writes each pool user's sub into the database of users, by handle
    #[command(long_about = sync::LONG_ABOUT, after_help = sync::AFTER_HELP)]
    SyncUserIds {
        #[command(flatten)]
        pool: pool::Options,
        #[command(flatten)]
        options: sync::Options,
    },
    /// Prints the pool's key set on one line, for the variable `COGNITO_JWKS`
    #[command(after_help = jwks::AFTER_HELP)]
    Jwks {
        #[command(flatten)]
        pool: pool::Options,
    },
}

pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    match command {
        Command::ListUsers { pool, columns } => {
            list_users::run(context, &pool.required(context)?, columns).await?;
        }
        Command::SyncUserIds { pool, options } => {
            let pool = pool.required(context)?;
            let database = context.database().await?;
            return sync::run(context, &pool, &database, &options).await;
        }
        Command::Jwks { pool } => jwks::run(context, &pool.required(context)?).await?,
    }
    Ok(Outcome::Done)
}

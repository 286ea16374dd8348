//! `cognito`: the user pool.

use anyhow::Result;
use clap::Subcommand;
use unicode_width::UnicodeWidthStr as _;

use crate::{Outcome, context::Context, output::cut};

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
        Command::ListUsers { pool } => list_users::run(context, &pool.required(context)?).await?,
        Command::SyncUserIds { pool, options } => {
            let pool = pool.required(context)?;
            let database = context.database().await?;
            return sync::run(context, &pool, &database, &options).await;
        }
        Command::Jwks { pool } => jwks::run(context, &pool.required(context)?).await?,
    }
    Ok(Outcome::Done)
}

/// Width of the longest handle.
const HANDLE_COLUMNS: usize = 30;

/// Width of a sub, which is never cut.
const SUB_COLUMNS: usize = 36;

/// Cuts or pads text. A table would cut subs, which have to be copied.
fn column(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let padding = " ".repeat(columns.saturating_sub(text.width()));
    text + &padding
}

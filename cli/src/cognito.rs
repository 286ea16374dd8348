//! The Cognito user pool.

use anyhow::Result;
use clap::Subcommand;

use unicode_width::UnicodeWidthStr as _;

use crate::{Outcome, context::Context, output::cut};

mod jwks;
mod list_users;
pub mod pool;
pub mod sync;

/// Columns for a handle: the most that one has.
const HANDLE: usize = 30;

/// Columns for a sub, which is never cut.
const SUB: usize = 36;

/// `cognito …`
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Lists the users of the pool
    #[command(after_help = list_users::AFTER_HELP)]
    ListUsers {
        /// The user pool.
        #[command(flatten)]
        pool: pool::Options,
    },
    /// Writes each pool user's sub into the database of users, by handle
    #[command(long_about = sync::LONG_ABOUT, after_help = sync::AFTER_HELP)]
    SyncUserIds {
        /// The user pool.
        #[command(flatten)]
        pool: pool::Options,
        /// What may be written.
        #[command(flatten)]
        options: sync::Options,
    },
    /// Prints the pool's key set on one line, as the variable `COGNITO_JWKS` wants it
    #[command(after_help = jwks::AFTER_HELP)]
    Jwks {
        /// The user pool.
        #[command(flatten)]
        pool: pool::Options,
    },
}

/// Carries out `command`.
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

/// `text`, cut or filled to `columns` of a terminal. (A table would cut what has to be copied.)
fn column(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let filling = " ".repeat(columns.saturating_sub(text.width()));
    text + &filling
}

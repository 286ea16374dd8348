//! `db setup`

use anyhow::Result;
use clap::Args;

use super::{create, drop, migrate, seed};
use crate::{
    cognito::{pool, sync},
    context::{Context, Database},
    outcome::Outcome,
};

pub(super) const LONG_ABOUT: &str = "\
Runs create, migrate and seed, and stops at the first failure. With a user pool (--user-pool, or the variable \
AWS_COGNITO_USER_POOL_ID), cognito sync-user-ids runs last.

A second run changes nothing.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur db setup
  cruddur db setup --drop --yes    starts over";

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Options {
    /// Drop the database with all users first; needs --yes
    #[arg(long)]
    pub drop: bool,

    /// With --drop: terminate sessions that are connected to the database
    #[arg(long, requires = "drop")]
    pub force: bool,

    #[command(flatten)]
    pub pool: pool::Options,
}

pub(super) async fn run(context: &Context, database: &Database, options: &Options) -> Result<Outcome> {
    // Checked first, so that an invalid pool changes nothing.
    let pool = options.pool.configured(context)?;
    if options.drop {
        drop::run(context, database, drop::Options { force: options.force }).await?;
    }
    create::run(context, database).await?;
    migrate::run(context, database).await?;
    seed::run(context, database).await?;
    match pool {
        Some(pool) => sync::run(context, &pool, database, &sync::Options::default()).await,
        None => Ok(Outcome::Done),
    }
}

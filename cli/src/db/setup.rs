//! `db setup`: from nothing to a database that the functions can work with.

use anyhow::Result;
use clap::Args;

use super::{create, drop, migrate, seed};
use crate::{
    cognito::{pool, sync},
    context::{Context, Database},
    outcome::Outcome,
};

pub(super) const LONG_ABOUT: &str = "\
Makes the database ready: create, migrate, seed, in this order, and stops at the first failure. Where a user pool is \
named (--user-pool, or the variable AWS_COGNITO_USER_POOL_ID), cognito sync-user-ids comes last.

A second run changes nothing.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur db setup
  cruddur db setup --drop --yes    from the beginning";

/// `db setup`
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Options {
    /// Drop the database first, with all its users; needs --yes
    #[arg(long)]
    pub drop: bool,

    /// With --drop: end the sessions that are connected to the database, rather than fail
    #[arg(long, requires = "drop")]
    pub force: bool,

    /// The user pool.
    #[command(flatten)]
    pub pool: pool::Options,
}

/// Carries out one step after the other.
pub(super) async fn run(context: &Context, database: &Database, options: &Options) -> Result<Outcome> {
    // Before anything is changed: a pool that can't be meant stops it all.
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

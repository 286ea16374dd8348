//! The Cognito user pool.

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::{Outcome, context::Context};

/// `cognito …`
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Lists the users of the pool
    ListUsers,
}

/// Carries out `command`.
pub async fn run(_context: &Context, _command: Command) -> Result<Outcome> {
    bail!("to do")
}

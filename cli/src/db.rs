//! The database of users.

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::{Outcome, context::Context};

/// `db …`
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Makes the database where it is missing
    Create,
}

/// Carries out `command`.
pub async fn run(_context: &Context, _command: Command) -> Result<Outcome> {
    bail!("to do")
}

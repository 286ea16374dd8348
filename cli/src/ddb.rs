//! The table of messages and inboxes.

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::{Outcome, context::Context, doctor};

/// `ddb …`
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Makes the table where it is missing
    SchemaLoad,
    /// Checks the invariants of inboxes, and heals what is broken
    Doctor(doctor::Options),
}

/// Carries out `command`.
pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    match command {
        Command::Doctor(options) => doctor::run(context, options).await,
        Command::SchemaLoad => bail!("to do"),
    }
}

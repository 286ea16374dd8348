//! Checks the invariants of inboxes, and heals what is broken.

use anyhow::{Result, bail};
use clap::Args;

use crate::{Outcome, context::Context};

/// `ddb doctor`
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Heal what is found
    #[arg(long)]
    pub repair: bool,
}

/// Checks, and repairs where asked to.
pub async fn run(_context: &Context, _options: Options) -> Result<Outcome> {
    bail!("to do")
}

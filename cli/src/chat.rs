//! Chatting from a terminal, through the API as any client would.

use anyhow::{Result, bail};
use clap::Args;

use crate::{Outcome, context::Context};

/// `token`
#[derive(Clone, Debug, Args)]
pub struct Token {
    /// The user's handle
    pub handle: String,
}

/// `inbox`
#[derive(Clone, Debug, Args)]
pub struct Inbox {}

/// `read`
#[derive(Clone, Debug, Args)]
pub struct Read {}

/// `send`
#[derive(Clone, Debug, Args)]
pub struct Send {}

/// `token`
pub async fn token(_context: &Context, _command: Token) -> Result<Outcome> {
    bail!("to do")
}

/// `inbox`
pub async fn inbox(_context: &Context, _command: Inbox) -> Result<Outcome> {
    bail!("to do")
}

/// `read`
pub async fn read(_context: &Context, _command: Read) -> Result<Outcome> {
    bail!("to do")
}

/// `send`
pub async fn send(_context: &Context, _command: Send) -> Result<Outcome> {
    bail!("to do")
}

//! `export`.

use anyhow::Result;
use clap::Args;

use super::{Caller, api::Api};
use crate::{context::Context, outcome::Outcome};

const EXAMPLES: &str = "\
Prints the user, blocked users, and all conversations with their messages, also hidden ones: a JSON object per line.

Examples:
  cruddur export --as lore > lore.jsonl";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    #[command(flatten)]
    caller: Caller,
}

pub async fn export(context: &Context, command: &Export) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let mut path = Some("/api/me/export".to_owned());
    while let Some(page) = path {
        let (lines, next) = api.export(&page).await?;
        lines.iter().try_for_each(|line| context.output.json(line))?;
        path = next;
    }
    Ok(Outcome::Done)
}

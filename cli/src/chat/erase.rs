//! `delete-account`.

use anyhow::{Result, bail};
use clap::Args;
use cruddur::user::Handle;
use serde_json::json;

use super::{Caller, api::Api};
use crate::{context::Context, outcome::Outcome};

const EXAMPLES: &str = "\
Deletes the messages that the user has sent, and replaces the names in all conversations. Others keep their own messages.
It can't be undone.

Examples:
  cruddur export --as lore > lore.jsonl
  cruddur delete-account --as lore @lore";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DeleteAccount {
    #[command(flatten)]
    caller: Caller,

    /// The user's own handle, as a confirmation
    #[arg(value_name = "@HANDLE")]
    own: Handle,
}

pub async fn delete_account(context: &Context, command: &DeleteAccount) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let me = api.me().await?;
    let handle = command.own.canonical();
    if !me.handle.eq_ignore_ascii_case(handle) {
        bail!("the user of the token is @{}, not @{handle}; nothing was deleted", me.handle);
    }
    api.erase_me().await?;
    context.output.result(&format!("deleted the account @{handle}"), &json!({"handle": handle}))?;
    Ok(Outcome::Done)
}

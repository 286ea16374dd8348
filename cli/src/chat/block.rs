//! `block`, `unblock` and `blocks`.

use anyhow::Result;
use clap::Args;
use cruddur::user::Handle;
use http::Method;
use serde_json::json;

use super::{Caller, api::Api, show::show_people};
use crate::{
    context::{Context, note},
    outcome::Outcome,
};

const EXAMPLES: &str = "\
A blocked user can't write to you, edit earlier messages or react, and you can't write to them. They are not told. Your
inbox leaves out the conversation.

Examples:
  cruddur block --as lore @mock
  cruddur blocks --as lore
  cruddur unblock --as lore @mock";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Block {
    #[command(flatten)]
    caller: Caller,

    /// The user's handle, with or without @
    #[arg(value_name = "@HANDLE")]
    user: Handle,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Blocks {
    #[command(flatten)]
    caller: Caller,
}

pub async fn block(context: &Context, command: &Block) -> Result<Outcome> {
    set(context, command, Method::PUT, "blocked").await
}

pub async fn unblock(context: &Context, command: &Block) -> Result<Outcome> {
    set(context, command, Method::DELETE, "unblocked").await
}

async fn set(context: &Context, command: &Block, method: Method, done: &str) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let user_uuid = api.user_uuid(&command.user).await?;
    api.block(user_uuid, method).await?;
    let handle = command.user.canonical();
    context.output.result(&format!("{done} @{handle}"), &json!({"uuid": user_uuid, "handle": handle}))?;
    Ok(Outcome::Done)
}

pub async fn blocks(context: &Context, command: &Blocks) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let people = api.blocks().await?;
    if people.is_empty() && !context.output.is_json() {
        note("no user is blocked");
    }
    show_people(context, &people)?;
    Ok(Outcome::Done)
}

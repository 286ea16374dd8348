//! `block`, `unblock` and `blocks`.

use anyhow::Result;
use clap::Args;
use http::Method;
use serde_json::json;

use super::{Caller, api::Api, show::show_people};
use crate::{
    arguments::UserArgument,
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

    /// The user: their handle, with or without @, or their UUID
    #[arg(value_name = "@HANDLE|UUID")]
    user: UserArgument,
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
    let (user_uuid, sentence, value) = match &command.user {
        UserArgument::Handle(handle) => {
            let (user_uuid, handle) = (api.user_uuid(handle).await?, handle.canonical());
            (user_uuid, format!("{done} @{handle}"), json!({"uuid": user_uuid, "handle": handle}))
        }
        UserArgument::Uuid(uuid) => (*uuid, format!("{done} {uuid}"), json!({"uuid": uuid})),
    };
    api.block(user_uuid, method).await?;
    context.output.result(&sentence, &value)?;
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

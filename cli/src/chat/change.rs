//! `edit`, `delete` and `react`: changes of messages.

use anyhow::{Result, ensure};
use clap::Args;
use http::Method;
use serde_json::json;

use super::{
    Caller,
    api::Api,
    choice::{Choice, find},
    post,
    show::show_messages,
};
use crate::{
    arguments::Conversation,
    context::Context,
    outcome::Outcome,
    output::{cut, printable},
};

/// Columns of a text in a sentence.
const TEXT_COLUMNS: usize = 40;

const EDIT_EXAMPLES: &str = "\
A deployment limits the time in which a message may be edited, by default to 15 minutes.

Examples:
  cruddur edit --as scarlett @sunyoung The train is on time
  cruddur edit --as scarlett @sunyoung --message 2 The train is on time
  cruddur read --as scarlett @sunyoung --output json | jq -r '[.uuid, .message] | @tsv'
  cruddur edit --as scarlett @sunyoung --message 019ab5a0-5b1c-7d1e-8f00-9a1b2c3d4e5f On time";

#[derive(Clone, Debug, Args)]
#[command(after_help = EDIT_EXAMPLES)]
pub struct Edit {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// The message: its UUID, or its place among your messages, 1 being the last
    #[arg(long, value_name = "N|UUID", default_value = "1")]
    message: Choice,

    /// The new text; several words are joined with spaces, and - reads standard input
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
}

const DELETE_EXAMPLES: &str = "\
The text and the reactions are deleted for both of you; the message's place is kept. On a terminal the command asks
first. A deletion can't be undone.

Examples:
  cruddur delete --as scarlett @sunyoung
  cruddur delete --as scarlett @sunyoung --message 2 --yes";

#[derive(Clone, Debug, Args)]
#[command(after_help = DELETE_EXAMPLES)]
pub struct Delete {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// The message: its UUID, or its place among your messages, 1 being the last
    #[arg(long, value_name = "N|UUID", default_value = "1")]
    message: Choice,
}

const REACT_EXAMPLES: &str = "\
Examples:
  cruddur react --as sunyoung @scarlett 👍
  cruddur react --as sunyoung @scarlett 🎉 --message 3
  cruddur react --as sunyoung @scarlett 👍 --remove";

#[derive(Clone, Debug, Args)]
#[command(after_help = REACT_EXAMPLES)]
pub struct React {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// The reaction: one emoji; at most five a message
    #[arg(value_name = "EMOJI")]
    emoji: String,

    /// The message: its UUID, or its place in the conversation, 1 being the newest
    #[arg(long, value_name = "N|UUID", default_value = "1")]
    message: Choice,

    /// Remove the reaction
    #[arg(long)]
    remove: bool,
}

pub async fn edit(context: &Context, command: &Edit) -> Result<Outcome> {
    let text = post::text(&command.text)?;
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let group_uuid = command.conversation.find(&mut api).await?;
    let caller = api.caller().await?;
    let message = find(&mut api, group_uuid, command.message, Some(caller)).await?;
    let edited = api.edit(group_uuid, &message, &text).await?;
    show_messages(context, vec![edited], false)?;
    Ok(Outcome::Done)
}

pub async fn delete(context: &Context, command: &Delete) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let group_uuid = command.conversation.find(&mut api).await?;
    let caller = api.caller().await?;
    let message = find(&mut api, group_uuid, command.message, Some(caller)).await?;
    ensure!(message.user_uuid == caller, "only @{} can delete this message", printable(&message.handle));
    let text = cut(&message.message, TEXT_COLUMNS);
    if message.deleted_at.is_none() {
        context.ask(&format!("this deletes \"{text}\" for both of you"))?;
    }
    api.delete(group_uuid, &message).await?;
    let value = json!({"message_group_uuid": group_uuid, "uuid": message.uuid});
    context.output.result(&format!("deleted \"{text}\""), &value)?;
    Ok(Outcome::Done)
}

pub async fn react(context: &Context, command: &React) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let group_uuid = command.conversation.find(&mut api).await?;
    let message = find(&mut api, group_uuid, command.message, None).await?;
    let (method, done) =
        if command.remove { (Method::DELETE, "removed") } else { (Method::PUT, "reacted with") };
    api.react(group_uuid, &message, &command.emoji, method).await?;
    let (emoji, text) = (printable(&command.emoji), cut(&message.message, TEXT_COLUMNS));
    let value = json!({"message_group_uuid": group_uuid, "uuid": message.uuid, "emoji": command.emoji});
    let (join, handle) = (if command.remove { "from" } else { "to" }, printable(&message.handle));
    context.output.result(&format!("{done} {emoji} {join} @{handle}'s \"{text}\""), &value)?;
    Ok(Outcome::Done)
}

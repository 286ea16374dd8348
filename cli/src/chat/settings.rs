//! `mute`, `unmute`, `hide` and `clear`: settings of a conversation, for its caller alone.

use anyhow::Result;
use chrono::TimeDelta;
use clap::Args;
use cruddur::{clock::Clock, timestamp::Timestamp};
use serde_json::{Value, json};

use super::{Caller, api::Api};
use crate::{arguments::Conversation, context::Context, outcome::Outcome};

const MUTE_EXAMPLES: &str = "\
Your devices announce no message of a muted conversation. It stays in the inbox, and the other member is not told.

Examples:
  cruddur mute --as sunyoung @scarlett
  cruddur mute --as sunyoung @scarlett --hours 8
  cruddur unmute --as sunyoung @scarlett";

#[derive(Clone, Debug, Args)]
#[command(after_help = MUTE_EXAMPLES)]
pub struct Mute {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// Hours until the conversation is no longer muted [default: until `unmute`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    hours: Option<u32>,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = MUTE_EXAMPLES)]
pub struct Unmute {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,
}

const HIDE_EXAMPLES: &str = "\
A hidden conversation returns to the inbox with its next message. The other member is not told.

Examples:
  cruddur hide --as sunyoung @scarlett
  cruddur hide --as sunyoung @scarlett --undo";

#[derive(Clone, Debug, Args)]
#[command(after_help = HIDE_EXAMPLES)]
pub struct Hide {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// Show the conversation again
    #[arg(long)]
    undo: bool,
}

const CLEAR_EXAMPLES: &str = "\
You are no longer shown the messages so far, on any device. The other member keeps them. On a terminal the command asks
first. It can't be undone.

Examples:
  cruddur clear --as sunyoung @scarlett --yes";

#[derive(Clone, Debug, Args)]
#[command(after_help = CLEAR_EXAMPLES)]
pub struct Clear {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,
}

pub async fn mute(context: &Context, command: &Mute) -> Result<Outcome> {
    let end = match command.hours {
        Some(hours) => Timestamp::new(Clock::system().now() + TimeDelta::hours(hours.into())),
        None => Timestamp::LAST,
    };
    set(context, &command.caller, &command.conversation, &json!({"muted_until": end}), "muted").await
}

pub async fn unmute(context: &Context, command: &Unmute) -> Result<Outcome> {
    let settings = json!({"muted_until": null});
    set(context, &command.caller, &command.conversation, &settings, "no longer muted").await
}

pub async fn hide(context: &Context, command: &Hide) -> Result<Outcome> {
    let (settings, done) = if command.undo {
        (json!({"hidden": false}), "no longer hidden")
    } else {
        (json!({"hidden": true}), "hidden until the next message")
    };
    set(context, &command.caller, &command.conversation, &settings, done).await
}

pub async fn clear(context: &Context, command: &Clear) -> Result<Outcome> {
    context.ask("this clears the conversation for you")?;
    set(context, &command.caller, &command.conversation, &json!({"cleared": true}), "cleared").await
}

async fn set(
    context: &Context,
    caller: &Caller,
    conversation: &Conversation,
    settings: &Value,
    done: &str,
) -> Result<Outcome> {
    let mut api = Api::connect(context, caller.handle.as_ref()).await?;
    let group_uuid = conversation.find(&mut api).await?;
    api.change_settings(group_uuid, settings).await?;
    context.output.result(done, &json!({"message_group_uuid": group_uuid}))?;
    Ok(Outcome::Done)
}

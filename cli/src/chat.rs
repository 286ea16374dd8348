//! `token` and the commands from `inbox` to `watch`: a chat through the API.

use std::error::Error;

use anyhow::{Context as _, Result};
use clap::Args;
use cruddur::{event_log::EventCursor, user::Handle};
use tokio::{select, signal::ctrl_c};

use self::{
    api::{Api, ApiError},
    choice::{Choice, find},
    feed::Feed,
    show::{list_groups, list_messages, show_messages},
};
pub use self::{
    block::{Block, Blocks, block, blocks, unblock},
    change::{Delete, Edit, React, delete, edit, react},
    devices::{Devices, SignOut, devices, sign_out},
    erase::{DeleteAccount, delete_account},
    export::{Export, export},
    login::{Login, Logout, login, logout},
    report::{Report, report},
    requests::{Answer, Requests, accept, decline, requests},
    search::{Search, search},
    settings::{Clear, Hide, Mute, Unmute, clear, hide, mute, unmute},
};
use crate::{
    arguments::Conversation,
    context::{Context, note},
    listing::Columns,
    outcome::Outcome,
};

pub(crate) mod api;
mod block;
mod change;
mod choice;
mod conversation;
mod devices;
mod erase;
mod export;
mod feed;
mod follow;
mod login;
mod post;
mod refusal;
mod report;
mod requests;
mod search;
mod seen;
mod settings;
mod show;
mod socket;
mod watch;

const TOKEN_EXAMPLES: &str = "\
Examples:
  cruddur token sunyoung
  curl -H \"Authorization: Bearer $(cruddur token sunyoung)\" http://127.0.0.1:4567/api/message_groups";

#[derive(Clone, Debug, Args)]
#[command(after_help = TOKEN_EXAMPLES)]
pub struct Token {
    /// The user's handle, with or without @
    #[arg(value_name = "@HANDLE")]
    handle: Handle,
}

#[derive(Clone, Debug, Args)]
struct Caller {
    /// A user of the local stack [default: `CRUDDUR_AS`, or the user of the access token in `CRUDDUR_TOKEN` or of
    /// `cruddur login`]
    #[arg(long = "as", value_name = "@HANDLE")]
    handle: Option<Handle>,
}

#[derive(Clone, Copy, Debug, Args)]
struct Limit {
    /// The maximum number of rows
    #[arg(short = 'L', long = "limit", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rows: u32,
}

const INBOX_EXAMPLES: &str = "\
A number in parentheses is that of unread messages.

Examples:
  cruddur inbox --as sunyoung
  cruddur inbox --as sunyoung --output json | jq -r '[.handle, .uuid] | @tsv'
  CRUDDUR_TOKEN=… cruddur inbox --target aws --url https://….execute-api.eu-central-1.amazonaws.com";

#[derive(Clone, Debug, Args)]
#[command(after_help = INBOX_EXAMPLES)]
pub struct Inbox {
    #[command(flatten)]
    caller: Caller,

    #[command(flatten)]
    limit: Limit,

    #[command(flatten)]
    columns: Columns,
}

const READ_EXAMPLES: &str = "\
The messages are marked as read, unless you only --peek. The other member may see that.

Examples:
  cruddur read --as sunyoung @scarlett
  cruddur read --as sunyoung @scarlett --peek
  cruddur read --as sunyoung @scarlett --follow
  cruddur read --as sunyoung 4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5 --limit 100 --output json";

#[derive(Clone, Debug, Args)]
#[command(after_help = READ_EXAMPLES)]
pub struct Read {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    #[command(flatten)]
    limit: Limit,

    /// Keep showing new and changed messages until Ctrl-C
    #[arg(short, long)]
    follow: bool,

    /// Do not mark the messages as read
    #[arg(long)]
    peek: bool,

    #[command(flatten)]
    columns: Columns,

    #[command(flatten)]
    live: Live,
}

#[derive(Clone, Debug, Args)]
struct Live {
    /// The WebSocket API's URL, the stack's output `WebSocketUrl`; without it, events are polled
    /// [default: the local stack's, or `CRUDDUR_WEBSOCKET_URL` with --target aws]
    #[arg(long, value_name = "URL")]
    websocket_url: Option<String>,
}

const WATCH_EXAMPLES: &str = "\
Edited messages and messages with other reactions are printed again. \"(seen)\" means that the other member has read the
conversation.

Each line of --output json is an event, as in GET /api/events, with its messages. To resume, pass the cursor of the last
line; the cursor is also printed at the end. A line of the type \"missed\" means that the events before are no longer
complete: list the conversations again.

Examples:
  cruddur watch --as sunyoung
  cruddur watch --as sunyoung --output json | jq -r '.messages[]?.message'
  cruddur watch --as sunyoung --after MTc5NTMzOTgwMDAwMC0xNzk1MzM5ODAwMDAw";

#[derive(Clone, Debug, Args)]
#[command(after_help = WATCH_EXAMPLES)]
pub struct Watch {
    #[command(flatten)]
    caller: Caller,

    /// Start after the event with this cursor [default: with new events]
    #[arg(long, value_name = "CURSOR")]
    after: Option<EventCursor>,

    #[command(flatten)]
    live: Live,
}

const SEND_EXAMPLES: &str = "\
A message is retried for half a minute, and stored only once.

Examples:
  cruddur send --as scarlett @sunyoung The train is late again
  cruddur send --as scarlett @sunyoung --reply-to 1 Which one?
  fortune | cruddur send --as scarlett @sunyoung -
  cruddur send --as scarlett @sunyoung -- --text that begins with a hyphen";

#[derive(Clone, Debug, Args)]
#[command(after_help = SEND_EXAMPLES)]
pub struct Send {
    #[command(flatten)]
    caller: Caller,

    /// The conversation's UUID, or the receiver's handle; the first message opens the conversation
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// The message that this one answers: its UUID, or its place in the conversation, 1 being the newest
    #[arg(long, value_name = "N|UUID")]
    reply_to: Option<Choice>,

    /// The text; several words are joined with spaces, and - reads standard input
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
}

/// Advice about a cause of an error.
pub(crate) fn advice(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    cause.downcast_ref().and_then(ApiError::tip)
}

pub async fn token(context: &Context, command: &Token) -> Result<Outcome> {
    let answer = api::token(context, &command.handle).await?;
    let token = api::access_token(&answer);
    context.output.result(token.context("the local stack's response has no access_token")?, &answer)?;
    Ok(Outcome::Done)
}

pub async fn inbox(context: &Context, command: &Inbox) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let groups = api.rows("/api/message_groups", command.limit.rows).await?;
    list_groups(context, groups, command.columns.uuids)?;
    Ok(Outcome::Done)
}

pub async fn read(context: &Context, command: &Read) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let group_uuid = command.conversation.find(&mut api).await?;
    let path = format!("/api/messages/{group_uuid}");
    if !command.follow {
        let messages = api.messages(&path, command.limit.rows).await?;
        let newest = messages.last().cloned().filter(|_| !command.peek);
        list_messages(context, messages, command.columns.uuids)?;
        if let Some(newest) = newest {
            api.mark_read(group_uuid, &newest).await.context("the messages are not marked as read")?;
        }
        return Ok(Outcome::Done);
    }
    let websocket_url = context.websocket_url(command.live.websocket_url.as_deref(), api.url()).await?;
    // Before the list: no message is between the two.
    let mut feed = Feed::start(api, websocket_url, None).await?;
    let messages = feed.api.messages(&path, command.limit.rows).await?;
    let uuids = command.columns.uuids;
    list_messages(context, messages.clone(), uuids)?;
    let followed = select! {
        interrupted = ctrl_c() => Ok(interrupted?),
        followed = follow::follow(context, &mut feed, group_uuid, &messages, command.peek, uuids) => followed,
    };
    feed.close().await;
    followed.map(|()| Outcome::Done)
}

pub async fn watch(context: &Context, command: &Watch) -> Result<Outcome> {
    let api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let websocket_url = context.websocket_url(command.live.websocket_url.as_deref(), api.url()).await?;
    let mut feed = Feed::start(api, websocket_url, command.after).await?;
    let mut printed = feed.position();
    let watched = select! {
        interrupted = ctrl_c() => Ok(interrupted?),
        watched = watch::watch(context, &mut feed, &mut printed) => watched,
    };
    feed.close().await;
    note(&format!("to resume: --after {printed}"));
    watched.map(|()| Outcome::Done)
}

pub async fn send(context: &Context, command: &Send) -> Result<Outcome> {
    let text = post::text(&command.text)?;
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let sent = match command.reply_to {
        None => post::send(&mut api, &command.conversation, &text, None).await?,
        Some(choice) => {
            let group_uuid = command.conversation.find(&mut api).await?;
            let answered = find(&mut api, group_uuid, choice, None).await?;
            let mut sent =
                post::send(&mut api, &Conversation::Group(group_uuid), &text, Some(&answered)).await?;
            if let Some(reply_to) = sent.row.reply_to.as_mut().filter(|_| !context.output.is_json()) {
                reply_to.message = Some(answered.message);
            }
            sent
        }
    };
    if context.output.is_json() {
        context.output.json(&sent)?;
    } else {
        show_messages(context, vec![sent.row], false)?;
    }
    Ok(Outcome::Done)
}

//! Chatting from a terminal, through the API as any client would.

use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use cruddur::{request::message_group_uuid, user::Handle};
use uuid::Uuid;

use self::api::{Api, Row};
use crate::{
    Outcome,
    context::Context,
    listing::{Entry, lines},
};

pub(crate) mod api;
mod follow;
mod post;
mod refusal;

const TOKEN_EXAMPLES: &str = "\
Examples:
  cruddur token sunyoung
  curl -H \"Authorization: Bearer $(cruddur token sunyoung)\" http://127.0.0.1:4567/api/message_groups";

/// `token`
#[derive(Clone, Debug, Args)]
#[command(after_help = TOKEN_EXAMPLES)]
pub struct Token {
    /// The user's handle, with or without @
    handle: Handle,
}

/// Who is speaking.
#[derive(Clone, Debug, Args)]
struct Speaker {
    /// As whom: a user of the local stack. Without it, the access token in `CRUDDUR_TOKEN` says who you are
    #[arg(long = "as", value_name = "HANDLE")]
    handle: Option<Handle>,
}

/// How many to show.
#[derive(Clone, Copy, Debug, Args)]
struct Limit {
    /// How many to show at most
    #[arg(long = "limit", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rows: u32,
}

const INBOX_EXAMPLES: &str = "\
Examples:
  cruddur inbox --as sunyoung
  CRUDDUR_TOKEN=… cruddur inbox --target aws --url https://….execute-api.eu-central-1.amazonaws.com";

/// `inbox`
#[derive(Clone, Debug, Args)]
#[command(after_help = INBOX_EXAMPLES)]
pub struct Inbox {
    #[command(flatten)]
    speaker: Speaker,

    #[command(flatten)]
    limit: Limit,
}

const READ_EXAMPLES: &str = "\
Examples:
  cruddur read --as sunyoung @scarlett
  cruddur read --as sunyoung @scarlett --follow
  cruddur read --as sunyoung 4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5 --limit 100 --output json";

/// `read`
#[derive(Clone, Debug, Args)]
#[command(after_help = READ_EXAMPLES)]
pub struct Read {
    #[command(flatten)]
    speaker: Speaker,

    /// Which conversation: its uuid, or with whom it is
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    #[command(flatten)]
    limit: Limit,

    /// Go on showing what is said, until Ctrl-C
    #[arg(long)]
    follow: bool,
}

const SEND_EXAMPLES: &str = "\
A message is sent again until there is an answer, for half a minute, and stored once however often it was sent.

Examples:
  cruddur send --as scarlett @sunyoung The train is late again
  fortune | cruddur send --as scarlett @sunyoung -
  cruddur send --as scarlett @sunyoung -- --text that begins with a hyphen";

/// `send`
#[derive(Clone, Debug, Args)]
#[command(after_help = SEND_EXAMPLES)]
pub struct Send {
    #[command(flatten)]
    speaker: Speaker,

    /// Where to: a conversation's uuid, or to whom; the first message to somebody opens the conversation
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// What to say; several words are joined with spaces, and - reads standard input
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
}

/// A conversation as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Conversation {
    Group(Uuid),
    User(Handle),
}

impl FromStr for Conversation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // No handle is as long as a uuid.
        match (message_group_uuid(text), text.parse()) {
            (Ok(group_uuid), _) => Ok(Self::Group(group_uuid)),
            (_, Ok(handle)) => Ok(Self::User(handle)),
            _ => Err("neither a uuid of 36 characters nor a handle"),
        }
    }
}

/// `token`
pub async fn token(context: &Context, command: &Token) -> Result<Outcome> {
    let answer = api::token(context, &command.handle).await?;
    let token = answer.get("access_token").and_then(|token| token.as_str());
    context.output.result(token.context("the local stack's answer has no access_token")?, &answer)?;
    Ok(Outcome::Done)
}

/// `inbox`
pub async fn inbox(context: &Context, command: &Inbox) -> Result<Outcome> {
    let mut api = Api::connect(context, command.speaker.handle.as_ref()).await?;
    let groups = api.rows("/api/message_groups", command.limit.rows).await?;
    show(context, groups, true)?;
    Ok(Outcome::Done)
}

/// `read`
pub async fn read(context: &Context, command: &Read) -> Result<Outcome> {
    let mut api = Api::connect(context, command.speaker.handle.as_ref()).await?;
    let group_uuid = match &command.conversation {
        Conversation::Group(group_uuid) => *group_uuid,
        Conversation::User(handle) => group_with(&mut api, handle).await?,
    };
    let path = format!("/api/messages/{group_uuid}");
    // Pages come newest first, and each page oldest first.
    let messages = api.messages(&path, command.limit.rows).await?;
    show(context, messages.clone(), false)?;
    if command.follow {
        follow::follow(context, &mut api, &path, &messages).await?;
    }
    Ok(Outcome::Done)
}

/// `send`
pub async fn send(context: &Context, command: &Send) -> Result<Outcome> {
    let text = post::text(&command.text)?;
    let mut api = Api::connect(context, command.speaker.handle.as_ref()).await?;
    let sent = post::send(&mut api, &command.conversation, &text).await?;
    if context.output.is_json() {
        context.output.json(&sent)?;
    } else {
        show(context, vec![sent.row], false)?;
    }
    Ok(Outcome::Done)
}

/// The conversation with the user who has `handle` now, however far down in the inbox it is. The inbox is searched for
/// the user's uuid: a handle in it may be that of its former owner.
async fn group_with(api: &mut Api, handle: &Handle) -> Result<Uuid> {
    let user_uuid = api.user_uuid(handle).await?;
    let mut next = Some("/api/message_groups?limit=100".to_owned());
    while let Some(path) = next {
        let page = api.page(&path).await?;
        if let Some(group) = page.rows.iter().find(|group| group.user_uuid == user_uuid) {
            return Ok(group.uuid);
        }
        next = page.next;
    }
    let handle = handle.canonical();
    bail!("there is no conversation with @{handle} yet: `cruddur send @{handle} …` begins one")
}

/// A line or an object each; `is_inbox`: conversations and not messages.
fn show(context: &Context, rows: Vec<Row>, is_inbox: bool) -> Result<()> {
    if context.output.is_json() {
        return rows.iter().try_for_each(|row| context.output.json(row));
    }
    let entries = rows.into_iter().map(|row| Entry {
        message_group_uuid: is_inbox.then(|| row.uuid.to_string()),
        handle: row.handle,
        display_name: is_inbox.then_some(row.display_name),
        created_at: row.created_at.to_utc(),
        message: row.message,
    });
    for line in lines(&entries.collect::<Vec<_>>()) {
        context.output.line(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_named_by_its_uuid_or_by_whom_it_is_with() {
        let uuid = "4B1F7246-1B2E-59B0-A27F-6165B5E2B4C5";
        assert_eq!(uuid.parse(), Ok(Conversation::Group(uuid.parse().unwrap())));
        for text in ["@SunYoung", "sunyoung"] {
            assert_eq!(text.parse(), Ok(Conversation::User("sunyoung".parse().unwrap())), "{text}");
        }
        for text in ["", "@", "sun young", "4b1f7246-1b2e-59b0-a27f-6165b5e2b4cx"] {
            assert!(text.parse::<Conversation>().is_err(), "{text}");
        }
    }
}

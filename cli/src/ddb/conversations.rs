//! `ddb get-conversation` and `ddb list-conversations`

use anyhow::{Result, bail};
use clap::Args;
use cruddur::{
    error::Error,
    message::Message,
    message_group::{ListedGroup, MessageGroup},
    request::message_group_uuid,
    table::{Key, Membership, MessageRow, Partition},
    user::Handle,
};
use serde_json::json;
use uuid::Uuid;

use super::page;
use crate::{
    context::Context,
    listing::{Columns, Content, Entry},
    outcome::Outcome,
};

const GET_EXAMPLES: &str = "\
Examples:
  cruddur ddb get-conversation 4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5
  cruddur ddb get-conversation 4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5 --year 2026 --before 2026-11-01

`cruddur ddb list-conversations HANDLE` lists the UUIDs of a user's conversations.";

#[derive(Clone, Debug, Args)]
#[command(after_help = GET_EXAMPLES)]
pub struct GetOptions {
    /// The conversation's UUID
    #[arg(value_name = "GROUP", value_parser = group_uuid)]
    group_uuid: Uuid,

    #[command(flatten)]
    newest: page::Newest,

    #[command(flatten)]
    columns: Columns,
}

fn group_uuid(text: &str) -> Result<Uuid, &'static str> {
    message_group_uuid(text).map_err(|_| "not a UUID of 36 characters")
}

pub(super) async fn get(context: &Context, options: &GetOptions) -> Result<Outcome> {
    let group_uuid = options.group_uuid;
    let (table, dynamodb) = context.table().await?;
    let page = options.newest.read(context, &dynamodb, Partition::Messages(group_uuid)).await?;
    if page.rows.is_empty() && table.get::<Membership>(&Key::Membership(group_uuid)).await?.is_none() {
        bail!(
            "no conversation {group_uuid} in {}; `cruddur ddb list-conversations HANDLE` lists a user's conversations",
            dynamodb.table_name
        );
    }
    // Read newest first, shown oldest first.
    let messages: Vec<Message> = page.parse::<MessageRow>()?.iter().rev().map(Message::from).collect();
    let value = json!({
        "message_group_uuid": group_uuid,
        "messages": messages,
        "consumed_capacity_units": dynamodb.meter.units().read,
    });
    let entries = messages.into_iter().map(|message| Entry {
        uuid: options.columns.uuids.then_some(message.uuid),
        handle: message.handle,
        display_name: None,
        created_at: message.created_at.to_utc(),
        unread: 0,
        content: Content {
            text: message.message,
            is_deleted: message.deleted_at.is_some(),
            is_edited: message.edited_at.is_some(),
            is_own: false,
            // The text is in another row.
            quote: message.reply_to.map(|_| String::new()),
            reactions: message.reactions.into_iter().map(|all| (all.emoji, all.user_uuids.len())).collect(),
        },
    });
    page.show(context, &dynamodb, &value, &entries.collect::<Vec<_>>(), ["message", "messages"])
}

const LIST_EXAMPLES: &str = "\
Examples:
  cruddur ddb list-conversations sunyoung
  cruddur ddb list-conversations @sunyoung --year 2026 --limit 5";

#[derive(Clone, Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct ListOptions {
    /// The user's handle, with or without @
    #[arg(value_name = "HANDLE")]
    handle: Handle,

    #[command(flatten)]
    newest: page::Newest,

    #[command(flatten)]
    columns: Columns,
}

pub(super) async fn list(context: &Context, options: &ListOptions) -> Result<Outcome> {
    let (_, dynamodb) = context.table().await?;
    let database = context.database().await?;
    let user = match database.users().with_handle(&options.handle).await {
        Ok(user) => user,
        Err(Error::UserNotFound) => {
            bail!("no user in {} has the handle @{}", database.place, options.handle.canonical());
        }
        Err(error) => return Err(database.query_error(&error)),
    };
    let page = options.newest.read(context, &dynamodb, Partition::Inbox(user.uuid)).await?;
    let groups: Vec<MessageGroup> =
        page.parse::<ListedGroup>()?.into_iter().map(MessageGroup::from).collect();
    let value = json!({
        "user_uuid": user.uuid,
        "message_groups": groups,
        "consumed_capacity_units": dynamodb.meter.units().read,
    });
    let entries = groups.into_iter().map(|group| Entry {
        uuid: options.columns.uuids.then_some(group.uuid),
        handle: group.handle,
        display_name: Some(group.display_name),
        created_at: group.created_at.to_utc(),
        // Not counted here: the row has only the marker.
        unread: 0,
        content: Content {
            text: group.message,
            is_deleted: group.deleted_at.is_some(),
            is_edited: group.edited_at.is_some(),
            is_own: group.from_me,
            ..Content::default()
        },
    });
    page.show(context, &dynamodb, &value, &entries.collect::<Vec<_>>(), ["conversation", "conversations"])
}

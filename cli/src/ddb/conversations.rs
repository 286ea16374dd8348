//! `ddb get-conversation` and `ddb list-conversations`

use anyhow::Result;
use clap::{Args, error::ErrorKind};
use cruddur::{
    message::Message,
    message_group::{ListedGroup, MessageGroup, uuid_of_pair},
    table::{Key, Membership, MessageRow, Partition},
    user::Handle,
};
use serde_json::json;
use uuid::Uuid;

use super::page;
use crate::{
    advice::advised,
    arguments::{Conversation, UserArgument, with_handle},
    context::Context,
    listing::{Columns, Content, Entry},
    outcome::Outcome,
};

const GET_EXAMPLES: &str = "\
Examples:
  cruddur ddb get-conversation @sunyoung @scarlett
  cruddur ddb get-conversation 4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5 --year 2026 --before 2026-11-01

`cruddur ddb list-conversations @HANDLE --uuids` lists the UUIDs of a user's conversations.";

#[derive(Clone, Debug, Args)]
#[command(after_help = GET_EXAMPLES)]
pub struct GetOptions {
    /// The conversation's UUID, or the handle of a member
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// The handle of the other member
    #[arg(value_name = "@HANDLE")]
    other: Option<Handle>,

    #[command(flatten)]
    newest: page::Newest,

    #[command(flatten)]
    columns: Columns,
}

impl GetOptions {
    /// The group's UUID, and its name for errors.
    async fn group(&self, context: &Context) -> Result<(Uuid, String)> {
        match (&self.conversation, &self.other) {
            (Conversation::Group(uuid), None) => Ok((*uuid, uuid.to_string())),
            (Conversation::User(handle), Some(other)) => {
                let database = context.database().await?;
                let user_uuid = with_handle(&database, handle).await?;
                let group_uuid = uuid_of_pair(user_uuid, with_handle(&database, other).await?);
                Ok((group_uuid, format!("of @{} and @{}", handle.canonical(), other.canonical())))
            }
            (Conversation::User(_), None) => Err(clap::Error::raw(
                ErrorKind::MissingRequiredArgument,
                "the handle of the other member is missing",
            )
            .into()),
            (Conversation::Group(_), Some(_)) => {
                Err(clap::Error::raw(ErrorKind::ArgumentConflict, "a UUID takes no second handle").into())
            }
        }
    }
}

pub(super) async fn get(context: &Context, options: &GetOptions) -> Result<Outcome> {
    let (group_uuid, name) = options.group(context).await?;
    let (table, dynamodb) = context.table().await?;
    let page = options.newest.read(context, &dynamodb, Partition::Messages(group_uuid)).await?;
    if page.rows.is_empty() && table.get::<Membership>(&Key::Membership(group_uuid)).await?.is_none() {
        return Err(advised(
            format!("no conversation {name} in {}", dynamodb.table_name),
            "`cruddur ddb list-conversations @HANDLE` lists a user's conversations",
        ));
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
  cruddur ddb list-conversations @sunyoung
  cruddur ddb list-conversations @sunyoung --year 2026 --limit 5";

#[derive(Clone, Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct ListOptions {
    /// The user: their handle, with or without @, or their UUID
    #[arg(value_name = "@HANDLE|UUID")]
    user: UserArgument,

    #[command(flatten)]
    newest: page::Newest,

    #[command(flatten)]
    columns: Columns,
}

pub(super) async fn list(context: &Context, options: &ListOptions) -> Result<Outcome> {
    let (_, dynamodb) = context.table().await?;
    let user_uuid = options.user.uuid(&context.database().await?).await?;
    let page = options.newest.read(context, &dynamodb, Partition::Inbox(user_uuid)).await?;
    let groups: Vec<MessageGroup> =
        page.parse::<ListedGroup>()?.into_iter().map(MessageGroup::from).collect();
    let value = json!({
        "user_uuid": user_uuid,
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

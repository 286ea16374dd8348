//! `ddb get-conversation`

use anyhow::{Result, bail};
use clap::Args;
use cruddur::{
    message::{ListedMessage, Message},
    request::message_group_uuid,
    table::{Key, Membership, Partition},
};
use serde_json::json;
use uuid::Uuid;

use super::page;
use crate::{
    context::Context,
    listing::{Entry, lines},
    outcome::Outcome,
};

const EXAMPLES: &str = "\
Examples:
  cruddur ddb get-conversation 4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5
  cruddur ddb get-conversation 4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5 --year 2026 --before 2026-11-01

`cruddur ddb list-conversations HANDLE` lists the UUIDs of a user's conversations.";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The conversation's UUID
    #[arg(value_name = "GROUP", value_parser = group_uuid)]
    group_uuid: Uuid,

    #[command(flatten)]
    newest: page::Newest,
}

fn group_uuid(text: &str) -> Result<Uuid, &'static str> {
    message_group_uuid(text).map_err(|_| "not a UUID of 36 characters")
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<Outcome> {
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
    let messages: Vec<Message> =
        page.parse::<ListedMessage>()?.into_iter().rev().map(Message::from).collect();
    if context.output.is_json() {
        context.output.json(&json!({
            "message_group_uuid": group_uuid,
            "messages": messages,
            "consumed_capacity_units": dynamodb.meter.units().read,
        }))?;
        return Ok(Outcome::Done);
    }
    let entries = messages.into_iter().map(|message| Entry {
        message_group_uuid: None,
        handle: message.handle,
        display_name: None,
        created_at: message.created_at.to_utc(),
        message: message.message,
    });
    for line in lines(&entries.collect::<Vec<_>>()) {
        context.output.line(&line)?;
    }
    context.output.line(&page.summary(&dynamodb, ["message", "messages"]))?;
    Ok(Outcome::Done)
}

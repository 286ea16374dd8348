//! `ddb list-conversations`

use anyhow::{Result, bail};
use clap::Args;
use cruddur::{
    error::Error,
    message_group::{ListedGroup, MessageGroup},
    table::Partition,
    user::Handle,
};
use serde_json::json;

use super::page;
use crate::{
    context::Context,
    listing::{Entry, lines},
    outcome::Outcome,
};

const EXAMPLES: &str = "\
Examples:
  cruddur ddb list-conversations sunyoung
  cruddur ddb list-conversations @sunyoung --year 2026 --limit 5";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The user's handle, with or without @
    #[arg(value_name = "HANDLE")]
    handle: Handle,

    #[command(flatten)]
    newest: page::Newest,
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<Outcome> {
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
    if context.output.is_json() {
        context.output.json(&json!({
            "user_uuid": user.uuid,
            "message_groups": groups,
            "consumed_capacity_units": dynamodb.meter.units().read,
        }))?;
        return Ok(Outcome::Done);
    }
    let entries = groups.into_iter().map(|group| Entry {
        message_group_uuid: Some(group.uuid.to_string()),
        handle: group.handle,
        display_name: Some(group.display_name),
        created_at: group.created_at.to_utc(),
        message: group.message,
    });
    for line in lines(&entries.collect::<Vec<_>>()) {
        context.output.line(&line)?;
    }
    context.output.line(&page.summary(&dynamodb, ["conversation", "conversations"]))?;
    Ok(Outcome::Done)
}

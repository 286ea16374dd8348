//! `users`: people's data, and suspensions.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use cruddur::{
    clock::Clock,
    connection::Connections,
    export::Export,
    postgres::Parameter,
    random::Random,
    user::{Handle, settings::Me},
};
use serde_json::json;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use crate::{
    context::{Context, Database},
    outcome::Outcome,
};

const AFTER_HELP: &str = "\
A suspended user can't use the API: requests are refused within 10 minutes, open WebSockets end at once. Others still see
the user's messages, and can write to the user.

Examples:
  cruddur users export @lore > lore.jsonl
  cruddur users suspend @mock
  cruddur users unsuspend @mock";

#[derive(Clone, Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub enum Command {
    /// Prints everything that the API shows a user, a JSON object per line
    Export(Chosen),
    /// Takes away a user's access to the API
    Suspend(Chosen),
    /// Ends a suspension
    Unsuspend(Chosen),
}

#[derive(Clone, Debug, Args)]
pub struct Chosen {
    /// The user's handle, with or without @
    #[arg(value_name = "@HANDLE")]
    user: Handle,
}

pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    match command {
        Command::Export(chosen) => export(context, chosen.user.canonical()).await?,
        Command::Suspend(chosen) => suspend(context, chosen.user.canonical(), true).await?,
        Command::Unsuspend(chosen) => suspend(context, chosen.user.canonical(), false).await?,
    }
    Ok(Outcome::Done)
}

/// The row that a statement returns. Fails without one.
async fn user(
    database: &Database,
    statement: &str,
    parameters: &[Parameter<'_>],
    handle: &str,
) -> Result<Row> {
    let rows = database.postgres().query(statement, parameters).await;
    let rows = rows.map_err(|error| database.query_error(&error))?;
    rows.into_iter().next().with_context(|| format!("no user has the handle @{handle}"))
}

async fn export(context: &Context, handle: &str) -> Result<()> {
    let database = context.database().await?;
    let statement = include_str!("../../sql/users/me_with_handle.sql");
    let row = user(&database, statement, &[(&handle, Type::TEXT)], handle).await?;
    let me = Me::from_row(&row)?;

    let (table, _) = context.table().await?;
    let (export, users) = (Export::new(&table, &Clock::system(), &Random::system()), database.users());
    let mut place = None;
    loop {
        let page = export.page(&users, &me, place).await?;
        page.items.iter().try_for_each(|line| context.output.json(line))?;
        match page.next {
            Some(next) => place = Some(next.0),
            None => return Ok(()),
        }
    }
}

async fn suspend(context: &Context, handle: &str, is_suspended: bool) -> Result<()> {
    let database = context.database().await?;
    let connections = if is_suspended { Some(Connections::new(context.table().await?.0)) } else { None };
    let parameters: [Parameter<'_>; 2] = [(&handle, Type::TEXT), (&is_suspended, Type::BOOL)];
    let row = user(&database, include_str!("../../sql/users/suspend.sql"), &parameters, handle).await?;
    let uuid: Uuid = row.try_get("uuid")?;
    if let Some(connections) = connections {
        for connection in connections.of_user(uuid).await? {
            connections.remove(uuid, &connection).await?;
        }
    }
    let done = if is_suspended { "suspended" } else { "no longer suspended:" };
    context.output.result(
        &format!("{done} @{handle}"),
        &json!({"uuid": uuid, "handle": handle, "suspended": is_suspended}),
    )
}

//! `users`: people's data, and suspensions.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use cruddur::{
    clock::Clock, connection::Connections, export::Export, postgres::Parameter, random::Random,
    user::settings::Me,
};
use serde_json::json;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use crate::{
    arguments::UserArgument,
    cognito::pool,
    context::{Context, Database},
    outcome::Outcome,
};

const AFTER_HELP: &str = "\
A suspended user can't use the API: requests are refused within 10 minutes, open WebSockets end at once. Others still see
the user's messages, and can write to the user.

An erased user is unknown at once. The function erase-accounts then deletes the user's messages and replaces the names,
and the Cognito user if the stack has made the pool. Otherwise run finish-erasures.

Examples:
  cruddur users export @lore > lore.jsonl
  cruddur users suspend @mock
  cruddur users unsuspend @mock
  cruddur users erase @mock --yes
  cruddur users finish-erasures --target aws --user-pool eu-central-1_AbCdEfGhI --yes";

#[derive(Clone, Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub enum Command {
    /// Prints everything that the API shows a user, a JSON object per line
    Export(Chosen),
    /// Takes away a user's access to the API
    Suspend(Chosen),
    /// Ends a suspension
    Unsuspend(Chosen),
    /// Erases a user's account, messages and names
    Erase(Chosen),
    /// Deletes the Cognito users of erased users
    FinishErasures(pool::Options),
    /// Repeats the erasure of a user's messages and names
    RepeatErasure(Erased),
}

#[derive(Clone, Debug, Args)]
pub struct Chosen {
    /// The user: their handle, with or without @, or their UUID
    #[arg(value_name = "@HANDLE|UUID")]
    user: UserArgument,
}

#[derive(Clone, Debug, Args)]
pub struct Erased {
    /// The user's UUID
    uuid: Uuid,
}

pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    match command {
        Command::Export(chosen) => export(context, &chosen.user).await?,
        Command::Suspend(chosen) => suspend(context, &chosen.user, true).await?,
        Command::Unsuspend(chosen) => suspend(context, &chosen.user, false).await?,
        Command::Erase(chosen) => erase(context, &chosen.user).await?,
        Command::FinishErasures(options) => finish_erasures(context, &options).await?,
        Command::RepeatErasure(erased) => repeat_erasure(context, erased.uuid).await?,
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
    let rows = database.query(statement, parameters).await?;
    rows.into_iter().next().with_context(|| format!("no user has the handle @{handle}"))
}

async fn export(context: &Context, chosen: &UserArgument) -> Result<()> {
    let database = context.database().await?;
    let handle = &*chosen.handle(&database).await?;
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

async fn suspend(context: &Context, chosen: &UserArgument, is_suspended: bool) -> Result<()> {
    let database = context.database().await?;
    let handle = &*chosen.handle(&database).await?;
    let connections = if is_suspended { Some(Connections::new(context.table().await?.0)) } else { None };
    let parameters: [Parameter<'_>; 2] = [(&handle, Type::TEXT), (&is_suspended, Type::BOOL)];
    let row = user(&database, include_str!("../../sql/users/suspend.sql"), &parameters, handle).await?;
    let uuid: Uuid = row.try_get("uuid")?;
    if let Some(connections) = connections {
        connections.remove_all(uuid).await?;
    }
    let done = if is_suspended { "suspended" } else { "no longer suspended:" };
    context.output.result(
        &format!("{done} @{handle}"),
        &json!({"uuid": uuid, "handle": handle, "suspended": is_suspended}),
    )
}

async fn erase(context: &Context, chosen: &UserArgument) -> Result<()> {
    let database = context.database().await?;
    let handle = &*chosen.handle(&database).await?;
    context.ask(&format!("this deletes the account and all messages of @{handle}, which can't be undone"))?;
    let parameters: [Parameter<'_>; 3] =
        [(&None::<&str>, Type::TEXT), (&handle, Type::TEXT), (&None::<i64>, Type::INT8)];
    let row = user(&database, include_str!("../../sql/users/erase.sql"), &parameters, handle).await?;
    let uuid: Uuid = row.try_get("uuid")?;
    context.output.result(&format!("erased @{handle}"), &json!({"uuid": uuid, "handle": handle}))
}

async fn repeat_erasure(context: &Context, uuid: Uuid) -> Result<()> {
    let database = context.database().await?;
    let statement = include_str!("../../sql/users/repeat_erasure.sql");
    if database.query(statement, &[(&uuid, Type::UUID)]).await?.is_empty() {
        bail!("no erased user has the UUID {uuid}");
    }
    context.output.result("the erasure is repeated", &json!({"uuid": uuid}))
}

/// Deletes the Cognito users that the deployment's functions could not delete, and then their subs.
async fn finish_erasures(context: &Context, options: &pool::Options) -> Result<()> {
    let pool = options.required(context)?;
    let database = context.database().await?;
    let statement = include_str!("../../sql/users/erased_with_cognito_user.sql");
    let erased = database.query(statement, &[]).await?;
    context.ask(&format!("this deletes {} users of the pool {}", erased.len(), pool.id))?;
    // One connection to each for all users.
    let (client, postgres) = (pool.client().await, database.postgres());
    for row in &erased {
        pool.delete_user(&client, row.try_get("cognito_user_id")?).await?;
        let uuid: Uuid = row.try_get("uuid")?;
        let statement = include_str!("../../sql/users/remove_sub.sql");
        let removed = postgres.query(statement, &[(&uuid, Type::UUID)]).await;
        removed.map_err(|error| database.query_error(&error))?;
    }
    let number = erased.len();
    context.output.result(&format!("deleted {number} Cognito users"), &json!({"deleted": number}))
}

//! `users`: requests of people about their data.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use cruddur::{
    clock::Clock,
    export::Export,
    random::Random,
    user::{Handle, User, settings::Me},
};
use tokio_postgres::types::Type;

use crate::{context::Context, outcome::Outcome};

const AFTER_HELP: &str = "\
Examples:
  cruddur users export @lore > lore.jsonl";

#[derive(Clone, Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub enum Command {
    /// Prints everything that the API shows a user, a JSON object per line
    Export(Chosen),
}

#[derive(Clone, Debug, Args)]
pub struct Chosen {
    /// The user's handle, with or without @
    #[arg(value_name = "@HANDLE")]
    user: Handle,
}

pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    let Command::Export(chosen) = command;
    let database = context.database().await?;
    let statement = include_str!("../../sql/users/me_with_handle.sql");
    let handle = chosen.user.canonical();
    let rows = database.postgres().query(statement, &[(&handle, Type::TEXT)]).await;
    let rows = rows.map_err(|error| database.query_error(&error))?;
    let Some(row) = rows.first() else { bail!("no user has the handle @{handle}") };
    let me = Me { user: User::from_row(row)?, read_receipts: row.try_get("read_receipts")? };

    let (table, _) = context.table().await?;
    let (export, users) = (Export::new(&table, &Clock::system(), &Random::system()), database.users());
    let mut place = None;
    loop {
        let page = export.page(&users, &me, place).await?;
        page.items.iter().try_for_each(|line| context.output.json(line))?;
        match page.next {
            Some(next) => place = Some(next.0),
            None => return Ok(Outcome::Done),
        }
    }
}

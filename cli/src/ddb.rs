//! `ddb`: the table of messages and inboxes.

use anyhow::Result;
use clap::Subcommand;

use crate::{context::Context, doctor, migrate, outcome::Outcome};

mod conversations;
mod page;
mod scan;
mod seed;
mod tables;

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Creates the table, with index, stream and time to live, if it does not exist
    SchemaLoad,
    /// Lists the tables
    ListTables,
    /// Deletes a table with all rows
    Drop(tables::DropOptions),
    /// Shows all rows of the table
    Scan(scan::Options),
    /// Seeds the table with demo conversations, or with load-test data of any size
    Seed(seed::Options),
    /// Shows the messages of a conversation as they are stored, and what reading them costs
    GetConversation(conversations::GetOptions),
    /// Shows the conversations of a user as they are stored, and what reading them costs
    ListConversations(conversations::ListOptions),
    /// Checks the invariants of inboxes, and repairs violations
    Doctor(doctor::Options),
    /// Migrates the conversations of the old system (Flask, Python)
    Migrate(migrate::Options),
}

pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    match command {
        Command::SchemaLoad => tables::load_schema(context).await,
        Command::ListTables => tables::list(context).await,
        Command::Drop(options) => tables::drop(context, &options).await,
        Command::Scan(options) => scan::run(context, &options).await,
        Command::Seed(options) => seed::run(context, &options).await,
        Command::GetConversation(options) => conversations::get(context, &options).await,
        Command::ListConversations(options) => conversations::list(context, &options).await,
        Command::Doctor(options) => doctor::run(context, options).await,
        Command::Migrate(options) => Box::pin(migrate::run(context, options)).await,
    }
}

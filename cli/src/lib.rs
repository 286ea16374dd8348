//! The command `cruddur`: administration of tables and users, a doctor for inboxes, and a chat in the terminal.
//!
//! Each group of commands is a module. [`options`] is the command line, [`context`] connects to the engines, and
//! [`output`] prints.

mod advice;
mod arguments;
mod aws_calls;
mod bucket;
pub mod chat;
pub mod cognito;
pub mod context;
pub mod db;
pub mod ddb;
pub mod deploy;
pub mod deploy_check;
pub mod destroy;
pub mod doctor;
mod files;
pub mod global;
mod http_client;
pub mod listing;
mod login;
mod man;
pub mod migrate;
mod names;
pub mod options;
pub mod outcome;
pub mod output;
pub mod reports;
mod retry;
mod stack;
mod table;
pub mod users;
mod websocket;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::{
    advice::Advised,
    context::Context,
    options::{Cli, Command},
    outcome::Outcome,
};

/// Describes an error, with advice if there is any.
#[must_use]
pub fn describe(error: &anyhow::Error) -> (String, Option<String>) {
    let mut tip = None;
    let causes = error.chain().map(|cause| {
        if let Some(Advised { what, tip: advice }) = cause.downcast_ref() {
            tip = Some(advice.clone());
            return what.clone();
        }
        if let Some(advice) = chat::advice(cause) {
            tip = Some(advice.to_owned());
        }
        cause.to_string()
    });
    let message = causes.collect::<Vec<_>>().join(": ");
    (message, tip)
}

pub async fn run(cli: Cli) -> Result<Outcome> {
    let context = Context::new(cli.global);
    match cli.command {
        Command::Ddb(command) => Box::pin(ddb::run(&context, command)).await,
        Command::Db(command) => db::run(&context, command).await,
        Command::Reports(command) => reports::run(&context, command).await,
        Command::Users(command) => Box::pin(users::run(&context, command)).await,
        Command::Cognito(command) => cognito::run(&context, command).await,
        Command::Login(command) => chat::login(&context, &command).await,
        Command::Logout(_) => chat::logout(&context),
        Command::Token(command) => chat::token(&context, &command).await,
        Command::Inbox(command) => chat::inbox(&context, &command).await,
        Command::Read(command) => Box::pin(chat::read(&context, &command)).await,
        Command::Send(command) => chat::send(&context, &command).await,
        Command::Edit(command) => chat::edit(&context, &command).await,
        Command::Delete(command) => chat::delete(&context, &command).await,
        Command::React(command) => chat::react(&context, &command).await,
        Command::Search(command) => chat::search(&context, &command).await,
        Command::Block(command) => chat::block(&context, &command).await,
        Command::Unblock(command) => chat::unblock(&context, &command).await,
        Command::Blocks(command) => chat::blocks(&context, &command).await,
        Command::Requests(command) => chat::requests(&context, &command).await,
        Command::Accept(command) => chat::accept(&context, &command).await,
        Command::Decline(command) => chat::decline(&context, &command).await,
        Command::Mute(command) => chat::mute(&context, &command).await,
        Command::Unmute(command) => chat::unmute(&context, &command).await,
        Command::Hide(command) => chat::hide(&context, &command).await,
        Command::Clear(command) => chat::clear(&context, &command).await,
        Command::Report(command) => chat::report(&context, &command).await,
        Command::Export(command) => chat::export(&context, &command).await,
        Command::Devices(command) => chat::devices(&context, &command).await,
        Command::SignOut(command) => chat::sign_out(&context, &command).await,
        Command::DeleteAccount(command) => chat::delete_account(&context, &command).await,
        Command::Watch(command) => Box::pin(chat::watch(&context, &command)).await,
        Command::Deploy(options) => Box::pin(deploy::run(&context, options)).await,
        Command::Destroy(options) => Box::pin(destroy::run(&context, options)).await,
        Command::DeployCheck(options) => Box::pin(deploy_check::run(&context, options)).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::with_help(), "cruddur", &mut script);
            context.output.text(&String::from_utf8_lossy(&script))?;
            Ok(Outcome::Done)
        }
        Command::Man { folder } => {
            man::write(&folder)
                .with_context(|| format!("failed to write man pages into {}", folder.display()))?;
            let folder = folder.display().to_string();
            context.output.result(&format!("wrote man pages into {folder}"), &json!({"folder": folder}))?;
            Ok(Outcome::Done)
        }
    }
}

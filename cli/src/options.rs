//! The command line.

use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::{chat, cognito, db, ddb, deploy, deploy_check, destroy, global::Global, reports, users};

/// Cruddur Messages: tables, users, access patterns, a doctor for inboxes, and a chat in the terminal.
#[derive(Clone, Debug, Parser)]
#[command(name = "cruddur", version, after_long_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub global: Global,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// The table of messages and inboxes: create, inspect, seed and repair
    #[command(subcommand)]
    Ddb(ddb::Command),
    /// The database of users
    #[command(subcommand)]
    Db(db::Command),
    /// Reported messages, in the database of users
    #[command(subcommand)]
    Reports(reports::Command),
    /// Users: export their data, suspend or erase them
    #[command(subcommand)]
    Users(users::Command),
    /// The Cognito user pool
    #[command(subcommand)]
    Cognito(cognito::Command),
    /// Deploys to AWS, or updates a deployment
    #[command(long_about = deploy::LONG_ABOUT, after_help = deploy::AFTER_HELP)]
    Deploy(deploy::Options),
    /// Deletes a deployment in AWS
    #[command(long_about = destroy::LONG_ABOUT, after_help = destroy::AFTER_HELP)]
    Destroy(destroy::Options),
    /// Checks a deployment from outside: resources, routes, two messages between test users, alarms
    #[command(long_about = deploy_check::LONG_ABOUT, after_help = deploy_check::AFTER_HELP)]
    DeployCheck(deploy_check::Options),
    /// Signs in: stores the API's URL and its user for later commands
    Login(chat::Login),
    /// Removes what `login` stored
    Logout(chat::Logout),
    /// Prints an access token for a user of the local stack
    Token(chat::Token),
    /// Lists a user's conversations, newest first, through the API
    Inbox(chat::Inbox),
    /// Shows a conversation's messages, through the API
    Read(chat::Read),
    /// Sends a message, through the API
    Send(chat::Send),
    /// Replaces the text of a message, through the API
    Edit(chat::Edit),
    /// Deletes a message for both members, through the API
    Delete(chat::Delete),
    /// Adds a reaction to a message, or removes it, through the API
    React(chat::React),
    /// Finds users by the beginning of their handle or name, through the API
    Search(chat::Search),
    /// Blocks a user, through the API
    Block(chat::Block),
    /// Ends the block of a user, through the API
    Unblock(chat::Block),
    /// Lists the users whom a user blocks, through the API
    Blocks(chat::Blocks),
    /// Lists the requests to a user, through the API
    Requests(chat::Requests),
    /// Accepts a request, through the API
    Accept(chat::Answer),
    /// Declines a request, through the API
    Decline(chat::Answer),
    /// Mutes a conversation for a user, through the API
    Mute(chat::Mute),
    /// Ends the mute of a conversation, through the API
    Unmute(chat::Unmute),
    /// Hides a conversation from a user's inbox until its next message, through the API
    Hide(chat::Hide),
    /// Clears a conversation for a user, through the API
    Clear(chat::Clear),
    /// Reports a message to the operator, through the API
    Report(chat::Report),
    /// Prints everything that the API shows a user, a JSON object per line, through the API
    Export(chat::Export),
    /// Lists a user's connected devices, through the API
    Devices(chat::Devices),
    /// Signs a user out on all devices, through the API
    SignOut(chat::SignOut),
    /// Deletes a user's account and messages, through the API
    DeleteAccount(chat::DeleteAccount),
    /// Prints a user's events as they arrive, through the API
    Watch(chat::Watch),
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Writes man pages into a folder, one for each command
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// The folder, created if it does not exist
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

impl Cli {
    /// The command line with its help. [`Cli::command`] lacks the line about global options.
    #[must_use]
    pub fn with_help() -> clap::Command {
        named_global_options(Self::command())
    }

    /// The command line for man pages. Only the first page has the global options.
    #[must_use]
    pub fn for_man_pages() -> clap::Command {
        // Man pages leave out the descriptions of what the short help hides.
        let command = Self::command().mut_args(|argument| argument.hide_short_help(false).global(false));
        command.disable_help_subcommand(true).mut_subcommands(refer_to_first_page)
    }

    /// Parses this process's arguments. Ends the process if they are invalid, or ask for help.
    #[must_use]
    pub fn from_arguments() -> Self {
        Self::from_arg_matches(&Self::with_help().get_matches()).unwrap_or_else(|error| error.exit())
    }
}

/// Adds a line about the global options, which `-h` hides, to the short help of all commands.
fn named_global_options(command: clap::Command) -> clap::Command {
    let after = after_help(&command);
    // Also if it is empty, or the long help would have the line, too.
    let command = if command.get_after_long_help().is_none() {
        command.after_long_help(after.clone())
    } else {
        command
    };
    let after = format!(
        "Global options, such as --output and --url, variables and exit codes: `cruddur --help`\n\n{after}"
    );
    command.after_help(after.trim_end().to_owned()).mut_subcommands(named_global_options)
}

fn refer_to_first_page(command: clap::Command) -> clap::Command {
    let after = format!("Global options, variables and exit codes: cruddur(1)\n\n{}", after_help(&command));
    command.after_help(after.trim_end().to_owned()).mut_subcommands(refer_to_first_page)
}

fn after_help(command: &clap::Command) -> String {
    command.get_after_help().map(|text| text.ansi().to_string()).unwrap_or_default()
}

const MAN_EXAMPLES: &str = "\
Examples:
  cruddur man ~/.local/share/man/man1
  man cruddur-ddb-doctor";

const AFTER_HELP: &str = "\
Exit codes:
  0  success
  1  failure; the error says what to do
  2  usage error
  3  success, but something needs a person: a broken invariant, a conflict of users, a failed check

Environment:
  AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID, …  --target aws: as for the AWS CLI
  DATABASE_URL              --target aws: the database of users
  DATABASE_AUTH             --target aws: password (default) or rds-iam
  DDB_MESSAGE_TABLE         the table's name [default: cruddur-messages]
  AWS_COGNITO_USER_POOL_ID  the user pool
  CRUDDUR_URL               the API's URL
  CRUDDUR_AS                a user of the local stack, for the commands from inbox to watch
  CRUDDUR_TOKEN             an access token for the same commands
  CRUDDUR_WEBSOCKET_URL     --target aws: the WebSocket API, for read --follow and watch
  CRUDDUR_TOKEN_A, CRUDDUR_TOKEN_B  access tokens of the two test users of deploy-check
  NO_COLOR                  no colors
  RUST_LOG                  log filter, such as info [default: off]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_options_conflict() {
        Cli::with_help().debug_assert();
    }
}

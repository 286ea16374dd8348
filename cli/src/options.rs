//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{chat, cognito, db, ddb, deploy_check};

/// Cruddur Messages: tables, users, access patterns, a doctor for inboxes, and a chat in the terminal.
#[derive(Clone, Debug, Parser)]
#[command(name = "cruddur", version, after_help = AFTER_HELP, after_long_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What to work on, and how to show it.
    #[command(flatten)]
    pub global: Global,
}

/// What there is to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// The table of messages and inboxes: make it, look into it, fill it, heal it
    #[command(subcommand)]
    Ddb(ddb::Command),
    /// The database of users
    #[command(subcommand)]
    Db(db::Command),
    /// The Cognito user pool
    #[command(subcommand)]
    Cognito(cognito::Command),
    /// Checks a deployment from outside: its parts, each route, two messages between two test users, alarms
    #[command(long_about = deploy_check::LONG_ABOUT, after_help = deploy_check::AFTER_HELP)]
    DeployCheck(deploy_check::Options),
    /// Prints an access token for a user of the local stack
    Token(chat::Token),
    /// Lists a user's conversations, newest first, through the API
    Inbox(chat::Inbox),
    /// Shows a conversation's messages, through the API
    Read(chat::Read),
    /// Sends a message, through the API
    Send(chat::Send),
    /// The completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What to work on, and how to show it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// What to work on: the local stack on this machine, or AWS, with the credentials and the region that the AWS
    /// CLI would use
    #[arg(long, global = true, value_enum, default_value_t = Target::Local)]
    pub target: Target,

    /// The API: by default the local stack's
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,

    /// DynamoDB in place of the target's own
    #[arg(long, global = true, value_name = "URL")]
    pub dynamodb_url: Option<String>,

    /// PostgreSQL in place of the local stack's own; for AWS, in place of the variable `DATABASE_URL`
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// How to sign in to PostgreSQL with --target aws: with the password in the URL, if there is one, or with
    /// tokens of RDS that the AWS credentials sign; by default as the variable `DATABASE_AUTH` says
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    pub database_auth: Option<DatabaseAuth>,

    /// The table: by default the local stack's, `DDB_MESSAGE_TABLE`, or cruddur-messages
    #[arg(long, global = true, value_name = "NAME")]
    pub table: Option<String>,

    /// The region: by default the local stack's, or the AWS CLI's
    #[arg(long, global = true, value_name = "NAME")]
    pub region: Option<String>,

    /// How to show what was found: for people, or a JSON object a line
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,

    /// Go ahead with what destroys data
    #[arg(long, global = true)]
    pub yes: bool,
}

/// What to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The local stack, or other engines on this machine
    Local,
    /// AWS
    Aws,
}

/// How to sign in to PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DatabaseAuth {
    /// With the password in the URL, if there is one
    Password,
    /// With a token of RDS for each connection
    RdsIam,
}

/// How to show what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// A JSON object a line
    Json,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  it failed; the error says what to do
  2  the command line is wrong
  3  done, and something needs a person: a broken invariant, a conflict of users, a failed check

Environment:
  AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID, …  --target aws: as for the AWS CLI
  DATABASE_URL              --target aws: the database of users
  DATABASE_AUTH             --target aws: password (default) or rds-iam
  DDB_MESSAGE_TABLE         the table's name [default: cruddur-messages]
  AWS_COGNITO_USER_POOL_ID  the user pool
  CRUDDUR_TOKEN             an access token for inbox, read and send
  CRUDDUR_TOKEN_A, CRUDDUR_TOKEN_B  those of the two test users of deploy-check
  NO_COLOR                  no colours
  RUST_LOG                  what to log, such as info [default: off]";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_two_options_are_in_each_others_way() {
        Cli::command().debug_assert();
    }
}

//! Global options.

use clap::{Args, ValueEnum};

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

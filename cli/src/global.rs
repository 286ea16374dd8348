//! Global options.

use clap::{Args, ValueEnum};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The local stack on this machine, or AWS with the credentials and region of the AWS CLI
    #[arg(long, global = true, hide_short_help = true, value_enum, default_value_t = Target::Local)]
    pub target: Target,

    /// The API's URL [default: `CRUDDUR_URL`, that of `cruddur login`, or the local stack's]
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub url: Option<String>,

    /// DynamoDB's URL [default: the target's]
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub dynamodb_url: Option<String>,

    /// PostgreSQL's URL [default: the local stack's, or `DATABASE_URL` with --target aws]
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// Authentication at PostgreSQL with --target aws: the password in the URL, or RDS IAM tokens
    /// [default: `DATABASE_AUTH`, or password]
    #[arg(long, global = true, hide_short_help = true, value_enum, value_name = "HOW")]
    pub database_auth: Option<DatabaseAuth>,

    /// The table [default: the local stack's, `DDB_MESSAGE_TABLE`, or cruddur-messages]
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub table: Option<String>,

    /// The region [default: the local stack's, or the AWS CLI's]
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub region: Option<String>,

    /// The output format
    #[arg(short, long, global = true, hide_short_help = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,

    /// Confirm commands that destroy data
    #[arg(short, long, global = true, hide_short_help = true)]
    pub yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The local stack, or engines on this machine
    Local,
    /// AWS
    Aws,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DatabaseAuth {
    /// The password in the URL, if any
    Password,
    /// An RDS IAM token for each connection
    RdsIam,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people
    Table,
    /// One JSON object per line
    Json,
}

//! `reports`: messages that users reported.

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use crate::{
    advice::advised,
    context::{Context, Database},
    listing::local_time,
    outcome::Outcome,
    output::printable,
};

const AFTER_HELP: &str = "\
A report holds the message and up to five on each side, as they were when it was made.

Examples:
  cruddur reports list
  cruddur reports list --all --output json
  cruddur reports show 019ab5a4-0c5e-7b3a-9d10-2c4f6a8b0d1e
  cruddur reports resolve 019ab5a4-0c5e-7b3a-9d10-2c4f6a8b0d1e
  cruddur reports delete-old --days 90 --yes";

#[derive(Clone, Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub enum Command {
    /// Lists reports without their texts, oldest first
    List(List),
    /// Shows the messages of a report
    Show(Chosen),
    /// Marks a report as dealt with
    Resolve(Chosen),
    /// Deletes reports of a certain age, whether or not they are resolved
    DeleteOld(DeleteOld),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Also resolved reports
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Chosen {
    /// The report's UUID
    uuid: Uuid,
}

#[derive(Clone, Debug, Args)]
pub struct DeleteOld {
    /// The age in days
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(i32).range(1..=36_500))]
    days: i32,
}

/// A user in a list of reports.
#[derive(Debug, Serialize)]
struct Person {
    uuid: Uuid,
    /// `None` if the user no longer exists.
    handle: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    uuid: Uuid,
    reason: String,
    created_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    reporter: Person,
    sender: Person,
}

/// A message of a report, as the API showed it.
#[derive(Debug, Deserialize)]
struct Message {
    uuid: Uuid,
    handle: String,
    #[serde(rename = "message")]
    text: String,
    created_at: DateTime<Utc>,
    deleted_at: Option<DateTime<Utc>>,
}

pub async fn run(context: &Context, command: Command) -> Result<Outcome> {
    let database = context.database().await?;
    match command {
        Command::List(options) => list(context, &database, &options).await?,
        Command::Show(chosen) => show(context, &database, chosen.uuid).await?,
        Command::Resolve(chosen) => resolve(context, &database, chosen.uuid).await?,
        Command::DeleteOld(options) => delete_old(context, &database, &options).await?,
    }
    Ok(Outcome::Done)
}

async fn list(context: &Context, database: &Database, options: &List) -> Result<()> {
    let rows =
        database.query(include_str!("../../sql/reports/list.sql"), &[(&options.all, Type::BOOL)]).await?;
    let reports = rows.iter().map(Report::from_row).collect::<Result<Vec<_>, _>>()?;
    let header = ["REPORT", "TIME", "REASON", "REPORTED BY", "SENDER", "RESOLVED"];
    context.output.rows(&header, &reports, Report::cells)
}

async fn show(context: &Context, database: &Database, uuid: Uuid) -> Result<()> {
    let rows = database.query(include_str!("../../sql/reports/show.sql"), &[(&uuid, Type::UUID)]).await?;
    let Some(row) = rows.first() else {
        return Err(advised("no report has this UUID", "`cruddur reports list` shows them"));
    };
    let reported: Uuid = row.try_get("message_uuid")?;
    let text: String = row.try_get("messages")?;
    let messages: Value = serde_json::from_str(&text)?;
    if context.output.is_json() {
        let group: Uuid = row.try_get("message_group_uuid")?;
        let report = json!({"message_group_uuid": group, "message_uuid": reported, "messages": messages});
        return context.output.json(&report);
    }
    for message in serde_json::from_value::<Vec<Message>>(messages)? {
        let mark = if message.uuid == reported { ">" } else { " " };
        let text =
            if message.deleted_at.is_some() { "(deleted)".to_owned() } else { printable(&message.text) };
        let (time, handle) = (local_time(message.created_at), printable(&message.handle));
        context.output.line(&format!("{mark} {time}  @{handle}  {text}"))?;
    }
    Ok(())
}

async fn resolve(context: &Context, database: &Database, uuid: Uuid) -> Result<()> {
    let rows = database.query(include_str!("../../sql/reports/resolve.sql"), &[(&uuid, Type::UUID)]).await?;
    if rows.is_empty() {
        return Err(advised("no report has this UUID", "`cruddur reports list` shows them"));
    }
    context.output.result("resolved", &json!({"uuid": uuid}))
}

async fn delete_old(context: &Context, database: &Database, options: &DeleteOld) -> Result<()> {
    let days = options.days;
    context.confirm(&format!("this deletes the reports that are older than {days} days"))?;
    let rows =
        database.query(include_str!("../../sql/reports/delete_old.sql"), &[(&days, Type::INT4)]).await?;
    let number = rows.len();
    context.output.result(&format!("deleted {number} reports"), &json!({"deleted": number}))
}

impl Report {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            uuid: row.try_get("uuid")?,
            reason: row.try_get("reason")?,
            created_at: row.try_get("created_at")?,
            resolved_at: row.try_get("resolved_at")?,
            reporter: Person { uuid: row.try_get("reporter_uuid")?, handle: row.try_get("reporter_handle")? },
            sender: Person { uuid: row.try_get("sender_uuid")?, handle: row.try_get("sender_handle")? },
        })
    }

    fn cells(&self) -> Vec<String> {
        let name = |person: &Person| match &person.handle {
            Some(handle) => format!("@{}", printable(handle)),
            None => person.uuid.to_string(),
        };
        vec![
            self.uuid.to_string(),
            local_time(self.created_at),
            self.reason.clone(),
            name(&self.reporter),
            name(&self.sender),
            self.resolved_at.map_or("-".to_owned(), local_time),
        ]
    }
}

//! `ddb schema-load`, `ddb list-tables` and `ddb drop`

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use cruddur::config::TableConfig;
use schema::message_table::{MessageTableError, describe, ensure};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    advice::advised,
    context::{Context, DynamoDb, aws_error, note},
    outcome::Outcome,
};

/// The time limit of a deletion, which takes some seconds in AWS.
const DELETE_LIMIT: Duration = Duration::from_mins(5);

const POLL_INTERVAL: Duration = Duration::from_millis(500);

const DROP_EXAMPLES: &str = "\
Examples:
  cruddur ddb drop cruddur-messages --yes
  cruddur ddb drop old-messages --dynamodb-url http://127.0.0.1:8000 --yes";

#[derive(Clone, Debug, Args)]
#[command(after_help = DROP_EXAMPLES)]
pub struct DropOptions {
    /// The table's name, without a default
    #[arg(value_name = "TABLE", value_parser = table_name)]
    name: String,
}

fn table_name(text: &str) -> Result<String, &'static str> {
    let config = TableConfig::from_lookup(|_| Some(text.to_owned()));
    config.map(|config| config.name).map_err(|_| "not 3 to 255 of A-Z a-z 0-9 _ . -")
}

pub(super) async fn load_schema(context: &Context) -> Result<Outcome> {
    let dynamodb = context.dynamodb().await?;
    let table = ensure(&dynamodb.client, &dynamodb.table_name).await;
    let table = table.map_err(|error| explain(&dynamodb, error))?;
    let DynamoDb { table_name, place, .. } = &dynamodb;
    let sentence = match (table.created, table.expiry_enabled) {
        (true, _) => format!("created table {table_name}: {place}"),
        (false, false) => format!("table {table_name} already exists: {place}"),
        (false, true) => {
            format!("table {table_name} already exists, and its time to live is enabled now: {place}")
        }
    };
    let value = json!({"table": table_name, "created": table.created, "stream_arn": table.stream_arn});
    context.output.result(&sentence, &value)?;
    Ok(Outcome::Done)
}

fn explain(dynamodb: &DynamoDb, error: MessageTableError) -> anyhow::Error {
    let DynamoDb { table_name, place, .. } = dynamodb;
    match error {
        MessageTableError::Call { source, .. } => aws_error(place, &source),
        MessageTableError::NotActive(_) => advised(
            format!("{place}: {error}"),
            format!("run the command again to keep waiting for {table_name}"),
        ),
        error => error.into(),
    }
}

pub(super) async fn list(context: &Context) -> Result<Outcome> {
    let DynamoDb { client, place, .. } = context.dynamodb().await?;
    let mut names = client.list_tables().into_paginator().items().send();
    let mut tables = 0_usize;
    while let Some(name) = names.next().await {
        let name = name.map_err(|error| aws_error(&place, &error))?;
        context.output.result(&name, &json!({"name": name}))?;
        tables += 1;
    }
    if tables == 0 {
        note(&format!("{place} has no tables; create one with `cruddur ddb schema-load`"));
    }
    Ok(Outcome::Done)
}

pub(super) async fn drop(context: &Context, options: &DropOptions) -> Result<Outcome> {
    let context = &context.with_table(&options.name);
    let dynamodb = context.dynamodb().await?;
    let DynamoDb { table_name, place, client, .. } = &dynamodb;
    let describe = async || describe(client, table_name).await.map_err(|error| explain(&dynamodb, error));
    let Some(table) = describe().await? else {
        return Err(advised(
            format!("{place} has no table {table_name}"),
            "`cruddur ddb list-tables` lists the tables",
        ));
    };
    if table.deletion_protection_enabled() == Some(true) {
        let sdk = context.sdk_config().await?;
        let endpoint = sdk.endpoint_url().map(|url| format!(" --endpoint-url {url}")).unwrap_or_default();
        return Err(advised(
            format!("the table {table_name} is protected against deletion"),
            format!(
                "disable that first with `aws dynamodb update-table --table-name {table_name} --no-deletion-protection-enabled{endpoint}`"
            ),
        ));
    }
    context.confirm(&format!("this deletes the table {table_name} with all rows: {place}"))?;
    let deleted = client.delete_table().table_name(table_name).send().await;
    deleted.map_err(|error| aws_error(place, &error))?;
    let give_up = Instant::now() + DELETE_LIMIT;
    while describe().await?.is_some() {
        if Instant::now() > give_up {
            return Err(advised(
                format!("{table_name} is still being deleted"),
                "check again with `cruddur ddb list-tables`",
            ));
        }
        sleep(POLL_INTERVAL).await;
    }
    context.output.result(
        &format!("deleted the table {table_name}: {place}"),
        &json!({"table": table_name, "deleted": true}),
    )?;
    Ok(Outcome::Done)
}

//! `ddb drop`

use std::time::Duration;

use anyhow::{Result, bail};
use aws_sdk_dynamodb::{
    config::http::HttpResponse, error::SdkError, operation::describe_table::DescribeTableError,
    types::TableDescription,
};
use clap::Args;
use cruddur::config::TableConfig;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    context::{Context, DynamoDb, aws_error},
    outcome::Outcome,
};

/// The time limit of a deletion, which takes some seconds in AWS.
const DELETE_LIMIT: Duration = Duration::from_mins(5);

const POLL_INTERVAL: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  cruddur ddb drop cruddur-messages --yes
  cruddur ddb drop old-messages --dynamodb-url http://127.0.0.1:8000 --yes";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The table's name, without a default
    #[arg(value_name = "TABLE", value_parser = table_name)]
    name: String,
}

fn table_name(text: &str) -> Result<String, &'static str> {
    let config = TableConfig::from_lookup(|_| Some(text.to_owned()));
    config.map(|config| config.name).map_err(|_| "not 3 to 255 of A-Z a-z 0-9 _ . -")
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<Outcome> {
    let context = &context.with_table(&options.name);
    let dynamodb = context.dynamodb().await?;
    let DynamoDb { table_name, place, client, .. } = &dynamodb;
    let Some(table) = describe(&dynamodb).await? else {
        bail!("{place} has no table {table_name}; `cruddur ddb list-tables` lists the tables");
    };
    if table.deletion_protection_enabled() == Some(true) {
        let sdk = context.sdk_config().await?;
        let endpoint = sdk.endpoint_url().map(|url| format!(" --endpoint-url {url}")).unwrap_or_default();
        bail!(
            "the table {table_name} is protected against deletion; disable that first with `aws dynamodb \
             update-table --table-name {table_name} --no-deletion-protection-enabled{endpoint}`"
        );
    }
    context.confirm(&format!("this deletes the table {table_name} with all rows: {place}"))?;
    let deleted = client.delete_table().table_name(table_name).send().await;
    deleted.map_err(|error| aws_error(place, &error))?;
    let give_up = Instant::now() + DELETE_LIMIT;
    while describe(&dynamodb).await?.is_some() {
        if Instant::now() > give_up {
            bail!("{table_name} is still being deleted; check again with `cruddur ddb list-tables`");
        }
        sleep(POLL_INTERVAL).await;
    }
    context.output.result(
        &format!("deleted the table {table_name}: {place}"),
        &json!({"table": table_name, "deleted": true}),
    )?;
    Ok(Outcome::Done)
}

/// Returns `None` if the table does not exist.
async fn describe(dynamodb: &DynamoDb) -> Result<Option<TableDescription>> {
    match dynamodb.client.describe_table().table_name(&dynamodb.table_name).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(aws_error(&dynamodb.place, &error)),
    }
}

fn is_absent(error: &SdkError<DescribeTableError, HttpResponse>) -> bool {
    error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception)
}

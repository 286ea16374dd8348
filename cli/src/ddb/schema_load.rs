//! `ddb schema-load`

use anyhow::{Result, anyhow};
use schema::message_table::{MessageTableError, ensure};
use serde_json::json;

use crate::{
    context::{Context, DynamoDb, aws_error},
    outcome::Outcome,
};

pub(super) async fn run(context: &Context) -> Result<Outcome> {
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
        MessageTableError::Create(error) => aws_error(place, &error),
        MessageTableError::Describe(error) => aws_error(place, &error),
        MessageTableError::DescribeTimeToLive(error) => aws_error(place, &error),
        MessageTableError::TimeToLive(error) => aws_error(place, &error),
        MessageTableError::NotActive(_) => {
            anyhow!("{place}: {error}; run the command again to keep waiting for {table_name}")
        }
        error => error.into(),
    }
}

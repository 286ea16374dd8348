//! The table of messages and inboxes, as in `template.yaml`.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, DisplayErrorContext, ErrorMetadata, ProvideErrorMetadata, SdkError},
    operation::{create_table::CreateTableError, describe_table::DescribeTableError},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, IndexStatus, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TableDescription, TableStatus, TimeToLiveDescription, TimeToLiveSpecification,
    },
};
use cruddur::table::GROUP_INDEX;

use self::difference::{EXPIRY, INDEX_KEYS, STRING_ATTRIBUTES, TABLE_KEYS};

mod difference;

/// The time limit for a new table, which takes about ten seconds in AWS.
const ACTIVE_LIMIT: Duration = Duration::from_mins(2);

const POLL_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum MessageTableError {
    /// A defect of this module.
    #[error("the table's definition is incomplete")]
    Definition(#[from] BuildError),
    #[error("DynamoDB failed to {action}: {}", DisplayErrorContext(.source))]
    Call {
        action: &'static str,
        #[source]
        source: Box<SdkError<ErrorMetadata>>,
    },
    #[error("the table was not active within {} s", .0.as_secs())]
    NotActive(Duration),
    /// A table of this name exists, with a different definition.
    #[error(
        "table {name} already exists with a different definition: {}; use another name (--table, DDB_MESSAGE_TABLE), or \
         delete it with all rows (`cruddur ddb drop {name}`) and create it again",
        .differences.join(", ")
    )]
    Different {
        name: String,
        /// At least one.
        differences: Vec<String>,
    },
    #[error("DynamoDB returned no stream of the table")]
    NoStream,
}

/// Describes a failed call.
fn failed<E: ProvideErrorMetadata>(action: &'static str) -> impl Fn(SdkError<E>) -> MessageTableError {
    move |error| {
        let source = Box::new(error.map_service_error(|error| error.meta().clone()));
        MessageTableError::Call { action, source }
    }
}

/// An active table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTable {
    /// True if this call created it.
    pub created: bool,
    /// True if this call enabled time to live, on a new table or after an interrupted creation.
    pub expiry_enabled: bool,
    pub stream_arn: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// True if the table and its indexes are active.
    pub is_active: bool,
    /// Differences from the definition.
    pub differences: Vec<String>,
    pub stream_arn: Option<String>,
    /// True if deletion protection is enabled.
    pub is_protected: bool,
}

/// Examines a table without changing it. Returns `None` if it does not exist.
pub async fn examine(client: &Client, name: &str) -> Result<Option<Examined>, MessageTableError> {
    let Some(table) = describe(client, name).await? else { return Ok(None) };
    let expiry = time_to_live(client, name).await?;
    // Emulators return no status of an index.
    let indexes = table.global_secondary_indexes().iter();
    let indexes_active =
        indexes.filter_map(|index| index.index_status()).all(|status| *status == IndexStatus::Active);
    Ok(Some(Examined {
        is_active: table.table_status() == Some(&TableStatus::Active) && indexes_active,
        differences: difference::differences(&table, &expiry),
        stream_arn: table.latest_stream_arn().map(str::to_owned),
        is_protected: table.deletion_protection_enabled().unwrap_or(false),
    }))
}

/// Creates the table if it is missing, and waits until it is active. Fails for an existing table with a different
/// definition.
pub async fn ensure(client: &Client, name: &str) -> Result<MessageTable, MessageTableError> {
    let created = create(client, name).await?;
    let table = active(client, name).await?;
    let expiry = time_to_live(client, name).await?;
    let differences = difference::differences(&table, &expiry);
    // Enabled by a separate call, which an interrupted creation misses.
    let expiry_enabled = !difference::is_on(&expiry) && differences.len() == 1;
    if expiry_enabled {
        enable_time_to_live(client, name).await?;
    } else if !differences.is_empty() {
        return Err(MessageTableError::Different { name: name.to_owned(), differences });
    }
    let stream_arn = table.latest_stream_arn().ok_or(MessageTableError::NoStream)?.to_owned();
    Ok(MessageTable { created, expiry_enabled, stream_arn })
}

/// Returns whether the table was created.
async fn create(client: &Client, name: &str) -> Result<bool, MessageTableError> {
    let index = GlobalSecondaryIndex::builder()
        .index_name(GROUP_INDEX)
        .set_key_schema(Some(key_schema(&INDEX_KEYS)?))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()?;
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewImage)
        .build()?;
    let attributes = STRING_ATTRIBUTES.map(|name| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
    });
    let created = client
        .create_table()
        .table_name(name)
        .set_attribute_definitions(Some(attributes.into_iter().collect::<Result<_, _>>()?))
        .set_key_schema(Some(key_schema(&TABLE_KEYS)?))
        .global_secondary_indexes(index)
        .stream_specification(stream)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await;
    match created {
        Ok(_) => Ok(true),
        Err(error)
            if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(failed("create the table")(error)),
    }
}

fn key_schema(keys: &[(&str, KeyType); 2]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |(name, kind): &(&str, KeyType)| {
        KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone()).build()
    };
    keys.iter().map(key).collect()
}

/// Describes a table. Returns `None` if it does not exist.
pub async fn describe(client: &Client, name: &str) -> Result<Option<TableDescription>, MessageTableError> {
    match client.describe_table().table_name(name).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error)
            if error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception) =>
        {
            Ok(None)
        }
        Err(error) => Err(failed("describe the table")(error)),
    }
}

async fn active(client: &Client, name: &str) -> Result<TableDescription, MessageTableError> {
    let poll = async {
        loop {
            // A new table may not be visible yet.
            if let Some(table) = describe(client, name).await?
                && table.table_status() == Some(&TableStatus::Active)
            {
                return Ok(table);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(ACTIVE_LIMIT, poll).await.map_err(|_| MessageTableError::NotActive(ACTIVE_LIMIT))?
}

async fn time_to_live(client: &Client, name: &str) -> Result<TimeToLiveDescription, MessageTableError> {
    let answer = client.describe_time_to_live().table_name(name).send().await;
    let answer = answer.map_err(failed("describe the table's time to live"))?;
    Ok(answer.time_to_live_description.unwrap_or_else(|| TimeToLiveDescription::builder().build()))
}

async fn enable_time_to_live(client: &Client, name: &str) -> Result<(), MessageTableError> {
    let expiry = TimeToLiveSpecification::builder().attribute_name(EXPIRY).enabled(true).build()?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(expiry)
        .send()
        .await
        .map_err(failed("set the table's time to live"))?;
    Ok(())
}

#[cfg(test)]
mod tests;

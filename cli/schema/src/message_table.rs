//! The table of messages and inboxes, as in `template.yaml`.

use std::{fmt, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, DisplayErrorContext, SdkError},
    operation::{
        create_table::CreateTableError, describe_table::DescribeTableError,
        describe_time_to_live::DescribeTimeToLiveError, update_time_to_live::UpdateTimeToLiveError,
    },
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, IndexStatus, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TableDescription, TableStatus, TimeToLiveDescription, TimeToLiveSpecification,
    },
};
use cruddur::table::GROUP_INDEX;

pub use self::difference::Difference;
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
    #[error("DynamoDB failed to create the table: {}", DisplayErrorContext(.0))]
    Create(#[source] Box<SdkError<CreateTableError>>),
    #[error("DynamoDB failed to describe the table: {}", DisplayErrorContext(.0))]
    Describe(#[source] Box<SdkError<DescribeTableError>>),
    #[error("DynamoDB failed to describe the table's time to live: {}", DisplayErrorContext(.0))]
    DescribeTimeToLive(#[source] Box<SdkError<DescribeTimeToLiveError>>),
    #[error("DynamoDB failed to set the table's time to live: {}", DisplayErrorContext(.0))]
    TimeToLive(#[source] Box<SdkError<UpdateTimeToLiveError>>),
    #[error("the table was not active within {} s", .0.as_secs())]
    NotActive(Duration),
    /// A table of this name exists, with a different definition.
    #[error(
        "table {name} already exists with a different definition: {}; use another name (--table, DDB_MESSAGE_TABLE), or \
         delete it with all rows (`cruddur ddb drop {name}`) and create it again",
        List(.differences)
    )]
    Different {
        name: String,
        /// At least one.
        differences: Vec<Difference>,
    },
    #[error("DynamoDB returned no stream of the table")]
    NoStream,
}

struct List<'a>(&'a [Difference]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, difference) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{difference}")?;
        }
        Ok(())
    }
}

/// An active table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTable {
    /// Whether this call made it.
    pub created: bool,
    /// Whether this call enabled time to live, on a new table or after an interrupted creation.
    pub expiry_enabled: bool,
    pub stream_arn: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Whether the table and its indexes are active.
    pub is_active: bool,
    /// Differences from the definition.
    pub differences: Vec<Difference>,
    pub stream_arn: Option<String>,
    /// Whether deletion protection is enabled.
    pub is_protected: bool,
}

/// Examines a table without changing it. Returns `None` if it does not exist.
pub async fn examine(client: &Client, name: &str) -> Result<Option<Examined>, MessageTableError> {
    let table = match client.describe_table().table_name(name).send().await {
        Ok(answer) => answer.table,
        Err(error)
            if error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception) =>
        {
            None
        }
        Err(error) => return Err(MessageTableError::Describe(Box::new(error))),
    };
    let Some(table) = table else { return Ok(None) };
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
    let expiry_enabled = differences == [Difference::ExpiryOff];
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
        Err(error) => Err(MessageTableError::Create(Box::new(error))),
    }
}

fn key_schema(keys: &[(&str, KeyType); 2]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |(name, kind): &(&str, KeyType)| {
        KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone()).build()
    };
    keys.iter().map(key).collect()
}

async fn active(client: &Client, name: &str) -> Result<TableDescription, MessageTableError> {
    let poll = async {
        loop {
            match client.describe_table().table_name(name).send().await {
                Ok(answer) => match answer.table {
                    Some(table) if table.table_status() == Some(&TableStatus::Active) => return Ok(table),
                    _ => {}
                },
                // A new table may not be visible yet.
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(DescribeTableError::is_resource_not_found_exception) => {}
                Err(error) => return Err(MessageTableError::Describe(Box::new(error))),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(ACTIVE_LIMIT, poll).await.map_err(|_| MessageTableError::NotActive(ACTIVE_LIMIT))?
}

async fn time_to_live(client: &Client, name: &str) -> Result<TimeToLiveDescription, MessageTableError> {
    let answer = client.describe_time_to_live().table_name(name).send().await;
    let answer = answer.map_err(|error| MessageTableError::DescribeTimeToLive(Box::new(error)))?;
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
        .map_err(|error| MessageTableError::TimeToLive(Box::new(error)))?;
    Ok(())
}

#[cfg(test)]
mod tests;

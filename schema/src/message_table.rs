//! The table of messages and inboxes, as `template.yaml` makes it in AWS (design, section 2).

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, DisplayErrorContext, SdkError},
    operation::{
        create_table::CreateTableError, describe_table::DescribeTableError,
        update_time_to_live::UpdateTimeToLiveError,
    },
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription,
        TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use cruddur::dynamodb::GROUP_INDEX;

/// How long a new table may take until it can be used. (In AWS it takes about ten seconds.)
const ACTIVE_WITHIN: Duration = Duration::from_mins(2);

/// How often a table that is being made is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Why the table is not there.
#[derive(Debug, thiserror::Error)]
pub enum MessageTableError {
    /// The definition lacks something; a mistake in this module.
    #[error("the table's definition is incomplete")]
    Definition(#[from] BuildError),
    /// DynamoDB does not make the table.
    #[error("DynamoDB does not make the table: {}", DisplayErrorContext(.0))]
    Create(#[source] Box<SdkError<CreateTableError>>),
    /// DynamoDB does not say what the table is like.
    #[error("DynamoDB does not describe the table: {}", DisplayErrorContext(.0))]
    Describe(#[source] Box<SdkError<DescribeTableError>>),
    /// DynamoDB does not switch the expiry of rows on.
    #[error("DynamoDB does not set the table's time to live: {}", DisplayErrorContext(.0))]
    TimeToLive(#[source] Box<SdkError<UpdateTimeToLiveError>>),
    /// The table is still being made.
    #[error("the table was not active within {} s", .0.as_secs())]
    NotActive(Duration),
    /// The table has no stream of new images.
    #[error("the table has no stream of new images; make it anew, or switch the stream on")]
    NoStream,
}

/// A table that is there and active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTable {
    /// Whether this call made it.
    pub created: bool,
    /// The stream that the mapping reads.
    pub stream_arn: String,
}

/// Makes the table where it is missing, and waits until it can be used.
pub async fn ensure(client: &Client, name: &str) -> Result<MessageTable, MessageTableError> {
    let created = create(client, name).await?;
    let table = active(client, name).await?;
    enable_time_to_live(client, name).await?;
    let has_new_images = table.stream_specification().is_some_and(|stream| {
        stream.stream_enabled() && stream.stream_view_type() == Some(&StreamViewType::NewImage)
    });
    let stream_arn = table.latest_stream_arn().filter(|_| has_new_images);
    let stream_arn = stream_arn.ok_or(MessageTableError::NoStream)?.to_owned();
    Ok(MessageTable { created, stream_arn })
}

/// Whether the table was made, and not there already.
async fn create(client: &Client, name: &str) -> Result<bool, MessageTableError> {
    let attribute = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
    };
    let key =
        |name: &str, kind: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(GROUP_INDEX)
        .key_schema(key("message_group_uuid", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()?;
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewImage)
        .build()?;
    let created = client
        .create_table()
        .table_name(name)
        .attribute_definitions(attribute("pk")?)
        .attribute_definitions(attribute("sk")?)
        .attribute_definitions(attribute("message_group_uuid")?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
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

async fn active(client: &Client, name: &str) -> Result<TableDescription, MessageTableError> {
    let poll = async {
        loop {
            let answer = client.describe_table().table_name(name).send().await;
            let table = answer.map_err(|error| MessageTableError::Describe(Box::new(error)))?.table;
            match table {
                Some(table) if table.table_status() == Some(&TableStatus::Active) => return Ok(table),
                _ => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    };
    tokio::time::timeout(ACTIVE_WITHIN, poll)
        .await
        .map_err(|_| MessageTableError::NotActive(ACTIVE_WITHIN))?
}

async fn enable_time_to_live(client: &Client, name: &str) -> Result<(), MessageTableError> {
    // DynamoDB refuses to switch it on twice.
    let current = client.describe_time_to_live().table_name(name).send().await.ok();
    let status = current.and_then(|answer| answer.time_to_live_description?.time_to_live_status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let expiry = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(true).build()?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(expiry)
        .send()
        .await
        .map_err(|error| MessageTableError::TimeToLive(Box::new(error)))?;
    Ok(())
}

//! The table of messages and inboxes, as `template.yaml` makes it in AWS (design, section 2).

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
    /// DynamoDB does not say whether rows expire.
    #[error("DynamoDB does not describe the table's time to live: {}", DisplayErrorContext(.0))]
    DescribeTimeToLive(#[source] Box<SdkError<DescribeTimeToLiveError>>),
    /// DynamoDB does not switch the expiry of rows on.
    #[error("DynamoDB does not set the table's time to live: {}", DisplayErrorContext(.0))]
    TimeToLive(#[source] Box<SdkError<UpdateTimeToLiveError>>),
    /// The table is still being made.
    #[error("the table was not active within {} s", .0.as_secs())]
    NotActive(Duration),
    /// A table of the name is there, and it is another.
    #[error(
        "there is a table {name} already, and it is not the one that is wanted: {}; keep it and use another name \
         (--table, DDB_MESSAGE_TABLE), or delete it with all its rows (`cruddur ddb drop {name}`) and make it anew",
        List(.differences)
    )]
    Different {
        /// The table's name.
        name: String,
        /// What is different; at least one thing.
        differences: Vec<Difference>,
    },
    /// DynamoDB does not name the stream.
    #[error("DynamoDB does not name the table's stream")]
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

/// A table that is there and active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTable {
    /// Whether this call made it.
    pub created: bool,
    /// Whether this call has switched the expiry of rows on: for a table that it made, and for one that somebody
    /// was interrupted over.
    pub expiry_switched_on: bool,
    /// The stream that the mapping reads.
    pub stream_arn: String,
}

/// A table as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Whether it and its indexes can be used.
    pub is_active: bool,
    /// What is not as it has to be.
    pub differences: Vec<Difference>,
    /// Its stream, where it has one.
    pub stream_arn: Option<String>,
    /// Whether it can't be deleted without switching that off first.
    pub is_protected: bool,
}

/// What the table of this name is like, without changing or awaiting anything; none: there is no such table.
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
    // Emulators give an index no status: it is there with its table.
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

/// Makes the table where it is missing, and waits until it can be used. A table of that name that is another one
/// is left as it is.
pub async fn ensure(client: &Client, name: &str) -> Result<MessageTable, MessageTableError> {
    let created = create(client, name).await?;
    let table = active(client, name).await?;
    let expiry = time_to_live(client, name).await?;
    let differences = difference::differences(&table, &expiry);
    // It is set by a call of its own: where that alone is missing, nobody came to make it.
    let expiry_switched_on = differences == [Difference::ExpiryOff];
    if expiry_switched_on {
        enable_time_to_live(client, name).await?;
    } else if !differences.is_empty() {
        return Err(MessageTableError::Different { name: name.to_owned(), differences });
    }
    let stream_arn = table.latest_stream_arn().ok_or(MessageTableError::NoStream)?.to_owned();
    Ok(MessageTable { created, expiry_switched_on, stream_arn })
}

/// Whether the table was made, and not there already.
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
                // What has just been made may not be seen yet.
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(DescribeTableError::is_resource_not_found_exception) => {}
                Err(error) => return Err(MessageTableError::Describe(Box::new(error))),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(ACTIVE_WITHIN, poll)
        .await
        .map_err(|_| MessageTableError::NotActive(ACTIVE_WITHIN))?
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

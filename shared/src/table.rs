//! The table of messages and inboxes: its rows and keys, reads, conditional writes and transactions.

use std::{borrow::Cow, collections::HashMap};

use aws_sdk_dynamodb::{
    Client,
    config::{http::HttpResponse, retry::RetryConfig},
    operation::{
        delete_item::DeleteItemError,
        put_item::{PutItemError, PutItemOutput, builders::PutItemFluentBuilder},
        transact_write_items::{
            TransactWriteItemsError, TransactWriteItemsOutput, builders::TransactWriteItemsFluentBuilder,
        },
        update_item::{UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder},
    },
    types::{
        AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure, Select,
        TransactWriteItem,
    },
};
use aws_smithy_runtime_api::client::result::SdkError;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{
    Deserializer, Serialize,
    de::{
        DeserializeOwned, IntoDeserializer, Visitor,
        value::{self, MapDeserializer},
    },
};
use serde_dynamo::aws_sdk_dynamodb_1 as convert;
use uuid::Uuid;

pub(crate) use self::{
    change::{Assignments, at_version},
    row::first_version,
};
pub use self::{
    error::{WriteError, read_error},
    key::{Key, Partition, RowKind},
    reactions::{Reactions, reactions_attribute},
    row::{
        BlockRow, ConnectionRow, EventLogRow, EventLogStartRow, IdempotencyRow, InboxRow, InvalidRow,
        LeaseRow, LoggedChange, Member, MemberStateRow, Membership, MessageRow, MigrationOffsetRow,
        ReadPosition, RedirectRow, RequestState, Row, SendLimitRow,
    },
    transaction::{Condition, HasKey, Transaction},
};
use crate::{
    backoff::Backoff,
    config::{ConfigError, Lookup, TableConfig},
    dynamodb::{CallLimits, client, sdk_config},
    error::{Dependency, Error},
    random::Random,
    sort_key::SortKey,
};

mod change;
mod error;
mod key;
mod reactions;
mod row;
#[macro_use]
mod transaction;

/// A row as the SDK represents it.
pub type Item = HashMap<String, AttributeValue>;

/// The global secondary index over inbox rows: partition key `message_group_uuid`, sort key `sk`, all attributes.
pub const GROUP_INDEX: &str = "message-group-sk-index";

/// The table, with a client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

/// A query for the newest rows of a partition: those with the greatest sort keys, in descending order.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The partition.
    pub partition: Partition,
    /// Exclusive upper bound of the sort keys.
    pub before: Option<String>,
    /// Maximum number of rows.
    pub limit: usize,
    /// Comma-separated attributes to return. `None` returns all. Does not change the request units.
    pub attributes: Option<Cow<'static, str>>,
}

/// A conditional update of one row. Creates the row if it is absent.
#[derive(Clone, Debug)]
pub struct Update {
    /// The row.
    pub key: Key,
    /// The condition expression.
    pub condition: Cow<'static, str>,
    /// The update expression.
    pub set: String,
    /// Placeholders of both expressions, such as `:tokens`, with their values.
    pub values: Vec<(&'static str, AttributeValue)>,
}

impl Table {
    /// The table with this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// The configured table, with `limits`.
    pub fn from_lookup(lookup: impl Lookup, limits: CallLimits) -> Result<Self, ConfigError> {
        let config = TableConfig::from_lookup(lookup)?;
        Ok(Self::new(client(&sdk_config(lookup)?, limits), config.name))
    }

    /// The client, for operations of the command `cruddur`.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads one row, consistently. Returns `None` if the row is absent.
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Error> {
        self.get_item(key).await?.map(from_item).transpose()
    }

    /// Reads one item, as [`Self::get`] does.
    pub(crate) async fn get_item(&self, key: &Key) -> Result<Option<Item>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(item_of_key(&key.pk(), key.sk())))
            .consistent_read(true)
            .send()
            .await
            .map_err(read_error)?;
        Ok(answer.item)
    }

    /// Reads the newest rows of a partition, consistently. Takes one request, unless DynamoDB ends a page early.
    pub async fn newest(&self, query: Newest) -> Result<Vec<Item>, Error> {
        let Newest { partition, before, limit, attributes } = query;
        let pk = partition.to_string();
        let mut rows = Vec::new();
        let mut start = before.map(|sk| item_of_key(&pk, sk));
        loop {
            let wanted = i32::try_from(limit.saturating_sub(rows.len())).unwrap_or(i32::MAX);
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
                .set_projection_expression(attributes.as_deref().map(str::to_owned))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(wanted)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(read_error)?;
            rows.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if rows.len() >= limit || start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Reads rows by their keys, consistently, in any order. Leaves out absent rows. `attributes` are comma-separated.
    ///
    /// `keys` must be 1 to 100 different keys. Fails with [`Error::Unavailable`] if DynamoDB leaves keys unprocessed
    /// several times.
    pub async fn get_many(
        &self,
        keys: impl Iterator<Item = Key>,
        attributes: &'static str,
        random: &Random,
    ) -> Result<Vec<Item>, Error> {
        const MAX_ATTEMPTS: usize = 5;
        let read = KeysAndAttributes::builder()
            .set_keys(Some(keys.map(|key| Item::from(&key)).collect()))
            .projection_expression(attributes)
            .consistent_read(true)
            .build()
            .map_err(Error::internal)?;
        let mut requested = HashMap::from([(self.name.clone(), read)]);
        let mut backoff = Backoff::new(random);
        let mut rows = Vec::new();
        for attempt in 0..MAX_ATTEMPTS {
            if attempt > 0 {
                backoff.wait().await;
            }
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(requested))
                .send()
                .await
                .map_err(read_error)?;
            rows.extend(answer.responses.unwrap_or_default().into_values().flatten());
            requested = answer.unprocessed_keys.unwrap_or_default();
            if requested.is_empty() {
                return Ok(rows);
            }
        }
        Err(Error::unavailable(Dependency::DynamoDb, "rows were left unread several times"))
    }

    /// Reads the greatest sort key of a partition, consistently. Returns `None` if the partition is empty.
    pub async fn newest_sort_key(&self, partition: Partition) -> Result<Option<String>, Error> {
        let newest =
            self.newest(Newest { partition, before: None, limit: 1, attributes: Some("sk".into()) }).await?;
        Ok(newest.first().and_then(sort_key).map(str::to_owned))
    }

    /// Counts the messages of a group after a sort key and up to another that others than `user_uuid` have sent and that are not deleted,
    /// consistently. Stops at `limit`, which it also returns if it has counted any after a thousand rows.
    pub async fn count_messages_of_others(
        &self,
        group_uuid: Uuid,
        (after, up_to): (&str, SortKey),
        user_uuid: Uuid,
        limit: usize,
    ) -> Result<usize, Error> {
        /// Rows per request, and rows after which any counted message is enough.
        const PAGE: i32 = 100;
        const MAX_ROWS: i32 = 1_000;
        let (mut counted, mut read) = (0, 0);
        let mut start = Some(item_of_key(&Partition::Messages(group_uuid).to_string(), after.to_owned()));
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND sk <= :sk")
                .expression_attribute_values(":sk", AttributeValue::S(up_to.to_string()))
                .filter_expression("user_uuid <> :user AND attribute_not_exists(deleted_at)")
                .expression_attribute_values(
                    ":pk",
                    AttributeValue::S(Partition::Messages(group_uuid).to_string()),
                )
                .expression_attribute_values(":user", AttributeValue::S(user_uuid.to_string()))
                .select(Select::Count)
                .consistent_read(true)
                .limit(PAGE)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(read_error)?;
            counted += usize::try_from(answer.count).unwrap_or_default();
            read += answer.scanned_count;
            start = answer.last_evaluated_key;
            if start.is_none() || counted >= limit {
                return Ok(counted.min(limit));
            }
            if read >= MAX_ROWS && counted > 0 {
                return Ok(limit);
            }
        }
    }

    /// Reads a group's rows in an inbox or among requests, consistently, in ascending order from the sort key `from`.
    /// Consumes read units for every row from there on.
    pub async fn inbox_rows_of_group(
        &self,
        partition: Partition,
        group_uuid: Uuid,
        from: &str,
    ) -> Result<Vec<Item>, Error> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND sk >= :from")
                .filter_expression("message_group_uuid = :group")
                .expression_attribute_values(":pk", AttributeValue::S(partition.to_string()))
                .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
                .expression_attribute_values(":group", AttributeValue::S(group_uuid.to_string()))
                .scan_index_forward(true)
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(read_error)?;
            rows.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Reads rows of a partition, consistently, in ascending order from the sort key `from`. Takes one request, unless
    /// DynamoDB ends a page early.
    ///
    /// The rows are not a snapshot: a row may be missing that was written before a later one.
    pub async fn rows_from(
        &self,
        partition: Partition,
        from: &str,
        limit: usize,
    ) -> Result<Vec<Item>, Error> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let wanted = i32::try_from(limit.saturating_sub(rows.len())).unwrap_or(i32::MAX);
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND sk >= :from")
                .expression_attribute_values(":pk", AttributeValue::S(partition.to_string()))
                .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
                .scan_index_forward(true)
                .consistent_read(true)
                .limit(wanted)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(read_error)?;
            rows.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if rows.len() >= limit || start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Reads the inbox rows of a group from the index, in descending order. Eventually consistent, so the rows are only
    /// hints.
    pub async fn group_index(&self, group_uuid: Uuid) -> Result<Vec<Item>, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(GROUP_INDEX)
            .key_condition_expression("message_group_uuid = :group")
            .expression_attribute_values(":group", AttributeValue::S(group_uuid.to_string()))
            .scan_index_forward(false)
            .send()
            .await
            .map_err(read_error)?;
        Ok(answer.items.unwrap_or_default())
    }

    /// Puts a new row. Fails with [`WriteError::ConditionFailed`] if the key exists.
    pub async fn put_new(&self, row: &impl Serialize) -> Result<(), WriteError> {
        self.put(row, Condition::absent()).await
    }

    /// Puts a new row in a single attempt. If the key exists, nothing was written.
    pub async fn put_new_once(&self, row: &impl Serialize) -> Result<(), WriteError> {
        self.put_once(row, Condition::absent()).await
    }

    /// Puts a row in a single attempt, as [`Self::put`] does.
    pub async fn put_once(&self, row: &impl Serialize, condition: Condition) -> Result<(), WriteError> {
        let item = convert::to_item(row).map_err(|error| WriteError::Permanent(error.into()))?;
        let put = self.put_item_request(item, condition);
        was_put(put.customize().config_override(single_attempt()).send().await)
    }

    /// Puts a row under a condition on the current one. If the condition is false, [`WriteError::ConditionFailed`]
    /// contains the current row.
    pub async fn put(&self, row: &impl Serialize, condition: Condition) -> Result<(), WriteError> {
        self.put_item(convert::to_item(row).map_err(|error| WriteError::Permanent(error.into()))?, condition)
            .await
    }

    /// Puts an item under a condition, as [`Self::put`] does.
    pub async fn put_item(&self, item: Item, condition: Condition) -> Result<(), WriteError> {
        was_put(self.put_item_request(item, condition).send().await)
    }

    fn put_item_request(&self, item: Item, condition: Condition) -> PutItemFluentBuilder {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        with_condition!(put, condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Deletes a row under a condition. Succeeds if the condition is false.
    pub async fn delete_if(&self, key: &Key, condition: Condition) -> Result<(), WriteError> {
        let delete = self.client.delete_item().table_name(&self.name).set_key(Some(key.into()));
        match with_condition!(delete, condition).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(WriteError::from_sdk(error)),
            },
        }
    }

    /// Deletes all rows of a partition.
    pub(crate) async fn delete_partition(&self, partition: Partition) -> Result<(), Error> {
        loop {
            let rows = self.rows_from(partition, "0", PAGE).await?;
            let keys = rows.iter().filter_map(Key::of).collect::<Vec<_>>();
            let is_last = rows.len() < PAGE || keys.is_empty();
            let deletions =
                keys.into_iter().map(|key| async move { self.delete_if(&key, Condition::exists()).await });
            let deletions = stream::iter(deletions).buffer_unordered(MAX_CONCURRENT_WRITES);
            deletions.try_for_each(|()| async { Ok(()) }).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Updates a row under a condition, and returns the updated row. After a lost answer the SDK repeats the write. So a
    /// false condition may be the effect of the write itself.
    pub async fn update(&self, update: Update) -> Result<Item, WriteError> {
        updated(self.update_item(update).send().await)
    }

    /// Updates a row under a condition, in a single attempt, and returns the updated row. If the condition is false,
    /// nothing was written.
    pub async fn update_once(&self, update: Update) -> Result<Item, WriteError> {
        updated(self.update_item(update).customize().config_override(single_attempt()).send().await)
    }

    fn update_item(&self, update: Update) -> UpdateItemFluentBuilder {
        let values = update.values.into_iter().map(|(name, value)| (name.to_owned(), value));
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item_of_key(&update.key.pk(), update.key.sk())))
            .condition_expression(update.condition)
            .update_expression(update.set)
            .set_expression_attribute_values(Some(values.collect()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    fn transaction_request(&self, actions: Vec<TransactWriteItem>) -> TransactWriteItemsFluentBuilder {
        self.client.transact_write_items().set_transact_items(Some(actions))
    }
}

/// Without the SDK's own retries, which hide that an earlier attempt may have been executed.
fn single_attempt() -> aws_sdk_dynamodb::config::Builder {
    aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled())
}

fn was_put(answer: Result<PutItemOutput, SdkError<PutItemError, HttpResponse>>) -> Result<(), WriteError> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                let rows = vec![Some(refused.item.clone().unwrap_or_default())];
                Err(WriteError::ConditionFailed { rows, cause: error.into() })
            }
            _ => Err(WriteError::from_sdk(error)),
        },
    }
}

fn updated(
    answer: Result<UpdateItemOutput, SdkError<UpdateItemError, HttpResponse>>,
) -> Result<Item, WriteError> {
    match answer {
        Ok(answer) => Ok(answer.attributes.unwrap_or_default()),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                let rows = vec![Some(refused.item.clone().unwrap_or_default())];
                Err(WriteError::ConditionFailed { rows, cause: error.into() })
            }
            _ => Err(WriteError::from_sdk(error)),
        },
    }
}

fn was_committed(
    answer: Result<TransactWriteItemsOutput, SdkError<TransactWriteItemsError, HttpResponse>>,
) -> Result<(), WriteError> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let reasons = canceled.cancellation_reasons.clone().unwrap_or_default();
                Err(WriteError::from_reasons(&reasons, error.into()))
            }
            _ => Err(WriteError::from_sdk(error)),
        },
    }
}

/// Maximum number of rows that are written at the same time.
pub(crate) const MAX_CONCURRENT_WRITES: usize = 8;

/// The number of rows per read of a whole partition.
pub(crate) const PAGE: usize = 500;

/// The smallest sort key after `sk`, since the bounds of [`Table::rows_from`] are inclusive.
pub(crate) fn after(sk: &str) -> String {
    format!("{sk}\0")
}

fn item_of_key(pk: &str, sk: String) -> Item {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(pk.to_owned())),
        ("sk".to_owned(), AttributeValue::S(sk)),
    ])
}

impl From<&Key> for Item {
    fn from(key: &Key) -> Self {
        item_of_key(&key.pk(), key.sk())
    }
}

/// The sort key of an item. Returns `None` if it is missing or not a string.
#[must_use]
pub fn sort_key(item: &Item) -> Option<&str> {
    item.get("sk")?.as_s().ok().map(String::as_str)
}

/// Parses a row.
pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    convert::from_item(item).map_err(Error::internal)
}

/// Parses a row from its strings, whole numbers and booleans. Ignores other attributes. `serde_dynamo` copies an item
/// before it parses it, which doubles the CPU time of a page of rows.
pub(crate) fn from_scalars<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    let scalars = item.into_iter().filter_map(|(name, value)| match value {
        AttributeValue::S(text) => Some((name, Scalar::Text(text))),
        AttributeValue::N(number) => Some((name, Scalar::Number(number.parse().ok()?))),
        AttributeValue::Bool(is) => Some((name, Scalar::Bool(is))),
        _ => None,
    });
    T::deserialize(MapDeserializer::<_, value::Error>::new(scalars)).map_err(Error::internal)
}

enum Scalar {
    Text(String),
    Number(u64),
    Bool(bool),
}

impl IntoDeserializer<'_> for Scalar {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Scalar {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            Self::Text(text) => visitor.visit_string(text),
            Self::Number(number) => visitor.visit_u64(number),
            Self::Bool(is) => visitor.visit_bool(is),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self {
            Self::Text(text) => text.into_deserializer().deserialize_enum(name, variants, visitor),
            other => other.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

//! The table of messages and inboxes: one client with explicit limits, and what can become of a write.

use std::{collections::HashMap, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, identity::IdentityCache, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::{
    Client,
    config::{StalledStreamProtectionConfig, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        put_item::PutItemError, transact_write_items::TransactWriteItemsError, update_item::UpdateItemError,
    },
    types::{
        AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, Select, TransactWriteItem,
    },
};
use serde::{
    Serialize,
    de::{
        DeserializeOwned,
        value::{self, MapDeserializer},
    },
};
use serde_dynamo::aws_sdk_dynamodb_1 as convert;
use uuid::Uuid;

use crate::{
    config::{AwsConfig, ConfigError, Endpoint, Lookup, TableConfig},
    error::{Cause, Dependency, Error},
    https,
};

pub use self::meter::{Meter, Units};

mod meter;

/// A row as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// The global secondary index over inbox rows.
pub const GROUP_INDEX: &str = "message-group-sk-index";

/// How long calls may take, retries of the SDK included. (The SDK's defaults have no time limit at all.)
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    attempt: Duration,
    operation: Duration,
    attempts: u32,
}

impl CallLimits {
    /// For routes that only read: a person waits.
    pub const READ: Self =
        Self { attempt: Duration::from_millis(800), operation: Duration::from_millis(2_500), attempts: 3 };
    /// For functions that write: giving up early would leave more writes with an unknown outcome.
    pub const WRITE: Self =
        Self { attempt: Duration::from_secs(2), operation: Duration::from_secs(8), attempts: 3 };
    /// For the admin commands, which go through whole tables, by whatever throttling: patience costs nobody.
    pub const ADMIN: Self =
        Self { attempt: Duration::from_secs(10), operation: Duration::from_mins(1), attempts: 10 };

    const CONNECT: Duration = Duration::from_millis(500);
    const FIRST_BACKOFF: Duration = Duration::from_millis(30);
}

/// The SDK's configuration as the environment has it. (The SDK's own search for it looks into files and asks other
/// services, and would find in Lambda what is here: all of it would have to be carried, and read at each start.)
fn sdk_config(lookup: impl Lookup) -> Result<SdkConfig, ConfigError> {
    let AwsConfig { region, credentials } = AwsConfig::from_lookup(lookup)?;
    let Endpoint { url, fips, dual_stack } = Endpoint::from_lookup(lookup);
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(https::dynamodb_client(&region, url.as_deref(), lookup))
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // They are the same as long as the environment lives: there is nothing to look up.
        .identity_cache(IdentityCache::no_cache())
        .use_fips(fips)
        .use_dual_stack(dual_stack);
    Ok(match url {
        Some(url) => sdk.endpoint_url(url).build(),
        None => sdk.build(),
    })
}

/// A client with `limits`. What its calls cost is counted for the invocation that makes them.
#[must_use]
pub fn client(sdk: &SdkConfig, limits: CallLimits) -> Client {
    metered_client(sdk, limits, &Meter::default())
}

/// A client with `limits` whose calls are counted by `meter`, too.
#[must_use]
pub fn metered_client(sdk: &SdkConfig, limits: CallLimits, meter: &Meter) -> Client {
    Client::from_conf(config(sdk, limits).interceptor(meter.clone()).build())
}

fn config(sdk: &SdkConfig, limits: CallLimits) -> aws_sdk_dynamodb::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CallLimits::CONNECT)
        .operation_attempt_timeout(limits.attempt)
        .operation_timeout(limits.operation)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(limits.attempts)
        .with_initial_backoff(CallLimits::FIRST_BACKOFF);
    aws_sdk_dynamodb::config::Builder::from(sdk)
        .timeout_config(timeouts)
        .retry_config(retries)
        // An attempt's limit goes on until its answer is read: no stream can stall longer.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

/// The table, and a client to reach it with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

/// Rows of one partition, newest (greatest sort key) first.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The partition.
    pub pk: String,
    /// Only rows that sort before this one.
    pub before: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Of each row these attributes alone, with commas between them; none: all. (It costs as many request units; but
    /// what is not sent need not be read.)
    pub attributes: Option<&'static str>,
}

/// A change of one row, or a new row where there is none.
#[derive(Clone, Debug)]
pub struct Update {
    /// The row's partition.
    pub pk: String,
    /// Its place in there.
    pub sk: String,
    /// What has to hold of it.
    pub condition: &'static str,
    /// What becomes of it.
    pub set: &'static str,
    /// What condition and change name, such as `:tokens`.
    pub values: Vec<(&'static str, AttributeValue)>,
}

impl Table {
    /// The table called `name`.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// The configured table, with `limits`.
    pub fn from_lookup(lookup: impl Lookup, limits: CallLimits) -> Result<Self, ConfigError> {
        let config = TableConfig::from_lookup(lookup)?;
        Ok(Self::new(client(&sdk_config(lookup)?, limits), config.name))
    }

    /// The client, for what only the admin tools do.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The row with this key as it is now (a consistent read).
    pub async fn get<T: DeserializeOwned>(&self, pk: String, sk: &str) -> Result<Option<T>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(read_error)?;
        answer.item.map(from_item).transpose()
    }

    /// Consistent read of the newest rows of a partition: one request, unless DynamoDB cuts the answer short.
    pub async fn newest(&self, query: Newest) -> Result<Vec<Item>, Error> {
        let Newest { pk, before, limit, attributes } = query;
        let mut rows = Vec::new();
        let mut start = before.map(|sk| key(&pk, sk));
        loop {
            let wanted = i32::try_from(limit.saturating_sub(rows.len())).unwrap_or(i32::MAX);
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
                .set_projection_expression(attributes.map(str::to_owned))
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

    /// The greatest sort key of a partition as it is now.
    pub async fn newest_sort_key(&self, pk: String) -> Result<Option<String>, Error> {
        let newest = self.newest(Newest { pk, before: None, limit: 1, attributes: Some("sk") }).await?;
        Ok(newest.first().and_then(sort_key).map(str::to_owned))
    }

    /// How many rows a partition has now. Reads them all: for the admin tools.
    pub async fn count(&self, pk: &str) -> Result<u64, Error> {
        let mut rows = 0;
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
                .select(Select::Count)
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(read_error)?;
            rows += u64::try_from(answer.count).unwrap_or(0);
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Consistent read, oldest first, of every row of a partition from sort key `from` on whose attribute
    /// `name` is `value`.
    pub async fn rows_from(&self, pk: &str, from: &str, name: &str, value: &str) -> Result<Vec<Item>, Error> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND sk >= :from")
                .filter_expression("#name = :value")
                .expression_attribute_names("#name", name)
                .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
                .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
                .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
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

    /// What the index shows of a group, in no order that means anything. It lags behind the table: a hint.
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

    /// Writes one new row; refused when a row with its key is there.
    pub async fn put_new(&self, row: &impl Serialize) -> Result<(), WriteError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(convert::to_item(row).map_err(|error| WriteError::Failed(error.into()))?))
            .condition_expression(ABSENT)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    let rows = vec![Some(refused.item.clone().unwrap_or_default())];
                    Err(WriteError::Refused { rows, cause: error.into() })
                }
                _ => Err(WriteError::from_sdk(error)),
            },
        }
    }

    /// Changes a row; the row as it is then. Refused when the condition does not hold of it.
    pub async fn update(&self, update: Update) -> Result<Item, WriteError> {
        let values = update.values.into_iter().map(|(name, value)| (name.to_owned(), value));
        let answer = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key(&update.pk, update.sk)))
            .condition_expression(update.condition)
            .update_expression(update.set)
            .set_expression_attribute_values(Some(values.collect()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.attributes.unwrap_or_default()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let rows = vec![Some(refused.item.clone().unwrap_or_default())];
                    Err(WriteError::Refused { rows, cause: error.into() })
                }
                _ => Err(WriteError::from_sdk(error)),
            },
        }
    }

    /// Writes all or nothing.
    pub async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<(), WriteError> {
        match self.client.transact_write_items().set_transact_items(Some(actions)).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons = cancelled.cancellation_reasons.clone().unwrap_or_default();
                    let rows = reasons
                        .iter()
                        .map(|reason| {
                            (reason.code.as_deref() == Some("ConditionalCheckFailed"))
                                .then(|| reason.item.clone().unwrap_or_default())
                        })
                        .collect::<Vec<_>>();
                    let passing = reasons.iter().filter_map(|reason| reason.code.as_deref()).all(|code| {
                        matches!(
                            code,
                            "None"
                                | "TransactionConflict"
                                | "ThrottlingError"
                                | "ProvisionedThroughputExceeded"
                                | "RequestLimitExceeded"
                        )
                    });
                    let refused = rows.iter().any(Option::is_some);
                    let cause = Cause::from(error);
                    Err(match (refused, passing) {
                        (true, _) => WriteError::Refused { rows, cause },
                        (false, true) => WriteError::Busy(cause),
                        (false, false) => WriteError::Failed(cause),
                    })
                }
                _ => Err(WriteError::from_sdk(error)),
            },
        }
    }

    /// A new row as part of a transaction; refused when a row with its key is there.
    pub fn put_new_action(&self, row: &impl Serialize) -> Result<TransactWriteItem, WriteError> {
        let item = convert::to_item(row).map_err(|error| WriteError::Failed(error.into()))?;
        self.put_item_action(item)
    }

    /// [`Self::put_new_action`] for a row that is an item already.
    pub fn put_item_action(&self, item: Item) -> Result<TransactWriteItem, WriteError> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(ABSENT)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| WriteError::Failed(error.into()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// Nothing is ever overwritten in place (design, section 2).
const ABSENT: &str = "attribute_not_exists(pk)";

/// The key of a row.
#[must_use]
pub fn key(pk: &str, sk: impl Into<String>) -> Item {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(pk.to_owned())),
        ("sk".to_owned(), AttributeValue::S(sk.into())),
    ])
}

/// The sort key of an item.
#[must_use]
pub fn sort_key(item: &Item) -> Option<&str> {
    item.get("sk")?.as_s().ok().map(String::as_str)
}

/// A row of ours out of an item.
pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    convert::from_item(item).map_err(Error::internal)
}

/// A row of ours with nothing but texts out of an item. (`serde_dynamo` turns the whole item into one of its own first, which costs
/// as much as to read it: for the rows of a page.)
pub(crate) fn from_texts<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    let texts = item.into_iter().map(|(name, value)| match value {
        AttributeValue::S(text) => Ok((name, text)),
        _ => Err(Error::internal(format!("{name} is not a text"))),
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    T::deserialize(MapDeserializer::<_, value::Error>::new(texts.into_iter())).map_err(Error::internal)
}

/// What became of a write that was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing was written, since a condition was false. Other actions of the same transaction may have met a
    /// conflict, of which nothing can be told but that it was there.
    #[error("a condition was false")]
    Refused {
        /// For each action whose condition was false, the row in the way (empty when the condition wanted a row
        /// and there is none).
        rows: Vec<Option<Item>>,
        /// What DynamoDB said.
        #[source]
        cause: Cause,
    },
    /// Nothing was written: a conflict, or throttling. The same write may go through later.
    #[error("DynamoDB is busy")]
    Busy(#[source] Cause),
    /// Nobody knows: a timeout, a broken connection, a 5xx.
    #[error("the outcome of the write is unknown")]
    Unknown(#[source] Cause),
    /// Nothing was written, and nothing will be: the request itself is at fault.
    #[error("DynamoDB refuses the request")]
    Failed(#[source] Cause),
}

impl WriteError {
    fn from_sdk<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match fault(&error) {
            Fault::Busy => Self::Busy(error.into()),
            Fault::Unknown => Self::Unknown(error.into()),
            Fault::Permanent => Self::Failed(error.into()),
        }
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Busy(_) | WriteError::Unknown(_) => Self::unavailable(Dependency::DynamoDb, error),
            WriteError::Refused { .. } | WriteError::Failed(_) => Self::internal(error),
        }
    }
}

enum Fault {
    Busy,
    Unknown,
    Permanent,
}

fn fault<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Fault {
    match error {
        SdkError::ServiceError(answer) => match answer.err().code() {
            Some(
                "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "ThrottlingException"
                | "TransactionConflictException",
            ) => Fault::Busy,
            // An earlier attempt of the SDK, with the same token, is being carried out.
            Some("TransactionInProgressException") => Fault::Unknown,
            _ if answer.raw().status().is_server_error() => Fault::Unknown,
            _ => Fault::Permanent,
        },
        SdkError::ConstructionFailure(_) => Fault::Permanent,
        _ => Fault::Unknown,
    }
}

/// What a read that failed means.
pub fn read_error<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match fault(&error) {
        Fault::Busy | Fault::Unknown => Error::unavailable(Dependency::DynamoDb, error),
        Fault::Permanent => Error::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_smithy_runtime_api::{client::result::ConnectorError, http::StatusCode};
    use aws_smithy_types::body::SdkBody;

    use super::*;

    type PutError = SdkError<PutItemError, HttpResponse>;

    /// DynamoDB's answer with this status and, when it names one, this error code.
    fn answer(status: u16, code: Option<&str>) -> PutError {
        let mut error = ErrorMetadata::builder();
        if let Some(code) = code {
            error = error.code(code);
        }
        let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        SdkError::service_error(PutItemError::generic(error.build()), response)
    }

    /// What becomes of a write with this error, of a read with it, and of a request whose write it was.
    fn meanings(error: impl Fn() -> PutError) -> (&'static str, &'static str, &'static str) {
        let of_write = match WriteError::from_sdk(error()) {
            WriteError::Refused { .. } => "refused",
            WriteError::Busy(_) => "busy",
            WriteError::Unknown(_) => "unknown",
            WriteError::Failed(_) => "failed",
        };
        let of_request = |error| match error {
            Error::Unavailable { what: Dependency::DynamoDb, .. } => "unavailable",
            Error::Internal(_) => "internal",
            _ => "another error",
        };
        (of_write, of_request(read_error(error())), of_request(WriteError::from_sdk(error()).into()))
    }

    #[test]
    fn throttling_and_conflicts_pass() {
        for code in [
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "ThrottlingException",
            "TransactionConflictException",
        ] {
            let error = || answer(400, Some(code));
            assert_eq!(meanings(error), ("busy", "unavailable", "unavailable"), "{code}");
        }
    }

    #[test]
    fn after_a_5xx_or_no_answer_nobody_knows() {
        let unknown = ("unknown", "unavailable", "unavailable");
        assert_eq!(meanings(|| answer(400, Some("TransactionInProgressException"))), unknown);
        assert_eq!(meanings(|| answer(500, Some("InternalServerError"))), unknown);
        assert_eq!(meanings(|| answer(503, None)), unknown);
        assert_eq!(meanings(|| SdkError::timeout_error("no answer")), unknown);
        assert_eq!(
            meanings(|| SdkError::dispatch_failure(ConnectorError::io("connection reset".into()))),
            unknown
        );
        let unreadable = || {
            let response = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::empty());
            SdkError::response_error("half an answer", response)
        };
        assert_eq!(meanings(unreadable), unknown);
    }

    #[test]
    fn a_request_at_fault_never_succeeds() {
        let failed = ("failed", "internal", "internal");
        for code in [Some("ValidationException"), Some("AccessDeniedException"), None] {
            assert_eq!(meanings(|| answer(400, code)), failed, "{code:?}");
        }
        assert_eq!(meanings(|| SdkError::construction_failure("no table name")), failed);
    }

    #[test]
    fn a_false_condition_that_nobody_could_judge_is_a_fault_of_ours() {
        let refused = WriteError::Refused { rows: vec![None], cause: "a condition was false".into() };
        assert!(matches!(Error::from(refused), Error::Internal(_)));
    }

    #[test]
    fn an_item_has_the_sort_key_that_its_key_says() {
        let item = key("MSG#a", "b");
        assert_eq!(item.get("pk"), Some(&AttributeValue::S("MSG#a".to_owned())));
        assert_eq!(sort_key(&item), Some("b"));
        assert_eq!(sort_key(&Item::new()), None);
        assert_eq!(sort_key(&Item::from([("sk".to_owned(), AttributeValue::N("1".to_owned()))])), None);
    }
}

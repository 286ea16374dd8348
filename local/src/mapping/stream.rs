//! The stream: a list of shards, and pages of records.

use std::{error::Error, fmt, future::Future, time::Duration};

use aws_sdk_dynamodbstreams::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{get_records::GetRecordsError, get_shard_iterator::GetShardIteratorError},
    types::{Record, ShardIteratorType},
};
use cruddur::error::Chain;

/// Needed because the client may have no timeouts, and a hanging request must not block the mapping.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// The maximum of `GetRecords`.
const PAGE_SIZE: i32 = 1000;

/// A table's stream.
#[derive(Debug)]
pub(super) struct Stream {
    client: Client,
    arn: String,
}

/// A shard of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedShard {
    pub(super) id: String,
    pub(super) parent: Option<String>,
}

/// Records of a shard, in order.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// `None` if the shard is closed and this is its last page.
    pub(super) next_iterator: Option<String>,
}

/// A failed request to the stream.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// The iterator is older than 15 minutes.
    #[error("the shard iterator has expired")]
    Expired,
    /// The position was trimmed, or the shard never had it.
    #[error("the position is not in the shard any more")]
    Trimmed,
    #[error("the stream has no such shard")]
    NotFound,
    /// The chain of causes, without the response, which may contain attributes.
    #[error("{0}")]
    Failed(String),
}

impl Stream {
    pub(super) fn new(client: Client, arn: &str) -> Self {
        Self { client, arn: arn.to_owned() }
    }

    /// Lists all shards of the stream, including closed ones.
    pub(super) async fn shards(&self) -> Result<Vec<ListedShard>, StreamError> {
        let mut shards = Vec::new();
        let mut last = None;
        loop {
            let request =
                self.client.describe_stream().stream_arn(&self.arn).set_exclusive_start_shard_id(last);
            let answer = limited(request.send()).await?.map_err(|error| StreamError::failed(&error))?;
            let Some(description) = answer.stream_description else {
                return Err(StreamError::Failed("the answer has no stream description".to_owned()));
            };
            for shard in description.shards() {
                if let Some(id) = shard.shard_id() {
                    shards.push(ListedShard {
                        id: id.to_owned(),
                        parent: shard.parent_shard_id().map(str::to_owned),
                    });
                }
            }
            last = description.last_evaluated_shard_id;
            if last.is_none() {
                return Ok(shards);
            }
        }
    }

    /// Requests an iterator for the records after a sequence number, or from the trim horizon on.
    pub(super) async fn iterator(&self, shard: &str, after: Option<&str>) -> Result<String, StreamError> {
        let request = self.client.get_shard_iterator().stream_arn(&self.arn).shard_id(shard);
        let request = match after {
            None => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Some(number) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(number)
            }
        };
        let answer = limited(request.send()).await?.map_err(|error| match error.as_service_error() {
            Some(GetShardIteratorError::TrimmedDataAccessException(_)) => StreamError::Trimmed,
            Some(GetShardIteratorError::ResourceNotFoundException(_)) => StreamError::NotFound,
            // The sequence number never belonged to the shard.
            Some(cause) if after.is_some() && cause.code() == Some("ValidationException") => {
                StreamError::Trimmed
            }
            _ => StreamError::failed(&error),
        })?;
        answer
            .shard_iterator
            .ok_or_else(|| StreamError::Failed("the answer has no shard iterator".to_owned()))
    }

    pub(super) async fn records(&self, iterator: &str) -> Result<Page, StreamError> {
        let request = self.client.get_records().shard_iterator(iterator).limit(PAGE_SIZE);
        let answer = limited(request.send()).await?.map_err(|error| match error.as_service_error() {
            Some(GetRecordsError::ExpiredIteratorException(_)) => StreamError::Expired,
            Some(GetRecordsError::TrimmedDataAccessException(_)) => StreamError::Trimmed,
            Some(GetRecordsError::ResourceNotFoundException(_)) => StreamError::NotFound,
            _ => StreamError::failed(&error),
        })?;
        Ok(Page { records: answer.records.unwrap_or_default(), next_iterator: answer.next_shard_iterator })
    }
}

impl StreamError {
    fn failed<E: Error + 'static, R: fmt::Debug + 'static>(error: &SdkError<E, R>) -> Self {
        Self::Failed(Chain(error).to_string())
    }
}

async fn limited<T>(request: impl Future<Output = T>) -> Result<T, StreamError> {
    let timed_out = |_| StreamError::Failed(format!("no answer within {} s", REQUEST_LIMIT.as_secs()));
    tokio::time::timeout(REQUEST_LIMIT, request).await.map_err(timed_out)
}

//! A stream over HTTP with the behavior that the embedded engine lacks: shards that close and split, paged
//! shard lists, expired iterators, trimmed positions, outages.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodbstreams::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use axum::{Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(super) const ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/messages/stream/scripted";

/// The stream's state, shared with the server.
#[derive(Clone, Default)]
pub(super) struct ScriptedStream(Arc<Mutex<Shards>>);

#[derive(Default)]
pub(super) struct Shards {
    by_id: BTreeMap<String, Shard>,
    /// Queued errors, as operation and error. Each fails one call of its operation.
    errors: VecDeque<(&'static str, &'static str)>,
    /// The number of next pages whose records lack sequence numbers.
    pub(super) broken_pages: usize,
}

#[derive(Default)]
struct Shard {
    parent: Option<String>,
    records: Vec<(u64, String)>,
    trimmed_below: u64,
    is_closed: bool,
}

impl ScriptedStream {
    /// Serves the stream and returns a client for it, with retries disabled.
    pub(super) async fn serve(&self) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(endpoint)
            .build();
        Client::from_conf(config)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Shards> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, shard: &str, parent: Option<&str>) {
        let parent = parent.map(str::to_owned);
        self.state().by_id.insert(shard.to_owned(), Shard { parent, ..Shard::default() });
    }

    pub(super) fn close(&self, shard: &str) {
        self.state().by_id.get_mut(shard).unwrap().is_closed = true;
    }

    pub(super) fn remove(&self, shard: &str) {
        self.state().by_id.remove(shard);
    }

    /// Appends records with these keys and with sequence numbers from `first` on.
    pub(super) fn append(&self, shard: &str, first: u64, keys: Vec<String>) {
        self.state().by_id.get_mut(shard).unwrap().records.extend((first..).zip(keys));
    }

    /// Trims the records below a sequence number.
    pub(super) fn trim(&self, shard: &str, below: u64) {
        let mut state = self.state();
        let shard = state.by_id.get_mut(shard).unwrap();
        shard.trimmed_below = below;
        shard.records.retain(|(number, _)| *number >= below);
    }

    /// Queues `error` for a call of `operation`.
    pub(super) fn fail_next(&self, operation: &'static str, error: &'static str) {
        self.state().errors.push_back((operation, error));
    }
}

async fn answer(
    State(stream): State<ScriptedStream>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.rsplit('.').next().unwrap();
    let request: Value = serde_json::from_str(&body).unwrap();
    let mut state = stream.state();
    let planned = state.errors.iter().position(|(planned, _)| *planned == operation);
    let answer = match planned.and_then(|place| state.errors.remove(place)) {
        Some((_, error)) => Err(error),
        None => match operation {
            "GetRecords" if state.broken_pages > 0 => {
                state.broken_pages -= 1;
                records(&state, &request).map(without_sequence_numbers)
            }
            "DescribeStream" => Ok(describe(&state, &request)),
            "GetShardIterator" => iterator(&state, &request),
            _ => records(&state, &request),
        },
    };
    match answer {
        Ok(answer) => (StatusCode::OK, answer.to_string()),
        Err("InternalServerError") => {
            (StatusCode::INTERNAL_SERVER_ERROR, json!({"__type": "InternalServerError"}).to_string())
        }
        Err(error) => {
            (StatusCode::BAD_REQUEST, json!({ "__type": error, "message": "scripted" }).to_string())
        }
    }
}

/// Lists one shard per page.
fn describe(state: &Shards, request: &Value) -> Value {
    let start = request["ExclusiveStartShardId"].as_str().unwrap_or_default();
    let mut rest = state.by_id.iter().filter(|(id, _)| id.as_str() > start);
    let page: Vec<_> = rest
        .next()
        .into_iter()
        .map(|(id, shard)| json!({"ShardId": id, "ParentShardId": shard.parent}))
        .collect();
    let last = rest.next().and_then(|_| page[0]["ShardId"].as_str());
    json!({"StreamDescription": {"StreamArn": ARN, "Shards": page, "LastEvaluatedShardId": last}})
}

fn iterator(state: &Shards, request: &Value) -> Result<Value, &'static str> {
    let id = request["ShardId"].as_str().unwrap();
    let shard = state.by_id.get(id).ok_or("ResourceNotFoundException")?;
    let after = match request["ShardIteratorType"].as_str() {
        Some("TRIM_HORIZON") => shard.trimmed_below.saturating_sub(1),
        _ => request["SequenceNumber"].as_str().unwrap().parse().unwrap(),
    };
    if after + 1 < shard.trimmed_below {
        return Err("TrimmedDataAccessException");
    }
    Ok(json!({ "ShardIterator": format!("{id}/{after}") }))
}

/// Returns two records per page, and an empty page at the end of a closed shard.
fn records(state: &Shards, request: &Value) -> Result<Value, &'static str> {
    let (id, after) = request["ShardIterator"].as_str().unwrap().split_once('/').unwrap();
    let after: u64 = after.parse().unwrap();
    let shard = state.by_id.get(id).ok_or("ResourceNotFoundException")?;
    let page: Vec<_> = shard.records.iter().filter(|(number, _)| *number > after).take(2).collect();
    let next = page.last().map_or(after, |(number, _)| *number);
    let is_end = shard.is_closed && page.is_empty();
    let records: Vec<_> = page
        .iter()
        .map(|(number, key)| {
            json!({
                "eventID": number.to_string(),
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-central-1",
                "dynamodb": {
                    "Keys": {"pk": {"S": key}},
                    "SequenceNumber": number.to_string(),
                    "SizeBytes": 1,
                    "StreamViewType": "NEW_IMAGE",
                },
            })
        })
        .collect();
    Ok(json!({
        "Records": records,
        "NextShardIterator": (!is_end).then(|| format!("{id}/{next}")),
    }))
}

fn without_sequence_numbers(mut page: Value) -> Value {
    for record in page["Records"].as_array_mut().unwrap() {
        record["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber");
    }
    page
}

//! Tests against the embedded engine, over HTTP as in the local stack.

use std::{path::Path, time::Duration};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_sdk_dynamodbstreams::config::{BehaviorVersion, Credentials, Region};
use cruddur::table::RowKind;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    super::{Batching, Mapping, Options},
    Delivered, Recorder, failures, key, keys, run, soon, success,
};
use crate::deployment::stream_filters;

/// A table with a stream, in its own engine.
struct Table {
    dynamodb: aws_sdk_dynamodb::Client,
    streams: aws_sdk_dynamodbstreams::Client,
    stream_arn: String,
}

impl Table {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let engine = dynoxide::Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, engine, std::future::pending()));
        Self::at(&endpoint).await
    }

    async fn at(endpoint: &str) -> Self {
        let credentials = Credentials::new("local", "local", None, None, "tests");
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(
            aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("eu-central-1"))
                .credentials_provider(credentials.clone())
                .endpoint_url(endpoint)
                .build(),
        );
        let streams = aws_sdk_dynamodbstreams::Client::from_conf(
            aws_sdk_dynamodbstreams::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("eu-central-1"))
                .credentials_provider(credentials)
                .endpoint_url(endpoint)
                .build(),
        );
        let attribute = AttributeDefinition::builder()
            .attribute_name("pk")
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap();
        let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewImage)
            .build()
            .unwrap();
        let created = dynamodb
            .create_table()
            .table_name("messages")
            .attribute_definitions(attribute)
            .key_schema(key)
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(stream)
            .send()
            .await
            .unwrap();
        let stream_arn = created.table_description.unwrap().latest_stream_arn.unwrap();
        Self { dynamodb, streams, stream_arn }
    }

    async fn put(&self, key: &str) {
        let item = AttributeValue::S(key.to_owned());
        self.dynamodb.put_item().table_name("messages").item("pk", item).send().await.unwrap();
    }

    async fn put_all(&self, keys: &[String]) {
        for key in keys {
            self.put(key).await;
        }
    }

    /// The template's mapping, with short intervals.
    fn options(&self) -> Options {
        Options {
            filters: stream_filters().into(),
            poll_interval: Duration::from_millis(10),
            backoff_base: Duration::from_millis(1),
            backoff_cap: Duration::from_millis(10),
            ..Options::new(self.streams.clone(), self.stream_arn.as_str())
        }
    }

    fn options_with_files(&self, folder: &Path) -> Options {
        Options {
            checkpoint_file: Some(folder.join("checkpoints.json")),
            dead_letter_file: Some(folder.join("dead-letters.jsonl")),
            ..self.options()
        }
    }
}

fn dead_letters(folder: &Path) -> Vec<Value> {
    let lines = std::fs::read_to_string(folder.join("dead-letters.jsonl")).unwrap_or_default();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn inserted_items_are_delivered_once_and_in_order() {
    let table = Table::new().await;
    let recorder = Recorder::default();
    table.put_all(&keys(0..150)).await;
    let mapping = Mapping::start(table.options(), recorder.function(success)).unwrap();
    soon(mapping.idle()).await;
    table.put_all(&keys(150..250)).await;
    soon(mapping.idle()).await;
    assert_eq!(recorder.keys(), keys(0..250));
    assert_eq!(recorder.batches()[0], keys(0..100));
    mapping.stop().await;
}

#[tokio::test]
async fn records_that_the_filter_rejects_are_never_delivered_and_count_as_done() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    table.put(&RowKind::Inbox.partition(1)).await;
    table.put(&key(0)).await;
    // A REMOVE.
    let message = AttributeValue::S(key(0));
    table.dynamodb.delete_item().table_name("messages").key("pk", message).send().await.unwrap();
    table.put(&RowKind::Inbox.partition(2)).await;
    for _start in 0..2 {
        run(table.options_with_files(folder.path()), recorder.function(success)).await;
    }
    assert_eq!(recorder.keys(), keys(0..1));
}

#[tokio::test]
async fn after_a_restart_only_new_records_are_delivered() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    for part in [0..30, 30..60] {
        table.put_all(&keys(part)).await;
        run(table.options_with_files(folder.path()), recorder.function(success)).await;
    }
    assert_eq!(recorder.keys(), keys(0..60));
}

#[tokio::test]
async fn stopping_finishes_the_running_invocation_and_starts_none() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    table.put_all(&keys(0..4)).await;
    let batching = Batching { batch_size: 2, ..Batching::default() };
    let options = Options { batching, ..table.options_with_files(folder.path()) };
    let slow = recorder.slow_function(Duration::from_millis(200), success);
    let mapping = Mapping::start(options.clone(), slow).unwrap();
    soon(async {
        while recorder.batches().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    mapping.stop().await;
    assert_eq!(recorder.batches(), [keys(0..2)]);
    run(options, recorder.function(success)).await;
    assert_eq!(recorder.batches(), [keys(0..2), keys(2..4)]);
}

#[tokio::test]
async fn after_a_reported_failure_that_record_and_later_ones_are_delivered_again() {
    let table = Table::new().await;
    let recorder = Recorder::default();
    table.put_all(&keys(0..5)).await;
    let function = recorder.function(|batch| {
        let failed = |record: &&Delivered| [key(2), key(4)].contains(&record.key) && record.before == 0;
        Ok(failures(batch.iter().rev().filter(failed)))
    });
    run(table.options(), function).await;
    assert_eq!(recorder.batches(), [keys(0..5), keys(2..5)]);
}

#[tokio::test]
async fn a_poison_record_is_isolated_by_bisection_and_given_up_alone() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    table.put_all(&keys(0..8)).await;
    let function = recorder.function(|batch| {
        let is_poison = batch.iter().any(|record| record.key == key(5));
        if is_poison { Err("poison".to_owned()) } else { success(batch) }
    });
    let batching = Batching { max_retries: 2, ..Batching::default() };
    run(Options { batching, ..table.options_with_files(folder.path()) }, function).await;
    let batches = [0..8, 0..4, 4..8, 4..6, 4..5, 5..6, 5..6, 5..6, 6..8].map(keys);
    assert_eq!(recorder.batches(), batches);
    let letters = dead_letters(folder.path());
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["DDBStreamBatchInfo"]["batchSize"], 1);
    assert_eq!(letters[0]["DDBStreamBatchInfo"]["streamArn"], table.stream_arn);
    assert_eq!(letters[0]["requestContext"]["condition"], "RetryAttemptsExhausted");
}

#[tokio::test]
async fn records_past_their_age_are_given_up_undelivered() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    table.put_all(&keys(0..2)).await;
    let clock = cruddur::clock::Clock::from_fn(|| {
        cruddur::clock::Clock::system().now() + Duration::from_mins(6 * 60 + 1)
    });
    let options = Options { clock, ..table.options_with_files(folder.path()) };
    run(options, recorder.function(success)).await;
    assert_eq!(recorder.keys(), keys(0..0));
    let letters = dead_letters(folder.path());
    assert_eq!(letters[0]["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(letters[0]["DDBStreamBatchInfo"]["batchSize"], 2);
}

#[tokio::test]
async fn a_shard_with_an_unknown_position_is_read_from_the_trim_horizon() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    table.put_all(&keys(0..3)).await;
    let shard = "shardId-00000001-messages";
    let checkpoints = json!({
        "stream_arn": table.stream_arn,
        "shards": {shard: {"sequence_number": "000000000000000000007"}},
    });
    std::fs::write(folder.path().join("checkpoints.json"), checkpoints.to_string()).unwrap();
    run(table.options_with_files(folder.path()), recorder.function(success)).await;
    assert_eq!(recorder.keys(), keys(0..3));
}

#[tokio::test]
async fn unsupported_filters_and_unreadable_checkpoints_are_errors_at_start() {
    let table = Table::new().await;
    let error = |options: Options| {
        Mapping::start(options, Recorder::default().function(success)).unwrap_err().to_string()
    };
    let filters = vec![r#"{"eventName": [{"suffix": "T"}]}"#.to_owned()];
    assert_eq!(
        error(Options { filters, ..table.options() }),
        r#"the filter pattern {"eventName": [{"suffix": "T"}]} is not supported by the local stack"#
    );
    let folder = tempfile::tempdir().unwrap();
    let checkpoint_file = Some(folder.path().to_owned());
    assert_eq!(error(Options { checkpoint_file, ..table.options() }), "the checkpoints can't be read");
}

//! Tests against the embedded engine, over HTTP as in the local stack.

use std::{path::Path, time::Duration};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_sdk_dynamodbstreams::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    super::{Mapping, Options},
    Notebook, failures, keys, soon, success,
};

const FILTER: &str =
    r#"{"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "MSG#"}]}}}}"#;

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
            filters: vec![FILTER.to_owned()],
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
    let notebook = Notebook::default();
    table.put_all(&keys(0..150)).await;
    let mapping = Mapping::start(table.options(), notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    table.put_all(&keys(150..250)).await;
    soon(mapping.idle()).await;
    assert_eq!(notebook.keys(), keys(0..250));
    assert_eq!(notebook.batches()[0], keys(0..100));
    assert!(mapping.progress().borrow().is_idle());
    mapping.stop().await;
}

#[tokio::test]
async fn what_the_filter_takes_out_is_never_delivered_and_counts_as_done() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let notebook = Notebook::default();
    table.put("GRP#1").await;
    table.put("MSG#0000").await;
    // A MODIFY, then a REMOVE.
    let item =
        table.dynamodb.put_item().table_name("messages").item("pk", AttributeValue::S("MSG#0000".to_owned()));
    item.item("message", AttributeValue::S("changed".to_owned())).send().await.unwrap();
    let key = AttributeValue::S("MSG#0000".to_owned());
    table.dynamodb.delete_item().table_name("messages").key("pk", key).send().await.unwrap();
    table.put("GRP#2").await;
    for _start in 0..2 {
        let mapping =
            Mapping::start(table.options_with_files(folder.path()), notebook.function(success)).unwrap();
        soon(mapping.idle()).await;
        mapping.stop().await;
    }
    assert_eq!(notebook.keys(), keys(0..1));
}

#[tokio::test]
async fn a_restart_goes_on_behind_what_is_done() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let notebook = Notebook::default();
    for part in [0..30, 30..60] {
        table.put_all(&keys(part)).await;
        let mapping =
            Mapping::start(table.options_with_files(folder.path()), notebook.function(success)).unwrap();
        soon(mapping.idle()).await;
        mapping.stop().await;
    }
    assert_eq!(notebook.keys(), keys(0..60));
}

#[tokio::test]
async fn stopping_finishes_the_running_invocation_and_starts_none() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let notebook = Notebook::default();
    table.put_all(&keys(0..4)).await;
    let options = Options { batch_size: 2, ..table.options_with_files(folder.path()) };
    let slow = notebook.slow_function(Duration::from_millis(200), success);
    let mapping = Mapping::start(options.clone(), slow).unwrap();
    soon(async {
        while notebook.batches().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    mapping.stop().await;
    assert_eq!(notebook.batches(), [keys(0..2)]);
    let mapping = Mapping::start(options, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.batches(), [keys(0..2), keys(2..4)]);
}

#[tokio::test]
async fn a_reported_failure_brings_that_record_and_those_behind_it_again() {
    let table = Table::new().await;
    let notebook = Notebook::default();
    table.put_all(&keys(0..5)).await;
    let function = notebook.function(|batch| {
        let failed = |key: &str| ["MSG#0002", "MSG#0004"].contains(&key);
        Ok(failures(batch.iter().rev().filter(|record| failed(&record.key) && record.before == 0)))
    });
    let mapping = Mapping::start(table.options(), function).unwrap();
    soon(mapping.idle()).await;
    assert_eq!(notebook.batches(), [keys(0..5), keys(2..5)]);
    mapping.stop().await;
}

#[tokio::test]
async fn a_poison_record_is_isolated_by_halving_and_given_up_alone() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let notebook = Notebook::default();
    table.put_all(&keys(0..8)).await;
    let function = notebook.function(|batch| {
        let is_poison = batch.iter().any(|record| record.key == "MSG#0005");
        if is_poison { Err("poison".to_owned()) } else { success(batch) }
    });
    let options = Options { max_retries: Some(2), ..table.options_with_files(folder.path()) };
    let mapping = Mapping::start(options, function).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    let batches = [0..8, 0..4, 4..8, 4..6, 4..5, 5..6, 5..6, 5..6, 6..8].map(keys);
    assert_eq!(notebook.batches(), batches);
    let letters = dead_letters(folder.path());
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["DDBStreamBatchInfo"]["batchSize"], 1);
    assert_eq!(letters[0]["DDBStreamBatchInfo"]["streamArn"], table.stream_arn);
    assert_eq!(letters[0]["requestContext"]["condition"], "RetryAttemptsExhausted");
}

#[tokio::test]
async fn without_reporting_the_answer_does_not_matter() {
    let table = Table::new().await;
    let notebook = Notebook::default();
    table.put_all(&keys(0..3)).await;
    let options = Options { report_batch_item_failures: false, ..table.options() };
    let function = notebook.function(|batch| Ok(failures(batch.iter())));
    let mapping = Mapping::start(options, function).unwrap();
    soon(mapping.idle()).await;
    assert_eq!(notebook.batches(), [keys(0..3)]);
    mapping.stop().await;
}

#[tokio::test]
async fn records_past_their_age_go_to_the_dead_letters_undelivered() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let notebook = Notebook::default();
    table.put_all(&keys(0..2)).await;
    let clock = cruddur::clock::Clock::from_fn(|| {
        cruddur::clock::Clock::system().now() + Duration::from_mins(6 * 60 + 1)
    });
    let options = Options { clock, ..table.options_with_files(folder.path()) };
    let mapping = Mapping::start(options, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(0..0));
    let letters = dead_letters(folder.path());
    assert_eq!(letters[0]["requestContext"]["condition"], "RecordAgeExceeded");
    assert_eq!(letters[0]["DDBStreamBatchInfo"]["batchSize"], 2);
}

#[tokio::test]
async fn a_position_the_shard_does_not_know_means_starting_at_the_horizon() {
    let table = Table::new().await;
    let folder = tempfile::tempdir().unwrap();
    let notebook = Notebook::default();
    table.put_all(&keys(0..3)).await;
    let shard = "shardId-00000001-messages";
    let checkpoints = json!({
        "stream_arn": table.stream_arn,
        "shards": {shard: {"sequence_number": "000000000000000000007"}},
    });
    std::fs::write(folder.path().join("checkpoints.json"), checkpoints.to_string()).unwrap();
    let mapping =
        Mapping::start(table.options_with_files(folder.path()), notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(0..3));
}

#[tokio::test]
async fn what_can_not_work_is_refused_at_start() {
    let table = Table::new().await;
    let refusal = |options: Options| {
        Mapping::start(options, Notebook::default().function(success)).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(Options { batch_size: 0, ..table.options() }),
        "the batch size has to be 1 to 1000, not 0"
    );
    let filters = vec![r#"{"eventName": [{"suffix": "T"}]}"#.to_owned()];
    assert_eq!(
        refusal(Options { filters, ..table.options() }),
        "the filter operator `suffix` at `eventName` is not supported by the local stack"
    );
    let folder = tempfile::tempdir().unwrap();
    let checkpoint_file = Some(folder.path().to_owned());
    assert_eq!(
        refusal(Options { checkpoint_file, ..table.options() }),
        format!("cannot read the checkpoints in {}", folder.path().display())
    );
}

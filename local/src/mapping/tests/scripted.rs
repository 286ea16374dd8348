//! Tests against a stream with several shards, splits and errors.

use std::{convert::Infallible, sync::Arc, time::Duration};

use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tokio::sync::Barrier;

use super::{
    super::{Mapping, Options},
    Notebook, failures, keys,
    scripted_stream::{ARN, ScriptedStream},
    soon, success,
};
use crate::function::Function;

async fn options(stream: &ScriptedStream) -> Options {
    Options {
        poll_interval: Duration::from_millis(5),
        backoff_base: Duration::from_millis(1),
        backoff_cap: Duration::from_millis(5),
        ..Options::new(stream.serve().await, ARN)
    }
}

/// The index of `key` in the deliveries.
fn place(notebook: &Notebook, key: &str) -> usize {
    notebook.keys().iter().position(|delivered| delivered == key).unwrap()
}

#[tokio::test]
async fn children_are_read_after_their_parent_is_drained_and_every_shard_is_found() {
    let stream = ScriptedStream::default();
    // The children sort before their parent, so the list starts with them.
    stream.open("a-child", Some("m-parent"));
    stream.open("b-child", Some("m-parent"));
    stream.open("m-parent", None);
    stream.append("a-child", 20, keys(20..23));
    stream.append("b-child", 30, keys(30..33));
    stream.append("m-parent", 10, keys(10..15));
    stream.close("m-parent");
    let notebook = Notebook::default();
    // The parent's last batch fails at first.
    let function = notebook.function(|batch| {
        Ok(failures(batch.iter().filter(|record| record.key == "MSG#0014" && record.before < 3)))
    });
    let mapping = Mapping::start(options(&stream).await, function).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    let delivered = notebook.keys();
    let last_of_parent = delivered.iter().rposition(|key| key == "MSG#0014").unwrap();
    assert!(last_of_parent < place(&notebook, "MSG#0020"));
    assert!(last_of_parent < place(&notebook, "MSG#0030"));
    let of =
        |first: &str| -> Vec<_> { delivered.iter().filter(|key| key.starts_with(first)).cloned().collect() };
    assert_eq!(of("MSG#002"), keys(20..23));
    assert_eq!(of("MSG#003"), keys(30..33));
}

#[tokio::test]
async fn a_shard_that_splits_while_it_is_read_is_followed_by_its_children() {
    let stream = ScriptedStream::default();
    stream.open("parent", None);
    stream.append("parent", 1, keys(1..4));
    let notebook = Notebook::default();
    let mapping = Mapping::start(options(&stream).await, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    stream.append("parent", 4, keys(4..6));
    stream.open("parent-left", Some("parent"));
    stream.open("parent-right", Some("parent"));
    stream.append("parent-left", 6, keys(6..8));
    stream.close("parent");
    soon(async {
        while notebook.keys().len() < 7 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(1..8));
}

#[tokio::test]
async fn a_drained_shard_is_not_read_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let stream = ScriptedStream::default();
    stream.open("parent", None);
    stream.open("child", Some("parent"));
    stream.append("parent", 1, keys(1..3));
    stream.append("child", 3, keys(3..5));
    stream.close("parent");
    let notebook = Notebook::default();
    let options =
        Options { checkpoint_file: Some(folder.path().join("checkpoints.json")), ..options(&stream).await };
    for _start in 0..2 {
        let mapping = Mapping::start(options.clone(), notebook.function(success)).unwrap();
        soon(mapping.idle()).await;
        mapping.stop().await;
    }
    assert_eq!(notebook.keys(), keys(1..5));
}

#[tokio::test]
async fn a_shard_that_was_trimmed_away_does_not_hold_its_children_up() {
    let stream = ScriptedStream::default();
    stream.open("parent", None);
    let notebook = Notebook::default();
    let mapping = Mapping::start(options(&stream).await, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    stream.open("child", Some("parent"));
    stream.append("child", 1, keys(1..3));
    stream.remove("parent");
    soon(async {
        while notebook.keys().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(1..3));
}

#[tokio::test]
async fn an_outage_of_the_stream_ends_nothing_and_loses_nothing() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..8));
    for operation in ["DescribeStream", "GetShardIterator", "GetRecords", "GetRecords"] {
        for error in ["InternalServerError", "LimitExceededException", "ThrottlingException"] {
            stream.fail_next(operation, error);
        }
    }
    let notebook = Notebook::default();
    let mapping = Mapping::start(options(&stream).await, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(1..8));
}

#[tokio::test]
async fn a_page_that_makes_no_sense_is_read_again() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..6));
    stream.state().broken_pages = 2;
    let notebook = Notebook::default();
    let mapping = Mapping::start(options(&stream).await, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(1..6));
}

#[tokio::test]
async fn an_expired_iterator_is_replaced_at_the_same_position() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..4));
    let notebook = Notebook::default();
    let mapping = Mapping::start(options(&stream).await, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    stream.fail_next("GetRecords", "ExpiredIteratorException");
    stream.append("shard", 4, keys(4..7));
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(1..7));
}

#[tokio::test]
async fn a_trimmed_position_means_starting_at_the_horizon() {
    let folder = tempfile::tempdir().unwrap();
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..4));
    let notebook = Notebook::default();
    let options =
        Options { checkpoint_file: Some(folder.path().join("checkpoints.json")), ..options(&stream).await };
    let mapping = Mapping::start(options.clone(), notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    stream.append("shard", 10, keys(10..14));
    stream.trim("shard", 12);
    let mapping = Mapping::start(options, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), [keys(1..4), keys(12..14)].concat());
}

#[tokio::test]
async fn a_trimmed_page_in_the_middle_of_a_shard_is_read_again_from_the_last_position() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..4));
    let notebook = Notebook::default();
    let mapping = Mapping::start(options(&stream).await, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    stream.fail_next("GetRecords", "TrimmedDataAccessException");
    stream.append("shard", 4, keys(4..6));
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(1..6));
}

#[tokio::test]
async fn a_shard_has_one_invocation_at_a_time() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..7));
    let notebook = Notebook::default();
    let options = Options { batch_size: 2, ..options(&stream).await };
    let function = notebook.slow_function(Duration::from_millis(20), success);
    let mapping = Mapping::start(options, function).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(notebook.keys(), keys(1..7));
    assert!(!notebook.notes().overlapped);
}

#[tokio::test]
async fn shards_are_delivered_side_by_side() {
    let stream = ScriptedStream::default();
    stream.open("a", None);
    stream.open("b", None);
    stream.append("a", 1, keys(1..2));
    stream.append("b", 2, keys(2..3));
    // Neither invocation ends before the other begins.
    let barrier = Arc::new(Barrier::new(2));
    let function = Function::event("stream-handler", Duration::from_mins(1), move |_: LambdaEvent<Value>| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok::<_, Infallible>(())
        }
    });
    let mapping = Mapping::start(options(&stream).await, function).unwrap();
    soon(mapping.idle()).await;
    mapping.stop().await;
}

#[tokio::test]
async fn a_dropped_handle_stops_the_mapping() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    let notebook = Notebook::default();
    let mapping = Mapping::start(options(&stream).await, notebook.function(success)).unwrap();
    soon(mapping.idle()).await;
    let mut progress = mapping.progress();
    drop(mapping);
    soon(async { while progress.changed().await.is_ok() {} }).await;
    let requests = stream.state().requests.len();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(stream.state().requests.len(), requests);
}

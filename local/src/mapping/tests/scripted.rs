//! Tests against a stream with several shards, splits and errors.

use std::{convert::Infallible, sync::Arc, time::Duration};

use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tokio::sync::Barrier;

use super::{
    super::{Batching, Mapping, Options},
    Recorder, failures, key, keys, run,
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

/// Waits until the function has received this number of records.
async fn delivered(recorder: &Recorder, count: usize) {
    soon(async {
        while recorder.keys().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
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
    let recorder = Recorder::default();
    // The parent's last batch fails at first.
    let function = recorder.function(|batch| {
        Ok(failures(batch.iter().filter(|record| record.key == key(14) && record.before < 3)))
    });
    run(options(&stream).await, function).await;
    let delivered = recorder.keys();
    let last_of_parent = delivered.iter().rposition(|delivered| *delivered == key(14)).unwrap();
    let mut of_children = delivered[last_of_parent + 1..].to_vec();
    // The children are delivered side by side, each in order.
    of_children.sort_by_key(|delivered| *delivered >= key(30));
    assert_eq!(of_children, [keys(20..23), keys(30..33)].concat());
}

#[tokio::test]
async fn a_shard_that_splits_while_it_is_read_is_followed_by_its_children() {
    let stream = ScriptedStream::default();
    stream.open("parent", None);
    stream.append("parent", 1, keys(1..4));
    let recorder = Recorder::default();
    let mapping = Mapping::start(options(&stream).await, recorder.function(success)).unwrap();
    soon(mapping.idle()).await;
    stream.append("parent", 4, keys(4..6));
    stream.open("parent-left", Some("parent"));
    stream.open("parent-right", Some("parent"));
    stream.append("parent-left", 6, keys(6..8));
    stream.close("parent");
    delivered(&recorder, 7).await;
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(recorder.keys(), keys(1..8));
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
    let recorder = Recorder::default();
    let options =
        Options { checkpoint_file: Some(folder.path().join("checkpoints.json")), ..options(&stream).await };
    for _start in 0..2 {
        run(options.clone(), recorder.function(success)).await;
    }
    assert_eq!(recorder.keys(), keys(1..5));
}

#[tokio::test]
async fn children_of_a_trimmed_shard_are_read() {
    let stream = ScriptedStream::default();
    stream.open("parent", None);
    let recorder = Recorder::default();
    let mapping = Mapping::start(options(&stream).await, recorder.function(success)).unwrap();
    soon(mapping.idle()).await;
    stream.open("child", Some("parent"));
    stream.append("child", 1, keys(1..3));
    stream.remove("parent");
    delivered(&recorder, 2).await;
    mapping.stop().await;
    assert_eq!(recorder.keys(), keys(1..3));
}

#[tokio::test]
async fn all_records_are_delivered_after_an_outage_of_the_stream() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..8));
    for operation in ["DescribeStream", "GetShardIterator", "GetRecords", "GetRecords"] {
        for error in ["InternalServerError", "LimitExceededException", "ThrottlingException"] {
            stream.fail_next(operation, error);
        }
    }
    let recorder = Recorder::default();
    run(options(&stream).await, recorder.function(success)).await;
    assert_eq!(recorder.keys(), keys(1..8));
}

#[tokio::test]
async fn a_malformed_page_is_read_again() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..6));
    stream.state().broken_pages = 2;
    let recorder = Recorder::default();
    run(options(&stream).await, recorder.function(success)).await;
    assert_eq!(recorder.keys(), keys(1..6));
}

#[tokio::test]
async fn an_expired_iterator_is_replaced_at_the_same_position() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..4));
    let recorder = Recorder::default();
    let mapping = Mapping::start(options(&stream).await, recorder.function(success)).unwrap();
    soon(mapping.idle()).await;
    stream.fail_next("GetRecords", "ExpiredIteratorException");
    stream.append("shard", 4, keys(4..7));
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(recorder.keys(), keys(1..7));
}

#[tokio::test]
async fn a_shard_with_a_trimmed_position_is_read_from_the_trim_horizon() {
    let folder = tempfile::tempdir().unwrap();
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..4));
    let recorder = Recorder::default();
    let options =
        Options { checkpoint_file: Some(folder.path().join("checkpoints.json")), ..options(&stream).await };
    run(options.clone(), recorder.function(success)).await;
    stream.append("shard", 10, keys(10..14));
    stream.trim("shard", 12);
    run(options, recorder.function(success)).await;
    assert_eq!(recorder.keys(), [keys(1..4), keys(12..14)].concat());
}

#[tokio::test]
async fn a_trimmed_page_in_the_middle_of_a_shard_is_read_again_from_the_last_position() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..4));
    let recorder = Recorder::default();
    let mapping = Mapping::start(options(&stream).await, recorder.function(success)).unwrap();
    soon(mapping.idle()).await;
    stream.fail_next("GetRecords", "TrimmedDataAccessException");
    stream.append("shard", 4, keys(4..6));
    soon(mapping.idle()).await;
    mapping.stop().await;
    assert_eq!(recorder.keys(), keys(1..6));
}

#[tokio::test]
async fn a_shard_has_one_invocation_at_a_time() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    stream.append("shard", 1, keys(1..7));
    let recorder = Recorder::default();
    let batching = Batching { batch_size: 2, ..Batching::default() };
    let options = Options { batching, ..options(&stream).await };
    let function = recorder.slow_function(Duration::from_millis(20), success);
    run(options, function).await;
    assert_eq!(recorder.keys(), keys(1..7));
    assert!(!recorder.recorded().overlapped);
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
    run(options(&stream).await, function).await;
}

#[tokio::test]
async fn a_dropped_handle_stops_the_mapping() {
    let stream = ScriptedStream::default();
    stream.open("shard", None);
    let recorder = Recorder::default();
    let mapping = Mapping::start(options(&stream).await, recorder.function(success)).unwrap();
    soon(mapping.idle()).await;
    let mut progress = mapping.progress();
    drop(mapping);
    // The mapping's tasks own the sender. Once it is dropped, nothing can request the stream any more.
    soon(async { while progress.changed().await.is_ok() {} }).await;
}

//! Request units and dependent round trips of each path: exactly the contract's (design, section 9).

use std::time::Duration;

use serde_json::json;
use testing::World;
use tokio::time::Instant;

/// What the calls since the last look cost, and how many of them had to wait for one another.
#[derive(Debug, PartialEq)]
struct Cost {
    /// Read units.
    reads: f64,
    /// Write units of the table.
    writes: f64,
    /// Write units of the index.
    index_writes: f64,
    /// Round trips of the critical path.
    round_trips: u128,
}

/// The cost of `work`, whose users are cached: no socket is waited for, so time can stand still but for the
/// latency of the calls.
async fn cost<T>(world: &World, work: impl Future<Output = T>) -> (T, Cost) {
    const LATENCY: Duration = Duration::from_millis(10);
    tokio::time::pause();
    world.emulator.set_latency(LATENCY);
    let _ = world.emulator.take_calls();
    let start = Instant::now();
    let result = work.await;
    let round_trips = start.elapsed().as_millis() / LATENCY.as_millis();
    world.emulator.set_latency(Duration::ZERO);
    tokio::time::resume();
    let mut cost = Cost { reads: 0.0, writes: 0.0, index_writes: 0.0, round_trips };
    for call in world.emulator.take_calls() {
        let (table, index) = call.units();
        if matches!(&*call.operation, "GetItem" | "Query") {
            cost.reads += table + index;
        } else {
            cost.writes += table;
            cost.index_writes += index;
        }
    }
    (result, cost)
}

#[tokio::test]
async fn a_message_to_a_group_costs_two_reads_and_one_write() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let body = json!({"message_group_uuid": group_uuid, "message": "again"});
    world.post(&alice, &body).await.ok();

    let (answer, cost) = cost(&world, world.post(&alice, &body)).await;
    answer.ok();
    assert_eq!(cost, Cost { reads: 2.0, writes: 1.0, index_writes: 0.0, round_trips: 2 });
}

#[tokio::test]
async fn moving_a_group_costs_eight_writes_and_four_of_the_index() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    world.send(&bob, &alice, "hello yourself").await;
    let event = world.stream_event();

    let (answer, cost) = cost(&world, world.deliver(&event)).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(cost, Cost { reads: 1.5, writes: 8.0, index_writes: 4.0, round_trips: 2 });
}

//! Request units and dependent round trips of each path equal the contract's (design, section 9).

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::time::Duration;

use cruddur::{
    connection::{Connections, MAX_USER_AGENT_BYTES, NewConnection},
    erasure::Erasure,
    message::send::{NewMessage, Target},
    message_group::REFUSAL_STEP,
    table::{Partition, RowKind},
    user::{Receiver, User, settings::MessagesFrom},
};
use http::Method;
use serde_json::{Value, json};
use testing::{
    Answer, Call, TestUser, World, invariants,
    sockets::Sockets,
    world::{change_record, stream_record},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::send_limit::limit;

/// Cost of the calls since the last check, and the number of sequential round trips.
#[derive(Debug, PartialEq)]
struct Cost {
    /// Read units.
    reads: f64,
    /// Write units of the table.
    writes: f64,
    /// Write units of the index.
    index_writes: f64,
    /// Round trips on the critical path.
    round_trips: u128,
}

const LATENCY: Duration = Duration::from_millis(10);

/// Measures `work` with cached users. It waits for no socket, so time is paused except for the calls'
/// latency. Work that did query PostgreSQL would time out and show hundreds of round trips.
async fn cost<T>(world: &World, work: impl Future<Output = T>) -> (T, Cost) {
    world.emulator.set_latency(LATENCY);
    let _ = world.emulator.take_calls();
    tokio::time::pause();
    let start = Instant::now();
    let result = work.await;
    let elapsed = start.elapsed();
    tokio::time::resume();
    world.emulator.set_latency(Duration::ZERO);
    (result, taken(world, elapsed))
}

/// Measures `work` that queries PostgreSQL before it calls DynamoDB.
async fn cost_after_sql<T>(world: &World, work: impl Future<Output = T>) -> (T, Cost) {
    world.emulator.set_latency(LATENCY);
    let _ = world.emulator.take_calls();
    let (result, elapsed) = world.emulator.with_time_paused(work).await;
    world.emulator.set_latency(Duration::ZERO);
    (result, taken(world, elapsed))
}

fn taken(world: &World, elapsed: Duration) -> Cost {
    let round_trips = elapsed.as_millis() / LATENCY.as_millis();
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
    cost
}

/// Size of a row in bytes as DynamoDB counts it: names and values, here strings and booleans.
fn size(row: &Value) -> usize {
    let attributes = row.as_object().unwrap().iter();
    attributes.map(|(name, value)| name.len() + value["S"].as_str().map_or(1, str::len)).sum()
}

/// Rows whose partition key begins with `partition`.
fn rows_of(world: &World, partition: &str) -> Vec<Value> {
    let mut rows = world.rows();
    rows.retain(|row| row["pk"]["S"].as_str().unwrap().starts_with(partition));
    rows
}

/// A user with the longest valid handle and name.
async fn user_with_longest_names(world: &World, letter: char) -> TestUser {
    let uuid = world.parts.random.uuid_v7(world.parts.clock.now());
    let handle = format!("{}{}", letter, &uuid.simple().to_string()[3..]);
    assert_eq!(handle.len(), 30);
    let user = User { uuid, handle, display_name: "\u{1f600}".repeat(64) };
    world.enter(user, &uuid.to_string()).await
}

/// Sends a message as `sender`, optionally with an idempotency key.
async fn post(world: &World, sender: &TestUser, body: &Value, key: Option<&str>) -> Answer {
    let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
    world.post_with(sender, &headers, body.to_string()).await
}

#[tokio::test]
async fn listing_20_groups_costs_two_reads_in_one_round_trip_and_one_read_more_for_each_unread_one() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for number in 0..21 {
        let other = world.user("other").await;
        world.send(&other, &alice, &format!("{number:02}{}", "x".repeat(84))).await;
    }
    let inbox = Partition::Inbox(alice.user.uuid).to_string();
    for row in rows_of(&world, &inbox) {
        assert!((350..=360).contains(&size(&row)), "{} bytes", size(&row));
    }
    world.get(&alice, "/api/message_groups").await.ok();
    world.get(&alice, "/api/unread").await.ok();
    let (answer, of_count) = cost(&world, world.get(&alice, "/api/unread")).await;
    assert_eq!(answer.ok(), json!({"conversations": 21, "more": false}));
    assert_eq!(of_count, Cost { reads: 2.0 + 21.0, writes: 0.0, index_writes: 0.0, round_trips: 2 });
    let groups = world.get(&alice, "/api/message_groups").await.ok();
    let path = format!("/api/message_groups/{}", groups[0]["uuid"].as_str().unwrap());
    // In real time: the settings are read from PostgreSQL at the same time.
    let _ = world.emulator.take_calls();
    assert_eq!(world.get(&alice, &path).await.ok()["unread_count"], 1);
    let calls = world.emulator.take_calls();
    let units = calls.iter().map(Call::units).map(|(table, index)| table + index);
    assert!((units.sum::<f64>() - (3.5 + 1.0)).abs() < f64::EPSILON);
    for (reads, round_trips) in [(2.0 + 20.0, 2), (2.0, 1)] {
        let (answer, cost) = cost(&world, world.get(&alice, "/api/message_groups")).await;
        let groups = answer.ok();
        assert_eq!(groups.as_array().unwrap().len(), 20);
        assert!(answer.next_page().is_some());
        assert_eq!(cost, Cost { reads, writes: 0.0, index_writes: 0.0, round_trips });
        for group in groups.as_array().unwrap() {
            let path = format!("/api/message_groups/{}/read", group["uuid"].as_str().unwrap());
            assert_eq!(world.ask(&alice, Method::PUT, &path, &json!({})).await.status, 204);
        }
        world.deliver_all().await;
    }
}

#[tokio::test]
async fn an_exported_group_costs_four_reads_and_a_hundred_of_its_messages_eleven() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for groups in 0..10 {
        world.clock.advance(chrono::TimeDelta::seconds(1));
        let other = world.user("other").await;
        for number in 0..if groups == 0 { 201 } else { 9 } {
            world.send(&alice, &other, &format!("{number:03}{}", "x".repeat(119))).await;
        }
    }
    world.deliver_all().await;
    let (mut path, mut units) = (Some("/api/me/export".to_owned()), vec![]);
    while let Some(page) = path {
        let _ = world.emulator.take_calls();
        let answer = world.get(&alice, &page).await;
        units.push(world.emulator.take_calls().iter().map(|call| call.units().0).sum::<f64>());
        path = answer.next_page().map(str::to_owned);
    }
    // The devices and the blocks; the requests, the inbox and the group with many messages; those; the last one; the inbox
    // and nine groups.
    assert_eq!(units, [1.0 + 1.0, 2.0 + 13.0, 11.0, 2.0, 1.0 + 9.0 * 4.0]);
}

#[tokio::test]
async fn listing_20_messages_costs_three_reads_and_the_first_time_in_an_environment_one_more() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    // A request for another group caches alice and her names.
    let other = world.user("other").await;
    let sent = world.send(&alice, &other, "hello").await;
    world.get(&alice, &format!("/api/messages/{}", sent["message_group_uuid"].as_str().unwrap())).await.ok();
    for number in 0..21 {
        world.send(&alice, &bob, &format!("{number:02}{}", "x".repeat(120))).await;
    }
    for row in rows_of(&world, &Partition::Messages(group_uuid).to_string()) {
        assert!((375..=385).contains(&size(&row)), "{} bytes", size(&row));
    }
    let path = format!("/api/messages/{group_uuid}");
    for (round_trips, reads) in [(2, 4.0), (1, 3.0)] {
        let (answer, cost) = cost(&world, world.get(&alice, &path)).await;
        assert_eq!(answer.ok().as_array().unwrap().len(), 20);
        assert!(answer.next_page().is_some());
        assert_eq!(cost, Cost { reads, writes: 0.0, index_writes: 0.0, round_trips });
    }
}

#[tokio::test]
async fn a_stranger_costs_one_read_whether_there_is_such_a_group_or_not() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, &"x".repeat(1024)).await;
    let mallory = world.user("mallory").await;
    for uuid in [group_uuid, Uuid::max(), group_uuid] {
        // In the first request, list-messages does not know mallory.
        world.get(&mallory, &format!("/api/messages/{uuid}")).await;
        let (answer, list) =
            cost(&world, world.get(&mallory, &format!("/api/messages/{uuid}?limit=100"))).await;
        assert_eq!(answer.brief(), (404, "[\"message_group_not_found\"]"));
        let body = json!({"message_group_uuid": uuid, "message": "let me in"});
        world.post(&mallory, &body).await;
        let (answer, send) = cost(&world, post(&world, &mallory, &body, Some("key"))).await;
        assert_eq!(answer.brief(), (404, "[\"message_group_not_found\"]"));
        // One round trip, and the rest of a refusal's 20 ms.
        let round_trips = REFUSAL_STEP.as_millis() / LATENCY.as_millis();
        for cost in [list, send] {
            assert_eq!(cost, Cost { reads: 1.0, writes: 0.0, index_writes: 0.0, round_trips }, "{uuid}");
        }
    }
}

/// A block and the setting `nobody` look the same: the two round trips, and the rest of a second step.
#[tokio::test]
async fn a_first_message_that_is_not_accepted_takes_the_time_of_whole_steps() {
    for is_blocked in [false, true] {
        let world = World::new().await;
        let (alice, bob, _) = world.pair().await;
        if is_blocked {
            let path = format!("/api/blocks/{}", alice.user.uuid);
            assert_eq!(world.ask(&bob, Method::PUT, &path, &Value::Null).await.status, 204);
        } else {
            world.ask(&bob, Method::PATCH, "/api/me", &json!({"messages_from": "nobody"})).await.ok();
        }
        let body = json!({"handle": bob.user.handle, "message": "hello"});
        let (answer, cost) = cost_after_sql(&world, post(&world, &alice, &body, None)).await;
        assert_eq!(answer.status, 403);
        // On a busy machine, a part of the first step passes before the first call, where the clock is paused.
        let two_steps = 2 * REFUSAL_STEP.as_millis() / LATENCY.as_millis();
        assert!((two_steps - 1..=two_steps).contains(&cost.round_trips), "{} round trips", cost.round_trips);
    }
}

#[tokio::test]
async fn showing_a_user_does_not_call_dynamodb() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let path = format!("/api/users/@{}/short", alice.user.handle);
    let (answer, cost) = cost_after_sql(&world, world.get(&alice, &path)).await;
    answer.ok();
    assert_eq!(cost, Cost { reads: 0.0, writes: 0.0, index_writes: 0.0, round_trips: 0 });
}

#[tokio::test]
async fn a_message_to_a_group_costs_two_reads_and_one_write_and_with_a_key_four() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let body = json!({"message_group_uuid": group_uuid, "message": "again"});
    world.post(&alice, &body).await.ok();

    for (key, writes) in [(None, 1.0), (Some("key"), 4.0)] {
        let (answer, cost) = cost(&world, post(&world, &alice, &body, key)).await;
        answer.ok();
        assert_eq!(cost, Cost { reads: 2.0, writes, index_writes: 0.0, round_trips: 2 }, "{key:?}");
    }
    // An environment that does not know the member reads the membership first.
    let (answer, of_first) = cost_after_sql(&world, world.post(&bob, &body)).await;
    answer.ok();
    assert_eq!(of_first, Cost { reads: 2.0, writes: 1.0, index_writes: 0.0, round_trips: 3 });
    let (answer, of_second) = cost(&world, world.post(&bob, &body)).await;
    answer.ok();
    assert_eq!(of_second, Cost { reads: 2.0, writes: 1.0, index_writes: 0.0, round_trips: 2 });
}

#[tokio::test]
async fn the_opener_of_a_group_is_cached_as_a_member() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let body = json!({"message_group_uuid": group_uuid, "message": "again"});
    let (answer, cost) = cost(&world, world.post(&alice, &body)).await;
    answer.ok();
    assert_eq!(cost, Cost { reads: 2.0, writes: 1.0, index_writes: 0.0, round_trips: 2 });
}

#[tokio::test]
async fn a_message_to_a_handle_or_a_uuid_costs_the_same_when_the_group_exists() {
    let mut world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let to_handle = json!({"handle": bob.user.handle, "message": "again"});
    let to_uuid = json!({"user_uuid": bob.user.uuid, "message": "again"});

    for (number, body) in [to_handle, to_uuid].iter().enumerate() {
        // Also if the sender's membership is not cached.
        world.redeploy(|_| ());
        for (key, writes) in [(None, 1.0), (Some(format!("key-{number}")), 4.0)] {
            let (answer, cost) = cost_after_sql(&world, post(&world, &alice, body, key.as_deref())).await;
            answer.ok();
            assert_eq!(
                cost,
                Cost { reads: 2.0, writes, index_writes: 0.0, round_trips: 2 },
                "{body} {key:?}"
            );
        }
    }
}

#[tokio::test]
async fn opening_a_group_costs_twelve_writes_and_two_of_the_index_and_with_a_key_two_more() {
    let world = World::new().await;
    for (key, writes) in [(None, 12.0), (Some("key"), 14.0)] {
        let (alice, bob, _) = world.pair().await;
        let body = json!({"handle": bob.user.handle, "message": "x".repeat(480)});
        let (answer, cost) = cost_after_sql(&world, post(&world, &alice, &body, key)).await;
        answer.ok();
        assert_eq!(cost, Cost { reads: 2.0, writes, index_writes: 2.0, round_trips: 2 }, "{key:?}");
    }
}

#[tokio::test]
async fn a_replayed_key_costs_two_round_trips_and_writes_nothing() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let body = json!({"message_group_uuid": group_uuid, "message": "again"});
    post(&world, &alice, &body, Some("key")).await.ok();
    let rows = world.rows();

    let (answer, cost) = cost(&world, post(&world, &alice, &body, Some("key"))).await;
    answer.ok();
    // DynamoDB does not report the cost of a refused transaction.
    assert_eq!(cost, Cost { reads: 2.0, writes: 0.0, index_writes: 0.0, round_trips: 2 });
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn a_message_costs_one_write_for_each_started_kilobyte_of_its_row() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "x").await;
    let without_text = size(&rows_of(&world, &RowKind::Message.partition(""))[0]) - 1;
    // Texts of two-byte characters make rows of exactly one and two KB. Emoji make up to 4 KB of text.
    let text = |bytes: usize| "é".repeat(bytes / 2) + &"x".repeat(bytes % 2);
    let cases = [
        (text(1024 - without_text), 2.0, 1.0),
        (text(1025 - without_text), 2.0, 2.0),
        (text(2048 - without_text), 2.0, 2.0),
        (text(2049 - without_text), 2.0, 3.0),
        // Reading the newest message's sort key costs as much as its whole row, here two units of 4 KB. This
        // is one unit more than in the contract, whose two reads are for texts of up to 480 bytes.
        ("\u{1f600}".repeat(1024), 3.0, 5.0),
    ];
    for (text, reads, writes) in cases {
        let body = json!({"message_group_uuid": group_uuid, "message": text});
        world.post(&alice, &body).await.ok();
        let (answer, cost) = cost(&world, world.post(&alice, &body)).await;
        answer.ok();
        let bytes = text.len();
        assert_eq!(cost, Cost { reads, writes, index_writes: 0.0, round_trips: 2 }, "{bytes} bytes");
    }
}

#[tokio::test]
async fn inbox_rows_stay_under_one_kilobyte() {
    let world = World::new().await;
    let (alice, bob) =
        (user_with_longest_names(&world, 'a').await, user_with_longest_names(&world, 'b').await);
    let body = json!({"handle": bob.user.handle, "message": "\u{1f600}".repeat(1024)});
    let (answer, cost_of_opening) = cost_after_sql(&world, world.post(&alice, &body)).await;
    answer.ok();
    // The message's row has 4 KB of text and costs five units, twice that in a transaction.
    assert_eq!(cost_of_opening, Cost { reads: 2.0, writes: 20.0, index_writes: 2.0, round_trips: 2 });
    assert!(rows_of(&world, &RowKind::Inbox.partition("")).iter().all(|row| size(row) < 1024));

    world.deliver_all().await;
    world.post(&alice, &body).await.ok();
    let event = world.stream_event();
    let (answer, cost_of_moving) = cost(&world, world.deliver(&event)).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(cost_of_moving, Cost { reads: 3.5, writes: 10.0, index_writes: 4.0, round_trips: 3 });
    assert!(rows_of(&world, &RowKind::Inbox.partition("")).iter().all(|row| size(row) < 1024));
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn moving_a_group_costs_fourteen_writes_and_pushing_two_reads_more() {
    let mut world = World::new().await;
    let sockets = Sockets::default();
    let (alice, bob, group_uuid) = world.pair().await;
    // More rows than the end of the log, of their usual size.
    for number in 0..20 {
        world.send(&alice, &bob, &number.to_string()).await;
        world.deliver(&newest_record(&world, group_uuid)).await;
    }
    for (has_sockets, reads, round_trips) in [(false, 3.5, 3), (true, 5.5, 4)] {
        world.redeploy(|parts| parts.push = has_sockets.then(|| sockets.parts()));
        for (user, id) in [(&alice, "a"), (&bob, "b")] {
            assert_eq!(world.connect(user, 1, id).await["statusCode"], 200);
        }
        world.send(&bob, &alice, &"x".repeat(480)).await;
        let event = newest_record(&world, group_uuid);
        let (answer, cost) = cost(&world, world.deliver(&event)).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        assert_eq!(cost, Cost { reads, writes: 10.0, index_writes: 4.0, round_trips }, "{has_sockets}");
    }
    assert_eq!(sockets.take().len(), 2);
    assert_eq!(invariants::check_logged(&world.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn the_first_event_of_a_log_costs_one_write_more() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let event = world.stream_event();

    let (answer, cost) = cost(&world, world.deliver(&event)).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    // The inbox rows are at the message already.
    assert_eq!(cost, Cost { reads: 3.5, writes: 4.0, index_writes: 0.0, round_trips: 4 });
}

#[tokio::test]
async fn many_messages_of_one_group_in_a_batch_cost_one_move() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "first").await;
    world.deliver_all().await;
    for number in 0..12 {
        world.send(&alice, &bob, &number.to_string()).await;
    }
    let mut event = world.stream_event();
    assert_eq!(
        event["Records"].as_array_mut().unwrap().remove(0),
        first_record(&world, group_uuid)["Records"][0]
    );

    let (answer, cost) = cost(&world, world.deliver(&event)).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    // The log rows have twelve changes and cost two units each.
    assert_eq!(cost, Cost { reads: 3.5, writes: 12.0, index_writes: 4.0, round_trips: 3 });
}

#[tokio::test]
async fn moving_several_groups_costs_no_more_for_each_and_takes_one_round_trip_more() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut others = Vec::new();
    for _ in 0..5 {
        let other = world.user("other").await;
        world.send(&alice, &other, "hello").await;
        others.push(other);
    }
    world.deliver_all().await;
    for other in &others {
        world.send(other, &alice, "hello yourself").await;
    }
    let event = world.stream_event();

    let (answer, cost) = cost(&world, world.deliver(&event)).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    // The five groups share the log of their common member: one row for the first, and one for the others.
    assert_eq!(cost, Cost { reads: 17.5, writes: 47.0, index_writes: 20.0, round_trips: 4 });
}

#[tokio::test]
async fn a_repeated_batch_writes_nothing() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    world.send(&bob, &alice, "hello yourself").await;
    world.deliver_all().await;
    let event = world.stream_event();
    let rows = world.rows();

    let (answer, cost_of_all) = cost(&world, world.deliver(&event)).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(cost_of_all, Cost { reads: 3.5, writes: 0.0, index_writes: 0.0, round_trips: 2 });
    let oldest = first_record(&world, group_uuid);
    let (answer, cost_of_oldest) = cost(&world, world.deliver(&oldest)).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(cost_of_oldest, cost_of_all);
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn reading_events_costs_one_read_in_one_round_trip() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let (answer, cost_of_first_end) = cost_after_sql(&world, world.get(&alice, "/api/events")).await;
    assert_eq!(answer.ok(), json!([]));
    assert_eq!(cost_of_first_end, Cost { reads: 1.0, writes: 1.0, index_writes: 0.0, round_trips: 2 });
    let start = answer.next_page().unwrap().to_owned();

    // As long as there is no event, the start of the log is read as well.
    let (answer, cost_of_start) = cost(&world, world.get(&alice, &start)).await;
    assert_eq!(answer.ok(), json!([]));
    assert_eq!(cost_of_start, Cost { reads: 2.0, writes: 0.0, index_writes: 0.0, round_trips: 2 });

    world.send(&alice, &bob, "hello").await;
    world.deliver(&newest_record(&world, group_uuid)).await;
    let answer = world.get(&alice, &start).await;
    assert_eq!(answer.ok().as_array().unwrap().len(), 1);
    let (answer, cost_of_nothing) = cost(&world, world.get(&alice, answer.next_page().unwrap())).await;
    assert_eq!(answer.ok(), json!([]));
    let one_read = Cost { reads: 1.0, writes: 0.0, index_writes: 0.0, round_trips: 1 };
    assert_eq!(cost_of_nothing, one_read);
    let (_, cost_of_end) = cost(&world, world.get(&alice, "/api/events")).await;
    assert_eq!(cost_of_end, one_read);
}

#[tokio::test]
async fn opening_a_connection_costs_one_write_and_one_read() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for device in 0..20 {
        assert_eq!(world.connect(&alice, device, "old").await["statusCode"], 200);
        world.clock.advance(chrono::TimeDelta::seconds(1));
    }
    // The function queries PostgreSQL before and after.
    let connection = NewConnection {
        device_uuid: Uuid::nil(),
        connection_id: "new".to_owned(),
        connected_at: world.parts.clock.now(),
        token_expires_at: i64::MAX,
        user_agent: Some("x".repeat(MAX_USER_AGENT_BYTES)),
    };
    let connections = Connections::new(world.table());
    let (opened, cost) = Box::pin(cost(&world, connections.open(alice.user.uuid, connection))).await;
    opened.unwrap();
    assert_eq!(cost, Cost { reads: 1.0, writes: 1.0, index_writes: 0.0, round_trips: 1 });
}

/// An event with only the group's newest message.
fn newest_record(world: &World, group_uuid: Uuid) -> Value {
    let row = rows_of(world, &Partition::Messages(group_uuid).to_string()).pop().unwrap();
    json!({"Records": [stream_record(&row, 1)]})
}

/// An event with only the group's oldest message.
fn first_record(world: &World, group_uuid: Uuid) -> Value {
    let row = rows_of(world, &Partition::Messages(group_uuid).to_string()).swap_remove(0);
    json!({"Records": [stream_record(&row, 1)]})
}

#[tokio::test]
async fn a_send_limit_costs_one_write_and_no_further_round_trip() {
    let mut world = World::new().await;
    world.redeploy(|parts| parts.send_limit = Some(limit(5, 60)));
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let to_group = json!({"message_group_uuid": group_uuid, "message": "again"});
    world.post(&alice, &to_group).await.ok();

    for (key, writes) in [(None, 2.0), (Some("key"), 5.0)] {
        let (answer, cost) = cost(&world, post(&world, &alice, &to_group, key)).await;
        answer.ok();
        assert_eq!(cost, Cost { reads: 2.0, writes, index_writes: 0.0, round_trips: 2 }, "{key:?}");
    }
    // Another environment does not know the bucket and continues from the row.
    world.redeploy(|_| ());
    world.get(&alice, &format!("/api/messages/{group_uuid}")).await.ok();
    let to_handle = json!({"handle": bob.user.handle, "message": "again"});
    let (answer, of_another) = cost_after_sql(&world, world.post(&alice, &to_handle)).await;
    answer.ok();
    // DynamoDB does not report the cost of the refused guess.
    assert_eq!(of_another, Cost { reads: 2.0, writes: 2.0, index_writes: 0.0, round_trips: 3 });
    // A request over the limit makes no call.
    let (answer, of_refused) = cost(&world, world.post(&alice, &to_group)).await;
    assert_eq!(answer.brief(), (429, "[\"rate_limited\"]"));
    assert_eq!(of_refused, Cost { reads: 0.0, writes: 0.0, index_writes: 0.0, round_trips: 0 });
    world.redeploy(|_| ());
    let (carol, dave, _) = world.pair().await;
    let body = json!({"handle": dave.user.handle, "message": "x".repeat(480)});
    let (answer, of_opening) = cost_after_sql(&world, world.post(&carol, &body)).await;
    answer.ok();
    assert_eq!(of_opening, Cost { reads: 2.0, writes: 13.0, index_writes: 2.0, round_trips: 2 });
}

fn brief(what: &str, cost: &Cost) -> String {
    let Cost { reads, writes, index_writes, round_trips } = cost;
    format!("{what}: {reads} RRU, {writes} + {index_writes} WRU, {round_trips} round trips")
}

/// The record of the row's last change.
fn change_of(world: &World, partition: &str) -> Value {
    let row = rows_of(world, partition).pop().unwrap();
    json!({"Records": [change_record(&row, 1_000_000)]})
}

#[tokio::test]
async fn a_mark_costs_one_write_and_three_reads_and_then_a_row_and_a_log_row_for_each_who_learns_of_it() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    for number in 0..20 {
        world.send(&alice, &bob, &format!("{number:02}{}", "x".repeat(120))).await;
    }
    world.deliver_all().await;
    let path = format!("/api/message_groups/{group_uuid}/read");
    world
        .ask(
            &bob,
            Method::DELETE,
            &format!("{path}?{}", place(&world, &bob, group_uuid, 5).await),
            &Value::Null,
        )
        .await;
    world.deliver_all().await;

    let mut costs = Vec::new();
    for body in [json!({}), json!({})] {
        let (answer, of_mark) = cost_after_sql(&world, world.ask(&bob, Method::PUT, &path, &body)).await;
        assert_eq!(answer.status, 204);
        let event = change_of(&world, &Partition::MemberStates(group_uuid).to_string());
        let (answer, of_join) = cost(&world, world.deliver(&event)).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        costs.extend([brief("mark", &of_mark), brief("join", &of_join)]);
    }
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
    insta::assert_snapshot!(costs.join("\n"), @"
    mark: 3 RRU, 1 + 0 WRU, 3 round trips
    join: 3.5 RRU, 3 + 1 WRU, 3 round trips
    mark: 3 RRU, 0 + 0 WRU, 2 round trips
    join: 3.5 RRU, 0 + 0 WRU, 2 round trips
    ");
}

#[tokio::test]
async fn an_edit_and_a_reaction_cost_one_write_and_two_reads_and_then_two_rows_and_two_log_rows() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, &"x".repeat(120)).await;
    world.send(&alice, &bob, &"x".repeat(120)).await;
    world.deliver_all().await;
    let messages = world.get(&alice, &format!("/api/messages/{group_uuid}")).await.ok();
    let [old, newest] = [&messages[0], &messages[1]];
    let path = |message: &Value| format!("/api/messages/{group_uuid}/{}", message["uuid"].as_str().unwrap());
    let at = |message: &Value| format!("created_at={}", message["created_at"].as_str().unwrap());
    let text = |text: &str, message: &Value| json!({"message": text, "created_at": message["created_at"]});
    // Caches the members.
    world.ask(&alice, Method::PUT, &path(old), &text("first", old)).await.ok();
    let reaction = path(newest) + "/reactions/%F0%9F%91%8D?" + &at(newest);
    world.ask(&bob, Method::PUT, &reaction, &Value::Null).await;
    world.deliver_all().await;

    let mut costs = Vec::new();
    for (user, method, path, body) in [
        (&alice, Method::PUT, path(newest), text("second", newest)),
        (&alice, Method::PUT, path(newest), text("second", newest)),
        (&bob, Method::DELETE, reaction, Value::Null),
        (&alice, Method::DELETE, path(newest) + "?" + &at(newest), Value::Null),
    ] {
        let before = world.rows();
        let (answer, of_change) = cost(&world, world.ask(user, method, &path, &body)).await;
        assert!(answer.status.is_success());
        let event = change_of(&world, &Partition::Messages(group_uuid).to_string());
        costs.push(brief("change", &of_change));
        if world.rows() != before {
            costs.push(brief("join", &cost(&world, world.deliver(&event)).await.1));
        }
    }
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
    insta::assert_snapshot!(costs.join("\n"), @"
    change: 2 RRU, 1 + 0 WRU, 3 round trips
    join: 3.5 RRU, 4 + 2 WRU, 3 round trips
    change: 2 RRU, 0 + 0 WRU, 2 round trips
    change: 2 RRU, 1 + 0 WRU, 3 round trips
    join: 3.5 RRU, 4 + 2 WRU, 3 round trips
    change: 2 RRU, 1 + 0 WRU, 3 round trips
    join: 3.5 RRU, 4 + 2 WRU, 3 round trips
    ");
}

/// A message of the group in a query.
async fn place(world: &World, user: &TestUser, group_uuid: Uuid, index: usize) -> String {
    let messages = world.get(user, &format!("/api/messages/{group_uuid}")).await.ok();
    let field = |name: &str| messages[index][name].as_str().unwrap().to_owned();
    format!("message_uuid={}&created_at={}", field("uuid"), field("created_at"))
}

#[tokio::test]
async fn settings_cost_a_read_and_a_write_and_a_read_more_unless_they_only_mute() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    world.send(&bob, &alice, "hello").await;
    world.deliver_all().await;
    let group_path = format!("/api/message_groups/{group}");
    world.get(&alice, "/api/me").await.ok();
    let mute = json!({"muted_until": "2026-11-23T09:30:00.000000Z"});
    let mut costs = Vec::new();
    for (what, body) in [
        ("mute, for the first time", &mute),
        ("mute, the same", &mute),
        ("clear and hide", &json!({"cleared": true, "hidden": true})),
    ] {
        let before = world.rows();
        let (answer, of_request) =
            cost_after_sql(&world, world.ask(&alice, Method::PATCH, &group_path, body)).await;
        assert!(answer.status.is_success(), "{what}: {answer:?}");
        costs.push(brief(what, &of_request));
        if world.rows() != before {
            let event = change_of(&world, &Partition::MemberStates(group).to_string());
            costs.push(brief("join", &cost(&world, world.deliver(&event)).await.1));
        }
    }
    insta::assert_snapshot!(costs.join("\n"), @"
    mute, for the first time: 2 RRU, 1 + 0 WRU, 3 round trips
    join: 3.5 RRU, 2 + 1 WRU, 3 round trips
    mute, the same: 1 RRU, 0 + 0 WRU, 1 round trips
    clear and hide: 2 RRU, 1 + 0 WRU, 3 round trips
    join: 3.5 RRU, 2 + 1 WRU, 3 round trips
    ");
}

#[tokio::test]
async fn a_block_costs_three_reads_and_three_rows_in_a_transaction() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let path = format!("/api/blocks/{}", bob.user.uuid);
    world.get(&alice, "/api/me").await.ok();
    let mut costs = Vec::new();
    let mut measure = async |what: &str, method: Method| {
        let (answer, cost) = cost_after_sql(&world, world.ask(&alice, method, &path, &Value::Null)).await;
        assert_eq!(answer.status, 204);
        costs.push(brief(what, &cost));
    };
    measure("block without a group", Method::PUT).await;
    measure("end", Method::DELETE).await;
    world.send(&alice, &bob, "hello").await;
    measure("block", Method::PUT).await;
    measure("the same", Method::PUT).await;
    measure("end", Method::DELETE).await;
    insta::assert_snapshot!(costs.join("\n"), @"
    block without a group: 3 RRU, 4 + 0 WRU, 3 round trips
    end: 3 RRU, 4 + 0 WRU, 3 round trips
    block: 3 RRU, 6 + 0 WRU, 3 round trips
    the same: 3 RRU, 6 + 0 WRU, 3 round trips
    end: 3 RRU, 6 + 0 WRU, 3 round trips
    ");
}

#[tokio::test]
async fn a_request_costs_two_write_units_more_than_another_first_message() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let requests = json!({"messages_from": "requests"});
    world.ask(&bob, Method::PATCH, "/api/me", &requests).await.ok();
    world.get(&alice, "/api/me").await.ok();
    let mut costs = Vec::new();
    let to_bob = json!({"handle": bob.user.handle, "message": "hello"});
    let (sent, cost) = cost_after_sql(&world, world.post(&alice, &to_bob)).await;
    sent.ok();
    costs.push(brief("request", &cost));
    let (refused, cost) = cost_after_sql(&world, world.post(&alice, &to_bob)).await;
    assert_eq!(refused.status, 403);
    costs.push(brief("second message", &cost));
    world.deliver_all().await;
    let path = format!("/api/message_requests/{group}");
    for (what, method) in [("decline", Method::DELETE), ("accept", Method::PUT), ("the same", Method::PUT)] {
        let (answer, cost) = cost_after_sql(&world, world.ask(&bob, method, &path, &Value::Null)).await;
        assert_eq!(answer.status, 204, "{what}");
        costs.push(brief(what, &cost));
    }
    let event = change_of(&world, &Partition::MemberStates(group).to_string());
    let (_, cost_of_move) = self::cost(&world, world.deliver(&event)).await;
    costs.push(brief("move", &cost_of_move));
    // Another one, which is answered.
    let (carol, dave, _) = world.pair().await;
    world.ask(&dave, Method::PATCH, "/api/me", &requests).await.ok();
    world.send(&carol, &dave, "hello").await;
    let to_carol = json!({"handle": carol.user.handle, "message": "hello"});
    let (sent, cost) = cost_after_sql(&world, world.post(&dave, &to_carol)).await;
    sent.ok();
    costs.push(brief("answer", &cost));
    insta::assert_snapshot!(costs.join("\n"), @"
    request: 2 RRU, 14 + 2 WRU, 2 round trips
    second message: 2 RRU, 0 + 0 WRU, 1 round trips
    decline: 2 RRU, 4 + 0 WRU, 3 round trips
    accept: 2 RRU, 4 + 0 WRU, 3 round trips
    the same: 1 RRU, 0 + 0 WRU, 1 round trips
    move: 3.5 RRU, 5 + 2 WRU, 3 round trips
    answer: 3 RRU, 6 + 0 WRU, 3 round trips
    ");
}

/// A pass without groups, the first pass, and one that has nothing left to do.
#[tokio::test]
async fn an_erasure_costs_four_writes_for_each_group_and_one_for_each_message() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for _ in 0..4 {
        let other = world.user("other").await;
        for _ in 0..10 {
            for (sender, receiver) in [(&alice, &other), (&other, &alice)] {
                world.clock.advance(chrono::TimeDelta::seconds(1));
                world.send(sender, receiver, "hello").await;
            }
        }
    }
    world.deliver_all().await;
    let deleted = User {
        uuid: alice.user.uuid,
        handle: "deleted-01234567".to_owned(),
        display_name: "Deleted user".to_owned(),
    };
    // A row with eight changes has more than 1 KB.
    let log_writes: usize = rows_of(&world, &Partition::EventLog(alice.user.uuid).to_string())
        .iter()
        .map(
            |row| {
                if row["changes"]["L"].as_array().is_some_and(|changes| changes.len() >= 8) { 2 } else { 1 }
            },
        )
        .sum();
    assert_eq!(log_writes, 15);
    let erasure = Erasure::new(world.table(), world.parts.clock.clone(), world.parts.random.clone());
    let mut costs = vec![];
    for user in [&User { uuid: Uuid::from_u128(1), ..deleted.clone() }, &deleted, &deleted] {
        let (pass, mut cost) = cost(&world, Box::pin(erasure.pass(user))).await;
        assert_eq!(pass.unwrap().failed, 0);
        cost.round_trips = 0;
        costs.push(cost);
    }
    let cost = |reads, writes, index_writes| Cost { reads, writes, index_writes, round_trips: 0 };
    // For each group 5.5 reads and four writes, for each own message a read and a write; and the rows of the log.
    let of_groups = cost(5.0 + 4.0 * (5.5 + 10.0), 4.0 * (4.0 + 10.0) + 15.0, 4.0 * 2.0);
    assert_eq!(costs, [cost(5.0, 0.0, 0.0), of_groups, cost(5.0 + 4.0 * 3.5, 0.0, 0.0)]);
}

#[tokio::test]
async fn requests_of_strangers_cost_an_inbox_nothing() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    world.deliver_all().await;
    world.ask(&bob, Method::PATCH, "/api/me", &json!({"messages_from": "requests"})).await.ok();
    world.get(&bob, "/api/message_groups").await.ok();
    let before = cost(&world, world.get(&bob, "/api/message_groups")).await;
    let unread = world.get(&bob, "/api/unread").await.body;
    let table = world.table();
    let strangers = (0..1_000).map(|_| User {
        uuid: world.parts.random.uuid_v7(world.parts.clock.now()),
        handle: "stranger".to_owned(),
        display_name: "A stranger".to_owned(),
    });
    let messages =
        cruddur::message::Messages::new(table, world.parts.clock.clone(), world.parts.random.clone(), None);
    for sender in strangers {
        let receiver = Receiver { user: bob.user.clone(), messages_from: MessagesFrom::Requests };
        let target = Target::User { receiver, handle: None };
        let text = "hello".parse().unwrap();
        messages
            .send(NewMessage { sender, target, text, reply_to: None, idempotency_key: None })
            .await
            .unwrap();
    }
    let after = cost(&world, world.get(&bob, "/api/message_groups")).await;
    assert_eq!((after.0.body, after.1), (before.0.body, before.1));
    assert_eq!(world.get(&bob, "/api/unread").await.body, unread);
    // Looks up the names.
    world.get(&bob, "/api/message_requests").await.ok();
    let (requests, of_requests) = cost(&world, world.get(&bob, "/api/message_requests")).await;
    assert_eq!(requests.ok().as_array().unwrap().len(), 20);
    assert_eq!((of_requests.reads, of_requests.round_trips), (2.0, 1));
}

//! Event logs and sockets: each message is logged once for each member, readers miss nothing, and sockets get what their
//! users may see.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::time::Duration;

use chrono::TimeDelta;
use cruddur::table::{Key, RowKind};
use serde_json::{Value, json};
use testing::{
    Answer, Failure, Fault, TestUser, World, invariants,
    sockets::{SocketAnswer, SocketCall, Sockets},
    world::{TABLE, kind_of, stream_record},
};
use tokio::time::Instant;
use uuid::Uuid;

const NONE: [String; 0] = [];

/// Sends a message, and delivers its record alone. Returns the message.
async fn send(world: &World, sender: &TestUser, receiver: &TestUser, text: &str) -> Value {
    let sent = world.send(&world.renewed(sender), receiver, text).await;
    world.deliver(&record(world, &sent)).await;
    sent
}

/// `GET link` with a valid token.
async fn get(world: &World, user: &TestUser, link: &str) -> Answer {
    world.get(&world.renewed(user), link).await
}

/// An event with the record of one message.
fn record(world: &World, message: &Value) -> Value {
    let uuid = message["uuid"].as_str().unwrap();
    let rows = world.rows();
    let is_row = |row: &&Value| kind_of(row) == Some(RowKind::Message) && row["message_uuid"]["S"] == uuid;
    let row = rows.iter().find(is_row).unwrap();
    json!({"Records": [stream_record(row, 1)]})
}

/// Reads all events from a link. Returns the messages in their order, and the link to the events after them.
async fn read(world: &World, user: &TestUser, mut link: String) -> (Vec<String>, String) {
    let mut messages = Vec::new();
    loop {
        let answer = get(world, user, &link).await;
        let events = answer.ok();
        let events = events.as_array().unwrap();
        if events.is_empty() {
            return (messages, link);
        }
        let uuids = events.iter().flat_map(|event| event["message_uuids"].as_array().unwrap());
        messages.extend(uuids.map(|uuid| uuid.as_str().unwrap().to_owned()));
        answer.next_page().unwrap().clone_into(&mut link);
    }
}

/// The link to the events after now.
async fn end(world: &World, user: &TestUser) -> String {
    let answer = get(world, user, "/api/events").await;
    assert_eq!(answer.ok(), json!([]));
    answer.next_page().unwrap().to_owned()
}

fn uuid(message: &Value) -> String {
    message["uuid"].as_str().unwrap().to_owned()
}

/// Rows with events of a user's log, in order.
fn log_of(world: &World, user: &TestUser) -> Vec<Value> {
    let pk = RowKind::EventLog.partition(user.user.uuid);
    let mut rows = world.rows();
    rows.retain(|row| row["pk"]["S"] == *pk && row.get("changes").is_some());
    rows
}

#[tokio::test]
async fn both_members_read_each_message_once_and_in_order() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let (of_alice, of_bob) = (end(&world, &alice).await, end(&world, &bob).await);
    let mut sent = Vec::new();
    for number in 0..30 {
        sent.push(uuid(&world.send(&alice, &bob, &number.to_string()).await));
    }
    world.deliver_all().await;
    // A redelivery adds nothing.
    world.deliver_all().await;
    for (user, link) in [(&alice, of_alice), (&bob, of_bob)] {
        let answer = world.get(user, &format!("{link}&limit=1").replacen("&limit=100", "", 1)).await;
        let events = answer.ok();
        assert_eq!(events.as_array().unwrap().len(), 1);
        assert_eq!(events[0]["message_uuids"].as_array().unwrap().len(), 12);
        assert_eq!(events[0]["message_group_uuid"], json!(group_uuid));
        assert_eq!(events[0]["type"], "message");
        assert_eq!(read(&world, user, link).await.0, sent);
    }
    assert_eq!(invariants::check_logged(&world.rows()), NONE);
}

#[tokio::test]
async fn a_strangers_log_holds_nothing() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let eve = world.user("eve").await;
    let link = end(&world, &eve).await;
    send(&world, &alice, &bob, "hello").await;
    assert_eq!(read(&world, &eve, link.clone()).await, (vec![], link));
}

#[tokio::test]
async fn messages_are_logged_after_a_failed_append_of_the_other_member() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let (of_alice, of_bob) = (end(&world, &alice).await, end(&world, &bob).await);
    let sent = world.send(&alice, &bob, "hello").await;
    let log_of_bob = RowKind::EventLog.partition(bob.user.uuid);
    world.emulator.inject(move |call| {
        if call.operation == "PutItem" && call.request["Item"]["pk"]["S"] == *log_of_bob {
            Fault::NotExecuted(Failure::Status(400, "ValidationException"))
        } else {
            Fault::None
        }
    });
    let event = record(&world, &sent);
    let answer = world.deliver(&event).await;
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1);
    assert_eq!(read(&world, &alice, of_alice.clone()).await.0, [uuid(&sent)]);
    assert_eq!(read(&world, &bob, of_bob.clone()).await.0, NONE);

    world.emulator.inject(|_| Fault::None);
    assert_eq!(world.deliver(&event).await, json!({"batchItemFailures": []}));
    assert_eq!(read(&world, &alice, of_alice).await.0, [uuid(&sent)]);
    assert_eq!(read(&world, &bob, of_bob).await.0, [uuid(&sent)]);
}

#[tokio::test]
async fn a_lost_answer_to_an_append_doubles_nothing_and_is_pushed() {
    let mut world = World::new().await;
    let sockets = Sockets::default();
    world.redeploy(|parts| parts.push = Some(sockets.parts()));
    let (alice, bob, _) = world.pair().await;
    let link = end(&world, &bob).await;
    world.connect(&bob, 1, "b").await;
    let mut lost = 0;
    world.emulator.inject(move |call| {
        if call.operation == "PutItem" && call.request["Item"].get("changes").is_some() && lost < 2 {
            lost += 1;
            return Fault::Lost(Failure::Status(500, "InternalServerError"));
        }
        Fault::None
    });
    let sent = send(&world, &alice, &bob, "hello").await;
    assert_eq!(read(&world, &bob, link).await.0, [uuid(&sent)]);
    assert_eq!(invariants::check_logged(&world.rows()), NONE);
    assert_eq!(sockets.take().len(), 1);
}

#[tokio::test]
async fn old_messages_are_not_logged() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let event = world.stream_event();
    world.clock.advance(TimeDelta::days(14));
    assert_eq!(world.deliver(&event).await, json!({"batchItemFailures": []}));
    assert_eq!(log_of(&world, &alice), [] as [Value; 0]);
}

#[tokio::test]
async fn numbers_are_dense_and_jump_only_after_two_weeks_without_events() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let start = end(&world, &alice).await;
    send(&world, &alice, &bob, "one").await;
    let one = read(&world, &alice, start.clone()).await.1;
    world.clock.advance(TimeDelta::days(13));
    let two = send(&world, &alice, &bob, "two").await;
    assert_eq!(read(&world, &alice, one.clone()).await.0, [uuid(&two)]);
    // The reader at the start has been away too long, or not: the start is 13 days old.
    assert_eq!(read(&world, &alice, start).await.0.len(), 2);

    world.clock.advance(TimeDelta::days(15));
    let expired = (410, "[\"cursor_expired\"]");
    assert_eq!(get(&world, &alice, &one).await.brief(), expired);
    send(&world, &alice, &bob, "three").await;
    assert_eq!(get(&world, &alice, &one).await.brief(), expired);
    let numbers = log_of(&world, &alice);
    let numbers = numbers.iter().map(|row| row["sk"]["S"].as_str().unwrap().parse::<i64>().unwrap());
    let numbers = numbers.collect::<Vec<_>>();
    let days = TimeDelta::milliseconds(numbers[2] - numbers[1]).num_days();
    assert_eq!((numbers[1] - numbers[0], days), (1, 27));
    let last = end(&world, &alice).await;
    let four = send(&world, &bob, &alice, "four").await;
    assert_eq!(read(&world, &alice, last).await.0, [uuid(&four)]);
}

#[tokio::test]
async fn a_reader_gets_the_row_of_an_append_that_began_before_the_newest_row_was_two_weeks_old() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    end(&world, &alice).await;
    send(&world, &alice, &bob, "one").await;
    world.clock.advance(TimeDelta::days(14) - TimeDelta::seconds(1));
    let two = send(&world, &alice, &bob, "two").await;
    let late = log_of(&world, &alice).swap_remove(1);
    let key = json!({"pk": late["pk"], "sk": late["sk"]});
    let _ = world.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    world.clock.advance(TimeDelta::seconds(2));
    let link = end(&world, &alice).await;
    let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": late}));
    assert_eq!(read(&world, &alice, link).await.0, [uuid(&two)]);
    let end = end(&world, &alice).await;
    let three = send(&world, &alice, &bob, "three").await;
    assert_eq!(read(&world, &alice, end).await.0, [uuid(&three)]);
}

#[tokio::test]
async fn nothing_is_appended_after_a_malformed_row() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let link = end(&world, &alice).await;
    let one = send(&world, &alice, &bob, "one").await;
    let newest = log_of(&world, &alice).swap_remove(0);
    let mut malformed = newest.clone();
    malformed.as_object_mut().unwrap().remove("at");
    let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": malformed}));
    assert_eq!(get(&world, &alice, "/api/events").await.brief(), (500, "[\"internal_error\"]"));
    let two = world.send(&alice, &bob, "two").await;
    let event = record(&world, &two);
    assert_eq!(world.deliver(&event).await["batchItemFailures"].as_array().unwrap().len(), 1);

    let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": newest}));
    assert_eq!(world.deliver(&event).await, json!({"batchItemFailures": []}));
    assert_eq!(read(&world, &alice, link).await.0, [uuid(&one), uuid(&two)]);
}

#[tokio::test]
async fn a_reader_stops_before_a_gap_until_it_is_final() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let link = end(&world, &alice).await;
    let mut sent = Vec::new();
    for number in 0..3 {
        sent.push(uuid(&send(&world, &alice, &bob, &number.to_string()).await));
    }
    let missing = log_of(&world, &alice).swap_remove(1);
    let key = json!({"pk": missing["pk"], "sk": missing["sk"]});
    let _ = world.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    let (messages, at_gap) = read(&world, &alice, link).await;
    assert_eq!(messages, sent[..1]);
    let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": missing}));
    assert_eq!(read(&world, &alice, at_gap.clone()).await.0, sent[1..]);

    let _ = world.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    world.clock.advance(TimeDelta::seconds(61));
    assert_eq!(world.get(&alice, &at_gap).await.brief(), (410, "[\"cursor_expired\"]"));
}

#[tokio::test]
async fn a_row_without_changes_is_not_the_end() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let link = end(&world, &alice).await.replace("limit=100", "limit=1");
    send(&world, &alice, &bob, "one").await;
    let two = send(&world, &alice, &bob, "two").await;
    let mut emptied = log_of(&world, &alice).swap_remove(0);
    emptied["changes"] = json!({"L": []});
    let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": emptied}));
    assert_eq!(read(&world, &alice, link).await.0, [uuid(&two)]);
}

#[tokio::test]
async fn a_cursor_of_another_row_has_expired_and_a_malformed_one_is_rejected() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let of_bob = end(&world, &bob).await;
    world.clock.advance(TimeDelta::seconds(1));
    end(&world, &alice).await;
    assert_eq!(world.get(&alice, &of_bob).await.brief(), (410, "[\"cursor_expired\"]"));
    for (query, codes) in [
        ("after=", "[\"cursor_invalid\"]"),
        ("after=MDEtMQ", "[\"cursor_invalid\"]"),
        ("limit=0&after=x", "[\"limit_invalid\",\"cursor_invalid\"]"),
        ("limit=101", "[\"limit_invalid\"]"),
    ] {
        assert_eq!(world.get(&alice, &format!("/api/events?{query}")).await.brief(), (422, codes), "{query}");
    }
}

/// A world with sockets, and two users with an open connection each.
async fn with_sockets() -> (World, Sockets, TestUser, TestUser, Uuid) {
    let mut world = World::new().await;
    let sockets = Sockets::default();
    world.redeploy(|parts| parts.push = Some(sockets.parts()));
    let (alice, bob, group_uuid) = world.pair().await;
    assert_eq!(world.connect(&alice, 1, "a").await["statusCode"], 200);
    assert_eq!(world.connect(&bob, 1, "b").await["statusCode"], 200);
    (world, sockets, alice, bob, group_uuid)
}

fn connections(world: &World) -> Vec<String> {
    let rows = world.rows().into_iter().filter(|row| kind_of(row) == Some(RowKind::Connection));
    rows.map(|row| row["connection_id"]["S"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_frame_has_the_event_the_message_and_the_group_as_listed() {
    let (world, sockets, alice, bob, group_uuid) = with_sockets().await;
    let link = end(&world, &bob).await;
    world.connect(&world.user("eve").await, 1, "e").await;
    send(&world, &alice, &bob, "hello").await;
    let mut frames = sockets.take_frames();
    frames.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(frames.iter().map(|(id, _)| &**id).collect::<Vec<_>>(), ["a", "b"]);
    for (user, (_, frame)) in [&alice, &bob].into_iter().zip(&frames) {
        let messages = world.get(user, &format!("/api/messages/{group_uuid}")).await.ok();
        assert_eq!(frame["messages"], messages);
        // A frame has no count.
        let mut groups = world.get(user, "/api/message_groups").await.ok();
        assert!(groups[0].as_object_mut().unwrap().remove("unread_count").is_some());
        assert_eq!(frame["message_groups"], groups);
        assert_eq!(frame["type"], "events");
    }
    let events = world.get(&bob, &link).await;
    assert_eq!(frames[1].1["events"], events.ok());
    assert!(events.next_page().unwrap().contains(frames[1].1["cursor"].as_str().unwrap()));
    assert_eq!(frames[1].1["number"], events.ok()[0]["number"]);
}

#[tokio::test]
async fn a_frame_embeds_what_fits_and_nothing_old() {
    let (world, sockets, alice, bob, _) = with_sockets().await;
    for _ in 0..12 {
        world.send(&alice, &bob, &"\u{1}".repeat(1024)).await;
    }
    let event = world.stream_event();
    world.deliver(&event).await;
    let frames = sockets.take_frames();
    assert_eq!(frames.len(), 2);
    for (_, frame) in &frames {
        assert_eq!(frame["events"][0]["message_uuids"].as_array().unwrap().len(), 12);
        assert_eq!(frame["messages"].as_array().unwrap().len(), 4);
        assert!(frame.to_string().len() <= 30_000);
    }
    let late = world.send(&alice, &bob, "late").await;
    world.clock.advance(TimeDelta::seconds(61));
    world.deliver(&record(&world, &late)).await;
    for (_, frame) in sockets.take_frames() {
        assert_eq!((&frame["messages"], &frame["message_groups"]), (&json!([]), &json!([])));
        assert_eq!(frame["events"][0]["message_uuids"], json!([late["uuid"]]));
    }
}

#[tokio::test]
async fn a_connection_that_is_gone_is_deleted_unless_it_may_be_opening() {
    let (world, sockets, alice, bob, _) = with_sockets().await;
    sockets.answer_always(SocketAnswer::Status(410));
    send(&world, &alice, &bob, "one").await;
    assert_eq!(connections(&world).len(), 2);
    world.clock.advance(TimeDelta::seconds(61));
    send(&world, &alice, &bob, "two").await;
    assert_eq!(connections(&world), NONE);
}

#[tokio::test]
async fn a_device_that_has_reconnected_keeps_its_new_connection() {
    let (world, sockets, alice, bob, _) = with_sockets().await;
    world.clock.advance(TimeDelta::seconds(61));
    // The device reconnects between the read of its connection and the deletion.
    let key = Key::Connection { user_uuid: bob.user.uuid, device_uuid: Uuid::from_u128(1) };
    let emulator = world.emulator.clone();
    let pk = key.pk();
    world.emulator.inject(move |call| {
        if call.operation == "DeleteItem" && call.request["Key"]["pk"]["S"] == *pk {
            let mut row = emulator.rows(TABLE).into_values().find(|row| row["pk"]["S"] == *pk).unwrap();
            row["connection_id"] = json!({"S": "new"});
            let _ = emulator.call("PutItem", json!({"TableName": TABLE, "Item": row}));
        }
        Fault::None
    });
    sockets.answer_always(SocketAnswer::Status(410));
    send(&world, &alice, &bob, "hello").await;
    assert_eq!(connections(&world), ["new"]);
}

#[tokio::test]
async fn nothing_is_sent_after_a_tokens_end() {
    let (world, sockets, alice, bob, _) = with_sockets().await;
    // Tokens are valid for an hour.
    world.clock.advance(TimeDelta::minutes(60));
    assert_eq!(world.connect(&world.renewed(&bob), 2, "b2").await["statusCode"], 200);
    send(&world, &alice, &bob, "hello").await;
    let mut calls = sockets.take();
    calls.sort_by(|one, other| one.connection_id.cmp(&other.connection_id));
    let brief = calls.iter().map(|call| (&*call.method, &*call.connection_id)).collect::<Vec<_>>();
    assert_eq!(brief, [("DELETE", "a"), ("DELETE", "b"), ("POST", "b2")]);
    assert_eq!(connections(&world), ["b2"]);
}

#[tokio::test]
async fn a_rejected_push_is_repeated_once() {
    let (world, sockets, alice, bob, _) = with_sockets().await;
    // Each connection's second attempt counts.
    sockets.answer([429, 503, 500, 200].map(SocketAnswer::Status));
    send(&world, &alice, &bob, "hello").await;
    let posts = sockets.take();
    assert_eq!(posts.len(), 4);
    // 400 would be answered again.
    sockets.answer([400, 403].map(SocketAnswer::Status));
    send(&world, &alice, &bob, "hello").await;
    assert_eq!(sockets.take().len(), 2);
    assert_eq!(connections(&world).len(), 2);
}

#[tokio::test]
async fn a_silent_endpoint_delays_a_batch_by_less_than_two_seconds_and_is_left_alone() {
    let (world, sockets, alice, bob, _) = with_sockets().await;
    for device in 2..=20 {
        world.connect(&bob, device, &format!("b{device}")).await;
    }
    sockets.answer_always(SocketAnswer::Silence);
    let sent = world.send(&alice, &bob, "hello").await;
    let event = record(&world, &sent);
    tokio::time::pause();
    let start = Instant::now();
    assert_eq!(world.deliver(&event).await, json!({"batchItemFailures": []}));
    assert!((300..310).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(sockets.take().len(), 21);

    // Pushes pause. Moves and logs go on, without reading connections.
    tokio::time::resume();
    let sent = world.send(&alice, &bob, "hello").await;
    let _ = world.emulator.take_calls();
    let event = record(&world, &sent);
    world.deliver(&event).await;
    assert_eq!(sockets.take(), [] as [SocketCall; 0]);
    let reads_connections = |call: &testing::Call| call.request.to_string().contains("CONN#");
    assert!(!world.emulator.take_calls().iter().any(reads_connections));
    assert_eq!(invariants::check_logged(&world.rows()), NONE);
}

#[tokio::test]
async fn a_dead_endpoint_changes_no_call_and_no_unit_of_a_move() {
    use SocketAnswer::{Refusal, Silence, Status};
    let mut healthy = None;
    for answer in [Status(200), Status(410), Status(429), Status(500), Silence, Refusal] {
        let (world, sockets, alice, bob, _) = with_sockets().await;
        send(&world, &alice, &bob, "hello").await;
        sockets.answer_always(answer);
        let sent = world.send(&alice, &bob, "again").await;
        let event = record(&world, &sent);
        let _ = world.emulator.take_calls();
        let (failures, duration) = world.emulator.with_time_paused(world.deliver(&event)).await;
        assert_eq!(failures, json!({"batchItemFailures": []}), "{answer:?}");
        assert!(duration <= Duration::from_secs(2), "{answer:?}: {duration:?}");
        let mut calls = world.emulator.take_calls();
        calls.sort_by(|one, other| one.operation.cmp(&other.operation));
        let calls = calls.iter().map(|call| (call.operation.clone(), call.units())).collect::<Vec<_>>();
        assert_eq!(calls, *healthy.get_or_insert_with(|| calls.clone()), "{answer:?}");
        assert_eq!(invariants::check_logged(&world.rows()), NONE);
    }
}

//! Requests: groups of strangers, until the receiver answers (design, section 3).

use std::time::Duration;

use checker::invariants;
use chrono::TimeDelta;
use cruddur::table::RowKind;
use http::Method;
use serde_json::{Value, json};
use testing::{Failure::Reset, Fault, TestUser, World, world::kind_of};
use uuid::Uuid;

const NOT_ACCEPTED: (u16, &str) = (403, r#"["message_not_accepted"]"#);
const PENDING: (u16, &str) = (403, r#"["request_pending"]"#);

async fn take_messages_from(world: &World, user: &TestUser, setting: &str) {
    let me = world.ask(user, Method::PATCH, "/api/me", &json!({"messages_from": setting})).await;
    assert_eq!(me.ok()["messages_from"], setting);
}

async fn answer(world: &World, user: &TestUser, method: Method, group: Uuid) -> (u16, String) {
    let path = format!("/api/message_requests/{group}");
    let answer = world.ask(user, method, &path, &Value::Null).await;
    (answer.status.as_u16(), answer.body)
}

async fn accept(world: &World, user: &TestUser, group: Uuid) {
    assert_eq!(answer(world, user, Method::PUT, group).await, (204, String::new()));
}

async fn decline(world: &World, user: &TestUser, group: Uuid) {
    assert_eq!(answer(world, user, Method::DELETE, group).await, (204, String::new()));
}

async fn send(world: &World, sender: &TestUser, receiver: &TestUser) -> (u16, String) {
    world.clock.advance(TimeDelta::seconds(1));
    let answer = world.post(sender, &json!({"handle": receiver.user.handle, "message": "hello"})).await;
    (answer.status.as_u16(), answer.body)
}

fn is(answer: &(u16, String), expected: (u16, &str)) -> bool {
    (answer.0, &*answer.1) == expected
}

/// The uuids of the groups that a list shows.
async fn listed(world: &World, user: &TestUser, list: &str) -> Vec<Value> {
    let groups = world.get(user, &format!("/api/{list}")).await.ok();
    groups.as_array().unwrap().iter().map(|group| group["uuid"].clone()).collect()
}

/// The kinds of events in a user's log.
fn events(world: &World, user: &TestUser) -> Vec<Value> {
    let pk = cruddur::table::Partition::EventLog(user.user.uuid).to_string();
    let rows = world.rows().into_iter().filter(|row| row["pk"]["S"] == pk);
    let changes = rows.filter_map(|row| row.pointer("/changes/L").cloned());
    changes
        .flat_map(|list| list.as_array().unwrap().clone())
        .map(|change| change["M"]["kind"]["S"].clone())
        .collect()
}

async fn settle(world: &World) {
    world.deliver_all().await;
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
}

/// Two users, of whom the second takes requests and has one of the first.
async fn request() -> (World, TestUser, TestUser, Uuid) {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    take_messages_from(&world, &bob, "requests").await;
    world.send(&alice, &bob, "do you know me?").await;
    settle(&world).await;
    (world, alice, bob, group)
}

#[tokio::test]
async fn a_request_is_one_message_until_it_is_accepted() {
    let (world, alice, bob, group) = request().await;
    assert_eq!(listed(&world, &bob, "message_requests").await, [json!(group)]);
    assert!(listed(&world, &bob, "message_groups").await.is_empty());
    assert_eq!(world.get(&bob, "/api/unread").await.ok()["conversations"], 0);
    let shown = world.get(&bob, &format!("/api/message_groups/{group}")).await.ok();
    assert_eq!((&shown["request"], &shown["unread_count"]), (&json!("pending"), &json!(0)));
    let messages = world.get(&bob, &format!("/api/messages/{group}")).await.ok();
    assert_eq!(messages[0]["message"], "do you know me?");
    assert_eq!(events(&world, &bob), ["group"]);
    // The sender sees an ordinary group.
    assert_eq!(listed(&world, &alice, "message_groups").await, [json!(group)]);
    assert!(listed(&world, &alice, "message_requests").await.is_empty());
    let shown = world.get(&alice, &format!("/api/message_groups/{group}")).await.ok();
    assert_eq!(shown.get("request"), None);
    assert!(is(&send(&world, &alice, &bob).await, PENDING));
    let to_group = json!({"message_group_uuid": group, "message": "hello?"});
    assert_eq!(world.post(&alice, &to_group).await.brief(), PENDING);
    // A typing error in the one message can be corrected.
    let path = format!("/api/messages/{group}/{}", messages[0]["uuid"].as_str().unwrap());
    let edit = json!({"message": "do you still know me?", "created_at": messages[0]["created_at"]});
    assert_eq!(world.ask(&alice, Method::PUT, &path, &edit).await.status, 200);
    settle(&world).await;
    assert_eq!(events(&world, &bob), ["group"]);

    accept(&world, &bob, group).await;
    settle(&world).await;
    let rows = world.rows();
    accept(&world, &bob, group).await;
    assert_eq!(world.rows(), rows, "a repeated answer writes");
    assert!(listed(&world, &bob, "message_requests").await.is_empty());
    let groups = world.get(&bob, "/api/message_groups").await.ok();
    assert_eq!((&groups[0]["uuid"], &groups[0]["unread_count"]), (&json!(group), &json!(1)));
    assert_eq!(groups[0].get("request"), None);
    assert_eq!(send(&world, &alice, &bob).await.0, 200);
    assert_eq!(send(&world, &bob, &alice).await.0, 200);
    settle(&world).await;
    let settings = events(&world, &bob).iter().filter(|kind| **kind == "group").count();
    assert_eq!(settings, 2);
    assert!(is(&answer(&world, &bob, Method::DELETE, group).await, (409, r#"["request_accepted"]"#)));
    // The sender never had a request.
    assert!(is(&answer(&world, &alice, Method::DELETE, group).await, (409, r#"["request_accepted"]"#)));
}

#[tokio::test]
async fn a_declined_request_is_not_listed_and_can_be_accepted_later() {
    let (world, alice, bob, group) = request().await;
    decline(&world, &bob, group).await;
    decline(&world, &bob, group).await;
    settle(&world).await;
    for list in ["message_requests", "message_groups"] {
        assert!(listed(&world, &bob, list).await.is_empty(), "{list}");
    }
    assert!(is(&send(&world, &alice, &bob).await, NOT_ACCEPTED));
    let messages = world.get(&alice, &format!("/api/messages/{group}")).await.ok();
    let (uuid, time) = (messages[0]["uuid"].as_str().unwrap(), messages[0]["created_at"].as_str().unwrap());
    let message = format!("/api/messages/{group}/{uuid}");
    let edit = json!({"message": "an edit", "created_at": time});
    assert_eq!(world.ask(&alice, Method::PUT, &message, &edit).await.brief(), NOT_ACCEPTED);
    let delete = format!("{message}?created_at={time}");
    assert_eq!(world.ask(&alice, Method::DELETE, &delete, &Value::Null).await.status, 204);
    settle(&world).await;
    assert_eq!(events(&world, &bob).last().unwrap(), "message_changed", "a device may have the text");

    accept(&world, &bob, group).await;
    settle(&world).await;
    assert_eq!(listed(&world, &bob, "message_groups").await, [json!(group)]);
    assert_eq!(send(&world, &alice, &bob).await.0, 200);
}

#[tokio::test]
async fn an_answer_to_a_request_accepts_it_also_if_answers_are_lost() {
    for fault in [None, Some(Fault::Lost(Reset)), Some(Fault::Late(Reset, Duration::from_millis(300)))] {
        for declines_first in [false, true] {
            let (world, alice, bob, group) = request().await;
            if declines_first {
                decline(&world, &bob, group).await;
            }
            if let Some(fault) = fault {
                world.emulator.fail("TransactWriteItems", 1, fault);
            }
            assert_eq!(send(&world, &bob, &alice).await.0, 200, "{fault:?}");
            settle(&world).await;
            assert_eq!(listed(&world, &bob, "message_groups").await, [json!(group)]);
            let rows = world.rows();
            let messages = rows.iter().filter(|row| kind_of(row) == Some(RowKind::Message)).count();
            assert_eq!(messages, 2, "{fault:?}");
            assert_eq!(send(&world, &alice, &bob).await.0, 200);
        }
    }
}

/// Executed after its time limit, it would decline a group that was accepted since.
#[tokio::test]
async fn a_late_answer_does_not_undo_a_later_one() {
    let (world, alice, bob, group) = request().await;
    world.emulator.fail("TransactWriteItems", 1, Fault::Late(Reset, Duration::from_millis(300)));
    decline(&world, &bob, group).await;
    accept(&world, &bob, group).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(send(&world, &alice, &bob).await.0, 200);
    settle(&world).await;
}

#[tokio::test]
async fn who_takes_messages_from_nobody_keeps_conversations() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    assert_eq!(send(&world, &alice, &bob).await.0, 200);
    take_messages_from(&world, &bob, "nobody").await;
    assert_eq!(send(&world, &alice, &bob).await.0, 200);
    let stranger = world.user("stranger").await;
    assert!(is(&send(&world, &stranger, &bob).await, NOT_ACCEPTED));
    // Whoever wants to be left alone may still write.
    assert_eq!(send(&world, &bob, &stranger).await.0, 200);
    assert_eq!(send(&world, &stranger, &bob).await.0, 200);
    settle(&world).await;
}

#[tokio::test]
async fn a_receipt_waits_for_the_acceptance() {
    let (world, alice, bob, group) = request().await;
    let path = format!("/api/message_groups/{group}");
    let read = format!("{path}/read");
    let before = world.get(&alice, &path).await;
    assert_eq!(world.ask(&bob, Method::PUT, &read, &json!({})).await.status, 204);
    settle(&world).await;
    assert_eq!(world.get(&alice, &path).await.body, before.body);
    assert_eq!(events(&world, &alice), ["message"]);
    accept(&world, &bob, group).await;
    assert_eq!(send(&world, &alice, &bob).await.0, 200);
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(world.ask(&bob, Method::PUT, &read, &json!({})).await.status, 204);
    settle(&world).await;
    assert_eq!(events(&world, &alice).last().unwrap(), "read");
}

/// Blocked, declined and "nobody": a sender can't tell them apart (I23).
#[tokio::test]
async fn a_refusal_does_not_tell_its_reason() {
    let mut new_groups = Vec::new();
    for is_blocked in [false, true] {
        let world = World::new().await;
        let (alice, bob, _) = world.pair().await;
        if is_blocked {
            let path = format!("/api/blocks/{}", alice.user.uuid);
            assert_eq!(world.ask(&bob, Method::PUT, &path, &Value::Null).await.status, 204);
        } else {
            take_messages_from(&world, &bob, "nobody").await;
        }
        new_groups.push(refusal(&world, &alice, &bob).await);
    }
    assert_eq!(new_groups[0], new_groups[1]);
    let mut groups = Vec::new();
    for is_blocked in [false, true] {
        let (world, alice, bob, group) = request().await;
        if is_blocked {
            let path = format!("/api/blocks/{}", alice.user.uuid);
            assert_eq!(world.ask(&bob, Method::PUT, &path, &Value::Null).await.status, 204);
        } else {
            decline(&world, &bob, group).await;
        }
        groups.push(refusal(&world, &alice, &bob).await);
    }
    assert_eq!(groups[0], groups[1]);
    assert_eq!(groups[0].0, new_groups[0].0);
}

/// The answer to a send, with the calls that it makes.
async fn refusal(world: &World, sender: &TestUser, receiver: &TestUser) -> (String, Vec<String>) {
    let _ = world.emulator.take_calls();
    let answer = world.post(sender, &json!({"handle": receiver.user.handle, "message": "hello"})).await;
    assert_eq!(answer.brief(), NOT_ACCEPTED);
    let calls = world.emulator.take_calls().into_iter();
    (format!("{answer:?}"), calls.map(|call| format!("{} {:?}", call.operation, call.units())).collect())
}

//! Settings of a member in a group: mute, hide and clear (design, section 3).

use checker::invariants;
use chrono::TimeDelta;
use cruddur::table::RowKind;
use http::Method;
use serde_json::{Value, json};
use testing::{TestUser, World, world::kind_of};
use uuid::Uuid;

async fn set(world: &World, user: &TestUser, group: Uuid, settings: Value) {
    let path = format!("/api/message_groups/{group}");
    let answer = world.ask(user, Method::PATCH, &path, &settings).await;
    assert_eq!(answer.brief(), (204, ""));
    world.deliver_all().await;
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
}

async fn send(world: &World, sender: &TestUser, receiver: &TestUser, text: &str) -> Value {
    world.clock.advance(TimeDelta::seconds(1));
    let sent = world.send(sender, receiver, text).await;
    world.deliver_all().await;
    sent
}

async fn groups(world: &World, user: &TestUser) -> Value {
    world.get(user, "/api/message_groups").await.ok()
}

/// The texts of a group, oldest first.
async fn texts(world: &World, user: &TestUser, group: Uuid) -> Vec<Value> {
    let messages = world.get(user, &format!("/api/messages/{group}")).await.ok();
    messages.as_array().unwrap().iter().map(|message| message["message"].clone()).collect()
}

/// What the other member sees.
async fn seen_by(world: &World, user: &TestUser, group: Uuid) -> Vec<String> {
    let mut answers = Vec::new();
    for path in [
        "/api/message_groups".to_owned(),
        format!("/api/message_groups/{group}"),
        format!("/api/messages/{group}"),
        "/api/unread".to_owned(),
        "/api/events".to_owned(),
    ] {
        answers.push(format!("{:?}", world.get(user, &path).await));
    }
    answers
}

#[tokio::test]
async fn a_hidden_group_returns_with_the_next_message() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    send(&world, &bob, &alice, "unread").await;
    let before = seen_by(&world, &bob, group).await;
    set(&world, &alice, group, json!({"hidden": true})).await;
    let rows = world.rows();
    set(&world, &alice, group, json!({"hidden": true})).await;
    assert_eq!(world.rows(), rows, "a repeated request writes");
    assert_eq!(groups(&world, &alice).await, json!([]));
    let unread = world.get(&alice, "/api/unread").await.ok();
    assert_eq!(unread, json!({"conversations": 0, "more": false}));
    let path = format!("/api/message_groups/{group}");
    assert_eq!(world.get(&alice, &path).await.ok()["hidden"], true);
    assert_eq!(seen_by(&world, &bob, group).await, before);

    send(&world, &bob, &alice, "hello?").await;
    let shown = groups(&world, &alice).await;
    assert_eq!((&shown[0]["uuid"], &shown[0]["unread_count"]), (&json!(group), &json!(2)));
    assert_eq!(world.get(&alice, &path).await.ok()["hidden"], false);

    // Without a message, too.
    set(&world, &alice, group, json!({"hidden": true})).await;
    assert_eq!(groups(&world, &alice).await, json!([]));
    set(&world, &alice, group, json!({"hidden": false})).await;
    assert_eq!(groups(&world, &alice).await[0]["uuid"], json!(group));
}

#[tokio::test]
async fn cleared_messages_are_shown_nowhere() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(send(&world, &bob, &alice, text).await);
    }
    let before = seen_by(&world, &bob, group).await;
    set(&world, &alice, group, json!({"cleared": true})).await;
    assert_eq!(seen_by(&world, &bob, group).await, before);
    assert_eq!(texts(&world, &alice, group).await, Vec::<Value>::new());
    let path = format!("/api/message_groups/{group}");
    for shown in [groups(&world, &alice).await[0].clone(), world.get(&alice, &path).await.ok()] {
        assert_eq!((&shown["message"], &shown["unread_count"]), (&json!(""), &json!(0)));
    }
    let shown = world.get(&alice, &path).await.ok();
    assert_eq!(shown["cleared_until"], sent[2]["created_at"]);

    // Neither pages nor quotes lead to them.
    let reply_to = json!({"uuid": sent[1]["uuid"], "created_at": sent[1]["created_at"]});
    let reply = json!({"handle": alice.user.handle, "message": "a reply", "reply_to": reply_to});
    world.clock.advance(TimeDelta::seconds(1));
    world.post(&bob, &reply).await.ok();
    world.deliver_all().await;
    let page = world.get(&alice, &format!("/api/messages/{group}?limit=1")).await;
    assert_eq!((&page.ok()[0]["message"], page.next_page()), (&json!("a reply"), None));
    assert_eq!(page.ok()[0]["reply_to"], reply_to);
    assert_eq!(groups(&world, &alice).await[0]["unread_count"], 1);
    assert_eq!(texts(&world, &bob, group).await, ["one", "two", "three", "a reply"]);

    // A later marking as unread does not bring them back.
    let first = format!(
        "{path}/read?message_uuid={}&created_at={}",
        sent[0]["uuid"].as_str().unwrap(),
        sent[0]["created_at"].as_str().unwrap()
    );
    assert_eq!(world.ask(&alice, Method::DELETE, &first, &Value::Null).await.status, 204);
    world.deliver_all().await;
    assert_eq!(groups(&world, &alice).await[0]["unread_count"], 1);
}

#[tokio::test]
async fn settings_are_independent_and_come_as_events() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    send(&world, &bob, &alice, "hello").await;
    let end = world.get(&alice, "/api/events").await.next_page().unwrap().to_owned();
    let until = json!("9999-12-31T23:59:59.999999Z");
    set(&world, &alice, group, json!({"muted_until": until})).await;
    set(&world, &alice, group, json!({"hidden": true, "cleared": true})).await;
    set(&world, &alice, group, json!({"hidden": false})).await;
    assert_eq!(groups(&world, &alice).await[0]["muted_until"], until);
    set(&world, &alice, group, json!({"muted_until": null})).await;
    let shown = groups(&world, &alice).await[0].clone();
    assert_eq!((shown.get("muted_until"), &shown["message"]), (None, &json!("")));

    let events = world.get(&alice, &end).await.ok();
    let kinds = events.as_array().unwrap().iter().map(|event| event["type"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds, vec![json!("group"); 4]);
    assert_eq!(events[0]["message_group_uuid"], json!(group));
    let logged = world.rows();
    let logged = logged.iter().filter(|row| kind_of(row) == Some(RowKind::EventLog)).filter(|row| {
        row["pk"]["S"].as_str().unwrap().ends_with(&bob.user.uuid.to_string())
            && row.to_string().contains("\"group\"")
    });
    assert_eq!(logged.count(), 0);
}

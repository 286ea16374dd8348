//! Reports: what they hold (design, section 3).

use http::Method;
use serde_json::{Value, json};
use testing::{Answer, TestUser, World};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::erasures::DUE;

async fn report(world: &World, user: &TestUser, group: Uuid, message: &Value) -> Answer {
    let body = json!({
        "message_group_uuid": group,
        "message_uuid": message["uuid"],
        "created_at": message["created_at"],
        "reason": "harassment",
    });
    world.ask(user, Method::POST, "/api/reports", &body).await
}

/// Sender, reason and messages of a report.
async fn stored(world: &World, uuid: &Value) -> (Uuid, String, Value) {
    let statement = "SELECT sender_uuid, reason, messages::text FROM public.reports WHERE uuid = $1";
    let uuid: Uuid = uuid.as_str().unwrap().parse().unwrap();
    let rows = world.parts.postgres.query(statement, &[(&uuid, Type::UUID)]).await.unwrap();
    (rows[0].get(0), rows[0].get(1), serde_json::from_str(rows[0].get(2)).unwrap())
}

#[tokio::test]
async fn a_report_holds_the_texts_although_they_are_changed_later() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let mut sent = Vec::new();
    for number in 0..13 {
        sent.push(world.send(&bob, &alice, &format!("text {number}")).await);
    }
    let _ = world.emulator.take_calls();
    let answer = report(&world, &alice, group, &sent[6]).await;
    assert_eq!(answer.status, 201);
    let mut calls = world.emulator.take_calls().into_iter().map(|call| call.operation).collect::<Vec<_>>();
    calls.sort();
    assert_eq!(calls, ["GetItem", "Query", "Query"]);
    let uuid = serde_json::from_str::<Value>(&answer.body).unwrap()["uuid"].clone();
    let path = format!(
        "/api/messages/{group}/{}?created_at={}",
        sent[6]["uuid"].as_str().unwrap(),
        sent[6]["created_at"].as_str().unwrap()
    );
    assert_eq!(world.ask(&bob, Method::DELETE, &path, &Value::Null).await.status, 204);
    let (sender, reason, messages) = stored(&world, &uuid).await;
    assert_eq!((sender, &*reason), (bob.user.uuid, "harassment"));
    let texts = messages.as_array().unwrap().iter().map(|message| message["message"].clone());
    let expected = (1..=11).map(|number| json!(format!("text {number}")));
    assert_eq!(texts.collect::<Vec<_>>(), expected.collect::<Vec<_>>());

    // The first report stays as it is.
    assert_eq!(report(&world, &alice, group, &sent[6]).await.body, answer.body);
    assert_eq!(stored(&world, &uuid).await.2, messages);
    // Each member reports for themselves, and the ends of a conversation have fewer neighbours.
    let other = report(&world, &bob, group, &sent[12]).await;
    let uuid = serde_json::from_str::<Value>(&other.body).unwrap()["uuid"].clone();
    assert_eq!(stored(&world, &uuid).await.2.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_user_reports_at_most_50_messages_in_24_hours() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let mut sent = Vec::new();
    for number in 0..51 {
        sent.push(world.send(&bob, &alice, &format!("text {number}")).await);
    }
    for message in &sent[..50] {
        assert_eq!(report(&world, &alice, group, message).await.status, 201);
    }
    let over = report(&world, &alice, group, &sent[50]).await;
    assert_eq!(over.brief(), (429, r#"["rate_limited"]"#));
    assert_eq!(over.headers["retry-after"], "3600");
    // A repeated report is answered as before.
    assert_eq!(report(&world, &alice, group, &sent[0]).await.status, 201);
    assert_eq!(report(&world, &bob, group, &sent[50]).await.status, 201);
}

#[tokio::test]
async fn old_reports_are_deleted() {
    let _due = DUE.lock().await;
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let mut reports = Vec::new();
    for number in 0..2 {
        let sent = world.send(&bob, &alice, &format!("text {number}")).await;
        let answer = report(&world, &alice, group, &sent).await;
        reports.push(serde_json::from_str::<Value>(&answer.body).unwrap()["uuid"].clone());
    }
    let statement = "UPDATE public.reports SET created_at = now() - interval '91 days' WHERE uuid = $1";
    let old: Uuid = reports[0].as_str().unwrap().parse().unwrap();
    world.parts.postgres.query(statement, &[(&old, Type::UUID)]).await.unwrap();
    assert_eq!(world.functions["erase-accounts"].invoke("{}".to_owned()).await.unwrap(), "null");
    let statement = "SELECT uuid FROM public.reports WHERE reporter_uuid = $1";
    let left = world.parts.postgres.query(statement, &[(&alice.user.uuid, Type::UUID)]).await.unwrap();
    let left = left.iter().map(|row| json!(row.get::<_, Uuid>(0))).collect::<Vec<_>>();
    assert_eq!(left, reports[1..]);
}

//! `GET /api/me/export`

use chrono::TimeDelta;
use http::Method;
use serde_json::{Value, json};
use testing::{TestUser, World};

/// All pages of a user's export, and their number.
async fn export(world: &World, user: &TestUser) -> (Vec<Value>, usize) {
    let (mut lines, mut pages) = (vec![], 0);
    let mut path = Some("/api/me/export".to_owned());
    while let Some(page) = path {
        let answer = world.get(user, &page).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, Some("application/x-ndjson"))
        );
        assert!(answer.body.len() < 1_000_000, "Lambda's answers have at most 6 MB");
        lines.extend(answer.body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        path = answer.next_page().map(str::to_owned);
        pages += 1;
    }
    (lines, pages)
}

/// All items of a list.
async fn listed(world: &World, user: &TestUser, path: String) -> Vec<Value> {
    let (mut items, mut path) = (vec![], Some(path));
    while let Some(page) = path {
        let answer = world.get(user, &page).await;
        items.extend(answer.ok().as_array().unwrap().clone());
        path = answer.next_page().map(str::to_owned);
    }
    items
}

/// What the other routes show a user, in the order of an export.
async fn shown(world: &World, user: &TestUser, groups: &[&str]) -> Vec<Value> {
    let mut lines = vec![json!({"me": world.get(user, "/api/me").await.ok()})];
    for block in listed(world, user, "/api/blocks".to_owned()).await {
        lines.push(json!({"block": block}));
    }
    for group in groups {
        let shown = world.get(user, &format!("/api/message_groups/{group}")).await.ok();
        lines.push(json!({"message_group": shown}));
        let (mut pages, mut path) = (vec![], Some(format!("/api/messages/{group}?limit=100")));
        while let Some(page) = path {
            let answer = world.get(user, &page).await;
            pages.extend(answer.ok().as_array().unwrap().iter().rev().cloned());
            path = answer.next_page().map(str::to_owned);
        }
        lines.extend(
            pages.into_iter().map(|message| json!({"message_group_uuid": group, "message": message})),
        );
    }
    lines
}

#[tokio::test]
async fn an_export_is_what_the_api_shows() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut groups = vec![];
    for number in 0..25 {
        world.clock.advance(TimeDelta::seconds(1));
        let other = world.user("bob").await;
        let sent = world.send(&other, &alice, &format!("hello {number}")).await;
        // The first has several pages, and a reply to a message on another page.
        let more = if number == 0 { 230 } else { number % 3 };
        for further in 0..more {
            world.clock.advance(TimeDelta::milliseconds(1));
            world.send(&alice, &other, &format!("message {further}")).await;
        }
        groups.push((sent, other));
    }
    let uuid = |index: usize| groups[index].0["message_group_uuid"].as_str().unwrap();
    let message = |index: usize| {
        let (uuid, time) = (&groups[index].0["uuid"], &groups[index].0["created_at"]);
        (uuid.as_str().unwrap(), time.as_str().unwrap())
    };
    let (reply_to, reply_at) = message(0);
    world
        .post(&alice, &json!({"message_group_uuid": uuid(0), "message": "yes", "reply_to": {"uuid": reply_to, "created_at": reply_at}}))
        .await
        .ok();
    let change = async |user: &TestUser, method: Method, path: String, body: Value| {
        let answer = world.ask(user, method, &path, &body).await;
        assert!(answer.status.is_success(), "{answer:?}");
    };
    let settings = |index: usize| format!("/api/message_groups/{}", uuid(index));
    change(&alice, Method::PATCH, settings(1), json!({"hidden": true})).await;
    change(&alice, Method::PATCH, settings(2), json!({"cleared": true})).await;
    change(&alice, Method::PATCH, settings(3), json!({"muted_until": "2026-11-23T09:30:00.000000Z"})).await;
    change(&alice, Method::PUT, format!("/api/blocks/{}", groups[4].1.user.uuid), Value::Null).await;
    let (deleted, at) = message(5);
    let path = format!("/api/messages/{}/{deleted}?created_at={at}", uuid(5));
    change(&groups[5].1, Method::DELETE, path, Value::Null).await;
    let (liked, at) = message(6);
    let path = format!("/api/messages/{}/{liked}/reactions/%F0%9F%91%8D?created_at={at}", uuid(6));
    change(&alice, Method::PUT, path, Value::Null).await;
    world.deliver_all().await;

    let (lines, pages) = export(&world, &alice).await;
    // The first group has received the newest message.
    let mut order = (1..25).map(uuid).collect::<Vec<_>>();
    order.push(uuid(0));
    assert_eq!(lines, shown(&world, &alice, &order).await);
    assert!((5..=10).contains(&pages), "{pages}");
    let other = &groups[7].1;
    assert_eq!(export(&world, other).await.0, shown(&world, other, &[uuid(7)]).await);
    let nobody = world.user("carol").await;
    assert_eq!(export(&world, &nobody).await.0, shown(&world, &nobody, &[]).await);
}

/// A group that moves meanwhile only moves to a later page.
#[tokio::test]
async fn no_group_is_missed_although_groups_move() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut others = vec![];
    for _ in 0..25 {
        world.clock.advance(TimeDelta::seconds(1));
        let other = world.user("bob").await;
        world.send(&other, &alice, "hello").await;
        others.push(other);
    }
    world.deliver_all().await;
    let mut seen = std::collections::BTreeSet::new();
    let mut path = Some("/api/me/export".to_owned());
    let mut senders = others.iter().rev();
    while let Some(page) = path {
        let answer = world.get(&alice, &page).await;
        let lines = answer.body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        seen.extend(lines.filter_map(|line| Some(line["message_group"]["handle"].as_str()?.to_owned())));
        path = answer.next_page().map(str::to_owned);
        // From the end of the inbox, which the export has not reached yet, and from its beginning.
        for sender in senders.next().into_iter().chain(senders.next_back()) {
            world.clock.advance(TimeDelta::seconds(1));
            world.send(sender, &alice, "and on").await;
            world.deliver_all().await;
        }
    }
    assert_eq!(seen.len(), others.len());
}

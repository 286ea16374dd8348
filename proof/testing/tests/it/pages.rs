//! Pages of hundreds of groups and messages with equal times.

use chrono::TimeDelta;
use cruddur::{
    message::{
        Messages,
        send::{NewMessage, Target},
    },
    sort_key::SortKey,
    table::{MessageRow, Partition},
    timestamp::Timestamp,
    user::{Receiver, User},
};
use serde_json::{Map, Value, json};
use testing::{TestUser, World, world::TABLE};
use uuid::Uuid;

const GROUPS: &str = "/api/message_groups";

/// Uuids on each page from `path` on, following the links to the end.
async fn follow(world: &World, user: &TestUser, path: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = world.get(user, &path).await;
        pages.push(uuids(&answer.ok()));
        next = answer.next_page().map(str::to_owned);
        assert!(pages.len() < 1000, "the links lead in a circle");
    }
    pages
}

fn uuids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item["uuid"].as_str().unwrap().to_owned()).collect()
}

/// Opens this many groups of `user`. Returns their uuids, newest first. Time is paused, so all have the same time.
async fn open_groups(world: &World, user: &TestUser, count: usize) -> Vec<String> {
    let mut groups = Vec::with_capacity(count);
    for _ in 0..count {
        let uuid = world.parts.random.uuid_v7(world.parts.clock.now());
        let receiver = User { uuid, handle: "r".to_owned(), display_name: "R".to_owned() };
        let new = NewMessage {
            sender: user.user.clone(),
            target: Target::User {
                handle: Some("r".parse().unwrap()),
                receiver: Receiver::of_everyone(receiver),
            },
            text: "hello".parse().unwrap(),
            reply_to: None,
            idempotency_key: None,
        };
        let sent = Messages::new(world.table(), world.parts.clock.clone(), world.parts.random.clone(), None)
            .send(new)
            .await
            .unwrap()
            .sent;
        groups.push((sent.created_at, sent.uuid, sent.message_group_uuid.to_string()));
    }
    assert!(groups.iter().all(|(created_at, ..)| *created_at == groups[0].0));
    groups.sort_unstable_by(|a, b| b.cmp(a));
    groups.into_iter().map(|(.., group)| group).collect()
}

/// Inserts this many messages of equal time into a group. Returns their uuids, newest first. Concurrent sends
/// that do not see each other can produce such messages.
fn put_messages(world: &World, sender: &TestUser, group_uuid: Uuid, count: usize) -> Vec<String> {
    let created_at = Timestamp::new(world.parts.clock.now());
    let mut messages = Vec::with_capacity(count);
    for _ in 0..count {
        let message_uuid = world.parts.random.uuid_v7(created_at.to_utc());
        let sk = SortKey { created_at, message_uuid };
        let row = MessageRow::new(group_uuid, sk, &"hello".parse().unwrap(), &sender.user);
        let Value::Object(row) = serde_json::to_value(row).unwrap() else { panic!("a row is an object") };
        let item: Map<_, _> = row.into_iter().map(|(name, value)| (name, json!({"S": value}))).collect();
        let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": item}));
        messages.push(message_uuid);
    }
    messages.sort_unstable_by(|a, b| b.cmp(a));
    messages.into_iter().map(|uuid| uuid.to_string()).collect()
}

/// A group of two with exactly this many messages of equal time. Returns the messages' uuids, newest first.
async fn conversation(world: &World, count: usize) -> (TestUser, Uuid, Vec<String>) {
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    for row in world.rows() {
        if row["pk"]["S"] == Partition::Messages(group_uuid).to_string() {
            let key = json!({"pk": row["pk"], "sk": row["sk"]});
            let _ = world.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
        }
    }
    let messages = put_messages(world, &bob, group_uuid, count);
    (alice, group_uuid, messages)
}

/// Reorders pages of messages newest first: each page is oldest to newest.
fn newest_first(pages: Vec<Vec<String>>) -> Vec<String> {
    pages.into_iter().flat_map(|page| page.into_iter().rev()).collect()
}

#[tokio::test]
async fn following_the_links_visits_every_group_once_in_order() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let groups = open_groups(&world, &alice, 230).await;
    for (query, limit) in [("?limit=7", 7), ("", 20), ("?limit=100", 100)] {
        let pages = follow(&world, &alice, &format!("{GROUPS}{query}")).await;
        assert_eq!(pages.len(), 230_usize.div_ceil(limit));
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit));
        assert_eq!(pages.concat(), groups, "{query}");
    }
}

#[tokio::test]
async fn following_the_links_visits_every_message_once_in_order() {
    let world = World::new().await;
    let (alice, group_uuid, messages) = conversation(&world, 330).await;
    for (query, limit) in [("?limit=7", 7), ("", 20), ("?limit=100", 100)] {
        let pages = follow(&world, &alice, &format!("/api/messages/{group_uuid}{query}")).await;
        assert_eq!(pages.len(), 330_usize.div_ceil(limit));
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit));
        assert_eq!(newest_first(pages), messages, "{query}");
    }
}

#[tokio::test]
async fn the_last_page_has_no_link_even_when_it_is_full() {
    let world = World::new().await;
    let (alice, group_uuid, _) = conversation(&world, 40).await;
    let carol = world.user("carol").await;
    open_groups(&world, &carol, 40).await;
    for (user, path) in [(&alice, format!("/api/messages/{group_uuid}")), (&carol, GROUPS.to_owned())] {
        for (query, pages) in
            [("?limit=1", 40), ("?limit=20", 2), ("", 2), ("?limit=39", 2), ("?limit=40", 1)]
        {
            let visited = follow(&world, user, &format!("{path}{query}")).await;
            assert_eq!(visited.len(), pages, "{path}{query}");
            assert!(visited.iter().all(|page| !page.is_empty()), "{path}{query}");
        }
    }
}

#[tokio::test]
async fn arrivals_between_two_pages_do_not_change_the_older_ones() {
    let world = World::new().await;
    let (alice, group_uuid, messages) = conversation(&world, 30).await;
    let groups = {
        let mut groups = open_groups(&world, &alice, 30).await;
        // The conversation's group has the same time as the others, so its place is known only now.
        let all = follow(&world, &alice, &format!("{GROUPS}?limit=100")).await.concat();
        groups.push(group_uuid.to_string());
        groups.sort_unstable_by_key(|group| all.iter().position(|known| known == group));
        groups
    };
    let messages_path = format!("/api/messages/{group_uuid}");
    let first_messages = world.get(&alice, &format!("{messages_path}?limit=10")).await;
    let first_groups = world.get(&alice, &format!("{GROUPS}?limit=10")).await;

    let body = json!({"message_group_uuid": group_uuid, "message": "newest"});
    let newest = world.post(&alice, &body).await.ok();
    let dave = world.user("dave").await;
    world.clock.advance(TimeDelta::seconds(1));
    let new_group = world.send(&dave, &alice, "hello").await["message_group_uuid"].clone();

    let older = follow(&world, &alice, first_messages.next_page().unwrap()).await;
    assert_eq!(newest_first(older), messages[10..]);
    let older = follow(&world, &alice, first_groups.next_page().unwrap()).await;
    assert_eq!(older.concat(), groups[10..]);
    let top = world.get(&alice, &messages_path).await.ok();
    assert_eq!(top[19]["uuid"], newest["uuid"]);
    assert_eq!(world.get(&alice, GROUPS).await.ok()[0]["uuid"], new_group);
}

#[tokio::test]
async fn a_group_that_moves_up_between_two_pages_is_missing_from_the_older_pages_only() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&bob, &alice, "hello").await;
    world.clock.advance(TimeDelta::seconds(1));
    let groups = open_groups(&world, &alice, 30).await;
    let first = world.get(&alice, &format!("{GROUPS}?limit=10")).await;
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&bob, &alice, "hello again").await;
    world.deliver_all().await;
    let older = follow(&world, &alice, first.next_page().unwrap()).await;
    assert_eq!(older.concat(), groups[10..]);
    assert_eq!(world.get(&alice, GROUPS).await.ok()[0]["uuid"], json!(group_uuid));
}

#[tokio::test]
async fn a_cursor_moves_only_inside_the_list_it_is_used_with() {
    let world = World::new().await;
    let (alice, group_uuid, messages) = conversation(&world, 10).await;
    let (carol, other_uuid, _) = conversation(&world, 10).await;
    let cursor_of = async |user, path: &str| {
        let answer = world.get(user, &format!("{path}?limit=5")).await;
        answer.next_page().unwrap().split_once("cursor=").unwrap().1.to_owned()
    };
    open_groups(&world, &alice, 10).await;
    open_groups(&world, &carol, 10).await;
    let mine = follow(&world, &alice, GROUPS).await.concat();
    let mut visited = 0;
    for cursor in [
        cursor_of(&carol, &format!("/api/messages/{other_uuid}")).await,
        cursor_of(&carol, GROUPS).await,
        cursor_of(&alice, GROUPS).await,
        cursor_of(&alice, &format!("/api/messages/{group_uuid}")).await,
    ] {
        // An end of the list: the page after a cursor depends on the cursor alone.
        let path = format!("/api/messages/{group_uuid}?limit=3&cursor={cursor}");
        let seen = newest_first(follow(&world, &alice, &path).await);
        assert!(messages.ends_with(&seen), "{seen:?}");
        visited += seen.len();
        let seen = follow(&world, &alice, &format!("{GROUPS}?limit=3&cursor={cursor}")).await.concat();
        assert!(mine.ends_with(&seen), "{seen:?}");
        visited += seen.len();
    }
    assert_ne!(visited, 0);
    // Another user's cursor does not open their group.
    let cursor = cursor_of(&carol, &format!("/api/messages/{other_uuid}")).await;
    let answer = world.get(&alice, &format!("/api/messages/{other_uuid}?cursor={cursor}")).await;
    assert_eq!(answer.brief(), (404, "[\"message_group_not_found\"]"));
}

#[tokio::test]
async fn limits_are_1_to_100_and_neither_limit_nor_cursor_may_be_empty_or_repeated() {
    let world = World::new().await;
    let (alice, group_uuid, _) = conversation(&world, 3).await;
    let answer = world.get(&alice, &format!("/api/messages/{group_uuid}?limit=1")).await;
    let cursor = answer.next_page().unwrap().split_once("cursor=").unwrap().1.to_owned();
    for path in [GROUPS.to_owned(), format!("/api/messages/{group_uuid}")] {
        for query in [
            "limit=1",
            "limit=100",
            "limit=%31%30",
            "LIMIT=0",
            "unknown=1&unknown=2",
            &format!("cursor={cursor}"),
            &format!("cursor={cursor}&limit=5"),
        ] {
            world.get(&alice, &format!("{path}?{query}")).await.ok();
        }
        for limit in [
            "limit=",
            "limit",
            "limit=0",
            "limit=101",
            "limit=256",
            "limit=-1",
            "limit=%2B5",
            "limit=5.0",
            "limit=1e1",
            "limit=x",
            "limit=%205",
            "limit=99999999999999999999",
            "limit=5&limit=5",
            "limit=5&cursor_=x&limit=6",
            "limit=5,6",
            "limit=%D9%A5",
        ] {
            let answer = world.get(&alice, &format!("{path}?{limit}")).await;
            assert_eq!(answer.brief(), (422, "[\"limit_invalid\"]"), "{path}?{limit}");
        }
        for cursor in [
            "cursor=".to_owned(),
            "cursor".to_owned(),
            "cursor=x".to_owned(),
            "cursor=null".to_owned(),
            format!("cursor={cursor}="),
            format!("cursor={cursor}%20"),
            format!("cursor={}", &cursor[1..]),
            format!("cursor={}", cursor.to_lowercase()),
            format!("cursor={cursor}&cursor={cursor}"),
            format!("cursor={cursor},{cursor}"),
            // A partition key, and a sort key in upper case.
            "cursor=TVNHIzAxOTViNWEwLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMQ".to_owned(),
            "cursor=MjAyNi0xMS0yMlQwOTozMDowMC4wMDAwMDBaIzAxOTVCNUEwLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMQ"
                .to_owned(),
        ] {
            let answer = world.get(&alice, &format!("{path}?{cursor}")).await;
            assert_eq!(answer.brief(), (422, "[\"cursor_invalid\"]"), "{path}?{cursor}");
        }
    }
}

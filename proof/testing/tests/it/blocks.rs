//! Blocks: what they refuse, what lists show, and what is written (design, section 3).

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use checker::invariants;
use chrono::TimeDelta;
use cruddur::table::RowKind;
use http::Method;
use serde_json::{Value, json};
use testing::{Failure::Reset, Fault::Late, TestUser, World, world::kind_of};
use uuid::Uuid;

const USER_BLOCKED: (u16, &str) = (403, r#"["user_blocked"]"#);
const NOT_ACCEPTED: (u16, &str) = (403, r#"["message_not_accepted"]"#);

async fn set(world: &World, user: &TestUser, method: Method, blocked: Uuid) {
    let answer = world.ask(user, method, &format!("/api/blocks/{blocked}"), &Value::Null).await;
    assert_eq!(answer.brief(), (204, ""));
}

async fn block(world: &World, user: &TestUser, blocked: &TestUser) {
    set(world, user, Method::PUT, blocked.user.uuid).await;
}

async fn unblock(world: &World, user: &TestUser, blocked: &TestUser) {
    set(world, user, Method::DELETE, blocked.user.uuid).await;
}

/// Status and body of a message.
async fn send(world: &World, sender: &TestUser, receiver: &TestUser) -> (u16, String) {
    let answer = world.post(sender, &json!({"handle": receiver.user.handle, "message": "hello"})).await;
    (answer.status.as_u16(), answer.body)
}

async fn listed(world: &World, user: &TestUser) -> Vec<Value> {
    let groups = world.get(user, "/api/message_groups").await.ok();
    groups.as_array().unwrap().iter().map(|group| group["user_uuid"].clone()).collect()
}

fn assert_at_rest(world: &World) {
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
}

fn is(answer: &(u16, String), expected: (u16, &str)) -> bool {
    (answer.0, &*answer.1) == expected
}

#[tokio::test]
async fn a_block_refuses_messages_edits_and_reactions_in_both_directions() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let sent = world.send(&bob, &alice, "before the block").await;
    world.deliver_all().await;
    block(&world, &alice, &bob).await;
    block(&world, &alice, &bob).await;

    let (uuid, time) = (sent["uuid"].as_str().unwrap(), sent["created_at"].as_str().unwrap());
    let message = format!("/api/messages/{group}/{uuid}");
    let thumbs_up = format!("{message}/reactions/%F0%9F%91%8D?created_at={time}");
    let edit = json!({"message": "an edit", "created_at": time});
    for (user, expected) in [(&alice, USER_BLOCKED), (&bob, NOT_ACCEPTED)] {
        let to_group = json!({"message_group_uuid": group, "message": "hello"});
        assert_eq!(world.post(user, &to_group).await.brief(), expected);
        let to_other = if user.user == alice.user { &bob } else { &alice };
        assert!(is(&send(&world, user, to_other).await, expected));
        assert_eq!(world.ask(user, Method::PUT, &thumbs_up, &Value::Null).await.brief(), expected);
        assert_eq!(world.ask(user, Method::PUT, &message, &edit).await.brief(), expected);
    }
    // What was said can be taken back.
    let remove = world.ask(&alice, Method::DELETE, &thumbs_up, &Value::Null).await;
    assert_eq!(remove.status, 204);
    let delete = format!("{message}?created_at={time}");
    assert_eq!(world.ask(&bob, Method::DELETE, &delete, &Value::Null).await.status, 204);

    unblock(&world, &alice, &bob).await;
    unblock(&world, &alice, &bob).await;
    assert_eq!(send(&world, &bob, &alice).await.0, 200);
    assert_eq!(send(&world, &alice, &bob).await.0, 200);
    world.deliver_all().await;
    assert_at_rest(&world);
}

#[tokio::test]
async fn a_block_also_refuses_the_first_message() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    block(&world, &alice, &bob).await;
    assert!(is(&send(&world, &bob, &alice).await, NOT_ACCEPTED));
    assert!(is(&send(&world, &alice, &bob).await, USER_BLOCKED));
    // Each user's own block is told to them.
    block(&world, &bob, &alice).await;
    assert!(is(&send(&world, &bob, &alice).await, USER_BLOCKED));
    unblock(&world, &alice, &bob).await;
    assert!(is(&send(&world, &alice, &bob).await, NOT_ACCEPTED));
    unblock(&world, &bob, &alice).await;
    assert_eq!(send(&world, &bob, &alice).await.0, 200);
    world.deliver_all().await;
    assert_at_rest(&world);
}

#[tokio::test]
async fn lists_of_the_one_who_blocks_leave_out_the_group() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let carol = world.user("carol").await;
    world.send(&carol, &alice, "from carol").await;
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&bob, &alice, "unread").await;
    world.deliver_all().await;
    let (bobs, carols) = (json!(bob.user.uuid), json!(carol.user.uuid));
    assert_eq!(listed(&world, &alice).await, [bobs.clone(), carols.clone()]);
    let before = world.get(&bob, "/api/message_groups").await;

    block(&world, &alice, &bob).await;
    world.deliver_all().await;
    assert_at_rest(&world);
    assert_eq!(listed(&world, &alice).await, std::slice::from_ref(&carols));
    // Another row is read in its place.
    let first = world.get(&alice, "/api/message_groups?limit=1").await;
    assert_eq!((&first.ok()[0]["user_uuid"], first.next_page()), (&carols, None));
    let unread = world.get(&alice, "/api/unread").await.ok();
    assert_eq!(unread, json!({"conversations": 1, "more": false}));
    let path = format!("/api/message_groups/{group}");
    assert_eq!(world.get(&alice, &path).await.ok()["blocked"], true);
    // The other member is not told.
    assert_eq!(world.get(&bob, &path).await.ok()["blocked"], false);
    assert_eq!(world.get(&bob, "/api/message_groups").await.body, before.body);

    unblock(&world, &alice, &bob).await;
    world.deliver_all().await;
    assert_at_rest(&world);
    assert_eq!(listed(&world, &alice).await, [bobs, carols]);
}

#[tokio::test]
async fn blocked_users_are_listed_page_by_page() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let mut others = Vec::new();
    for number in 0..5 {
        others.push(world.user(&format!("other-{number}")).await);
    }
    for other in &others {
        block(&world, &alice, other).await;
    }
    unblock(&world, &alice, &others[1]).await;
    let mut expected = [0, 2, 3, 4].map(|number: usize| others[number].user.clone());
    expected.sort_by_key(|user| user.uuid);
    let all = world.get(&alice, "/api/blocks").await;
    let shown = all.ok();
    let uuids = shown.as_array().unwrap().iter().map(|user| user["uuid"].clone()).collect::<Vec<_>>();
    assert_eq!(uuids, expected.clone().map(|user| json!(user.uuid)));
    assert_eq!(shown[0]["handle"], json!(expected[0].handle));
    assert_eq!(all.next_page(), None);
    let (mut path, mut paged) = (Some("/api/blocks?limit=1".to_owned()), Vec::new());
    while let Some(next) = path {
        let page = world.get(&alice, &next).await;
        paged.extend(page.ok().as_array().unwrap().clone());
        path = page.next_page().map(str::to_owned);
    }
    assert_eq!(json!(paged), shown);
    assert_eq!(world.get(&others[0], "/api/blocks").await.ok(), json!([]));
}

#[tokio::test]
async fn receipts_stop_at_the_block() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let path = format!("/api/message_groups/{group}");
    let read = async |user: &TestUser| {
        let answer = world.ask(user, Method::PUT, &format!("{path}/read"), &json!({})).await;
        assert_eq!(answer.status, 204);
        world.deliver_all().await;
    };
    let seen_by = async |user: &TestUser, other: &TestUser| {
        let shown = world.get(user, &path).await.ok();
        let members = shown["members"].as_array().unwrap();
        let member = members.iter().find(|member| member["uuid"] == json!(other.user.uuid)).unwrap();
        member["last_read_message_uuid"].clone()
    };
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&bob, &alice, "one").await;
    world.deliver_all().await;
    read(&alice).await;
    let seen = seen_by(&bob, &alice).await;
    assert!(seen.is_string());
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&bob, &alice, "two").await;
    world.deliver_all().await;
    block(&world, &alice, &bob).await;
    read(&alice).await;
    assert_eq!(seen_by(&bob, &alice).await, seen);
    assert_at_rest(&world);
}

/// The answer to the first request was lost.
#[tokio::test]
async fn a_repeated_request_gets_the_earlier_answer_although_there_is_a_block_now() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    world.send(&bob, &alice, "hello").await;
    let body = json!({"message_group_uuid": group, "message": "once"}).to_string();
    let key = [("idempotency-key", "once")];
    let first = world.post_with(&bob, &key, body.clone()).await.ok();
    block(&world, &alice, &bob).await;
    assert_eq!(world.post_with(&bob, &key, body).await.ok(), first);
    let other = json!({"message_group_uuid": group, "message": "another"}).to_string();
    assert_eq!(world.post_with(&bob, &key, other).await.brief(), NOT_ACCEPTED);
}

/// Executed after its time limit, it would bring back a block that has ended.
#[tokio::test]
async fn a_late_block_does_not_undo_a_later_end() {
    for has_group in [false, true] {
        let world = World::new().await;
        let (alice, bob) = if has_group {
            let (alice, bob, _) = world.pair().await;
            world.send(&alice, &bob, "hello").await;
            (alice, bob)
        } else {
            (world.user("alice").await, world.user("bob").await)
        };
        world.emulator.fail("TransactWriteItems", 1, Late(Reset, Duration::from_millis(300)));
        block(&world, &alice, &bob).await;
        unblock(&world, &alice, &bob).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        let blocks = world.rows();
        let blocks = blocks.iter().filter(|row| kind_of(row) == Some(RowKind::Block)).collect::<Vec<_>>();
        assert_eq!(blocks.len(), 1);
        assert!(blocks[0].get("blocked_at").is_none(), "{blocks:?}");
        assert_eq!(send(&world, &bob, &alice).await.0, 200);
    }
}

/// Sends until a message is refused. Returns the number of stored ones. Whatever begins after `is_blocked` is set must be
/// refused.
async fn send_until_refused(
    world: &World,
    sender: &TestUser,
    receiver: &TestUser,
    is_blocked: &AtomicBool,
) -> usize {
    for stored in 0.. {
        let began_after = is_blocked.load(Ordering::SeqCst);
        let answer = send(world, sender, receiver).await;
        if is(&answer, NOT_ACCEPTED) {
            return stored;
        }
        assert_eq!(answer.0, 200, "{answer:?}");
        assert!(!began_after, "a message that began after the block's answer was stored");
    }
    unreachable!()
}

/// Lets two devices of the sender race with a block that is sent after some messages.
async fn race(world: &World, blocker: &TestUser, sender: &TestUser, round: u64) -> usize {
    let is_blocked = AtomicBool::new(false);
    let block = async {
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_micros(round * 37 % 4_000)).await;
        block(world, blocker, sender).await;
        is_blocked.store(true, Ordering::SeqCst);
    };
    let ((), one, other) = tokio::join!(
        block,
        send_until_refused(world, sender, blocker, &is_blocked),
        send_until_refused(world, sender, blocker, &is_blocked)
    );
    one + other
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_begins_after_a_block_was_answered_is_stored_in_1000_races() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    let mut stored = 0;
    for round in 0..900 {
        stored += race(&world, &alice, &bob, round).await;
        unblock(&world, &alice, &bob).await;
    }
    // Also the first message of a pair.
    for round in 0..100 {
        let (alice, bob, _) = world.pair().await;
        stored += race(&world, &alice, &bob, round).await;
    }
    let rows = world.rows();
    let messages = rows.iter().filter(|row| kind_of(row) == Some(RowKind::Message)).count();
    assert_eq!(messages, stored);
    // Neither side always wins.
    assert!(stored > 100, "only {stored} messages were stored");
}

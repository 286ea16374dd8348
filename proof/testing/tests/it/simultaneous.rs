//! Simultaneous first messages of a pair end in one conversation (I9), and no clock makes a reply sort before
//! the message that it replies to (I8).

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::{collections::HashSet, time::Duration};

use chrono::TimeDelta;
use cruddur::{
    error::Error,
    message::send::Sent,
    message_group::uuid_of_pair,
    table::{Partition, RowKind},
    user::User,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testing::{
    Call,
    Failure::{Canceled, Reset, Status},
    Fault::{self, Late, Lost, NotExecuted},
    Sends, TestUser, World, invariants,
    sends::user,
    world::kind_of,
};
use uuid::Uuid;

/// One group of the two has exactly the acknowledged messages, each once, and each response names it.
#[track_caller]
fn assert_one_conversation(rows: &[Value], group_uuid: Uuid, sent: &[Sent]) {
    assert_eq!(invariants::check(rows), Vec::<String>::new());
    let messages = invariants::messages(rows);
    assert_eq!(messages.keys().collect::<Vec<_>>(), [&group_uuid]);
    let stored: HashSet<Uuid> = messages[&group_uuid].iter().map(|message| message.message_uuid).collect();
    let acknowledged: HashSet<Uuid> = sent.iter().map(|sent| sent.uuid).collect();
    assert_eq!(stored, acknowledged);
    assert!(sent.iter().all(|sent| sent.message_group_uuid == group_uuid));
    for (kind, count) in [(RowKind::Membership, 1), (RowKind::Inbox, 2)] {
        let of_kind = rows.iter().filter(|row| kind_of(row) == Some(kind));
        assert_eq!(of_kind.count(), count, "{kind:?}");
    }
}

fn pair() -> (User, User, Uuid) {
    let (alice, bob) = (user(1), user(2));
    let group_uuid = uuid_of_pair(alice.uuid, bob.uuid);
    (alice, bob, group_uuid)
}

/// A first message from `sender` that never reaches the table. Returns its write, for the test to carry out later.
async fn held_up_opening(
    sends: &Sends,
    sender: &User,
    receiver: &User,
    text: &str,
    key: Option<&str>,
) -> Call {
    sends.emulator.fail("TransactWriteItems", 1, NotExecuted(Status(400, "AccessDeniedException")));
    sends.to_user(sender, receiver, text, key).await.unwrap_err();
    sends.emulator.inject(|_| Fault::None);
    let mut calls = sends.emulator.take_calls();
    calls.retain(|call| call.operation == "TransactWriteItems");
    calls.remove(0)
}

#[tokio::test]
async fn a_group_that_the_other_side_opens_between_plan_and_write_is_used() {
    tokio::time::pause();
    for key in [None, Some("key")] {
        let sends = Sends::new().await;
        let (alice, bob, group_uuid) = pair();
        let opening = held_up_opening(&sends, &alice, &bob, "from alice", None).await;
        let emulator = sends.emulator.clone();
        let mut openings = Some(opening);
        // Bob has read that there is no group. Alice's write comes just before his.
        sends.emulator.inject(move |call| {
            if call.operation == "TransactWriteItems"
                && let Some(opening) = openings.take()
            {
                let _ = emulator.call(&opening.operation, opening.request);
            }
            Fault::None
        });
        let sent = sends.to_user(&bob, &alice, "from bob", key).await.unwrap();
        assert_eq!(sent.message_group_uuid, group_uuid);
        let messages = invariants::messages(&sends.rows()).remove(&group_uuid).unwrap();
        let texts: Vec<&str> = messages.iter().map(|message| &*message.message).collect();
        // He found the existing group, so his message sorts after hers.
        assert_eq!(texts, ["from alice", "from bob"]);
        assert_eq!(sent.uuid, messages[1].message_uuid);
        assert_eq!(invariants::check(&sends.rows()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_opening_with_a_lost_answer_after_the_other_members_opening_is_stored_once() {
    tokio::time::pause();
    let (alice, bob, group_uuid) = pair();
    for key in [None, Some("key")] {
        for fault in
            [Lost(Reset), Late(Reset, Duration::from_secs(3)), Lost(Status(500, "InternalServerError"))]
        {
            let sends = Sends::new().await;
            let opening = held_up_opening(&sends, &alice, &bob, "from alice", None).await;
            let emulator = sends.emulator.clone();
            let mut openings = Some(opening);
            let mut failures = 4;
            sends.emulator.inject(move |call| {
                if let Some(opening) = openings.take_if(|_| call.operation == "TransactWriteItems") {
                    let _ = emulator.call(&opening.operation, opening.request);
                }
                if matches!(&*call.operation, "PutItem" | "TransactWriteItems") && failures > 0 {
                    failures -= 1;
                    return fault;
                }
                Fault::None
            });
            let sent = sends.to_user(&bob, &alice, "from bob", key).await.unwrap();
            tokio::time::sleep(Duration::from_mins(1)).await;
            let messages = invariants::messages(&sends.rows()).remove(&group_uuid).unwrap();
            assert_eq!(messages.len(), 2, "{key:?}, {fault:?}");
            assert_eq!(sent.uuid, messages[1].message_uuid, "{key:?}, {fault:?}");
            assert_eq!(invariants::check(&sends.rows()), Vec::<String>::new(), "{key:?}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_late_opening_finds_the_other_members_group_and_changes_nothing() {
    tokio::time::pause();
    let sends = Sends::new().await;
    let (alice, bob, group_uuid) = pair();
    sends.emulator.fail("TransactWriteItems", usize::MAX, Late(Reset, Duration::from_secs(20)));
    let lost = sends.to_user(&alice, &bob, "from alice", None).await;
    assert!(matches!(lost, Err(Error::Unavailable { .. })), "{lost:?}");
    sends.emulator.inject(|_| Fault::None);
    let sent = sends.to_user(&bob, &alice, "from bob", None).await.unwrap();
    let rows = sends.rows();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(sends.rows(), rows);
    assert_one_conversation(&rows, group_uuid, &[sent]);
}

#[tokio::test]
async fn first_messages_of_both_sides_that_all_read_before_any_writes_end_in_one_group() {
    for (keys, name) in
        [(0, "without keys"), (20, "each with a key of its own"), (5, "in fours with the same key")]
    {
        tokio::time::pause();
        let sends = Sends::new().await;
        let (alice, bob, group_uuid) = pair();
        let requests = (0..20).flat_map(|number| {
            // Equal keys have equal texts.
            let number = if keys == 0 { number } else { number % keys };
            [(&alice, &bob, number), (&bob, &alice, number)]
        });
        // With this latency, all reads are answered before the first write.
        sends.emulator.set_latency(Duration::from_millis(10));
        let sent = join_all(requests.map(|(sender, receiver, number)| {
            let sends = &sends;
            async move {
                let key = number.to_string();
                sends.to_user(sender, receiver, &key, (keys > 0).then_some(&key)).await.unwrap()
            }
        }))
        .await;
        let openings = sends.emulator.take_calls().into_iter().filter(|call| {
            let actions = call.request["TransactItems"].as_array();
            actions.is_some_and(|actions| actions.len() >= 4)
        });
        assert_eq!(openings.count(), 40, "{name}: the requests did not cross each other");
        assert_one_conversation(&sends.rows(), group_uuid, &sent);
        let uuids: HashSet<Uuid> = sent.iter().map(|sent| sent.uuid).collect();
        assert_eq!(uuids.len(), if keys == 5 { 10 } else { 40 }, "{name}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn first_messages_that_meet_conflicts_end_in_one_group() {
    tokio::time::pause();
    let sends = Sends::new().await;
    let (alice, bob, group_uuid) = pair();
    sends.emulator.set_latency(Duration::from_millis(10));
    let mut count = 0_u32;
    sends.emulator.inject(move |call| {
        count += 1;
        match &*call.operation {
            "TransactWriteItems" if count.is_multiple_of(3) => {
                NotExecuted(Canceled(&["None", "TransactionConflict", "None", "None"]))
            }
            "TransactWriteItems" | "PutItem" if count.is_multiple_of(5) => Lost(Reset),
            "PutItem" if count.is_multiple_of(7) => NotExecuted(Status(400, "TransactionConflictException")),
            _ => Fault::None,
        }
    });
    let requests = (0..10).flat_map(|_| [(&alice, &bob), (&bob, &alice)]);
    let sends_ref = &sends;
    let sent = join_all(requests.map(|(sender, receiver)| async move {
        sends_ref.to_user(sender, receiver, "hello", None).await.unwrap()
    }))
    .await;
    assert_eq!(sent.len(), 20);
    assert_one_conversation(&sends.rows(), group_uuid, &sent);
}

#[tokio::test]
async fn simultaneous_requests_over_http_end_in_one_group_that_both_list_once() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    // Enough for the requests to overlap, in whichever order PostgreSQL serves them.
    world.emulator.set_latency(Duration::from_millis(2));
    let requests = (0..20).flat_map(|number| [(&alice, &bob, number), (&bob, &alice, number)]);
    let answers = join_all(requests.map(|(sender, receiver, number)| {
        let world = &world;
        async move {
            let body = json!({"handle": receiver.user.handle, "message": number.to_string()}).to_string();
            let key = number.to_string();
            let headers: &[(&str, &str)] = if number % 2 == 0 { &[("idempotency-key", &key)] } else { &[] };
            world.post_with(sender, headers, body).await.ok()
        }
    }))
    .await;
    world.emulator.set_latency(Duration::ZERO);
    let uuids: HashSet<&str> = answers.iter().map(|answer| answer["uuid"].as_str().unwrap()).collect();
    assert_eq!(uuids.len(), 40);
    assert!(answers.iter().all(|answer| answer["message_group_uuid"] == json!(group_uuid)));
    assert_eq!(invariants::check(&world.rows()), Vec::<String>::new());
    world.deliver_all().await;
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
    let path = format!("/api/messages/{group_uuid}?limit=100");
    for user in [&alice, &bob] {
        let groups = world.get(user, "/api/message_groups").await.ok();
        assert_eq!(groups.as_array().unwrap().len(), 1);
        assert_eq!(groups[0]["uuid"], json!(group_uuid));
        let messages = world.get(user, &path).await.ok();
        let listed: HashSet<&str> =
            messages.as_array().unwrap().iter().map(|message| message["uuid"].as_str().unwrap()).collect();
        assert_eq!(listed, uuids);
    }
}

#[tokio::test]
async fn a_reply_never_sorts_before_its_message_even_if_the_clock_goes_back() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let mut answered = vec![world.send(&alice, &bob, "1").await];
    for (number, by) in [-3600, 0, -3600, 1, -86_400, 7300].into_iter().enumerate() {
        world.clock.advance(TimeDelta::seconds(by));
        let mut sender = if number % 2 == 0 { bob.clone() } else { alice.clone() };
        // The old token is not yet valid.
        sender.token = world.issuer.access_token(&sender.subject, &sender.user.handle).unwrap();
        let body = json!({"message_group_uuid": group_uuid, "message": (number + 2).to_string()});
        answered.push(world.post(&sender, &body).await.ok());
    }
    let times: Vec<&str> = answered.iter().map(|message| message["created_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    assert_eq!(times[1], "2026-11-22T09:30:00.000001Z");
    world.clock.advance(TimeDelta::days(1));
    let token = world.issuer.access_token(&alice.subject, &alice.user.handle).unwrap();
    let alice = TestUser { token, ..alice };
    let listed = world.get(&alice, &format!("/api/messages/{group_uuid}")).await.ok();
    let texts: Vec<&str> =
        listed.as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap()).collect();
    assert_eq!(texts, ["1", "2", "3", "4", "5", "6", "7"]);
    world.deliver_all().await;
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn messages_of_one_microsecond_never_overwrite_each_other() {
    tokio::time::pause();
    let sends = Sends::new().await;
    let (alice, bob, group_uuid) = pair();
    sends.to_user(&alice, &bob, "first", None).await.unwrap();
    sends.emulator.set_latency(Duration::from_millis(10));
    // All of them see the same newest message and the same time.
    let writes = (0..30).map(|number| {
        let (sends, sender) = (&sends, if number % 2 == 0 { &alice } else { &bob });
        async move { sends.to_group(sender, group_uuid, "again", None).await.unwrap() }
    });
    let sent = join_all(writes).await;
    let times: HashSet<String> = sent.iter().map(|sent| sent.created_at.to_string()).collect();
    assert_eq!(times.len(), 1);
    let stored = invariants::messages(&sends.rows()).remove(&group_uuid).unwrap();
    assert_eq!(stored.len(), 31);
    assert_eq!(invariants::check(&sends.rows()), Vec::<String>::new());
}

#[tokio::test]
async fn groups_of_one_user_that_are_opened_in_one_microsecond_are_all_in_the_inbox() {
    tokio::time::pause();
    let sends = Sends::new().await;
    let alice = user(1);
    sends.emulator.set_latency(Duration::from_millis(10));
    let others: Vec<User> = (2..22).map(user).collect();
    let openings = others.iter().map(|other| sends.to_user(other, &alice, "hello", None));
    join_all(openings).await.into_iter().for_each(|sent| drop(sent.unwrap()));
    let inbox = Partition::Inbox(alice.uuid).to_string();
    assert_eq!(sends.rows().iter().filter(|row| row["pk"]["S"] == *inbox).count(), 20);
    assert_eq!(invariants::check_at_rest(&sends.rows()), Vec::<String>::new());
}

//! A user who is not in a group gets the response for an unknown group, and nothing is written.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use cruddur::table::Partition;
use http::HeaderMap;
use serde_json::{Value, json};
use testing::{Answer, Failure, Fault, TestUser, World, world::TABLE};
use uuid::Uuid;

/// The whole response except the gateway's request id.
pub(crate) fn whole(answer: Answer) -> (u16, HeaderMap, String) {
    let mut headers = answer.headers;
    headers.remove("apigw-requestid").unwrap();
    (answer.status.as_u16(), headers, answer.body)
}

/// The uuid of no group.
fn unknown_group() -> Uuid {
    "c92d7a17-1028-5aeb-a163-d307bd465359".parse().unwrap()
}

/// Two users with a conversation of two messages, their group, and a third user with another group.
async fn conversation(world: &World) -> (TestUser, TestUser, Uuid, TestUser) {
    let (alice, bob, group) = world.pair().await;
    world.send(&alice, &bob, "a secret").await;
    world.send(&bob, &alice, "kept well").await;
    let mallory = world.user("mallory").await;
    world.send(&mallory, &alice, "what are you whispering?").await;
    (alice, bob, group, mallory)
}

#[tokio::test]
async fn a_stranger_reads_404_byte_for_byte_as_for_an_unknown_group() {
    let world = World::new().await;
    let (alice, _, group, mallory) = conversation(&world).await;
    let page = world.get(&alice, &format!("/api/messages/{group}?limit=1")).await;
    let (_, cursor) = page.next_page().unwrap().split_once('&').unwrap();
    for query in ["", "?limit=1", "?limit=100", &format!("?{cursor}")] {
        let known = world.get(&mallory, &format!("/api/messages/{group}{query}")).await;
        let unknown = world.get(&mallory, &format!("/api/messages/{}{query}", unknown_group())).await;
        assert_eq!(known.brief(), (404, "[\"message_group_not_found\"]"), "{query}");
        assert_eq!(whole(known), whole(unknown), "{query}");
    }
}

#[tokio::test]
async fn two_thousand_requests_of_a_stranger_cost_the_same_for_a_foreign_group_and_an_unknown_one() {
    let world = World::new().await;
    let (alice, bob, group, mallory) = conversation(&world).await;
    for number in 0..100 {
        let body = json!({"message_group_uuid": group, "message": "x".repeat(1 + number * 10)});
        world.post([&alice, &bob][number % 2], &body).await.ok();
    }
    let _ = world.emulator.take_calls();
    let mut costs = [vec![], vec![]];
    for number in 0..1_000 {
        for (group, costs) in [group, unknown_group()].into_iter().zip(&mut costs) {
            let answer = match number % 4 {
                0 => {
                    world.post(&mallory, &json!({"message_group_uuid": group, "message": "let me in"})).await
                }
                limit => {
                    world
                        .get(&mallory, &format!("/api/messages/{group}?limit={}", [1, 20, 100][limit - 1]))
                        .await
                }
            };
            assert_eq!(answer.brief(), (404, "[\"message_group_not_found\"]"));
            costs.extend(
                world.emulator.take_calls().iter().map(|call| (call.operation.clone(), call.units())),
            );
        }
    }
    let [foreign, unknown] = costs;
    assert_eq!(foreign, vec![("GetItem".to_owned(), (1.0, 0.0)); 1_000]);
    assert_eq!(unknown, foreign);
}

#[tokio::test]
async fn nothing_in_a_group_changes_what_a_stranger_reads() {
    let world = World::new().await;
    let (_, _, group, mallory) = conversation(&world).await;
    let path = format!("/api/messages/{group}");
    let unknown = whole(world.get(&mallory, &format!("/api/messages/{}", unknown_group())).await);

    // A row that would cause an internal error if it were read.
    let messages = Partition::Messages(group).to_string();
    let key = json!({"pk": {"S": messages}, "sk": {"S": "odd"}});
    let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": key}));
    assert_eq!(whole(world.get(&mallory, &path).await), unknown);

    // Messages cannot be read at all.
    world.emulator.inject(|call| match &*call.operation {
        "Query" => Fault::NotExecuted(Failure::Status(400, "AccessDeniedException")),
        _ => Fault::None,
    });
    assert_eq!(whole(world.get(&mallory, &path).await), unknown);

    // The group has no messages.
    world.emulator.inject(|_| Fault::None);
    for row in world.rows() {
        if row["pk"]["S"] == messages {
            let key = json!({"pk": row["pk"], "sk": row["sk"]});
            let _ = world.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
        }
    }
    assert_eq!(whole(world.get(&mallory, &path).await), unknown);
}

#[tokio::test]
async fn a_stranger_writes_404_byte_for_byte_as_for_an_unknown_group_and_changes_no_row() {
    let world = World::new().await;
    let (_, _, group, mallory) = conversation(&world).await;
    let rows = world.rows();
    for headers in [&[][..], &[("idempotency-key", "k1")]] {
        for handle in [None, Some(&mallory.user.handle)] {
            let body = |group| json!({"message_group_uuid": group, "handle": handle, "message": "let me in"});
            let known = world.post_with(&mallory, headers, body(group).to_string()).await;
            let unknown = world.post_with(&mallory, headers, body(unknown_group()).to_string()).await;
            assert_eq!(known.brief(), (404, "[\"message_group_not_found\"]"));
            assert_eq!(whole(known), whole(unknown));
        }
    }
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn a_group_of_ones_own_is_unknown_until_a_message_by_handle_opens_it() {
    let world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let body = json!({"message_group_uuid": group, "message": "anybody there?"});
    assert_eq!(world.post(&alice, &body).await.brief(), (404, "[\"message_group_not_found\"]"));
    assert_eq!(
        world.get(&alice, &format!("/api/messages/{group}")).await.brief(),
        (404, "[\"message_group_not_found\"]")
    );
    assert!(world.rows().is_empty());
    world.send(&alice, &bob, "hello").await;
    assert_eq!(world.post(&bob, &body).await.ok()["message_group_uuid"], json!(group));
}

#[tokio::test]
async fn an_inbox_shows_no_group_of_others() {
    let world = World::new().await;
    let (alice, bob, group, mallory) = conversation(&world).await;
    world.deliver_all().await;
    let groups_of = async |user| {
        let groups = world.get(user, "/api/message_groups").await.ok();
        let uuids = groups.as_array().unwrap().iter().map(|group| group["uuid"].as_str().unwrap().to_owned());
        uuids.collect::<Vec<_>>()
    };
    let others = groups_of(&mallory).await;
    assert_eq!(others.len(), 1);
    assert_ne!(others, [group.to_string()]);
    assert_eq!(groups_of(&bob).await, [group.to_string()]);
    assert_eq!(groups_of(&alice).await, [group.to_string(), others[0].clone()]);
}

#[tokio::test]
async fn an_event_log_names_no_group_of_others_and_another_users_cursor_leads_nowhere() {
    let world = World::new().await;
    let (alice, bob, mallory) =
        (world.user("alice").await, world.user("bob").await, world.user("mallory").await);
    let start_of = async |user| world.get(user, "/api/events").await.next_page().unwrap().to_owned();
    let starts = [start_of(&alice).await, start_of(&bob).await];
    // Otherwise, the logs of alice and mallory could have equal cursors.
    world.clock.advance(TimeDelta::seconds(1));
    let mallorys_start = start_of(&mallory).await;
    let secret = world.send(&alice, &bob, "a secret").await["message_group_uuid"].clone();
    let own = world.send(&mallory, &alice, "what are you whispering?").await["message_group_uuid"].clone();
    world.deliver_all().await;
    let groups_of = async |user, path: &str| {
        let page = world.get(user, path).await;
        let groups: BTreeSet<_> = page
            .ok()
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["message_group_uuid"].to_string())
            .collect();
        (groups, page.next_page().unwrap().to_owned())
    };
    let named = |groups: &[&Value]| groups.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let (groups, end_of_alices) = groups_of(&alice, &starts[0]).await;
    assert_eq!(groups, named(&[&secret, &own]));
    assert_eq!(groups_of(&bob, &starts[1]).await.0, named(&[&secret]));
    assert_eq!(groups_of(&mallory, &mallorys_start).await.0, named(&[&own]));
    // Cursors of a log, and of one that does not exist.
    let unknown = "/api/events?after=MTc5NTMzOTgwMDAwMS0xNzk1MzM5ODAwMTIw";
    let [foreign, unknown] = [world.get(&mallory, &end_of_alices).await, world.get(&mallory, unknown).await];
    assert_eq!(foreign.brief(), (410, "[\"cursor_expired\"]"));
    assert_eq!(whole(foreign), whole(unknown));
}

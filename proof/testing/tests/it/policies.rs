//! The policies of `template.yaml` allow everything that the functions do, and nothing more.
//!
//! Every test with a `World` or `Sends` runs under these policies and fails if a call is refused. These tests
//! remove one permission at a time; each removal must break an observable result.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use cruddur::{
    erasure::{Erasure, Pass},
    sort_key::SortKey,
    table::{GROUP_INDEX, MessageRow, RowKind},
    user::User,
};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};
use testing::{
    Answer, TestUser, World, invariants,
    policy::{Policy, Statement, accesses, template},
    sockets::{SocketAnswer, Sockets},
    world::{TABLE, kind_of, request, table_of},
};
use uuid::Uuid;

use crate::send_limit::limit;

/// A world in which a function gets another policy at some point.
struct Trial {
    world: World,
    sockets: Sockets,
    function: &'static str,
    policy: Policy,
}

impl Trial {
    /// Replaces the policy, after the preparations.
    fn begin(&self) {
        self.world.policies.enforce(self.function, self.policy.clone());
    }
}

/// An action of a function, and its observable result.
struct Scenario {
    function: &'static str,
    name: &'static str,
    act: fn(&Trial) -> LocalBoxFuture<'_, String>,
}

/// Every path of a function through the table.
const SCENARIOS: [Scenario; 56] = [
    Scenario { function: "list-message-groups", name: "an inbox", act: |trial| inbox(trial).boxed_local() },
    Scenario { function: "list-messages", name: "a conversation", act: |trial| page(trial).boxed_local() },
    Scenario {
        function: "list-messages",
        name: "a stranger",
        act: |trial| page_of_a_stranger(trial).boxed_local(),
    },
    Scenario {
        function: "list-messages",
        name: "an answer to a message of another page",
        act: |trial| page_with_quote(trial).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a first message",
        act: |trial| first_message(trial, &[]).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a first message with a key",
        act: |trial| first_message(trial, &KEY).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a message to a group",
        act: |trial| message_to_group(trial, &[]).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a message to a group with a key",
        act: |trial| message_to_group(trial, &KEY).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a further message to a handle",
        act: |trial| further_message(trial).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a request that is repeated",
        act: |trial| repeated_request(trial).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a request that is repeated during a block",
        act: |trial| repeated_during_block(trial).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a message too many",
        act: |trial| message_too_many(trial).boxed_local(),
    },
    Scenario { function: "create-message", name: "an answer", act: |trial| answer(trial).boxed_local() },
    Scenario {
        function: "create-message",
        name: "a request to a stranger",
        act: |trial| request_to_stranger(trial).boxed_local(),
    },
    Scenario {
        function: "create-message",
        name: "a message that accepts a request",
        act: |trial| accepting_message(trial).boxed_local(),
    },
    Scenario {
        function: "list-message-requests",
        name: "requests",
        act: |trial| requests(trial).boxed_local(),
    },
    Scenario {
        function: "answer-message-request",
        name: "an acceptance",
        act: |trial| answered(trial, Method::PUT).boxed_local(),
    },
    Scenario {
        function: "answer-message-request",
        name: "a refusal",
        act: |trial| answered(trial, Method::DELETE).boxed_local(),
    },
    Scenario { function: "change-message", name: "an edit", act: |trial| edit(trial).boxed_local() },
    Scenario {
        function: "change-message",
        name: "an edit too late",
        act: |trial| late_edit(trial).boxed_local(),
    },
    Scenario { function: "react-to-message", name: "a reaction", act: |trial| reaction(trial).boxed_local() },
    Scenario {
        function: "block-user",
        name: "a block",
        act: |trial| block(trial, Method::PUT).boxed_local(),
    },
    Scenario {
        function: "block-user",
        name: "the end of a block",
        act: |trial| block(trial, Method::DELETE).boxed_local(),
    },
    Scenario {
        function: "block-user",
        name: "a block without a group",
        act: |trial| block_without_group(trial).boxed_local(),
    },
    Scenario {
        function: "update-message-group",
        name: "all settings",
        act: |trial| settings(trial).boxed_local(),
    },
    Scenario { function: "create-report", name: "a report", act: |trial| report(trial).boxed_local() },
    Scenario { function: "erase-accounts", name: "an account", act: |trial| erasure(trial).boxed_local() },
    Scenario {
        function: "erase-accounts",
        name: "an account while the index shows nothing",
        act: |trial| erasure_without_hint(trial).boxed_local(),
    },
    Scenario {
        function: "erase-accounts",
        name: "the sender of a request",
        act: |trial| erasure_with_request(trial, true).boxed_local(),
    },
    Scenario {
        function: "erase-accounts",
        name: "the receiver of a request",
        act: |trial| erasure_with_request(trial, false).boxed_local(),
    },
    Scenario {
        function: "erase-accounts",
        name: "the receiver of an accepted request",
        act: |trial| erasure_after_acceptance(trial).boxed_local(),
    },
    Scenario { function: "list-blocks", name: "blocked users", act: |trial| blocks(trial).boxed_local() },
    Scenario { function: "export-me", name: "blocked users", act: |trial| export(trial, None).boxed_local() },
    Scenario {
        function: "export-me",
        name: "conversations",
        act: |trial| export(trial, Some("group")).boxed_local(),
    },
    Scenario { function: "export-me", name: "requests", act: |trial| exported_requests(trial).boxed_local() },
    Scenario { function: "list-devices", name: "devices", act: |trial| devices(trial).boxed_local() },
    Scenario { function: "sign-out", name: "a sign-out", act: |trial| sign_out(trial).boxed_local() },
    Scenario { function: "mark-read", name: "a mark as read", act: |trial| mark_read(trial).boxed_local() },
    Scenario {
        function: "mark-read",
        name: "a mark as unread",
        act: |trial| mark_unread(trial).boxed_local(),
    },
    Scenario { function: "show-message-group", name: "a group", act: |trial| group(trial).boxed_local() },
    Scenario {
        function: "show-message-group",
        name: "a group that the index does not show",
        act: |trial| unindexed_group(trial).boxed_local(),
    },
    Scenario {
        function: "show-message-group",
        name: "a request",
        act: |trial| shown_request(trial, true).boxed_local(),
    },
    Scenario {
        function: "show-message-group",
        name: "a request that the index does not show",
        act: |trial| shown_request(trial, false).boxed_local(),
    },
    Scenario {
        function: "count-unread",
        name: "an unread conversation",
        act: |trial| unread(trial).boxed_local(),
    },
    Scenario { function: "stream-handler", name: "a move", act: |trial| a_move(trial).boxed_local() },
    Scenario {
        function: "stream-handler",
        name: "a move while the index shows nothing",
        act: |trial| move_without_hint(trial).boxed_local(),
    },
    Scenario {
        function: "stream-handler",
        name: "a move while the index is late",
        act: |trial| move_with_stale_hint(trial).boxed_local(),
    },
    Scenario {
        function: "stream-handler",
        name: "a record that comes again",
        act: |trial| repeated_record(trial).boxed_local(),
    },
    Scenario {
        function: "stream-handler",
        name: "a log with no current row",
        act: |trial| append_after_a_long_time(trial).boxed_local(),
    },
    Scenario {
        function: "stream-handler",
        name: "an edited request",
        act: |trial| changed_request(trial, false, true).boxed_local(),
    },
    Scenario {
        function: "stream-handler",
        name: "an accepted request that the index does not show",
        act: |trial| changed_request(trial, true, false).boxed_local(),
    },
    Scenario { function: "stream-handler", name: "a push", act: |trial| push(trial).boxed_local() },
    Scenario {
        function: "list-events",
        name: "the end of a new log",
        act: |trial| end_of_new_log(trial).boxed_local(),
    },
    Scenario { function: "list-events", name: "events", act: |trial| events(trial).boxed_local() },
    Scenario { function: "open-connection", name: "a socket", act: |trial| socket(trial).boxed_local() },
    Scenario {
        function: "open-connection",
        name: "a device too many",
        act: |trial| device_too_many(trial).boxed_local(),
    },
];

const KEY: [(&str, &str); 1] = [("idempotency-key", "a-key")];

async fn inbox(trial: &Trial) -> String {
    let (_, bob, _) = conversation(&trial.world).await;
    trial.begin();
    seen(&trial.world.get(&bob, "/api/message_groups").await)
}

async fn page(trial: &Trial) -> String {
    let (alice, _, path) = conversation(&trial.world).await;
    trial.begin();
    seen(&trial.world.get(&alice, &path).await)
}

async fn page_of_a_stranger(trial: &Trial) -> String {
    let (_, _, path) = conversation(&trial.world).await;
    let eve = trial.world.user("eve").await;
    trial.begin();
    seen(&trial.world.get(&eve, &path).await)
}

async fn page_with_quote(trial: &Trial) -> String {
    let (alice, message) = first_of_two(&trial.world).await;
    let group_uuid = message["message_group_uuid"].as_str().unwrap();
    trial.world.post(&alice, &answer_to(&message)).await.ok();
    trial.begin();
    seen(&trial.world.get(&alice, &format!("/api/messages/{group_uuid}?limit=1")).await)
}

async fn answer(trial: &Trial) -> String {
    let (alice, message) = first_of_two(&trial.world).await;
    trial.begin();
    seen(&trial.world.post(&alice, &answer_to(&message)).await)
}

/// The first message of a conversation, and its sender.
async fn first_of_two(world: &World) -> (TestUser, Value) {
    let (alice, bob, _) = world.pair().await;
    let message = world.send(&alice, &bob, "hello").await;
    world.send(&bob, &alice, "hello yourself").await;
    (alice, message)
}

fn answer_to(message: &Value) -> Value {
    let reply_to = json!({"uuid": message["uuid"], "created_at": message["created_at"]});
    json!({"message_group_uuid": message["message_group_uuid"], "message": "an answer", "reply_to": reply_to})
}

async fn edit(trial: &Trial) -> String {
    let (alice, message) = first_of_two(&trial.world).await;
    edited(trial, &alice, &message).await
}

async fn late_edit(trial: &Trial) -> String {
    let (alice, message) = first_of_two(&trial.world).await;
    trial.world.clock.advance(TimeDelta::minutes(15));
    edited(trial, &alice, &message).await
}

async fn edited(trial: &Trial, sender: &TestUser, message: &Value) -> String {
    let body = json!({"message": "hello again", "created_at": message["created_at"]});
    changed(trial, Method::PUT, &path_of(message), sender, body.to_string()).await
}

async fn reaction(trial: &Trial) -> String {
    let (alice, message) = first_of_two(&trial.world).await;
    let created_at = message["created_at"].as_str().unwrap();
    let path = format!("{}/reactions/%F0%9F%91%8D?created_at={created_at}", path_of(&message));
    changed(trial, Method::PUT, &path, &alice, String::new()).await
}

async fn mark_read(trial: &Trial) -> String {
    let (alice, message) = first_of_two(&trial.world).await;
    changed(trial, Method::PUT, &marker_of(&message), &alice, "{}".to_owned()).await
}

async fn mark_unread(trial: &Trial) -> String {
    let (alice, message) = first_of_two(&trial.world).await;
    let [uuid, created_at] = ["uuid", "created_at"].map(|name| message[name].as_str().unwrap());
    let path = format!("{}?message_uuid={uuid}&created_at={created_at}", marker_of(&message));
    changed(trial, Method::DELETE, &path, &alice, String::new()).await
}

async fn group(trial: &Trial) -> String {
    let (_, bob, path) = conversation(&trial.world).await;
    trial.begin();
    seen(&trial.world.get(&bob, &path.replace("messages", "message_groups")).await)
}

async fn unindexed_group(trial: &Trial) -> String {
    let (_, bob, path) = conversation(&trial.world).await;
    trial.world.emulator.edit_answers(|call, answer| {
        if call.request["IndexName"].is_string() {
            answer["Items"] = json!([]);
        }
    });
    trial.begin();
    seen(&trial.world.get(&bob, &path.replace("messages", "message_groups")).await)
}

async fn unread(trial: &Trial) -> String {
    let (_, bob, _) = conversation(&trial.world).await;
    trial.begin();
    trial.world.get(&bob, "/api/unread").await.body
}

/// The path of a message.
fn path_of(message: &Value) -> String {
    let [group_uuid, uuid] = ["message_group_uuid", "uuid"].map(|name| message[name].as_str().unwrap());
    format!("/api/messages/{group_uuid}/{uuid}")
}

/// The path of the read marker of a message's group.
fn marker_of(message: &Value) -> String {
    format!("/api/message_groups/{}/read", message["message_group_uuid"].as_str().unwrap())
}

/// Sends a request under the replaced policy.
async fn changed(trial: &Trial, method: Method, path: &str, user: &TestUser, body: String) -> String {
    trial.begin();
    let answer = trial.world.request(request(method, path, user, &[], body.into())).await;
    // The body of a 200 has uuids, which differ.
    let body = if answer.status == 200 { "" } else { &answer.body };
    format!("{} {body}", answer.status.as_u16()).trim_end().to_owned()
}

async fn first_message(trial: &Trial, headers: &[(&str, &str)]) -> String {
    let (alice, bob, _) = trial.world.pair().await;
    trial.begin();
    seen(&trial.world.post_with(&alice, headers, to_user(&bob).to_string()).await)
}

async fn message_to_group(trial: &Trial, headers: &[(&str, &str)]) -> String {
    let (alice, bob, group_uuid) = trial.world.pair().await;
    trial.world.send(&alice, &bob, "hello").await;
    let body = json!({"message_group_uuid": group_uuid, "message": "hello yourself"});
    trial.begin();
    seen(&trial.world.post_with(&bob, headers, body.to_string()).await)
}

async fn further_message(trial: &Trial) -> String {
    let (alice, bob, _) = conversation(&trial.world).await;
    trial.begin();
    seen(&trial.world.post(&alice, &to_user(&bob)).await)
}

async fn repeated_request(trial: &Trial) -> String {
    let (alice, bob, _) = trial.world.pair().await;
    let body = to_user(&bob).to_string();
    let first = trial.world.post_with(&alice, &KEY, body.clone()).await;
    trial.begin();
    let second = trial.world.post_with(&alice, &KEY, body).await;
    if second.brief() == first.brief() { "the first answer".to_owned() } else { seen(&second) }
}

async fn repeated_during_block(trial: &Trial) -> String {
    let (alice, bob, _) = conversation(&trial.world).await;
    let body = to_user(&bob).to_string();
    let first = trial.world.post_with(&alice, &KEY, body.clone()).await;
    let path = format!("/api/blocks/{}", alice.user.uuid);
    trial.world.ask(&bob, Method::PUT, &path, &Value::Null).await;
    trial.begin();
    let second = trial.world.post_with(&alice, &KEY, body).await;
    if second.brief() == first.brief() { "the first answer".to_owned() } else { seen(&second) }
}

async fn block(trial: &Trial, method: Method) -> String {
    let (alice, bob, _) = conversation(&trial.world).await;
    let path = format!("/api/blocks/{}", bob.user.uuid);
    if method == Method::DELETE {
        trial.world.ask(&alice, Method::PUT, &path, &Value::Null).await;
    }
    changed(trial, method, &path, &alice, String::new()).await
}

async fn block_without_group(trial: &Trial) -> String {
    let (alice, bob, _) = trial.world.pair().await;
    changed(trial, Method::PUT, &format!("/api/blocks/{}", bob.user.uuid), &alice, String::new()).await
}

async fn blocks(trial: &Trial) -> String {
    let (alice, bob, _) = trial.world.pair().await;
    let path = format!("/api/blocks/{}", bob.user.uuid);
    trial.world.ask(&alice, Method::PUT, &path, &Value::Null).await;
    trial.begin();
    seen(&trial.world.get(&alice, "/api/blocks").await)
}

async fn devices(trial: &Trial) -> String {
    let alice = trial.world.user("alice").await;
    trial.world.connect(&alice, 1, "id").await;
    trial.begin();
    seen(&trial.world.get(&alice, "/api/me/devices").await)
}

async fn sign_out(trial: &Trial) -> String {
    let alice = trial.world.user("alice").await;
    trial.world.connect(&alice, 1, "id").await;
    trial.begin();
    trial.world.ask(&alice, Method::DELETE, "/api/me/devices", &Value::Null).await.status.to_string()
}

/// The newest message answers one that is not on its page.
async fn export(trial: &Trial, place: Option<&str>) -> String {
    let (alice, message) = first_of_two(&trial.world).await;
    let group_uuid = message["message_group_uuid"].as_str().unwrap().parse().unwrap();
    let created_at = message["created_at"].as_str().unwrap().parse().unwrap();
    for number in 0..100 {
        let sk = SortKey { created_at, message_uuid: Uuid::from_u128(u128::MAX - number) };
        let row = MessageRow::new(group_uuid, sk, &"and on".parse().unwrap(), &alice.user);
        trial.world.table().put_new(&row).await.unwrap();
    }
    trial.world.post(&alice, &answer_to(&message)).await.ok();
    trial.begin();
    let cursor = place.map(|place| format!("?cursor={}", BASE64_URL_SAFE_NO_PAD.encode(place)));
    let path = format!("/api/me/export{}", cursor.unwrap_or_default());
    let answer = trial.world.get(&alice, &path).await;
    if answer.status == 200 { format!("lines: {}", answer.body.lines().count()) } else { seen(&answer) }
}

/// Two users, of whom the second takes only requests.
async fn stranger_and_receiver(world: &World) -> (TestUser, TestUser, Uuid) {
    let (alice, bob, group_uuid) = world.pair().await;
    world.ask(&bob, Method::PATCH, "/api/me", &json!({"messages_from": "requests"})).await.ok();
    (alice, bob, group_uuid)
}

/// The same with a request.
async fn requested(world: &World) -> (TestUser, TestUser, Uuid) {
    let (alice, bob, group_uuid) = stranger_and_receiver(world).await;
    world.send(&alice, &bob, "do you know me?").await;
    (alice, bob, group_uuid)
}

async fn request_to_stranger(trial: &Trial) -> String {
    let (alice, bob, _) = stranger_and_receiver(&trial.world).await;
    trial.begin();
    seen(&trial.world.post(&alice, &to_user(&bob)).await)
}

async fn accepting_message(trial: &Trial) -> String {
    let (alice, bob, _) = requested(&trial.world).await;
    trial.begin();
    seen(&trial.world.post(&bob, &to_user(&alice)).await)
}

async fn requests(trial: &Trial) -> String {
    let (_, bob, _) = requested(&trial.world).await;
    trial.begin();
    seen(&trial.world.get(&bob, "/api/message_requests").await)
}

async fn answered(trial: &Trial, method: Method) -> String {
    let (_, bob, group_uuid) = requested(&trial.world).await;
    changed(trial, method, &format!("/api/message_requests/{group_uuid}"), &bob, String::new()).await
}

async fn exported_requests(trial: &Trial) -> String {
    let (_, bob, _) = requested(&trial.world).await;
    trial.begin();
    let cursor = BASE64_URL_SAFE_NO_PAD.encode("request");
    let answer = trial.world.get(&bob, &format!("/api/me/export?cursor={cursor}")).await;
    if answer.status == 200 { format!("lines: {}", answer.body.lines().count()) } else { seen(&answer) }
}

async fn shown_request(trial: &Trial, is_in_index: bool) -> String {
    let (_, bob, group_uuid) = requested(&trial.world).await;
    if !is_in_index {
        show_in_index(&trial.world, vec![]);
    }
    trial.begin();
    seen(&trial.world.get(&bob, &format!("/api/message_groups/{group_uuid}")).await)
}

async fn changed_request(trial: &Trial, accepts: bool, is_in_index: bool) -> String {
    let world = &trial.world;
    let (alice, bob, group_uuid) = requested(world).await;
    if accepts {
        let path = format!("/api/message_requests/{group_uuid}");
        world.ask(&bob, Method::PUT, &path, &Value::Null).await;
    } else {
        let message = &world.get(&alice, &format!("/api/messages/{group_uuid}")).await.ok()[0];
        let path = format!("/api/messages/{group_uuid}/{}", message["uuid"].as_str().unwrap());
        let body = json!({"message": "hello again", "created_at": message["created_at"]});
        world.ask(&alice, Method::PUT, &path, &body).await.ok();
    }
    if !is_in_index {
        show_in_index(world, vec![]);
    }
    trial.begin();
    moved(world).await
}

async fn settings(trial: &Trial) -> String {
    let (alice, _, messages) = conversation(&trial.world).await;
    let body = json!({"muted_until": "2026-11-23T09:30:00.000000Z", "hidden": true, "cleared": true});
    let path = messages.replace("/messages/", "/message_groups/");
    changed(trial, Method::PATCH, &path, &alice, body.to_string()).await
}

async fn report(trial: &Trial) -> String {
    let (alice, _, path) = conversation(&trial.world).await;
    let messages = trial.world.get(&alice, &path).await.ok();
    let body = json!({
        "message_group_uuid": path.strip_prefix("/api/messages/"),
        "message_uuid": messages[0]["uuid"],
        "created_at": messages[0]["created_at"],
        "reason": "other",
    });
    trial.begin();
    let answer = trial.world.ask(&alice, Method::POST, "/api/reports", &body).await;
    // The report's uuid is random.
    if answer.status == 201 { "201".to_owned() } else { seen(&answer) }
}

async fn erasure(trial: &Trial) -> String {
    let world = &trial.world;
    let (alice, bob, path) = conversation(world).await;
    world
        .ask(&alice, Method::PUT, &format!("{}/read", path.replace("messages", "message_groups")), &json!({}))
        .await;
    world.ask(&alice, Method::PUT, &format!("/api/blocks/{}", bob.user.uuid), &Value::Null).await;
    world.connect(&alice, 1, "id").await;
    world.deliver_all().await;
    erased(trial, &alice).await
}

async fn erasure_without_hint(trial: &Trial) -> String {
    let (alice, ..) = conversation(&trial.world).await;
    show_in_index(&trial.world, vec![]);
    erased(trial, &alice).await
}

async fn erasure_with_request(trial: &Trial, of_sender: bool) -> String {
    let (alice, bob, _) = requested(&trial.world).await;
    erased(trial, if of_sender { &alice } else { &bob }).await
}

/// The row of the receiver is still among the requests.
async fn erasure_after_acceptance(trial: &Trial) -> String {
    let (_, bob, group_uuid) = requested(&trial.world).await;
    let path = format!("/api/message_requests/{group_uuid}");
    trial.world.ask(&bob, Method::PUT, &path, &Value::Null).await;
    erased(trial, &bob).await
}

/// Makes a pass for a user. Returns its result, and the kinds of rows that still name the user.
async fn erased(trial: &Trial, user: &TestUser) -> String {
    let world = &trial.world;
    let deleted = User {
        uuid: user.user.uuid,
        handle: "deleted-1".to_owned(),
        display_name: "Deleted user".to_owned(),
    };
    let table = table_of(&world.emulator, "erase-accounts");
    trial.begin();
    let pass = Erasure::new(table, world.clock.clock(), world.parts.random.clone()).pass(&deleted).await;
    let result = match pass {
        Ok(Pass { groups, messages, failed }) => {
            format!("groups: {groups}, messages: {messages}, failed: {failed}")
        }
        Err(_) => "failed".to_owned(),
    };
    let is_own = |row: &&Value| {
        let text = row.to_string();
        text.contains(&user.user.handle) || row["pk"]["S"] == format!("LOG#{}", user.user.uuid)
    };
    let kinds =
        world.rows().iter().filter(is_own).filter_map(kind_of).map(RowKind::tag).collect::<BTreeSet<_>>();
    let rows = world.rows();
    let partitions = [RowKind::Block, RowKind::Connection, RowKind::SendLimit]
        .map(|kind| kind.partition(user.user.uuid))
        .into_iter()
        .filter(|pk| rows.iter().any(|row| row["pk"]["S"] == *pk))
        .count();
    let states = rows.iter().filter(|row| kind_of(row) == Some(RowKind::MemberState));
    let states = states.filter(|row| row["sk"]["S"] == user.user.uuid.to_string()).count();
    format!("{result}; named by {kinds:?}; own partitions: {partitions}, states: {states}")
}

async fn message_too_many(trial: &Trial) -> String {
    let (alice, bob, _) = conversation(&trial.world).await;
    for _ in 0..2 {
        trial.world.send(&alice, &bob, "and on").await;
    }
    trial.begin();
    seen(&trial.world.post(&alice, &to_user(&bob)).await)
}

async fn a_move(trial: &Trial) -> String {
    conversation(&trial.world).await;
    trial.begin();
    moved(&trial.world).await
}

async fn move_without_hint(trial: &Trial) -> String {
    conversation(&trial.world).await;
    show_in_index(&trial.world, vec![]);
    trial.begin();
    moved(&trial.world).await
}

async fn move_with_stale_hint(trial: &Trial) -> String {
    let (alice, bob, _) = conversation(&trial.world).await;
    let mut stale = trial.world.rows();
    stale.retain(|row| kind_of(row) == Some(RowKind::Inbox));
    trial.world.deliver_all().await;
    trial.world.send(&alice, &bob, "and on").await;
    show_in_index(&trial.world, stale);
    trial.begin();
    moved(&trial.world).await
}

async fn repeated_record(trial: &Trial) -> String {
    conversation(&trial.world).await;
    trial.world.deliver_all().await;
    trial.begin();
    moved(&trial.world).await
}

async fn append_after_a_long_time(trial: &Trial) -> String {
    let world = &trial.world;
    let (alice, bob, _) = conversation(world).await;
    // The start of the log is not among its newest rows.
    for _ in 0..17 {
        world.clock.advance(TimeDelta::minutes(1));
        world.send(&alice, &bob, "and on").await;
        world.deliver(&newest_record(world)).await;
    }
    world.clock.advance(TimeDelta::days(15));
    world.send(&world.renewed(&alice), &bob, "after a long time").await;
    trial.begin();
    let before = events_in_logs(world);
    world.deliver(&newest_record(world)).await;
    format!("rows logged: {}", events_in_logs(world) - before)
}

/// An event with only the newest message of the only group.
fn newest_record(world: &World) -> Value {
    let mut event = world.stream_event();
    let records = event["Records"].as_array_mut().unwrap();
    records.drain(..records.len() - 1);
    event
}

/// The number of rows with events in all logs.
fn events_in_logs(world: &World) -> usize {
    let rows = world.rows();
    rows.iter().filter(|row| kind_of(row) == Some(RowKind::EventLog) && row.get("changes").is_some()).count()
}

async fn push(trial: &Trial) -> String {
    let (alice, ..) = conversation(&trial.world).await;
    let sockets = &trial.sockets;
    trial.world.connect(&alice, 1, "gone").await;
    trial.world.connect(&alice, 2, "open").await;
    trial.world.clock.advance(TimeDelta::minutes(2));
    sockets.answer([SocketAnswer::Status(410)]);
    trial.begin();
    trial.world.deliver(&trial.world.stream_event()).await;
    let connections =
        trial.world.rows().iter().filter(|row| kind_of(row) == Some(RowKind::Connection)).count();
    format!("frames: {}, connections left: {connections}", sockets.take().len())
}

async fn end_of_new_log(trial: &Trial) -> String {
    let (alice, ..) = conversation(&trial.world).await;
    trial.begin();
    seen(&trial.world.get(&alice, "/api/events").await)
}

async fn events(trial: &Trial) -> String {
    let (alice, ..) = conversation(&trial.world).await;
    let end = trial.world.get(&alice, "/api/events").await;
    let start = end.next_page().unwrap();
    trial.world.deliver_all().await;
    trial.begin();
    seen(&trial.world.get(&alice, start).await)
}

async fn socket(trial: &Trial) -> String {
    let alice = trial.world.user("alice").await;
    trial.begin();
    trial.world.connect(&alice, 1, "id").await["statusCode"].to_string()
}

async fn device_too_many(trial: &Trial) -> String {
    let alice = trial.world.user("alice").await;
    for device in 0..20 {
        trial.world.connect(&alice, device, "id").await;
        trial.world.clock.advance(TimeDelta::seconds(1));
    }
    trial.begin();
    trial.world.connect(&alice, 20, "id").await["statusCode"].to_string()
}

/// Two users with two messages, whose inbox rows are still at the first one; and their conversation's path.
async fn conversation(world: &World) -> (TestUser, TestUser, String) {
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&bob, &alice, "hello yourself").await;
    (alice, bob, format!("/api/messages/{group_uuid}"))
}

fn to_user(receiver: &TestUser) -> Value {
    json!({"handle": receiver.user.handle, "message": "hello"})
}

/// Makes the index show these rows.
fn show_in_index(world: &World, rows: Vec<Value>) {
    world.emulator.edit_answers(move |call, answer| {
        if call.request.get("IndexName").is_some() {
            answer["Count"] = rows.len().into();
            answer["Items"] = rows.clone().into();
        }
    });
}

/// The response as the client sees it.
fn seen(answer: &Answer) -> String {
    match serde_json::from_str(&answer.body).unwrap() {
        Value::Array(entries) if answer.status == 200 => format!("200, entries: {}", entries.len()),
        _ if answer.status == 200 => "200".to_owned(),
        _ => format!("{} {}", answer.status.as_u16(), answer.body),
    }
}

/// Result of delivering all messages to the stream handler.
async fn moved(world: &World) -> String {
    let answer = world.deliver(&world.stream_event()).await;
    let reported = answer["batchItemFailures"].as_array().unwrap().len();
    let place = match &invariants::check_at_rest(&world.rows())[..] {
        [] => "at the newest message",
        _ => "behind",
    };
    format!("inboxes {place}, records reported: {reported}")
}

/// Results of the function's scenarios under this policy, by name.
async fn outcomes(function: &'static str, policy: &Policy) -> BTreeMap<&'static str, String> {
    let mut outcomes = BTreeMap::new();
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.function == function) {
        let mut world = World::new().await;
        // The template sets a send limit by default.
        let sockets = Sockets::default();
        world.redeploy(|parts| {
            parts.send_limit = Some(limit(3, 60));
            parts.push = Some(sockets.parts());
        });
        let trial = Trial { world, sockets, function, policy: policy.clone() };
        outcomes.insert(scenario.name, (scenario.act)(&trial).await);
        // Refusals are expected here.
        let _ = trial.world.policies.take_refusals();
    }
    outcomes
}

/// Every single permission, and every action on all of its resources, with the policy that remains without it.
fn removals(policy: &Policy) -> Vec<(String, Policy)> {
    let permissions = policy.permissions();
    // The emulator has no stream for the table: the mapping reads it, not the function.
    let permissions = permissions.iter().filter(|one| one.resource.contains(":table/"));
    let permissions: Vec<_> = permissions.collect();
    let mut removals: Vec<(String, Policy)> = Vec::new();
    let mut add = |name: String, left: Policy| {
        // If an action is allowed for only one kind of row, removing either gives the same policy.
        if !removals.iter().any(|(_, known)| *known == left) {
            removals.push((name, left));
        }
    };
    for permission in &permissions {
        add(permission.to_string(), policy.without(permission));
    }
    for action in permissions.iter().map(|one| &one.action).collect::<BTreeSet<_>>() {
        let all = permissions.iter().filter(|one| one.action == *action && one.leading_key.is_none());
        let left = all.fold(policy.clone(), |left, permission| left.without(permission));
        add(format!("{} everywhere", action.strip_prefix("dynamodb:").unwrap()), left);
    }
    // Sort, so that the result does not depend on the order of statements.
    removals.sort_by(|(one, _), (other, _)| one.cmp(other));
    removals
}

#[tokio::test]
async fn each_permission_is_needed() {
    let mut table = String::new();
    let mut needless = Vec::new();
    let functions: BTreeSet<_> = SCENARIOS.iter().map(|scenario| scenario.function).collect();
    for function in functions {
        let policy = &template().functions[function];
        let whole = outcomes(function, policy).await;
        let mut show = |rights: &str, outcomes: &[(&&str, &String)]| {
            writeln!(table, "{function}, {rights}:").unwrap();
            for (scenario, outcome) in outcomes {
                writeln!(table, "    {scenario}: {outcome}").unwrap();
            }
        };
        show("as it is", &whole.iter().collect::<Vec<_>>());
        for (taken, left) in removals(policy) {
            let without = outcomes(function, &left).await;
            let broken: Vec<_> = without.iter().filter(|(name, outcome)| whole[*name] != **outcome).collect();
            if broken.is_empty() {
                needless.push(format!("{function}: {taken}"));
            }
            show(&format!("without {taken}"), &broken);
        }
    }
    assert_eq!(needless, Vec::<String>::new(), "nothing breaks without these");
    assert_snapshot!("what_breaks_without_each_permission", table);
}

/// The accesses to the table that a policy allows, found by trying all of them.
fn allowed(policy: &Policy) -> String {
    let mut allowed = String::new();
    for operation in TABLE_OPERATIONS {
        let kinds = RowKind::ALL.into_iter().filter(|kind| {
            let pk = json!({"S": kind.partition(1)});
            let row = json!({"pk": pk, "sk": {"S": "1"}});
            let request = json!({
                "TableName": TABLE,
                "Key": row,
                "Item": row,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": pk},
            });
            match operation {
                "BatchGetItem" => {
                    let batch = json!({"RequestItems": {(TABLE): {"Keys": [row]}}});
                    is_allowed(policy, operation, &batch)
                }
                // Exists only in transactions.
                "ConditionCheckItem" => {
                    let transaction = json!({"TransactItems": [{"ConditionCheck": request}]});
                    is_allowed(policy, "TransactWriteItems", &transaction)
                }
                _ => is_allowed(policy, operation, &request),
            }
        });
        let kinds = kinds.map(RowKind::tag).collect::<Vec<_>>();
        if !kinds.is_empty() {
            write!(allowed, " {operation} of {};", kinds.join(" ")).unwrap();
        }
    }
    let index = json!({
        "TableName": TABLE,
        "IndexName": GROUP_INDEX,
        "KeyConditionExpression": "message_group_uuid = :group",
        "ExpressionAttributeValues": {":group": {"S": "1"}},
    });
    if is_allowed(policy, "Query", &index) {
        allowed += " Query of the index;";
    }
    allowed
}

/// Operations on rows that a function may need. A test rejects others.
const TABLE_OPERATIONS: [&str; 7] =
    ["GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem", "UpdateItem", "ConditionCheckItem"];

fn is_allowed(policy: &Policy, operation: &str, request: &Value) -> bool {
    accesses(operation, request).unwrap().iter().all(|access| policy.allows(access))
}

#[test]
fn each_function_may_do_this_and_nothing_else() {
    let table =
        template().functions.iter().map(|(function, policy)| format!("{function}:{}\n", allowed(policy)));
    assert_snapshot!(table.collect::<String>(), @"
    answer-message-request: GetItem of MEM MBR; UpdateItem of MEM MBR;
    block-user: GetItem of MEM MBR BLOCK; UpdateItem of MEM MBR BLOCK; ConditionCheckItem of MEM;
    change-message: GetItem of MSG MEM; UpdateItem of MSG;
    count-unread: Query of MSG GRP;
    create-message: GetItem of MSG MEM MBR IDEM; Query of MSG; PutItem of MSG GRP REQ MEM MBR IDEM; UpdateItem of MEM MBR RATE; ConditionCheckItem of MSG BLOCK;
    create-report: GetItem of MEM; Query of MSG;
    erase-accounts: GetItem of MSG MEM; Query of MSG GRP REQ LOG CONN BLOCK; PutItem of GRP REQ; DeleteItem of REQ MBR RATE LOG CONN BLOCK; UpdateItem of MSG MEM; Query of the index;
    erase-me:
    export-me: GetItem of MEM MBR; BatchGetItem of MSG; Query of MSG GRP REQ MBR CONN BLOCK;
    list-blocks: Query of BLOCK;
    list-devices: Query of CONN;
    list-events: GetItem of LOG; Query of LOG; PutItem of LOG;
    list-message-groups: Query of MSG GRP;
    list-message-requests: Query of REQ;
    list-messages: GetItem of MEM MBR; BatchGetItem of MSG; Query of MSG;
    mark-read: GetItem of MEM MBR; Query of MSG; UpdateItem of MBR;
    open-connection: Query of CONN; PutItem of CONN; DeleteItem of CONN;
    post-confirmation:
    react-to-message: GetItem of MSG MEM; UpdateItem of MSG;
    search-users:
    show-me:
    show-message-group: GetItem of GRP REQ MEM; Query of MSG GRP REQ MBR; Query of the index;
    show-user:
    sign-out: Query of CONN; DeleteItem of CONN;
    stream-handler: GetItem of MEM LOG; Query of GRP REQ LOG CONN; PutItem of GRP REQ LOG; DeleteItem of GRP REQ CONN; Query of the index;
    update-me:
    update-message-group: GetItem of MEM MBR; Query of MSG; UpdateItem of MBR;
    ");
}

#[test]
fn a_policy_is_limited_to_operations_on_rows_and_to_kinds_of_rows() {
    let kinds: Vec<_> = RowKind::ALL.into_iter().filter_map(RowKind::leading_keys).collect();
    for (function, policy) in &template().functions {
        for statement in policy.statements.iter().filter(|one| one.is_of_dynamodb()) {
            let Statement { action, resource, leading_keys } = statement;
            assert!(!resource.contains('*'), "{function}: {resource}");
            if resource.contains(":table/") {
                let operation = action.strip_prefix("dynamodb:").unwrap();
                assert!(TABLE_OPERATIONS.contains(&operation), "{function}: {action}");
            }
            if resource.ends_with(&format!(":table/{TABLE}")) {
                let patterns = leading_keys.as_deref().unwrap_or_default();
                let known = patterns.iter().all(|pattern| kinds.contains(pattern));
                assert!(!patterns.is_empty() && known, "{function}: {action} {patterns:?}");
            }
        }
    }
}

#[test]
fn the_mapping_may_read_the_stream_and_send_dead_letters() {
    // The mapping uses the function's role (Lambda Developer Guide, "Process DynamoDB records with Lambda"),
    // so the emulator does not see its calls.
    let mut allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for statement in &template().functions["stream-handler"].statements {
        allowed.entry(&statement.resource).or_default().insert(&statement.action);
    }
    let of_stream = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];
    let of_stream = of_stream.map(|action| format!("dynamodb:{action}"));
    assert_eq!(allowed["${MessageTable.StreamArn}"], of_stream.iter().map(String::as_str).collect());
    assert_eq!(allowed["${StreamDeadLetterQueue.Arn}"], ["sqs:SendMessage"].into());
}

#[tokio::test]
async fn a_refused_call_is_answered_as_aws_does_and_fails_the_test() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    world.policies.enforce("list-message-groups", Policy::default());
    let _ = world.emulator.take_calls();
    let answer = world.get(&alice, "/api/message_groups").await;
    assert_eq!(answer.brief(), (500, "[\"internal_error\"]"));
    // The SDK does not retry it.
    assert_eq!(world.emulator.take_calls().len(), 1);

    let refusals = world.policies.take_refusals();
    assert_eq!(refusals.len(), 1);
    assert_eq!((&*refusals[0].function, &*refusals[0].operation), ("list-message-groups", "Query"));
    assert_snapshot!(refusals[0].message, @"User: arn:aws:sts::123456789012:assumed-role/list-message-groups is not authorized to perform: dynamodb:Query on resource: arn:aws:dynamodb:eu-central-1:123456789012:table/cruddur-messages because no identity-based policy allows the dynamodb:Query action");

    // This time the test does not take the refusal.
    world.get(&alice, "/api/message_groups").await;
    let failure = catch_unwind(AssertUnwindSafe(|| drop(world))).unwrap_err();
    let message = failure.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("refused by template.yaml: "), "{message}");
}

//! Erasure of accounts (design, section 3): what is left, and passes that are cut off.

use std::{sync::Arc, time::Duration};

use checker::invariants;
use chrono::TimeDelta;
use cruddur::{
    connection::{Connections, NewConnection},
    erasure::Erasure,
    message_group::uuid_of_pair,
    sort_key::SortKey,
    table::{MessageRow, RowKind},
    timestamp::Timestamp,
    user::User,
};
use http::Method;
use serde_json::{Value, json};
use testing::{
    Failure, Fault, TestUser, World,
    world::{TABLE, kind_of},
};
use tokio::sync::{Mutex, Notify};
use tokio_postgres::types::Type;
use uuid::Uuid;

/// All tests share the database, and so the erasures that are due.
pub(crate) static DUE: Mutex<()> = Mutex::const_new(());

/// Alice, who is erased, and those who write with her: Bob has an ordinary conversation, Carol is blocked by her, and
/// Dora has asked her.
struct People {
    alice: TestUser,
    bob: TestUser,
    carol: TestUser,
    dora: TestUser,
}

impl People {
    async fn write(world: &mut World) -> Self {
        let [alice, bob, carol, dora] = [
            world.user("alice").await,
            world.user("bob").await,
            world.user("carol").await,
            world.user("dora").await,
        ];
        let people = Self { alice, bob, carol, dora };
        let Self { alice, bob, carol, dora } = &people;
        for number in 0..12 {
            world.clock.advance(TimeDelta::seconds(1));
            world.send(alice, bob, &format!("secret {number}")).await;
            world.send(bob, alice, &format!("of bob {number}")).await;
        }
        let last = world.send(alice, bob, "secret, edited later").await;
        let path = people.path_of(bob, &last);
        let edit = json!({"message": "secret edit", "created_at": last["created_at"]});
        assert_eq!(world.ask(alice, Method::PUT, &path, &edit).await.status, 200);
        let deleted = world.send(alice, bob, "secret, deleted").await;
        let path = people.path_of(bob, &deleted);
        let path = format!("{path}?created_at={}", deleted["created_at"].as_str().unwrap());
        assert_eq!(world.ask(alice, Method::DELETE, &path, &Value::Null).await.status, 204);
        let keyed = json!({"handle": bob.user.handle, "message": "secret with a key"}).to_string();
        assert_eq!(
            world.post_with(alice, &[("idempotency-key", "a-key-of-alice-0")], keyed).await.status,
            200
        );
        world.send(carol, alice, "of carol").await;
        world.send(alice, carol, "secret for carol").await;
        let block = format!("/api/blocks/{}", carol.user.uuid);
        assert_eq!(world.ask(alice, Method::PUT, &block, &Value::Null).await.status, 204);
        let settings = json!({"messages_from": "requests"});
        world.ask(alice, Method::PATCH, "/api/me", &settings).await.ok();
        world.send(dora, alice, "of dora").await;
        let mute = json!({"muted_until": "2030-01-01T00:00:00.000000Z"});
        let group = format!("/api/message_groups/{}", people.group_with(bob));
        assert_eq!(world.ask(alice, Method::PATCH, &group, &mute).await.status, 204);
        let read = format!("/api/message_groups/{}/read", people.group_with(carol));
        assert_eq!(world.ask(alice, Method::PUT, &read, &json!({})).await.status, 204);
        let connection = NewConnection {
            device_uuid: Uuid::from_u128(1),
            connection_id: "ABC=".to_owned(),
            connected_at: world.clock.clock().now(),
            token_expires_at: i64::MAX,
            user_agent: None,
        };
        Connections::new(world.table()).open(alice.user.uuid, connection).await.unwrap();
        settle(world).await;
        people
    }

    fn group_with(&self, other: &TestUser) -> Uuid {
        uuid_of_pair(self.alice.user.uuid, other.user.uuid)
    }

    fn path_of(&self, other: &TestUser, message: &Value) -> String {
        format!("/api/messages/{}/{}", self.group_with(other), message["uuid"].as_str().unwrap())
    }

    /// What would name Alice.
    fn traces(&self) -> [&str; 5] {
        let Self { alice, .. } = self;
        [&alice.user.handle, &alice.user.display_name, &alice.subject, "@example.com", "secret"]
    }
}

async fn settle(world: &World) {
    world.deliver_all().await;
    assert_eq!(invariants::check_at_rest(&world.rows()), Vec::<String>::new());
}

async fn erase(world: &World, user: &TestUser) {
    let answer = world.ask(user, Method::DELETE, "/api/me", &Value::Null).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (202, ""));
}

async fn make_passes(world: &World) {
    assert_eq!(world.functions["erase-accounts"].invoke("{}".to_owned()).await.unwrap(), "null");
}

/// The row of a user, as JSON.
async fn database_row(world: &World, user: &TestUser) -> Value {
    let statement = "SELECT row_to_json(users)::text FROM public.users WHERE uuid = $1";
    let rows = world.parts.postgres.query(statement, &[(&user.user.uuid, Type::UUID)]).await.unwrap();
    serde_json::from_str(rows[0].get(0)).unwrap()
}

/// The rows of the table without those that expire within a day.
fn rows(world: &World) -> Vec<Value> {
    world.rows().into_iter().filter(|row| kind_of(row) != Some(RowKind::Idempotency)).collect()
}

fn assert_no_traces(world: &World, people: &People, database_row: &Value) {
    for row in rows(world).iter().chain([database_row]) {
        let text = row.to_string();
        for trace in people.traces() {
            assert!(!text.contains(trace), "{trace}: {text}");
        }
    }
}

#[tokio::test]
async fn an_erased_user_leaves_no_texts_and_names() {
    let _due = DUE.lock().await;
    let mut world = World::new().await;
    let people = People::write(&mut world).await;
    let People { alice, bob, carol, dora } = &people;
    let of_bob = world.get(bob, &format!("/api/messages/{}?limit=100", people.group_with(bob))).await.ok();
    erase(&world, alice).await;
    erase(&world, alice).await;
    make_passes(&world).await;
    settle(&world).await;
    assert_no_traces(&world, &people, &database_row(&world, alice).await);
    let row = database_row(&world, alice).await;
    assert_eq!((&row["display_name"], &row["cognito_user_id"]), (&json!("Deleted user"), &Value::Null));
    let before = world.rows();
    make_passes(&world).await;
    assert_eq!(world.rows(), before);

    // Caches of the functions still know her.
    let group = people.group_with(bob);
    for (method, path, body) in [
        (
            Method::POST,
            "/api/messages".to_owned(),
            json!({"message_group_uuid": group, "message": "still here"}),
        ),
        (Method::PUT, format!("/api/message_groups/{group}/read"), json!({})),
    ] {
        let answer = world.ask(alice, method, &path, &body).await;
        assert_eq!(answer.brief(), (403, r#"["user_not_provisioned"]"#), "{path}");
    }
    assert_eq!(world.rows(), before);

    // The others lose nothing of their own.
    world.redeploy(|_| {});
    let messages = world.get(bob, &format!("/api/messages/{group}?limit=100")).await.ok();
    let (mine, hers): (Vec<_>, Vec<_>) =
        messages.as_array().unwrap().iter().partition(|message| message["user_uuid"] == json!(bob.user.uuid));
    let had =
        of_bob.as_array().unwrap().iter().filter(|message| message["user_uuid"] == json!(bob.user.uuid));
    assert_eq!(mine, had.collect::<Vec<_>>());
    assert_eq!(mine.len() + hers.len(), of_bob.as_array().unwrap().len());
    for message in hers {
        assert_eq!((&message["message"], &message["display_name"]), (&json!(""), &json!("Deleted user")));
        assert!(message["deleted_at"].is_string(), "{message}");
    }
    let groups = world.get(bob, "/api/message_groups").await.ok();
    assert_eq!(
        (&groups[0]["uuid"], &groups[0]["display_name"], &groups[0]["message"], &groups[0]["unread_count"]),
        (&json!(group), &json!("Deleted user"), &json!(""), &json!(0))
    );
    let shown = world.get(bob, &format!("/api/message_groups/{group}")).await.ok();
    let erased = shown["members"].as_array().unwrap().iter().filter(|member| member["erased"] == json!(true));
    assert_eq!(erased.count(), 1);

    // Nobody finds her, or writes to her.
    assert_eq!(world.get(alice, "/api/me").await.brief(), (403, r#"["user_not_provisioned"]"#));
    let short = world.get_anonymously(&format!("/api/users/@{}/short", alice.user.handle)).await;
    assert_eq!(short.brief(), (404, r#"["user_not_found"]"#));
    for prefix in [&*alice.user.handle, "deleted"] {
        let found = world.get(bob, &format!("/api/users?prefix={prefix}")).await.ok();
        assert_eq!(found, json!([]), "{prefix}");
    }
    let by_uuid = json!({"user_uuid": alice.user.uuid, "message": "are you there?"});
    assert_eq!(world.post(bob, &by_uuid).await.brief(), (422, r#"["user_reciever_not_found"]"#));
    for user in [bob, carol, dora] {
        let to_group = json!({"message_group_uuid": people.group_with(user), "message": "are you there?"});
        assert_eq!(world.post(user, &to_group).await.brief(), (403, r#"["message_not_accepted"]"#));
    }
}

/// A request that began before the erasure stores a message after a pass.
#[tokio::test]
async fn the_last_pass_erases_what_late_requests_stored() {
    let _due = DUE.lock().await;
    let mut world = World::new().await;
    world.redeploy(|parts| parts.erasure.settled_after = Duration::from_hours(1));
    let people = People::write(&mut world).await;
    let People { alice, bob, .. } = &people;
    erase(&world, alice).await;
    make_passes(&world).await;
    let created_at = Timestamp::new(world.clock.clock().now() + TimeDelta::seconds(1));
    let sk = SortKey { created_at, message_uuid: world.parts.random.uuid_v7(created_at.to_utc()) };
    let late = MessageRow::new(people.group_with(bob), sk, &"secret, and late".parse().unwrap(), &alice.user);
    world.table().put_new(&late).await.unwrap();
    world.deliver_all().await;
    assert_eq!(database_row(&world, alice).await["cognito_user_id"], json!(alice.subject));

    world.redeploy(|parts| parts.erasure.settled_after = Duration::ZERO);
    let due = "UPDATE public.users SET erasure_due_at = now() WHERE uuid = $1";
    world.parts.postgres.query(due, &[(&alice.user.uuid, Type::UUID)]).await.unwrap();
    make_passes(&world).await;
    settle(&world).await;
    assert_no_traces(&world, &people, &database_row(&world, alice).await);
}

/// Makes these rows the only ones.
fn restore(world: &World, rows: &[Value]) {
    for row in world.rows() {
        let key = json!({"pk": row["pk"], "sk": row["sk"]});
        let _ = world.emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    }
    for row in rows {
        let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": row}));
    }
}

#[tokio::test]
async fn a_pass_that_is_killed_at_any_call_is_completed_by_the_next() {
    let mut world = World::new().await;
    let people = People::write(&mut world).await;
    let before = world.rows();
    let (handle, display_name) = ("deleted-0123456789abcdef012345".to_owned(), "Deleted user".to_owned());
    let deleted = User { uuid: people.alice.user.uuid, handle, display_name };
    let erasure = Erasure::new(world.table(), world.clock.clock(), world.parts.random.clone());
    assert_eq!(erasure.pass(&deleted).await.unwrap().failed, 0);
    settle(&world).await;
    let expected = world.rows();
    assert_no_traces(&world, &people, &Value::Null);
    for killed_at in 1.. {
        restore(&world, &before);
        let (kill, mut calls) = (Arc::new(Notify::new()), 0);
        let killer = Arc::clone(&kill);
        world.emulator.inject(move |_| {
            calls += 1;
            if calls != killed_at {
                return Fault::None;
            }
            killer.notify_one();
            Fault::NotExecuted(Failure::Silence)
        });
        let is_killed = tokio::select! {
            pass = erasure.pass(&deleted) => pass.is_err(),
            () = kill.notified() => true,
        };
        world.emulator.inject(|_| Fault::None);
        if !is_killed {
            assert!(killed_at > 50, "a pass has only {killed_at} calls");
            break;
        }
        assert_eq!(invariants::check(&world.rows()), Vec::<String>::new(), "killed at call {killed_at}");
        assert_eq!(erasure.pass(&deleted).await.unwrap().failed, 0);
        settle(&world).await;
        assert_eq!(world.rows(), expected, "killed at call {killed_at}");
    }
}

//! The order of checks: 401, 413, 400, all syntactic codes together, 403, then look-ups.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;
use testing::{Answer, Failure, Fault, World, broken_postgres};
use uuid::Uuid;

/// A body that is too large and not JSON.
fn oversized() -> String {
    "x".repeat(16 * 1024 + 1)
}

/// A world in which every look-up fails.
async fn world_without_anything_to_look_up() -> World {
    let mut world = World::new().await;
    world.redeploy(|parts| parts.postgres = broken_postgres::unreachable());
    world.emulator.inject(|_| Fault::NotExecuted(Failure::Reset));
    world
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, codes: &[&str]) {
    assert_eq!(answer.brief(), (status, &*json!(codes).to_string()));
}

#[tokio::test]
async fn a_bad_token_comes_before_everything() {
    let world = world_without_anything_to_look_up().await;
    let key = "two words";
    for (method, path, body) in [
        (Method::GET, "/api/message_groups?limit=0&cursor=", String::new()),
        (Method::GET, "/api/messages/x?limit=0&cursor=", String::new()),
        (Method::GET, "/api/events?limit=0&after=", String::new()),
        (Method::POST, "/api/messages", oversized()),
        (Method::POST, "/api/messages", "not JSON".to_owned()),
        (Method::POST, "/api/messages", "{}".to_owned()),
    ] {
        let request = Request::builder().method(method).uri(path).header("idempotency-key", key);
        let answer = world.request(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.brief(), (401, "{}"), "{path}");
    }
    assert!(world.emulator.take_calls().is_empty());
}

#[tokio::test]
async fn a_large_body_comes_before_a_malformed_one_and_both_before_broken_rules() {
    let world = world_without_anything_to_look_up().await;
    let ghost = world.unprovisioned_user();
    let key = [("idempotency-key", "two words")];
    assert_refused(&world.post_with(&ghost, &key, oversized()).await, 413, &["body_too_large"]);
    for body in [
        "not JSON".to_owned(),
        json!({"message_group_uuid": "x", "message": 1}).to_string(),
        json!({"message_group_uuid": "x", "message": "", "handle": 1}).to_string(),
    ] {
        assert_refused(&world.post_with(&ghost, &key, body).await, 400, &["body_invalid"]);
    }
    assert!(world.emulator.take_calls().is_empty());
}

#[tokio::test]
async fn violations_are_returned_together_in_the_tables_order_and_before_any_look_up() {
    let world = world_without_anything_to_look_up().await;
    let ghost = world.unprovisioned_user();
    let key = [("idempotency-key", "two words")];
    let long = "x".repeat(1025);
    for (body, codes) in [
        (json!({}), ["user_reciever_handle_blank", "message_blank", "idempotency_key_invalid"]),
        (
            json!({"message": " ", "message_group_uuid": " "}),
            ["message_group_uuid_blank", "message_blank", "idempotency_key_invalid"],
        ),
        (
            json!({"message": long, "message_group_uuid": "x", "handle": ""}),
            ["message_group_uuid_invalid", "message_exceed_max_chars", "idempotency_key_invalid"],
        ),
        (
            json!({"message": long, "user_uuid": "x", "handle": ""}),
            ["user_uuid_invalid", "message_exceed_max_chars", "idempotency_key_invalid"],
        ),
        (
            json!({"handle": " ", "message": long}),
            ["user_reciever_handle_blank", "message_exceed_max_chars", "idempotency_key_invalid"],
        ),
    ] {
        assert_refused(&world.post_with(&ghost, &key, body.to_string()).await, 422, &codes);
    }
    // A text can break both of its rules.
    let white_space = json!({"user_uuid": "x", "message": " ".repeat(1025)}).to_string();
    let codes = ["user_uuid_invalid", "message_blank", "message_exceed_max_chars", "idempotency_key_invalid"];
    assert_refused(&world.post_with(&ghost, &key, white_space).await, 422, &codes);
    // One error is enough to stop a request before any look-up.
    for (headers, body, code) in [
        (&[][..], json!({"handle": "nobody", "message": ""}), "message_blank"),
        (&[], json!({"handle": "@@", "message": long}), "message_exceed_max_chars"),
        (&key, json!({"handle": "ghost", "message": "x"}), "idempotency_key_invalid"),
    ] {
        assert_refused(&world.post_with(&ghost, headers, body.to_string()).await, 422, &[code]);
    }
    for (path, codes) in [
        ("/api/message_groups?cursor=&limit=0", &["limit_invalid", "cursor_invalid"][..]),
        ("/api/message_groups?limit=0", &["limit_invalid"]),
        ("/api/message_groups?cursor=x", &["cursor_invalid"]),
        (
            "/api/messages/x?cursor=&limit=0",
            &["message_group_uuid_invalid", "limit_invalid", "cursor_invalid"],
        ),
        ("/api/messages/%20?cursor=", &["message_group_uuid_blank", "cursor_invalid"]),
        ("/api/events?after=&limit=0", &["limit_invalid", "cursor_invalid"]),
        ("/api/events?limit=101", &["limit_invalid"]),
        ("/api/events?after=x", &["cursor_invalid"]),
        ("/api/messages/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5?limit=0", &["limit_invalid"]),
    ] {
        assert_refused(&world.get(&ghost, path).await, 422, codes);
    }
    assert!(world.emulator.take_calls().is_empty());
}

#[tokio::test]
async fn a_malformed_handle_is_not_found_without_a_look_up() {
    let world = world_without_anything_to_look_up().await;
    let answer = world.get_anonymously("/api/users/@@/short").await;
    assert_refused(&answer, 404, &["user_not_found"]);
}

#[tokio::test]
async fn an_unprovisioned_caller_is_rejected_before_other_look_ups() {
    let world = World::new().await;
    let ghost = world.unprovisioned_user();
    for body in [
        json!({"handle": "nobody", "message": "x"}),
        json!({"handle": "@@", "message": "x"}),
        json!({"handle": "ghost", "message": "x"}),
        json!({"handle": "scarlett", "message": "x"}),
        json!({"user_uuid": "0195b5a0-0000-7000-8000-000000000002", "message": "x"}),
        json!({"user_uuid": "0195b5a0-0000-7000-8000-0000000000ff", "message": "x"}),
        json!({"message_group_uuid": "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5", "message": "x"}),
    ] {
        assert_refused(&world.post(&ghost, &body).await, 403, &["user_not_provisioned"]);
    }
    for path in [
        "/api/me",
        "/api/message_groups",
        "/api/messages/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5",
        "/api/message_groups/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5",
        "/api/unread",
        "/api/events",
        "/api/events?after=MTc5NTMzOTgwMDAwMS0xNzk1MzM5ODAwMTIw",
    ] {
        assert_refused(&world.get(&ghost, path).await, 403, &["user_not_provisioned"]);
    }
    assert!(world.emulator.take_calls().is_empty());
    assert_eq!(world.rows(), Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn an_unknown_receiver_and_oneself_are_refused_without_a_call_of_dynamodb() {
    let world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    for (handle, code) in [
        ("nobody", "user_reciever_not_found"),
        ("@@", "user_reciever_not_found"),
        ("sunyoung", "user_reciever_is_sender"),
    ] {
        let answer = world.post(&sunyoung, &json!({"handle": handle, "message": "x"})).await;
        assert_refused(&answer, 422, &[code]);
    }
    for (uuid, code) in
        [(Uuid::nil(), "user_reciever_not_found"), (sunyoung.user.uuid, "user_reciever_is_sender")]
    {
        let answer = world.post(&sunyoung, &json!({"user_uuid": uuid, "message": "x"})).await;
        assert_refused(&answer, 422, &[code]);
    }
    assert!(world.emulator.take_calls().is_empty());
}

#[tokio::test]
async fn the_group_is_looked_at_before_the_idempotency_key() {
    let world = World::new().await;
    let [sunyoung, scarlett, andrew] = world.demo_users(["sunyoung", "scarlett", "andrew"]);
    let key = [("idempotency-key", "k1")];
    let group = world.send(&sunyoung, &scarlett, "hello").await["message_group_uuid"].clone();
    let own = json!({"handle": "scarlett", "message": "x"}).to_string();
    world.post_with(&andrew, &key, own).await.ok();
    let foreign = json!({"message_group_uuid": group, "message": "x"}).to_string();
    assert_refused(&world.post_with(&andrew, &key, foreign).await, 404, &["message_group_not_found"]);
}

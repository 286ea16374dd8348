//! `POST /api/messages`

use serde_json::json;
use testing::World;
use tokio_postgres::types::Type;
use uuid::Uuid;

#[tokio::test]
async fn a_message_to_a_handle_opens_one_group_for_both() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let sent = world.send(&alice, &bob, "hello").await;
    assert_eq!(sent["message_group_uuid"], json!(group_uuid));
    assert_eq!(sent["message"], "hello");
    assert_eq!(sent["created_at"], "2026-11-22T09:30:00.000000Z");
    let answered = world.send(&bob, &alice, "hello yourself").await;
    assert_eq!(answered["message_group_uuid"], sent["message_group_uuid"]);
    world.deliver_all().await;
    for (reader, other, unread_count) in [(&alice, &bob, 1), (&bob, &alice, 0)] {
        let groups = world.get(reader, "/api/message_groups").await.ok();
        assert_eq!(
            groups,
            json!([{
                "uuid": group_uuid,
                "user_uuid": other.user.uuid,
                "display_name": other.user.display_name,
                "handle": other.user.handle,
                "message": "hello yourself",
                "created_at": "2026-11-22T09:30:00.000001Z",
                "version": 1,
                "from_me": unread_count == 0,
                "unread_count": unread_count,
            }])
        );
    }
}

#[tokio::test]
async fn a_message_to_a_uuid_ignores_the_current_owner_of_the_handle() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let to_bob = json!({"user_uuid": bob.user.uuid, "message": "hello"});
    // Sending by uuid opens the same group as sending by handle.
    assert_eq!(world.post(&alice, &to_bob).await.ok()["message_group_uuid"], json!(group_uuid));
    let rename = "UPDATE users SET handle = $2 WHERE uuid = $1";
    let carol = world.user("carol").await;
    for (user, handle) in [(&bob, &*format!("{}-2", bob.user.handle)), (&carol, &*bob.user.handle)] {
        let parameters = [(&user.user.uuid as _, Type::UUID), (&handle as _, Type::TEXT)];
        world.parts.postgres.query(rename, &parameters).await.unwrap();
    }
    let sent = world.post(&alice, &to_bob).await.ok();
    assert_eq!(
        (&sent["message_group_uuid"], &sent["user_uuid"]),
        (&json!(group_uuid), &json!(alice.user.uuid))
    );
    let to_handle = json!({"handle": bob.user.handle, "message": "hello"});
    assert_ne!(world.post(&alice, &to_handle).await.ok()["message_group_uuid"], json!(group_uuid));
}

#[tokio::test]
async fn the_answer_names_the_group_the_message_and_its_sender() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    let to_handle = world.post(&sunyoung, &json!({"handle": "scarlett", "message": "hello"})).await;
    insta::assert_debug_snapshot!(to_handle, @r#"
    200
    content-type: application/json
    {"message_group_uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5","uuid":"01a20297-4dc0-71be-91b6-cdbd33a83dfe","user_uuid":"0195b5a0-0000-7000-8000-000000000001","display_name":"Sunyoung Lee","handle":"sunyoung","message":"hello","created_at":"2026-11-22T09:30:00.000000Z"}
    "#);
    let group_uuid = to_handle.ok()["message_group_uuid"].clone();
    let body = json!({"message_group_uuid": group_uuid, "message": "hello yourself"});
    insta::assert_debug_snapshot!(world.post(&scarlett, &body).await, @r#"
    200
    content-type: application/json
    {"message_group_uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5","uuid":"01a20297-4dc0-7646-9af3-03bb583db0e1","user_uuid":"0195b5a0-0000-7000-8000-000000000002","display_name":"Scarlett Ho","handle":"scarlett","message":"hello yourself","created_at":"2026-11-22T09:30:00.000001Z"}
    "#);
}

#[tokio::test]
async fn a_repeated_request_may_spell_its_target_differently() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    let group = world.send(&scarlett, &sunyoung, "hello").await["message_group_uuid"].clone();
    let group = group.as_str().unwrap();
    for (key, spellings) in [
        ("k1", ["scarlett", "@Scarlett"].map(|handle| json!({"handle": handle, "message": "x"}))),
        (
            "k3",
            [scarlett.user.uuid.to_string(), scarlett.user.uuid.to_string().to_uppercase()]
                .map(|uuid| json!({"user_uuid": uuid, "message": "x"})),
        ),
        (
            "k2",
            [group.to_owned(), group.to_uppercase()]
                .map(|group| json!({"message_group_uuid": group, "message": "x"})),
        ),
    ] {
        let [first, second] = spellings.map(|body| body.to_string());
        let first = world.post_with(&sunyoung, &[("idempotency-key", key)], first).await;
        let second = world.post_with(&sunyoung, &[("idempotency-key", key)], second).await;
        assert_eq!(second.ok(), first.ok(), "{key}");
    }
}

#[tokio::test]
async fn each_code_of_422_has_its_cases() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    let scarlett = scarlett.user.uuid;
    let group = world.post(&sunyoung, &json!({"handle": "scarlett", "message": "hello"})).await.ok();
    let group = group["message_group_uuid"].as_str().unwrap();
    let key = [("idempotency-key", "k1")];
    let used = json!({"message_group_uuid": group, "message": "one"}).to_string();
    world.post_with(&sunyoung, &key, used).await.ok();
    let rows = world.rows();

    let long = "x".repeat(1025);
    for (headers, body, code) in [
        (&[][..], json!({"message_group_uuid": "", "message": "x"}), "message_group_uuid_blank"),
        (&[], json!({"message_group_uuid": " \u{3000}", "message": "x"}), "message_group_uuid_blank"),
        (&[], json!({"message_group_uuid": "x", "message": "x"}), "message_group_uuid_invalid"),
        (
            &[],
            json!({"message_group_uuid": group.replace('-', ""), "message": "x"}),
            "message_group_uuid_invalid",
        ),
        (&[], json!({"user_uuid": "", "message": "x"}), "user_uuid_invalid"),
        (&[], json!({"user_uuid": "x", "handle": "scarlett", "message": "x"}), "user_uuid_invalid"),
        (&[], json!({"user_uuid": scarlett.simple().to_string(), "message": "x"}), "user_uuid_invalid"),
        (&[], json!({"user_uuid": format!(" {scarlett}"), "message": "x"}), "user_uuid_invalid"),
        (&[], json!({"message": "x"}), "user_reciever_handle_blank"),
        (
            &[],
            json!({"message_group_uuid": null, "handle": null, "message": "x"}),
            "user_reciever_handle_blank",
        ),
        (&[], json!({"handle": "", "message": "x"}), "user_reciever_handle_blank"),
        (&[], json!({"handle": "\t ", "message": "x"}), "user_reciever_handle_blank"),
        // A group's uuid is not a user's.
        (&[], json!({"user_uuid": group, "message": "x"}), "user_reciever_not_found"),
        (
            &[],
            json!({"user_uuid": Uuid::nil(), "handle": "scarlett", "message": "x"}),
            "user_reciever_not_found",
        ),
        (&[], json!({"handle": "nobody", "message": "x"}), "user_reciever_not_found"),
        (&[], json!({"handle": "@", "message": "x"}), "user_reciever_not_found"),
        (&[], json!({"handle": "@@scarlett", "message": "x"}), "user_reciever_not_found"),
        (&[], json!({"handle": " scarlett", "message": "x"}), "user_reciever_not_found"),
        (&[], json!({"handle": "%40scarlett", "message": "x"}), "user_reciever_not_found"),
        (&[], json!({"handle": "scarlett\0", "message": "x"}), "user_reciever_not_found"),
        (&[], json!({"handle": "x".repeat(31), "message": "x"}), "user_reciever_not_found"),
        (&[], json!({"handle": "sunyoung", "message": "x"}), "user_reciever_is_sender"),
        (&[], json!({"handle": "@SunYoung", "message": "x"}), "user_reciever_is_sender"),
        (&[], json!({"user_uuid": sunyoung.user.uuid, "message": "x"}), "user_reciever_is_sender"),
        (&[], json!({"handle": "scarlett"}), "message_blank"),
        (&[], json!({"handle": "scarlett", "message": null}), "message_blank"),
        (&[], json!({"handle": "scarlett", "message": ""}), "message_blank"),
        (&[], json!({"handle": "scarlett", "message": long}), "message_exceed_max_chars"),
        (
            &[("idempotency-key", "")],
            json!({"handle": "scarlett", "message": "x"}),
            "idempotency_key_invalid",
        ),
        (&key, json!({"message_group_uuid": group, "message": "two"}), "idempotency_key_reused"),
        (&key, json!({"handle": "scarlett", "message": "one"}), "idempotency_key_reused"),
        (&key, json!({"user_uuid": scarlett, "message": "one"}), "idempotency_key_reused"),
    ] {
        let answer = world.post_with(&sunyoung, headers, body.to_string()).await;
        assert_eq!(answer.brief(), (422, &*format!("[\"{code}\"]")), "{body}");
    }
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn a_body_other_than_an_object_with_the_right_types_is_400() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    let group = world.send(&sunyoung, &scarlett, "hello").await["message_group_uuid"].clone();
    let rows = world.rows();
    let _ = world.emulator.take_calls();
    for body in [
        String::new(),
        " ".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"x\"".to_owned(),
        "{".to_owned(),
        "message=x&handle=scarlett".to_owned(),
        "{\"handle\":\"scarlett\",\"message\":\"x\"}}".to_owned(),
        "{\"handle\":\"scarlett\",\"message\":\"\\ud800\"}".to_owned(),
        "\u{feff}{\"handle\":\"scarlett\",\"message\":\"x\"}".to_owned(),
        json!({"handle": "scarlett", "message": 1}).to_string(),
        json!({"handle": "scarlett", "message": ["x"]}).to_string(),
        json!({"handle": ["scarlett"], "message": "x"}).to_string(),
        json!({"message_group_uuid": 1, "message": "x"}).to_string(),
        json!({"user_uuid": 1, "message": "x"}).to_string(),
        // All targets are validated, although only one is used.
        json!({"message_group_uuid": group, "handle": 1, "message": "x"}).to_string(),
        json!({"message_group_uuid": group, "user_uuid": [], "message": "x"}).to_string(),
        json!({"user_uuid": scarlett.user.uuid, "handle": 1, "message": "x"}).to_string(),
        json!({"message_group_uuid": false, "handle": "scarlett", "message": "x"}).to_string(),
    ] {
        let answer = world.post_with(&sunyoung, &[], body.clone()).await;
        assert_eq!(answer.brief(), (400, "[\"body_invalid\"]"), "{body}");
    }
    let not_utf8 = b"{\"handle\":\"scarlett\",\"message\":\"\xff\"}".to_vec();
    let answer = world.post_with(&sunyoung, &[("content-type", "application/json")], not_utf8).await;
    assert_eq!(answer.brief(), (400, "[\"body_invalid\"]"));
    assert!(world.emulator.take_calls().is_empty());
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn nulls_unknown_fields_and_the_content_type_are_ignored() {
    let world = World::new().await;
    let [sunyoung, scarlett, andrew] = world.demo_users(["sunyoung", "scarlett", "andrew"]);
    let group = world.send(&sunyoung, &scarlett, "hello").await["message_group_uuid"].clone();
    for body in [
        json!({"message_group_uuid": group, "message": "x"}),
        json!({"message_group_uuid": group, "handle": null, "message": "x"}),
        json!({"message_group_uuid": null, "handle": "scarlett", "message": "x"}),
        // Only the group is used.
        json!({"message_group_uuid": group, "handle": "", "message": "x"}),
        json!({"message_group_uuid": group, "handle": "nobody", "message": "x"}),
        json!({"message_group_uuid": group, "handle": "sunyoung", "message": "x"}),
        json!({"message_group_uuid": group.as_str().unwrap().to_uppercase(), "message": "x"}),
        json!({"handle": "@SCARLETT", "message": "x"}),
        json!({"user_uuid": scarlett.user.uuid, "message": "x"}),
        json!({"user_uuid": scarlett.user.uuid.to_string().to_uppercase(), "handle": null, "message": "x"}),
        // The group takes precedence over the user's uuid, which takes precedence over the handle.
        json!({"message_group_uuid": group, "user_uuid": "nobody", "message": "x"}),
        json!({"message_group_uuid": group, "user_uuid": andrew.user.uuid, "message": "x"}),
        json!({"user_uuid": scarlett.user.uuid, "handle": "andrew", "message": "x"}),
        json!({"user_uuid": scarlett.user.uuid, "handle": "", "message": "x"}),
        json!({"user_uuid": null, "handle": "scarlett", "message": "x"}),
        // The sender is the token's user.
        json!({"handle": "scarlett", "message": "x", "sender_uuid": andrew.user.uuid, "sender": {"handle": "andrew"},
            "created_at": "2020-01-01T00:00:00.000000Z", "uuid": andrew.user.uuid}),
    ] {
        for content_type in [None, Some("application/json"), Some("text/plain"), Some("image/png"), Some("")]
        {
            let header = content_type.map(|value| ("content-type", value));
            let answer = world.post_with(&sunyoung, header.as_slice(), body.to_string()).await.ok();
            assert_eq!(answer["message_group_uuid"], group, "{body}");
            assert_eq!((&answer["handle"], &answer["message"]), (&json!("sunyoung"), &json!("x")), "{body}");
        }
    }
}

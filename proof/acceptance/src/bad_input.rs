//! Rejected requests: their codes, and that they have no effect.

use anyhow::Result;
use serde_json::json;

use crate::{
    Stage,
    expect::{equal, message, refused},
};

pub(super) async fn messages(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let group_uuid = stage.group(sunyoung, scarlett).await?;
    let before = stage.messages(scarlett, &group_uuid).await?;
    let large = json!({"handle": scarlett.handle, "message": "x".repeat(16 * 1024)}).to_string();
    for (body, status, codes) in [
        ("{".to_owned(), 400, &["body_invalid"][..]),
        (large, 413, &["body_too_large"]),
        ("{}".to_owned(), 422, &["user_reciever_handle_blank", "message_blank"]),
        (json!({"message": "x", "handle": "unknown-handle"}).to_string(), 422, &["user_reciever_not_found"]),
        (json!({"message": "x", "handle": sunyoung.handle}).to_string(), 422, &["user_reciever_is_sender"]),
        (json!({"message": "x", "user_uuid": " "}).to_string(), 422, &["user_uuid_invalid"]),
        (json!({"message": "x", "user_uuid": group_uuid}).to_string(), 422, &["user_reciever_not_found"]),
        (json!({"message": "x", "user_uuid": sunyoung.uuid}).to_string(), 422, &["user_reciever_is_sender"]),
        (json!({"message": "x", "message_group_uuid": ""}).to_string(), 422, &["message_group_uuid_blank"]),
        (
            json!({"message": " ".repeat(1025), "message_group_uuid": "x"}).to_string(),
            422,
            &["message_group_uuid_invalid", "message_blank", "message_exceed_max_chars"],
        ),
    ] {
        let what = body.chars().take(60).collect::<String>();
        refused(&what, &stage.post_with(sunyoung, &[], body).await?, status, codes)?;
    }
    let body = json!({"message": "x", "message_group_uuid": group_uuid}).to_string();
    let answer = stage.post_with(sunyoung, &[("idempotency-key", "two words")], body).await?;
    refused("an invalid key", &answer, 422, &["idempotency_key_invalid"])?;
    equal("the group afterwards", &stage.messages(scarlett, &group_uuid).await?, &before)
}

pub(super) async fn pages(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let group_uuid = stage.group(sunyoung, scarlett).await?;
    for path in ["/api/message_groups".to_owned(), format!("/api/messages/{group_uuid}")] {
        for (query, codes) in [
            ("limit=101", &["limit_invalid"][..]),
            ("cursor=AAAA", &["cursor_invalid"]),
            ("limit=0&cursor=", &["limit_invalid", "cursor_invalid"]),
        ] {
            let path = format!("{path}?{query}");
            refused(&path, &stage.get(sunyoung, &path).await?, 422, codes)?;
        }
    }
    let answer = stage.get(sunyoung, "/api/messages/not-a-uuid?limit=0").await?;
    refused("a bad group and a bad limit", &answer, 422, &["message_group_uuid_invalid", "limit_invalid"])
}

pub(super) async fn lengths(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let group_uuid = stage.group(sunyoung, scarlett).await?;
    for char in ["a", "é", "🎉", "\0"] {
        let longest = char.repeat(1024);
        let sent = stage.reply(sunyoung, &group_uuid, &longest).await?;
        message("a message of 1024 characters", &sent, sunyoung, &longest, Some(&group_uuid))?;
        let body = json!({"message_group_uuid": group_uuid, "message": char.repeat(1025)});
        refused("1025 characters", &stage.post(sunyoung, &body).await?, 422, &["message_exceed_max_chars"])?;
    }
    Ok(())
}

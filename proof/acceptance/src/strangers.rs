//! A user who is not in a group learns nothing about it.

use anyhow::Result;
use serde_json::json;
use uuid::Uuid;

use crate::{
    Stage,
    expect::{equal, refused},
    stage::unique,
};

const NOT_FOUND: &[&str] = &["message_group_not_found"];

pub(super) async fn find_nothing(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, _, _, _, mock] = &stage.people;
    let group_uuid = stage.group(sunyoung, scarlett).await?;
    let before = stage.messages(scarlett, &group_uuid).await?;
    let nowhere = Uuid::new_v4().to_string();
    for query in ["", "?limit=1", "?limit=100"] {
        let answer = stage.get(mock, &format!("/api/messages/{group_uuid}{query}")).await?;
        refused("a stranger who reads", &answer, 404, NOT_FOUND)?;
        let absent = stage.get(mock, &format!("/api/messages/{nowhere}{query}")).await?;
        equal("the answer about no group", &absent.body, &answer.body)?;
        equal("its status", &absent.status, &answer.status)?;
    }
    let key = Uuid::new_v4().to_string();
    for headers in [&[][..], &[("idempotency-key", &*key)]] {
        for uuid in [&group_uuid, &nowhere] {
            let body = json!({"message_group_uuid": uuid, "message": "Let me in"}).to_string();
            refused("a stranger who writes", &stage.post_with(mock, headers, body).await?, 404, NOT_FOUND)?;
        }
    }
    equal("the group afterwards", &stage.messages(scarlett, &group_uuid).await?, &before)
}

pub(super) async fn see_nothing(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, _, _, lore, mock] = &stage.people;
    let group_uuid = stage.group(sunyoung, scarlett).await?;
    let secret = unique("Not for others");
    for _ in 0..2 {
        stage.reply(sunyoung, &group_uuid, &secret).await?;
    }
    let page = stage.get(sunyoung, &format!("/api/messages/{group_uuid}?limit=1")).await?;
    let next = page.next_page().unwrap_or_default();
    let cursor = next.rsplit_once('=').unwrap_or_default().1;
    refused("a stranger with a member's cursor", &stage.get(mock, next).await?, 404, NOT_FOUND)?;
    // The cursor shows nothing of the group in the stranger's own groups and inbox either.
    let own = stage.group(mock, lore).await?;
    for path in [format!("/api/messages/{own}"), "/api/message_groups".to_owned()] {
        for path in [format!("{path}?cursor={cursor}"), path] {
            let answer = stage.get(mock, &path).await?;
            equal(&format!("{path}: status"), &answer.status.as_u16(), &200)?;
            for hidden in [&*secret, &group_uuid] {
                equal(&format!("{path} contains {hidden}"), &answer.body.contains(hidden), &false)?;
            }
        }
    }
    Ok(())
}

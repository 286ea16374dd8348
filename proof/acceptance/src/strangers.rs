//! A user who is not in a group learns nothing about it.

use anyhow::Result;
use serde_json::json;
use uuid::Uuid;

use crate::{
    Stage,
    expect::{equal, refused},
};

const NOT_FOUND: &[&str] = &["message_group_not_found"];

pub(super) async fn find_nothing(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, _, _, _, mock] = &stage.people;
    let group_uuid = stage.group(sunyoung, scarlett).await?;
    let before = stage.messages(sunyoung, &group_uuid).await?;
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

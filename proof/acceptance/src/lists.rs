//! `GET /api/message_groups`

use anyhow::Result;
use serde_json::Value;

use crate::{
    Stage,
    expect::{equal, string},
    stage::{eventually, unique},
};

pub(super) async fn newest_text(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let group_uuid = stage.group(sunyoung, scarlett).await?;
    for sender in [scarlett, sunyoung, sunyoung] {
        let text = unique("The newest");
        let sent = stage.reply(sender, &group_uuid, &text).await?;
        stage.inbox_shows(sunyoung, scarlett, &group_uuid, &sent, &text).await?;
        stage.inbox_shows(scarlett, sunyoung, &group_uuid, &sent, &text).await?;
    }
    Ok(())
}

pub(super) async fn long_text(stage: &Stage) -> Result<()> {
    let [_, scarlett, andrew, ..] = &stage.people;
    let group_uuid = stage.group(scarlett, andrew).await?;
    // A preview has at most 480 bytes, the ellipsis included, and ends at a character's boundary.
    for (text, preview) in [
        ("a".repeat(480), "a".repeat(480)),
        ("a".repeat(481), "a".repeat(477) + "…"),
        ("🎉".repeat(121), "🎉".repeat(119) + "…"),
    ] {
        let sent = stage.reply(scarlett, &group_uuid, &text).await?;
        equal("the text in the answer", &sent["message"], &Value::from(text))?;
        stage.inbox_shows(andrew, scarlett, &group_uuid, &sent, &preview).await?;
        stage.inbox_shows(scarlett, andrew, &group_uuid, &sent, &preview).await?;
    }
    Ok(())
}

pub(super) async fn newest_first(stage: &Stage) -> Result<()> {
    let [sunyoung, others @ ..] = &stage.people;
    for _ in 0..2 {
        let mut expected = Vec::new();
        for other in others {
            let sent = stage.send(other, sunyoung, &unique("To the top")).await?;
            expected.insert(0, string("a sent message", &sent, "message_group_uuid")?.to_owned());
        }
        eventually(|| async {
            let inbox = stage.inbox(sunyoung).await?;
            let top = inbox.iter().take(expected.len()).map(|row| row["uuid"].as_str().unwrap_or_default());
            equal("the top of the inbox", &top.collect::<Vec<_>>(), &expected)
        })
        .await?;
    }
    Ok(())
}

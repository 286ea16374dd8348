//! `POST /api/messages`

use anyhow::Result;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Stage,
    expect::{equal, message, ok, refused, string, time},
    stage::unique,
};

pub(super) async fn to_a_handle(stage: &Stage) -> Result<()> {
    let [sunyoung, _, _, bayko, ..] = &stage.people;
    let text = unique("Are you there?");
    let sent = stage.send(sunyoung, bayko, &text).await?;
    let what = "the answer to a message to a handle";
    let group_uuid = string(what, &sent, "message_group_uuid")?;
    message(what, &sent, sunyoung, &text, Some(group_uuid))?;
    equal("a group's uuid", &group_uuid, &&*group_uuid.parse::<Uuid>()?.to_string())?;
    let listed = stage.messages(bayko, group_uuid).await?;
    let newest = listed.last().cloned().unwrap_or_default();
    message("the newest message of the group", &newest, sunyoung, &text, None)?;
    equal("its uuid", &newest["uuid"], &sent["uuid"])?;
    equal("its time", &newest["created_at"], &sent["created_at"])
}

pub(super) async fn to_a_uuid(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, _, bayko, ..] = &stage.people;
    let group_uuid = stage.group(sunyoung, bayko).await?;
    for uuid in [bayko.uuid.clone(), bayko.uuid.to_uppercase()] {
        // The uuid takes precedence over the handle.
        let body = json!({"user_uuid": uuid, "handle": scarlett.handle, "message": "To a uuid"});
        let sent = ok("a message to a uuid", &stage.post(sunyoung, &body).await?)?;
        message("the answer to a message to a uuid", &sent, sunyoung, "To a uuid", Some(&group_uuid))?;
    }
    Ok(())
}

pub(super) async fn to_the_group(stage: &Stage) -> Result<()> {
    let [sunyoung, _, _, bayko, ..] = &stage.people;
    let group_uuid = stage.group(sunyoung, bayko).await?;
    let mut before = None;
    for (index, sender) in [bayko, sunyoung, bayko, bayko].into_iter().enumerate() {
        let text = unique(&format!("Answer {index}"));
        let sent = stage.reply(sender, &group_uuid, &text).await?;
        message("the answer to a message to a group", &sent, sender, &text, Some(&group_uuid))?;
        let at = time("a sent message", &sent)?;
        equal("whether it comes after the one before", &(Some(at) > before), &true)?;
        before = Some(at);
    }
    // The uuid's case does not matter, and the other field is ignored.
    let body = json!({
        "message_group_uuid": group_uuid.to_uppercase(),
        "handle": "unknown-handle",
        "unknown": [1],
        "message": "In capitals",
    });
    let sent = ok("a message to a group in capitals", &stage.post(sunyoung, &body).await?)?;
    equal("its group", &sent["message_group_uuid"], &json!(group_uuid))
}

pub(super) async fn one_group_per_pair(stage: &Stage) -> Result<()> {
    let [_, _, _, bayko, lore, mock] = &stage.people;
    // In the first run, these are simultaneous first messages.
    let (a, b) = tokio::join!(stage.send(lore, mock, "At once"), stage.send(mock, lore, "At once"));
    let group_uuid = a?["message_group_uuid"].clone();
    equal("the group of two first messages", &b?["message_group_uuid"], &group_uuid)?;
    for handle in
        [format!("@{}", mock.handle), mock.handle.to_uppercase(), format!("@{}", mock.handle.to_uppercase())]
    {
        let body = json!({"handle": handle, "message": "Hello again", "message_group_uuid": null});
        let sent = ok(&handle, &stage.post(lore, &body).await?)?;
        equal(&format!("the group of {handle}"), &sent["message_group_uuid"], &group_uuid)?;
    }
    let other = stage.send(lore, bayko, "Hello").await?;
    equal("whether another pair has the same group", &(other["message_group_uuid"] == group_uuid), &false)
}

pub(super) async fn verbatim(stage: &Stage) -> Result<()> {
    let [_, _, _, bayko, lore, _] = &stage.people;
    let group_uuid = stage.group(bayko, lore).await?;
    let texts = [
        "  spaces around, and\ttabs\r\nlines\n  ",
        "quotes \" ' \\ / and <b>&amp;</b>",
        "emoji 🎉👩‍👩‍👧‍👦 and combined e\u{301} and right to left \u{202e}abc",
        "NUL \0 and bell \u{7} and \u{fffd} and \u{10ffff}",
        "{\"json\": [null]}",
        "'; DROP TABLE users; --",
        "0",
        "null",
    ];
    for text in texts {
        let sent = stage.reply(bayko, &group_uuid, text).await?;
        message("the answer", &sent, bayko, text, Some(&group_uuid))?;
    }
    let listed = stage.messages(lore, &group_uuid).await?;
    let newest = listed.iter().rev().take(texts.len()).rev();
    let newest = newest.map(|listed| listed["message"].as_str().unwrap_or_default()).collect::<Vec<_>>();
    equal("the texts as they are listed", &newest, &texts)
}

pub(super) async fn idempotent(stage: &Stage) -> Result<()> {
    let [_, _, andrew, _, lore, _] = &stage.people;
    let (key, text) = (Uuid::new_v4().to_string(), unique("Only once"));
    let post = |body: Value| {
        let key = key.clone();
        async move { stage.post_with(andrew, &[("idempotency-key", &key)], body.to_string()).await }
    };
    let body = json!({"handle": lore.handle, "message": text});
    let first = post(body.clone()).await?;
    let sent = ok("the first send", &first)?;
    for _ in 0..3 {
        let again = post(body.clone()).await?;
        equal("a replayed answer", &(again.status, &again.body), &(first.status, &first.body))?;
    }
    for other in [
        json!({"handle": lore.handle, "message": format!("{text}!")}),
        json!({"message_group_uuid": sent["message_group_uuid"], "message": text}),
    ] {
        refused("the key for something else", &post(other).await?, 422, &["idempotency_key_reused"])?;
    }
    let group_uuid = string("a sent message", &sent, "message_group_uuid")?;
    let listed = stage.messages(lore, group_uuid).await?;
    let count = listed.iter().filter(|message| message["message"] == text).count();
    equal("messages with the text", &count, &1)?;
    // A key belongs to its user: another user's equal key is a different one.
    let body = json!({"handle": andrew.handle, "message": text});
    let answer = stage.post_with(lore, &[("idempotency-key", &key)], body.to_string()).await?;
    message("another user's message with the same key", &ok("it", &answer)?, lore, &text, Some(group_uuid))
}

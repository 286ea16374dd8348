//! Many simultaneous requests.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Stage,
    expect::{equal, ok, string},
    stage::unique,
};

pub(super) async fn of_messages(stage: &Stage) -> Result<()> {
    let [_, scarlett, _, bayko, ..] = &stage.people;
    let group_uuid = stage.group(scarlett, bayko).await?;
    let texts = (0..40).map(|index| unique(&format!("Burst {index}"))).collect::<Vec<_>>();
    let sends = texts.iter().enumerate().map(|(index, text)| {
        let sender = if index % 2 == 0 { scarlett } else { bayko };
        stage.reply(sender, &group_uuid, text)
    });
    let sent = try_join_all(sends).await?;
    let all = stage.messages(bayko, &group_uuid).await?;
    for (text, sent) in texts.iter().zip(&sent) {
        let found = all.iter().filter(|message| message["message"] == **text).collect::<Vec<_>>();
        let uuids = found.iter().map(|message| &message["uuid"]).collect::<Vec<_>>();
        equal("the messages with a text", &uuids, &[&sent["uuid"]])?;
    }
    let uuids = all.iter().map(|message| &message["uuid"]).collect::<HashSet<_>>();
    equal("messages that are there once", &uuids.len(), &all.len())?;
    let newest = all.last().context("an empty group")?;
    let text = string("the newest message", newest, "message")?;
    stage.inbox_shows(bayko, scarlett, &group_uuid, newest, text).await?;
    stage.inbox_shows(scarlett, bayko, &group_uuid, newest, text).await
}

pub(super) async fn of_one_key(stage: &Stage) -> Result<()> {
    let [_, scarlett, _, _, lore, _] = &stage.people;
    let group_uuid = stage.group(scarlett, lore).await?;
    for body in [json!({"message_group_uuid": group_uuid}), json!({"handle": lore.handle})] {
        let (key, text) = (Uuid::new_v4().to_string(), unique("Pressed often"));
        let mut body = body;
        if let Some(body) = body.as_object_mut() {
            body.insert("message".to_owned(), Value::from(text.clone()));
        }
        let headers = [("idempotency-key", &*key)];
        let sends = (0..10).map(|_| stage.post_with(scarlett, &headers, body.to_string()));
        let answers = try_join_all(sends).await?;
        for answer in &answers {
            ok("a send of many", answer)?;
            equal("its body", &Some(&answer.body), &answers.first().map(|first| &first.body))?;
        }
        let all = stage.messages(lore, &group_uuid).await?;
        let count = all.iter().filter(|message| message["message"] == text).count();
        equal("messages with the text", &count, &1)?;
    }
    Ok(())
}

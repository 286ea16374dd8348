//! Read markers, edits, deletions, reactions and replies.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testing::Answer;

use crate::{
    Person, Stage,
    expect::{equal, ok, refused, string},
    stage::{eventually, unique},
};

/// Fails unless the answer is an empty 204.
fn done(what: &str, answer: &Answer) -> Result<()> {
    equal(what, &(answer.status.as_u16(), &*answer.body), &(204, ""))
}

fn path(group_uuid: &str, message: &Value, more: &str) -> Result<String> {
    Ok(format!("/api/messages/{group_uuid}/{}{more}", string("a message", message, "uuid")?))
}

fn with_time(path: &str, message: &Value) -> Result<String> {
    Ok(format!("{path}?created_at={}", string("a message", message, "created_at")?))
}

/// The message as `person` finds it in the newest page.
async fn listed(stage: &Stage, person: &Person, group_uuid: &str, message: &Value) -> Result<Value> {
    let path = format!("/api/messages/{group_uuid}");
    let page = ok(&path, &stage.get(person, &path).await?)?;
    let found = page.as_array().into_iter().flatten().find(|listed| listed["uuid"] == message["uuid"]);
    found.cloned().with_context(|| format!("{path} lacks {message}"))
}

/// Waits until the inbox of `person` shows the group with these members.
async fn inbox_has(stage: &Stage, person: &Person, group_uuid: &str, members: &Value) -> Result<()> {
    eventually(|| async {
        let inbox = stage.inbox(person).await?;
        let row = inbox.iter().find(|row| row["uuid"] == group_uuid).context("the group is not there")?;
        for (name, expected) in members.as_object().into_iter().flatten() {
            equal(&format!("{name} in {}'s inbox", person.handle), &row[name], expected)?;
        }
        Ok(())
    })
    .await
}

pub(super) async fn read_markers(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let group_uuid = &stage.group(sunyoung, scarlett).await?;
    let read = format!("/api/message_groups/{group_uuid}/read");
    done("a mark as read", &stage.send_json(scarlett, "PUT", &read, &json!({})).await?)?;
    inbox_has(stage, scarlett, group_uuid, &json!({"unread_count": 0})).await?;
    let one = stage.reply(sunyoung, group_uuid, &unique("One")).await?;
    stage.reply(sunyoung, group_uuid, &unique("Two")).await?;
    inbox_has(stage, scarlett, group_uuid, &json!({"unread_count": 2, "from_me": false})).await?;
    inbox_has(stage, sunyoung, group_uuid, &json!({"unread_count": 0, "from_me": true})).await?;

    let up_to_one = json!({"message_uuid": one["uuid"], "created_at": one["created_at"]});
    done("a mark up to a message", &stage.send_json(scarlett, "PUT", &read, &up_to_one).await?)?;
    inbox_has(stage, scarlett, group_uuid, &json!({"unread_count": 1})).await?;
    done("a mark up to the newest", &stage.send_json(scarlett, "PUT", &read, &json!({})).await?)?;
    inbox_has(stage, scarlett, group_uuid, &json!({"unread_count": 0})).await?;
    let from_one = with_time(&read, &one)? + "&message_uuid=" + string("a message", &one, "uuid")?;
    done("a mark as unread", &stage.send_json(scarlett, "DELETE", &from_one, &Value::Null).await?)?;
    inbox_has(stage, scarlett, group_uuid, &json!({"unread_count": 2})).await?;
    let unread = ok("/api/unread", &stage.get(scarlett, "/api/unread").await?)?;
    equal("whether a conversation is unread", &(unread["conversations"].as_u64() >= Some(1)), &true)
}

pub(super) async fn receipts(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let sent = stage.send(sunyoung, scarlett, &unique("Seen?")).await?;
    let group_uuid = string("a sent message", &sent, "message_group_uuid")?;
    let group = format!("/api/message_groups/{group_uuid}");
    let seen = async || {
        let shown = ok(&group, &stage.get(sunyoung, &group).await?)?;
        let members = shown["members"].as_array().cloned().unwrap_or_default();
        let of_scarlett = members.into_iter().find(|member| member["uuid"] == scarlett.uuid);
        Ok::<_, anyhow::Error>(of_scarlett.context("a member is missing")?["last_read_message_uuid"].clone())
    };
    let receipts = async |on: bool| {
        let me = stage.send_json(scarlett, "PATCH", "/api/me", &json!({"read_receipts": on})).await?;
        equal("the setting", &ok("the changed settings", &me)?["read_receipts"], &json!(on))
    };
    let read = format!("{group}/read");
    done("a mark", &stage.send_json(scarlett, "PUT", &read, &json!({})).await?)?;
    equal("what the other has read", &seen().await?, &sent["uuid"])?;
    receipts(false).await?;
    let later = stage.reply(sunyoung, group_uuid, &unique("And now?")).await?;
    done("a mark", &stage.send_json(scarlett, "PUT", &read, &json!({})).await?)?;
    let withheld = seen().await?;
    // Before anything is judged, so that the next run starts as this one did.
    receipts(true).await?;
    equal("what is withheld", &withheld, &Value::Null)?;
    equal("whether a withheld marker is sent later", &(seen().await? == later["uuid"]), &false)
}

pub(super) async fn edits(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let sent = stage.send(sunyoung, scarlett, &unique("Wit a typo")).await?;
    let group_uuid = string("a sent message", &sent, "message_group_uuid")?;
    let text = unique("With a typo");
    let body = json!({"message": text, "created_at": sent["created_at"]});
    let path = path(group_uuid, &sent, "")?;
    let others = stage.send_json(scarlett, "PUT", &path, &body).await?;
    refused("another's edit", &others, 403, &["message_not_yours"])?;
    for _ in 0..2 {
        let edited = ok("an edit", &stage.send_json(sunyoung, "PUT", &path, &body).await?)?;
        equal("the edited message", &edited, &listed(stage, scarlett, group_uuid, &sent).await?)?;
        equal("text and version", &(&edited["message"], &edited["version"]), &(&json!(text), &json!(2)))?;
    }
    for person in [sunyoung, scarlett] {
        inbox_has(stage, person, group_uuid, &json!({"message": text})).await?;
    }
    Ok(())
}

pub(super) async fn deletions(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let group_uuid = &stage.group(sunyoung, scarlett).await?;
    let sent = stage.reply(sunyoung, group_uuid, &unique("Better not")).await?;
    let path = with_time(&path(group_uuid, &sent, "")?, &sent)?;
    let others = stage.send_json(scarlett, "DELETE", &path, &Value::Null).await?;
    refused("another's deletion", &others, 403, &["message_not_yours"])?;
    for _ in 0..2 {
        done("a deletion", &stage.send_json(sunyoung, "DELETE", &path, &Value::Null).await?)?;
        let tombstone = listed(stage, scarlett, group_uuid, &sent).await?;
        equal("text and version", &(&tombstone["message"], &tombstone["version"]), &(&json!(""), &json!(2)))?;
        equal("whether it has a time", &tombstone["deleted_at"].is_string(), &true)?;
    }
    for person in [sunyoung, scarlett] {
        let place = json!({"message": "", "created_at": sent["created_at"]});
        inbox_has(stage, person, group_uuid, &place).await?;
    }
    Ok(())
}

pub(super) async fn reactions(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let sent = stage.send(sunyoung, scarlett, &unique("Hooray")).await?;
    let group_uuid = string("a sent message", &sent, "message_group_uuid")?;
    let path = with_time(&path(group_uuid, &sent, "/reactions/%F0%9F%8E%89")?, &sent)?;
    let reactions = json!([{"emoji": "🎉", "user_uuids": [scarlett.uuid]}]);
    for (method, expected, version) in [("PUT", reactions, 2), ("DELETE", Value::Null, 3)] {
        for _ in 0..2 {
            done("a reaction", &stage.send_json(scarlett, method, &path, &Value::Null).await?)?;
            let shown = listed(stage, sunyoung, group_uuid, &sent).await?;
            equal(method, &(&shown["reactions"], &shown["version"]), &(&expected, &json!(version)))?;
        }
    }
    Ok(())
}

pub(super) async fn replies(stage: &Stage) -> Result<()> {
    let [sunyoung, scarlett, ..] = &stage.people;
    let sent = stage.send(sunyoung, scarlett, &unique("When?")).await?;
    let group_uuid = string("a sent message", &sent, "message_group_uuid")?;
    let reference = json!({"uuid": sent["uuid"], "created_at": sent["created_at"]});
    let body = json!({"message_group_uuid": group_uuid, "message": "Tomorrow", "reply_to": reference});
    let reply = ok("a reply", &stage.post(scarlett, &body).await?)?;
    equal("the answered message", &reply["reply_to"], &reference)?;
    let quoted = &listed(stage, sunyoung, group_uuid, &reply).await?["reply_to"];
    let expected = (&sent["uuid"], &json!(sunyoung.uuid), &sent["message"]);
    equal("the quote", &(&quoted["uuid"], &quoted["user_uuid"], &quoted["message"]), &expected)
}

//! Pages, and the links between them.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    Person, Stage,
    expect::{array, equal, ok},
    stage::{eventually, unique},
};

pub(super) async fn of_messages(stage: &Stage) -> Result<()> {
    let [sunyoung, _, andrew, ..] = &stage.people;
    let group_uuid = stage.group(sunyoung, andrew).await?;
    let mut sent = Vec::new();
    for index in 0..7 {
        let sender = if index % 2 == 0 { sunyoung } else { andrew };
        sent.push(stage.reply(sender, &group_uuid, &unique("A page")).await?["uuid"].clone());
    }
    let path = format!("/api/messages/{group_uuid}");
    let all = stage.messages(andrew, &group_uuid).await?;
    let newest = all.iter().rev().take(7).rev().map(|message| &message["uuid"]).collect::<Vec<_>>();
    equal("the newest messages", &newest, &sent.iter().collect::<Vec<_>>())?;
    let sorted =
        all.is_sorted_by_key(|message| message["created_at"].as_str().unwrap_or_default().to_owned());
    equal("whether the messages are sorted by time", &sorted, &true)?;
    for limit in [1, 3] {
        let first = format!("{path}?limit={limit}");
        let mut pages = stage.pages(andrew, &first).await?;
        full_pages(&pages, limit, all.len())?;
        pages.reverse();
        equal(&format!("all pages of {limit}"), &pages.concat(), &all)?;
        link(stage, andrew, &path, limit).await?;
    }
    let by_default = ok("a page", &stage.get(sunyoung, &path).await?)?;
    equal("messages of a page by default", &array("a page", &by_default)?.len(), &all.len().min(20))
}

pub(super) async fn of_groups(stage: &Stage) -> Result<()> {
    let [sunyoung, others @ ..] = &stage.people;
    for other in others {
        stage.send(other, sunyoung, &unique("A group")).await?;
    }
    // Pages may miss rows while rows move.
    eventually(|| async {
        let all = stage.inbox(sunyoung).await?;
        equal("whether all groups are there", &(all.len() >= others.len()), &true)?;
        for limit in [1, 2] {
            let pages = stage.pages(sunyoung, &format!("/api/message_groups?limit={limit}")).await?;
            full_pages(&pages, limit, all.len())?;
            equal(&format!("all pages of {limit}"), &pages.concat(), &all)?;
        }
        Ok(())
    })
    .await?;
    link(stage, sunyoung, "/api/message_groups", 2).await
}

/// Fails unless every page but the last is full and none is empty.
fn full_pages(pages: &[Vec<Value>], limit: usize, total: usize) -> Result<()> {
    let lengths = pages.iter().map(Vec::len).collect::<Vec<_>>();
    let expected = (0..total).step_by(limit).map(|from| limit.min(total - from)).collect::<Vec<_>>();
    equal(&format!("lengths of the pages of {limit}"), &lengths, &expected)
}

/// Fails unless the first page links to the next one by a path that repeats the limit.
async fn link(stage: &Stage, person: &Person, path: &str, limit: usize) -> Result<()> {
    let answer = stage.get(person, &format!("{path}?limit={limit}")).await?;
    let link = answer.header("link").context("a first page without a link")?;
    let cursor = link
        .strip_prefix(&format!("<{path}?limit={limit}&cursor="))
        .and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    let is_cursor = |cursor: &str| {
        !cursor.is_empty()
            && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    equal(&format!("format of the link {link}"), &cursor.is_some_and(is_cursor), &true)
}

//! The conversation suite, and the demo conversations.

use std::{collections::BTreeSet, future::ready, sync::Arc, time::Duration};

use acceptance::Stage;
use dynamodb_fake::{Dice, Emulator, Faults, HttpServer, Journal};
use seed::demo::LOCAL_USERS;
use serde_json::{Value, json};
use testing::policy::Enforced;

use crate::stack::Stack;

#[tokio::test]
async fn the_conversation_suite_passes() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start(data.path()).await;
    have_a_conversation(&stack).await;
    stack.interrupt().await;
    let (status, output) = stack.end().await;
    // Rejected writes are engine warnings, not failures.
    assert_eq!(status.code(), Some(0), "{output}");
    assert!(output.ends_with("stopping\nstopped\n"), "{output}");
}

/// Runs the whole conversation suite.
async fn have_a_conversation(stack: &Stack) {
    let (target, mut failures) = (stack.target(), Vec::new());
    let run = acceptance::run(&target, |check, outcome| {
        if let Err(error) = outcome {
            failures.push(format!("{check}:\n{error:#}"));
        }
    });
    run.await.unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[tokio::test]
async fn the_rights_of_the_template_are_enough_for_a_conversation() {
    // The journal serves the table's stream.
    let journal = Journal::new(Faults::none(&Dice::new(1)), Duration::ZERO, |_| ());
    let emulator = Emulator::new().with_journal(Arc::new(journal));
    let policies = Enforced::on(&emulator);
    let dynamodb = emulator.clone();
    let server =
        HttpServer::start(|stream| ready(Ok(stream)), move |request| dynamodb.clone().serve(request));
    let server = server.await.unwrap();
    let url = format!("http://{}", server.address());
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start_with(data.path(), &[("AWS_ENDPOINT_URL_DYNAMODB", &url)]).await;
    have_a_conversation(&stack).await;
    stack.stop().await;
    assert_eq!(policies.take_refusals(), []);
    let callers: BTreeSet<_> = emulator.take_calls().iter().map(|call| call.caller().to_owned()).collect();
    // The seed has no name. The other functions don't use the table.
    let expected = [
        "",
        "change-message",
        "count-unread",
        "create-message",
        "list-message-groups",
        "list-messages",
        "mark-read",
        "react-to-message",
        "show-message-group",
        "stream-handler",
    ];
    assert_eq!(callers.iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_second_start_creates_no_second_demo_conversations() {
    let data = tempfile::tempdir().unwrap();
    let mut first = None;
    for _ in 0..2 {
        let stack = Stack::start(data.path()).await;
        let stage = stack.stage().await;
        let users = Stack::client().get(&format!("{}/local/users", stack.url)).await.unwrap().ok();
        let mut expected = LOCAL_USERS
            .map(|user| json!({"uuid": user.uuid, "handle": user.handle, "display_name": user.display_name}));
        expected.sort_by_key(|user| user["handle"].to_string());
        assert_eq!(users, json!(expected));
        let seen = everything(&stage).await;
        assert_eq!(seen.iter().map(|(_, groups)| groups.len()).collect::<Vec<_>>(), [2, 1, 1, 0, 0, 0]);
        assert_eq!(seen[0].1.iter().map(|(_, messages)| messages.len()).collect::<Vec<_>>(), [9, 2]);
        let first = first.get_or_insert_with(|| seen.clone());
        assert_eq!(seen, *first);
        stack.stop().await;
    }
}

/// Returns each user's inbox rows with the messages of their groups.
async fn everything(stage: &Stage) -> Vec<(String, Vec<(Value, Vec<Value>)>)> {
    let mut everything = Vec::new();
    for person in &stage.people {
        // The mapping may still be moving inbox rows from the first start.
        let groups = acceptance::eventually(|| async {
            let mut groups = Vec::new();
            for row in stage.inbox(person).await? {
                let messages = stage.messages(person, row["uuid"].as_str().unwrap()).await?;
                let newest = messages.last().cloned().unwrap_or_default();
                let at = |value: &Value| (value["created_at"].clone(), value["version"].clone());
                anyhow::ensure!(at(&row) == at(&newest), "{row} does not show {newest}");
                groups.push((row, messages));
            }
            Ok(groups)
        });
        everything.push((person.handle.clone(), groups.await.unwrap()));
    }
    everything
}

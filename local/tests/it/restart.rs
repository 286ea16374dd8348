//! Acknowledged messages survive an interrupt and a kill of the stack.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use acceptance::{Person, Stage, unique};
use serde_json::Value;
use tokio::sync::Notify;

use crate::stack::Stack;

const BURST: usize = 200;

/// The number of acknowledged messages after which the stack is ended.
const ENOUGH: usize = 60;

/// A message that was answered with 200, or not answered at all.
struct Sent {
    pair: usize,
    text: String,
    answer: Option<Value>,
}

/// Sender and recipient of each conversation.
fn pairs(people: &[Person; 6]) -> [(&Person, &Person); 3] {
    let [sunyoung, scarlett, andrew, bayko, lore, _] = people;
    [(sunyoung, scarlett), (andrew, bayko), (lore, sunyoung)]
}

/// Sends the burst from eight senders until the stack ends.
async fn burst(
    stage: &Stage,
    groups: &[String; 3],
    acknowledged: &Arc<AtomicUsize>,
    enough: &Notify,
) -> Vec<Sent> {
    let next = AtomicUsize::new(0);
    let sender = || async {
        let mut sent = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::SeqCst);
            if index >= BURST {
                return sent;
            }
            let pair = index % groups.len();
            let (a, b) = pairs(&stage.people)[pair];
            let sender = if index.is_multiple_of(2) { a } else { b };
            let text = unique(&format!("Burst {index}"));
            let answer = stage.reply(sender, &groups[pair], &text).await.ok();
            let gone = answer.is_none();
            sent.push(Sent { pair, text, answer });
            if gone {
                return sent;
            }
            if acknowledged.fetch_add(1, Ordering::SeqCst) + 1 == ENOUGH {
                enough.notify_one();
            }
        }
    };
    futures_util::future::join_all((0..8).map(|_| sender())).await.into_iter().flatten().collect()
}

#[tokio::test]
async fn an_interrupt_during_a_burst_loses_no_acknowledged_message() {
    survives(async |stack: Stack| {
        stack.interrupt().await;
        let (status, output) = stack.end().await;
        assert_eq!(status.code(), Some(0), "{output}");
        assert!(output.ends_with("stopping\nstopped\n"), "{output}");
    })
    .await;
}

#[tokio::test]
async fn a_kill_during_a_burst_loses_no_acknowledged_message() {
    survives(async |mut stack: Stack| {
        stack.kill();
        let (status, _) = stack.end().await;
        assert_eq!(status.code(), None);
    })
    .await;
}

/// Ends a stack with `end` during a burst, and checks the data in a second stack.
async fn survives(end: impl AsyncFnOnce(Stack)) {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start(data.path()).await;
    let stage = stack.stage().await;
    let mut groups = Vec::new();
    for (a, b) in pairs(&stage.people) {
        groups.push(stage.group(a, b).await.unwrap());
    }
    let groups: [String; 3] = groups.try_into().unwrap();
    let (acknowledged, enough) = (Arc::new(AtomicUsize::new(0)), Notify::new());
    let ending = async {
        enough.notified().await;
        end(stack).await;
    };
    let (sent, ()) = tokio::join!(burst(&stage, &groups, &acknowledged, &enough), ending);
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    assert!((ENOUGH..BURST).contains(&acknowledged), "the end came after {acknowledged} of {BURST}");

    let stack = Stack::start(data.path()).await;
    let stage = stack.stage().await;
    for (pair, (a, b)) in pairs(&stage.people).into_iter().enumerate() {
        let messages = stage.messages(a, &groups[pair]).await.unwrap();
        for sent in sent.iter().filter(|sent| sent.pair == pair) {
            let found = messages.iter().filter(|message| message["message"] == *sent.text);
            let found = found.map(|message| &message["uuid"]).collect::<Vec<_>>();
            match &sent.answer {
                Some(answer) => assert_eq!(found, [&answer["uuid"]], "{}", sent.text),
                // An unanswered message may be stored, but only once.
                None => assert!(found.len() <= 1, "{}: {found:?}", sent.text),
            }
        }
        let newest = messages.last().unwrap();
        for (reader, other) in [(a, b), (b, a)] {
            let text = newest["message"].as_str().unwrap();
            stage.inbox_shows(reader, other, &groups[pair], newest, text).await.unwrap();
        }
        // The restarted stack accepts messages.
        let text = unique("After the restart");
        let sent = stage.reply(b, &groups[pair], &text).await.unwrap();
        stage.inbox_shows(a, b, &groups[pair], &sent, &text).await.unwrap();
    }
    stack.stop().await;
}

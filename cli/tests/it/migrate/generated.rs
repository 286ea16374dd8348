//! Tables that the old system has made, in any number and size.

use super::move_in::MoveIn;

#[tokio::test]
async fn every_message_is_there_once_and_in_order_and_a_second_run_changes_nothing() {
    for seed in 0..4 {
        bring_over(seed, 8, 500).await;
    }
}

// A hundred tables of ten thousand messages, in two halves for two processors.

#[tokio::test]
#[ignore = "takes too long without optimisation: a part of .ci/full"]
async fn fifty_tables_of_ten_thousand_messages_are_brought_over() {
    for seed in 1_000..1_050 {
        bring_over(seed, 30, 10_000).await;
    }
}

#[tokio::test]
#[ignore = "takes too long without optimisation: a part of .ci/full"]
async fn fifty_others_of_ten_thousand_messages_are_brought_over() {
    for seed in 1_050..1_100 {
        bring_over(seed, 30, 10_000).await;
    }
}

#[expect(clippy::print_stdout, reason = "of a long run, who waits wants to see how far it is")]
async fn bring_over(seed: u64, users: usize, messages: usize) {
    let (move_in, old) = MoveIn::after(seed, users, messages).await;
    let what = format!("seed {seed}");
    let before = move_in.rows();
    let predicted = move_in.dry_run().await;
    assert_eq!(move_in.rows(), before, "{what}: a dry run has written");
    let told = move_in.migrate().await;
    assert_eq!(told.summary, predicted.summary, "{what}");
    move_in.assert_brought_over(&old, &what);

    let expected = old.expected();
    let brought = expected.conversations.values().map(Vec::len).sum::<usize>();
    assert_eq!(told.summary.messages, brought as u64, "{what}");
    assert_eq!(told.summary.left(), expected.left.len() as u64, "{what}");
    let left = expected.left.into_iter().map(|key| ("old_row", key)).collect::<Vec<_>>();
    assert_eq!(move_in.findings().await, left, "{what}");

    let rows = move_in.rows();
    let again = move_in.migrate().await;
    assert_eq!(move_in.rows(), rows, "{what}: a second run has changed something");
    assert_eq!((again.summary.messages, again.summary.inbox_rows), (0, 0), "{what}");
    assert_eq!(again.summary.left(), told.summary.left(), "{what}");
    println!("{what}: {:?}", told.summary);
}

//! Generated tables of the old system.

use cli::doctor::Kind;

use super::old_table::OldTable;

#[tokio::test]
async fn every_message_is_migrated_once_and_in_order_and_a_second_run_changes_nothing() {
    for seed in 0..4 {
        migrate(seed, 8, 500).await;
    }
}

// A hundred tables of ten thousand messages, in two halves for two processors.

#[tokio::test]
#[ignore = "takes too long without optimization: a part of .ci/full"]
async fn fifty_tables_of_ten_thousand_messages_are_migrated() {
    for seed in 1_000..1_050 {
        migrate(seed, 30, 10_000).await;
    }
}

#[tokio::test]
#[ignore = "takes too long without optimization: a part of .ci/full"]
async fn fifty_others_of_ten_thousand_messages_are_migrated() {
    for seed in 1_050..1_100 {
        migrate(seed, 30, 10_000).await;
    }
}

#[expect(clippy::print_stdout, reason = "progress of a long run")]
async fn migrate(seed: u64, users: usize, messages: usize) {
    let (old_table, old) = OldTable::after(seed, users, messages).await;
    let what = format!("seed {seed}");
    let before = old_table.rows();
    let predicted = old_table.dry_run().await;
    assert_eq!(old_table.rows(), before, "{what}: a dry run has written");
    let reported = old_table.migrate().await;
    assert_eq!(reported.summary, predicted.summary, "{what}");
    old_table.assert_migrated(&old, &what);

    let expected = old.expected();
    let migrated = expected.conversations.values().map(Vec::len).sum::<usize>();
    assert_eq!(reported.summary.messages, migrated as u64, "{what}");
    assert_eq!(reported.summary.left(), expected.left.len() as u64, "{what}");
    let left = expected.left.into_iter().map(|key| (Kind::OldRow, key)).collect::<Vec<_>>();
    assert_eq!(old_table.findings().await, left, "{what}");

    let rows = old_table.rows();
    let again = old_table.migrate().await;
    assert_eq!(old_table.rows(), rows, "{what}: a second run has changed something");
    assert_eq!((again.summary.messages, again.summary.inbox_rows), (0, 0), "{what}");
    assert_eq!(again.summary.left(), reported.summary.left(), "{what}");
    println!("{what}: {:?}", reported.summary);
}

//! Tests of the simulation: it finds nothing in the deployed code, and it finds every planted fault.

use std::collections::BTreeSet;

use dynamodb_fake::FaultKind;
use simulation::{Changes, Outcome, Planted, run, run_all};

/// A quick check. `.ci/run` runs thousands of seeds more.
#[test]
fn nothing_is_violated_and_every_fault_occurs() {
    let outcomes = run_all(0..150, 2, None, false);
    for outcome in &outcomes {
        assert!(outcome.violations.is_empty(), "seed {}: {:#?}", outcome.seed, outcome.violations);
    }
    let occurred = outcomes.iter().flat_map(|outcome| outcome.faults.keys()).collect::<BTreeSet<_>>();
    assert_eq!(occurred.into_iter().copied().collect::<Vec<_>>(), FaultKind::ALL);
    let sum = |number: fn(&Outcome) -> u64| outcomes.iter().map(number).sum::<u64>();
    let (messages, frames) = (sum(|outcome| outcome.messages), sum(|outcome| outcome.given[0]));
    assert!(messages > 1_000, "{messages} messages are few");
    assert!(frames > 300, "{frames} frames are few");
    let changes =
        |number: fn(&Changes) -> u64| outcomes.iter().map(|outcome| number(&outcome.changes)).sum::<u64>();
    let (marks, edits, deletions) = (
        changes(|changes| changes.marks),
        changes(|changes| changes.edits),
        changes(|changes| changes.deletions),
    );
    assert!(marks > 500 && edits > 150 && deletions > 80, "{marks}, {edits} and {deletions} changes are few");
    assert!(changes(|changes| changes.blocks) > 60, "blocks are few");
    assert!(changes(|changes| changes.requests) > 60, "requests are few");
    assert!(changes(|changes| changes.settings) > 60, "settings are few");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..8 {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!(first, second);
        assert_ne!(first.trace, run(seed + 1, None).trace);
    }
}

/// Asserts that one of a thousand seeds finds the planted fault: a violation begins with `expected`.
fn assert_found(planted: Planted, expected: &str) {
    let is_found =
        |seed| run(seed, Some(planted)).violations.iter().any(|violation| violation.starts_with(expected));
    assert!((0..1_000).any(is_found), "no seed of a thousand finds it");
}

macro_rules! found {
    ($($(#[$attribute:meta])* $name:ident => $planted:ident $(as $expected:literal)?,)*) => {
        $(
            #[test]
            $(#[$attribute])*
            fn $name() {
                assert_found(Planted::$planted, concat!($($expected)?));
            }
        )*

        #[test]
        fn each_planted_fault_is_tried() {
            let tried = [$(Planted::$planted),*];
            assert_eq!(tried.as_slice(), <Planted as clap::ValueEnum>::value_variants());
        }
    };
}

found! {
    the_old_algorithm_is_found => OldAlgorithm,
    a_deletion_without_a_guard_is_found => NoGuard,
    a_move_without_the_member_list_is_found => NoMemberList,
    a_search_downwards_is_found => DescendingLocate,
    a_missing_idempotency_row_is_found => NoIdempotencyRow,
    keys_without_a_uuid_are_found => KeysWithoutUuid,
    authorization_by_the_index_is_found => AuthorizationByIndex,
    a_conflict_that_is_not_retried_is_found => NoConflictRetry,
    a_lost_answer_reported_as_a_failure_is_found => LostAnswerIsFailure,
    a_new_uuid_on_a_retry_is_found => NewUuidOnRetry,
    a_log_that_does_not_look_at_its_end_is_found => NoTail as "I12",
    an_overwritten_log_row_is_found => NoLogCondition as "I7",
    a_log_written_before_the_move_is_found => LogBeforeMove as "I12",
    #[ignore = "takes hundreds of seeds: a part of .ci/full"]
    a_reader_that_passes_gaps_is_found => NoGapRuleForReads as "I13",
    a_device_that_applies_frames_after_a_gap_is_found => NoGapRuleForFrames as "I13",
    #[ignore = "takes hundreds of seeds: a part of .ci/full"]
    a_device_that_lists_before_it_takes_the_end_is_found => ListsBeforeEnd as "I13",
    a_frame_after_the_end_of_the_token_is_found => NoTokenEnd as "I15",
    a_frame_to_another_users_connection_is_found => ForeignConnections as "I15",
    a_failed_push_that_fails_the_batch_is_found => FailedPushesFailBatches as "I16",
    a_push_without_a_limit_is_found => NoPushLimit as "I16",
    a_row_that_takes_the_last_delivery_is_found => LastDelivery as "I17",
    a_row_that_loses_added_attributes_is_found => NoAbsentCondition as "I17",
    a_marker_after_the_newest_message_is_found => MarkerNotClamped as "I18",
    an_own_message_that_reads_nothing_is_found => OwnMessagesUnread as "I18",
    an_own_message_that_reads_what_was_marked_unread_is_found => NoFloor as "I18",
    a_preview_of_a_deleted_message_is_found => PreviewOfDeleted as "I19",
    an_event_without_receipts_is_found => EventsWithoutReceipts as "I20",
    a_message_during_a_block_is_found => SendIgnoresBlocks as "I21",
    a_second_message_of_a_stranger_is_found => SendIgnoresRequests as "I22",
    a_first_message_during_a_block_is_found => OpeningIgnoresBlocks as "I21",
    a_list_of_cleared_messages_is_found => ListIgnoresClearing as "I25",
    a_group_that_is_not_hidden_is_found => HidingNotJoined as "I25",
}

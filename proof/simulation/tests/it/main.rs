//! Tests of the simulation: it finds nothing in the deployed code, and it finds every planted fault.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use dynamodb_fake::{Counts, FaultKind};
use simulation::{Outcome, Planted, log, run};

/// Runs the seeds below `end`, two at a time.
fn seeds(end: u64) -> Vec<Outcome> {
    log::init();
    let next = AtomicU64::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = run(seed, None);
                    outcomes.lock().unwrap().push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

/// A quick check. `.ci/run` runs thousands of seeds more.
#[test]
fn nothing_is_violated_and_everything_goes_wrong() {
    let outcomes = seeds(150);
    for outcome in &outcomes {
        assert!(outcome.violations.is_empty(), "seed {}: {:#?}", outcome.seed, outcome.violations);
    }
    let mut counts = Counts::default();
    for outcome in &outcomes {
        counts += &outcome.faults;
    }
    let never = counts.iter().filter(|(_, times)| *times == 0).map(|(fault, _)| fault);
    assert_eq!(never.collect::<Vec<_>>(), Vec::<FaultKind>::new(), "these never came to pass");
    let messages = outcomes.iter().map(|outcome| outcome.messages).sum::<usize>();
    assert!(messages > 1_000, "{messages} messages are few");
}

#[test]
fn a_seed_replays_exactly() {
    log::init();
    for seed in 0..8 {
        let (first, second) = (run(seed, None), run(seed, None));
        assert_eq!(first, second);
        assert_ne!(first.trace, run(seed + 1, None).trace);
    }
}

macro_rules! found {
    ($($name:ident => $planted:ident,)*) => {
        $(
            #[test]
            fn $name() {
                log::init();
                let found = (0..1_000).any(|seed| !run(seed, Some(Planted::$planted)).violations.is_empty());
                assert!(found, "no seed of a thousand finds it");
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
    a_lost_answer_that_is_told_as_a_failure_is_found => LostAnswerIsFailure,
    a_new_uuid_on_a_retry_is_found => NewUuidOnRetry,
}

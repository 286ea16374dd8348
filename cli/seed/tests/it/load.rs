use std::{cell::Cell, num::NonZeroU32, time::Duration};

use cruddur::{error::Error, random::Random};
use seed::{
    SeedError,
    demo::Made,
    load::{Numbers, Plan, ensure_messages},
};
use testing::{Emulator, Failure, Fault, world::empty_table};
use tokio::time::{sleep, timeout};

use crate::{rows, said};

fn plan(users: u32, groups: u32, messages: u32) -> Plan {
    let [users, groups, messages] = [users, groups, messages].map(NonZeroU32::new);
    Plan::new(Numbers { users, groups, messages }).unwrap()
}

/// The messages of a run without a fault.
async fn whole(plan: Plan) -> Vec<(String, String)> {
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    let messages = usize::try_from(plan.messages).unwrap();
    let counted = Cell::new(0);
    let made =
        ensure_messages(&table, &Random::system(), plan, |more| counted.set(counted.get() + more)).await;
    assert_eq!(made.unwrap(), Made { made: messages, were_there: 0 });
    assert_eq!(counted.get(), u64::from(plan.messages));
    rows(&emulator);
    said(&emulator)
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_still_reports_progress() {
    let plan = plan(6, 10, 40);
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    ensure_messages(&table, &Random::system(), plan, |_| ()).await.unwrap();
    let before = rows(&emulator);
    // What is there is counted over several pages.
    emulator.edit_requests(|call| {
        if call.request["Select"] == "COUNT" {
            call.request["Limit"] = 3.into();
        }
    });
    let counted = Cell::new(0);
    let made =
        ensure_messages(&table, &Random::system(), plan, |more| counted.set(counted.get() + more)).await;
    assert_eq!(made.unwrap(), Made { made: 0, were_there: 40 });
    assert_eq!(counted.get(), 40);
    assert_eq!(rows(&emulator), before);
}

#[tokio::test]
async fn a_larger_plan_sends_only_missing_messages() {
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    ensure_messages(&table, &Random::system(), plan(6, 10, 40), |_| ()).await.unwrap();
    let made = ensure_messages(&table, &Random::system(), plan(6, 10, 65), |_| ()).await.unwrap();
    assert_eq!(made, Made { made: 25, were_there: 40 });
    rows(&emulator);
}

#[tokio::test]
async fn throttling_is_retried_and_nothing_is_sent_twice() {
    let plan = plan(4, 6, 30);
    let whole = whole(plan).await;
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    // Each try of the SDK's counts: every group is stopped at some point, and some more than once.
    let mut writes = 0;
    emulator.inject(move |call| {
        if !matches!(&*call.operation, "PutItem" | "TransactWriteItems") {
            return Fault::None;
        }
        writes += 1;
        match writes {
            10..=300 => Fault::NotExecuted(Failure::Status(400, "ThrottlingException")),
            310..=320 => Fault::Lost(Failure::Reset),
            _ => Fault::None,
        }
    });
    let counted = Cell::new(0);
    let random = Random::system();
    let seeding = ensure_messages(&table, &random, plan, |more| counted.set(counted.get() + more));
    let (made, _) = emulator.with_time_paused(seeding).await;
    assert_eq!(made.unwrap(), Made { made: 30, were_there: 0 });
    let counts = emulator.take_calls().iter().filter(|call| call.request["Select"] == "COUNT").count();
    assert!(counts > 6, "no group was counted again");
    assert_eq!(counted.get(), 30);
    rows(&emulator);
    assert_eq!(said(&emulator), whole);
}

#[tokio::test]
async fn an_unavailable_dynamodb_fails_the_run() {
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    emulator.inject(|_| Fault::NotExecuted(Failure::Reset));
    let random = Random::system();
    let seeding = ensure_messages(&table, &random, plan(2, 1, 1), |_| ());
    let (made, took) = emulator.with_time_paused(seeding).await;
    assert!(matches!(made, Err(SeedError::Operation(Error::Unavailable { .. }))), "{made:?}");
    assert!((30..300).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn late_requests_of_a_killed_run_create_no_duplicates() {
    let plan = plan(4, 6, 90);
    let whole = whole(plan).await;
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    let latency = Duration::from_millis(10);
    emulator.set_latency(latency);
    let random = Random::system();
    let mut late = 0;
    emulator.inject(move |call| {
        if !matches!(&*call.operation, "PutItem" | "TransactWriteItems") {
            return Fault::None;
        }
        late += 1;
        match late {
            ..20 => Fault::None,
            // Each group has one request in flight when the run is killed: they are stored one after the other.
            _ => Fault::Late(Failure::Silence, latency * (10 + 2 * late)),
        }
    });
    let runs = async {
        let killed = timeout(latency * 20, ensure_messages(&table, &random, plan, |_| ())).await;
        assert!(killed.is_err(), "the run was through before it was killed");
        emulator.inject(|_| Fault::None);
        ensure_messages(&table, &random, plan, |_| ()).await.unwrap()
    };
    let (made, _) = emulator.with_time_paused(runs).await;
    assert!(made.were_there > 0 && made.made > 0, "{made:?}");
    sleep(latency * 100).await;
    rows(&emulator);
    assert_eq!(said(&emulator), whole);
}

#[tokio::test]
async fn concurrent_runs_create_the_same_messages_as_one() {
    let plan = plan(4, 6, 60);
    let whole = whole(plan).await;
    let emulator = Emulator::new();
    let table = empty_table(&emulator).await;
    let random = Random::system();
    let run = || ensure_messages(&table, &random, plan, |_| ());
    let (one, other) = tokio::join!(run(), run());
    one.and(other).unwrap();
    rows(&emulator);
    assert_eq!(said(&emulator), whole);
}

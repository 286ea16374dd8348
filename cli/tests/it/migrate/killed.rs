//! Killed migrations.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use testing::{Call, Failure, Fault, old_system::SEEDED_GROUP};
use tokio::sync::Notify;

use super::{cases::message, old_table::OldTable};

const KILLS: usize = 50;

#[tokio::test]
async fn a_migration_killed_at_any_call_and_resumed_has_the_same_result() {
    let (undisturbed, old) = OldTable::after(77, 8, 400).await;
    undisturbed.migrate().await;
    undisturbed.assert_migrated(&old, "undisturbed");

    let (killed, mut rounds) = (AtomicUsize::new(0), 0);
    while killed.load(Ordering::Relaxed) < KILLS {
        let old_table = OldTable { world: testing::World::new().await, users: undisturbed.users.clone() };
        old_table.put_all(old.rows());
        // Several kills in a round, so that some migrations take many runs.
        for part in 0..5 {
            let call = 3 + (rounds * 7_919 + part * 104_729) % 400;
            if kill_at(&old_table, |_| true, call, (rounds + part) % 2 == 0).await {
                killed.fetch_add(1, Ordering::Relaxed);
            }
            // Beyond the lease of the killed run.
            old_table.world.clock.advance(TimeDelta::seconds(70));
        }
        old_table.world.emulator.inject(|_| Fault::None);
        old_table.migrate().await;
        old_table.assert_migrated(&old, &format!("round {rounds}"));
        assert_eq!(old_table.rows(), undisturbed.rows(), "round {rounds}");
        rounds += 1;
    }
}

/// Kills a migration at call `number` among those that are `counted`, which DynamoDB executes if `executed`. Returns
/// `false` if the migration finished before.
async fn kill_at(old_table: &OldTable, counted: fn(&Call) -> bool, number: usize, executed: bool) -> bool {
    let (calls, dead) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let dies = Arc::clone(&dead);
    old_table.world.emulator.inject(move |call| {
        let is_counted = counted(call);
        let before = calls.fetch_add(usize::from(is_counted), Ordering::Relaxed);
        let reached = before + 1;
        if reached < number || (before < number && !is_counted) {
            return Fault::None;
        }
        dies.notify_one();
        if executed && is_counted && reached == number {
            Fault::Lost(Failure::Silence)
        } else {
            Fault::NotExecuted(Failure::Silence)
        }
    });
    let migration = old_table.migration();
    tokio::select! {
        biased;
        () = dead.notified() => true,
        result = migration.run(false, &|_| Ok(())) => {
            result.unwrap();
            false
        }
    }
}

/// More messages of one instant than fit into a transaction, so that a kill leaves some of them at their old keys.
#[tokio::test]
async fn messages_of_one_instant_keep_their_order_over_kills() {
    let undisturbed = OldTable::with_users(2).await;
    let [a, b] = [&undisturbed.users[0], &undisturbed.users[1]];
    let rows = (0..120).map(|offset| {
        // The same instant in 120 time zones.
        let (hours, minutes) = (offset / 60, offset % 60);
        let sk = format!("2023-01-01T{}:{minutes:02}:00+{hours:02}:{minutes:02}", 10 + hours);
        let sender = if offset % 3 == 0 { a } else { b };
        message(SEEDED_GROUP, &sk, sender, &format!("message {offset}"))
    });
    let rows = rows.collect::<Vec<_>>();
    undisturbed.put_all(&rows);
    undisturbed.migrate().await;
    for number in 1..=10 {
        for executed in [true, false] {
            let old_table = OldTable { world: testing::World::new().await, users: undisturbed.users.clone() };
            old_table.put_all(&rows);
            kill_at(&old_table, |call| call.operation == "TransactWriteItems", number, executed).await;
            old_table.world.clock.advance(TimeDelta::seconds(70));
            old_table.world.emulator.inject(|_| Fault::None);
            old_table.migrate().await;
            assert_eq!(old_table.rows(), undisturbed.rows(), "transaction {number}, executed: {executed}");
        }
    }
}

#[tokio::test]
async fn failures_and_lost_responses_only_delay_a_migration() {
    let (old_table, old) = OldTable::after(78, 8, 300).await;
    let mut number = 0_u32;
    old_table.world.emulator.inject(move |_| {
        number += 1;
        match number % 11 {
            3 => Fault::NotExecuted(Failure::Reset),
            7 => Fault::Lost(Failure::Reset),
            _ => Fault::None,
        }
    });
    old_table.migrate().await;
    old_table.world.emulator.inject(|_| Fault::None);
    old_table.assert_migrated(&old, "with failures");
}

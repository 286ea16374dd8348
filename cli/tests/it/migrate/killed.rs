//! Migrations that are killed, while nobody and while somebody writes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use testing::{Call, Failure, Fault, old_system::SEEDED_GROUP};
use tokio::sync::Notify;

use super::{cases::message, move_in::MoveIn};

/// Kills at these many points, in runs one after the other until one gets through.
const KILLS: usize = 50;

#[tokio::test]
async fn killed_at_any_call_and_resumed_it_comes_to_the_same_end() {
    let (undisturbed, old) = MoveIn::after(77, 8, 400).await;
    undisturbed.migrate().await;
    undisturbed.assert_brought_over(&old, "undisturbed");

    let (killed, mut rounds) = (AtomicUsize::new(0), 0);
    while killed.load(Ordering::Relaxed) < KILLS {
        let move_in = MoveIn { world: testing::World::new().await, users: undisturbed.users.clone() };
        move_in.put_all(old.rows());
        // Each round kills again and again, so that some migrations are of many parts.
        for part in 0..5 {
            let call = 3 + (rounds * 7_919 + part * 104_729) % 400;
            if kill_at(&move_in, |_| true, call, (rounds + part) % 2 == 0).await {
                killed.fetch_add(1, Ordering::Relaxed);
            }
            // Past the end of the dead one's lease.
            move_in.world.clock.advance(TimeDelta::seconds(70));
        }
        move_in.world.emulator.inject(|_| Fault::None);
        move_in.migrate().await;
        move_in.assert_brought_over(&old, &format!("round {rounds}"));
        assert_eq!(move_in.rows(), undisturbed.rows(), "round {rounds}");
        rounds += 1;
    }
}

/// Lets a migration work until the call of this number among those that are `counted`, which is the last that is carried
/// out, or the first that is not; whether it came to that.
async fn kill_at(move_in: &MoveIn, counted: fn(&Call) -> bool, number: usize, carried_out: bool) -> bool {
    let (calls, dead) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let dies = Arc::clone(&dead);
    move_in.world.emulator.inject(move |call| {
        let is_counted = counted(call);
        let before = calls.fetch_add(usize::from(is_counted), Ordering::Relaxed);
        let reached = before + 1;
        if reached < number || (before < number && !is_counted) {
            return Fault::None;
        }
        dies.notify_one();
        if carried_out && is_counted && reached == number {
            Fault::Lost(Failure::Silence)
        } else {
            Fault::Refused(Failure::Silence)
        }
    });
    let migration = move_in.migration();
    tokio::select! {
        biased;
        () = dead.notified() => true,
        result = migration.run(false, &|_| Ok(())) => {
            result.unwrap();
            false
        }
    }
}

/// More messages of one instant than a transaction takes, so that a kill leaves some of them at their old places: each
/// is still put where it would have been.
#[tokio::test]
async fn messages_of_one_instant_keep_their_order_over_kills() {
    let undisturbed = MoveIn::with_users(2).await;
    let [a, b] = [&undisturbed.users[0], &undisturbed.users[1]];
    let rows = (0..120).map(|offset| {
        // Ten o'clock, as machines in 120 zones say it.
        let (hours, minutes) = (offset / 60, offset % 60);
        let sk = format!("2023-01-01T{}:{minutes:02}:00+{hours:02}:{minutes:02}", 10 + hours);
        let sender = if offset % 3 == 0 { a } else { b };
        message(SEEDED_GROUP, &sk, sender, &format!("message {offset}"))
    });
    let rows = rows.collect::<Vec<_>>();
    undisturbed.put_all(&rows);
    undisturbed.migrate().await;
    for number in 1..=10 {
        for carried_out in [true, false] {
            let move_in = MoveIn { world: testing::World::new().await, users: undisturbed.users.clone() };
            move_in.put_all(&rows);
            kill_at(&move_in, |call| call.operation == "TransactWriteItems", number, carried_out).await;
            move_in.world.clock.advance(TimeDelta::seconds(70));
            move_in.world.emulator.inject(|_| Fault::None);
            move_in.migrate().await;
            assert_eq!(
                move_in.rows(),
                undisturbed.rows(),
                "transaction {number}, carried out: {carried_out}"
            );
        }
    }
}

#[tokio::test]
async fn failures_and_lost_answers_delay_it_and_no_more() {
    let (move_in, old) = MoveIn::after(78, 8, 300).await;
    let mut number = 0_u32;
    move_in.world.emulator.inject(move |_| {
        number += 1;
        match number % 11 {
            3 => Fault::Refused(Failure::Reset),
            7 => Fault::Lost(Failure::Reset),
            _ => Fault::None,
        }
    });
    move_in.migrate().await;
    move_in.world.emulator.inject(|_| Fault::None);
    move_in.assert_brought_over(&old, "with failures");
}

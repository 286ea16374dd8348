//! Migrations that are killed, while nobody and while somebody writes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use testing::{Failure, Fate};
use tokio::sync::Notify;

use super::move_in::MoveIn;

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
            if kill_at(&move_in, call, (rounds + part) % 2 == 0).await {
                killed.fetch_add(1, Ordering::Relaxed);
            }
            // Past the end of the dead one's lease.
            move_in.world.clock.advance(TimeDelta::seconds(70));
        }
        move_in.world.emulator.judge(|_| Fate::Served);
        move_in.migrate().await;
        move_in.assert_brought_over(&old, &format!("round {rounds}"));
        assert_eq!(move_in.rows(), undisturbed.rows(), "round {rounds}");
        rounds += 1;
    }
}

/// Lets a migration work until this call, which is the last that is carried out, or the first that is not; whether it
/// came to that.
async fn kill_at(move_in: &MoveIn, call: usize, carried_out: bool) -> bool {
    let (calls, dead) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let dies = Arc::clone(&dead);
    move_in.world.emulator.judge(move |_| {
        let number = calls.fetch_add(1, Ordering::Relaxed) + 1;
        if number < call {
            return Fate::Served;
        }
        dies.notify_one();
        if carried_out && number == call {
            Fate::Lost(Failure::Silence)
        } else {
            Fate::Refused(Failure::Silence)
        }
    });
    let migration = move_in.migration();
    tokio::select! {
        biased;
        () = dead.notified() => true,
        result = migration.carry_out(false, &|_| Ok(())) => {
            result.unwrap();
            false
        }
    }
}

#[tokio::test]
async fn failures_and_lost_answers_delay_it_and_no_more() {
    let (move_in, old) = MoveIn::after(78, 8, 300).await;
    let mut number = 0_u32;
    move_in.world.emulator.judge(move |_| {
        number += 1;
        match number % 11 {
            3 => Fate::Refused(Failure::Reset),
            7 => Fate::Lost(Failure::Reset),
            _ => Fate::Served,
        }
    });
    move_in.migrate().await;
    move_in.world.emulator.judge(|_| Fate::Served);
    move_in.assert_brought_over(&old, "with failures");
}

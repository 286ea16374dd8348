//! Many damages at once, and a doctor killed between repairs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use cli::doctor::{Ledger, Mode, Status};
use fastrand::Rng;
use testing::{Failure, Fault, damage::Damage};
use tokio::sync::Notify;

use super::clinic::Clinic;

#[tokio::test]
async fn a_thousand_damages_are_found_and_repaired_and_no_message_is_touched() {
    let mut clinic = Clinic::with_groups(300, 6).await;
    let before = clinic.world.rows();
    let damages = clinic.damage_randomly(20_261_122, 1_000);
    for (damage, _) in Damage::ALL {
        assert!(damages.iter().any(|done| done.damage == damage), "{damage:?} was not done");
    }
    let repaired = clinic.examine(Mode::Repair).await;
    let groups = repaired.groups();
    for done in damages {
        assert!(groups.contains(&done.group), "not found: {done:?}");
    }
    let left = repaired.brief().into_iter().filter(|(.., status)| *status != Status::Repaired);
    assert_eq!(left.collect::<Vec<_>>(), []);
    clinic.assert_repaired(&before);
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
}

#[tokio::test]
async fn a_check_finds_every_damaged_group() {
    for seed in 0..4 {
        let mut clinic = Clinic::with_groups(30, 4).await;
        let damages = clinic.damage_randomly(seed, 60);
        let groups = clinic.examine(Mode::Check).await.groups();
        for done in damages {
            assert!(groups.contains(&done.group), "seed {seed}: not found: {done:?}");
        }
    }
}

/// The call at which a doctor is killed, and whether DynamoDB executes it.
#[derive(Clone, Copy)]
struct Death {
    call: usize,
    executed: bool,
}

#[tokio::test]
async fn the_next_doctor_repairs_everything_after_one_was_killed_at_any_call() {
    let mut clinic = Clinic::with_groups(40, 4).await;
    let before = clinic.world.rows();
    clinic.damage_randomly(7, 150);
    let mut killed = 0;
    let mut random = Rng::with_seed(7);
    for _ in 0..20 {
        if kill_at(&clinic, Death { call: random.usize(3..203), executed: random.bool() }).await {
            killed += 1;
        }
        // Beyond the lease of the killed doctor.
        clinic.world.clock.advance(TimeDelta::seconds(70));
    }
    assert!(killed >= 15, "only {killed} of 20 doctors were killed");
    clinic.world.emulator.inject(|_| Fault::None);
    let last = clinic.examine(Mode::Repair).await;
    assert_eq!(last.summary.left, 0, "{:?}", last.findings);
    clinic.assert_repaired(&before);
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
}

/// Runs a doctor until it is killed. Returns `false` if it finished before.
async fn kill_at(clinic: &Clinic, death: Death) -> bool {
    let (calls, dead) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let dies = Arc::clone(&dead);
    clinic.world.emulator.inject(move |_| {
        let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call < death.call {
            return Fault::None;
        }
        dies.notify_one();
        if death.executed && call == death.call {
            Fault::Lost(Failure::Silence)
        } else {
            Fault::NotExecuted(Failure::Silence)
        }
    });
    let doctor = clinic.doctor(Mode::Repair);
    let ledger = Ledger::new(|_, _| Ok(()));
    tokio::select! {
        biased;
        () = dead.notified() => true,
        result = doctor.run(&ledger, false) => {
            result.unwrap();
            false
        }
    }
}

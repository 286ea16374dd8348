//! Many damages at once, and a doctor who is killed in the middle of repairs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use cli::doctor::{Ledger, Mode};
use testing::{Failure, Fault, damage::Damage};
use tokio::sync::Notify;

use super::clinic::Clinic;

#[tokio::test]
async fn a_thousand_damages_are_found_and_repaired_and_no_message_is_touched() {
    let mut clinic = Clinic::with_groups(300, 6).await;
    let before = clinic.world.rows();
    let damages = clinic.damage_randomly(20_261_122, 1_000);
    for damage in Damage::ALL {
        assert!(damages.iter().any(|done| done.damage == damage), "{damage:?} was not done");
    }
    let repaired = clinic.examine(Mode::Repair).await;
    let groups = repaired.groups();
    for done in damages {
        assert!(groups.contains(&done.group), "not found: {done:?}");
    }
    let left = repaired.brief().into_iter().filter(|(.., fate)| *fate != "repaired");
    assert_eq!(left.collect::<Vec<_>>(), []);
    clinic.assert_healed(&before);
    assert_eq!(clinic.examine(Mode::Check).await.told, []);
}

#[tokio::test]
async fn whatever_the_damages_a_check_finds_every_damaged_group() {
    for seed in 0..4 {
        let mut clinic = Clinic::with_groups(30, 4).await;
        let damages = clinic.damage_randomly(seed, 60);
        let groups = clinic.examine(Mode::Check).await.groups();
        for done in damages {
            assert!(groups.contains(&done.group), "seed {seed}: not found: {done:?}");
        }
    }
}

/// Where a doctor is killed: before this call is carried out, or after it.
#[derive(Clone, Copy)]
struct Death {
    call: usize,
    carried_out: bool,
}

#[tokio::test]
async fn a_doctor_who_is_killed_at_any_call_leaves_nothing_that_the_next_one_does_not_heal() {
    let mut clinic = Clinic::with_groups(40, 4).await;
    let before = clinic.world.rows();
    clinic.damage_randomly(7, 150);
    let mut state = 1_u64;
    let mut killed = 0;
    for number in 0..20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let call = 3 + usize::try_from(state >> 33).unwrap() % 400;
        if kill_at(&clinic, Death { call, carried_out: number % 2 == 0 }).await {
            killed += 1;
        }
        // Past the end of the dead doctor's lease.
        clinic.world.clock.advance(TimeDelta::seconds(70));
    }
    assert!(killed >= 15, "only {killed} of 20 doctors were killed");
    clinic.world.emulator.inject(|_| Fault::None);
    let last = clinic.examine(Mode::Repair).await;
    assert_eq!(last.summary.left, 0, "{:?}", last.told);
    clinic.assert_healed(&before);
    assert_eq!(clinic.examine(Mode::Check).await.told, []);
}

/// Lets a doctor repair until the call of his death; whether it came to that.
async fn kill_at(clinic: &Clinic, death: Death) -> bool {
    let (calls, dead) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let dies = Arc::clone(&dead);
    clinic.world.emulator.inject(move |_| {
        let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call < death.call {
            return Fault::None;
        }
        dies.notify_one();
        if death.carried_out && call == death.call {
            Fault::Lost(Failure::Silence)
        } else {
            Fault::Refused(Failure::Silence)
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

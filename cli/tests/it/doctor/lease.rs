//! The lease.

use std::time::Duration;

use chrono::TimeDelta;
use cli::doctor::{Kind, Lease, Ledger, Mode, Status};
use cruddur::{random::Random, table::Key};
use serde_json::json;
use testing::{Fault, damage::Damage};

use super::clinic::Clinic;

async fn acquire(clinic: &Clinic) -> anyhow::Result<Lease> {
    Lease::acquire(&clinic.world.table(), &clinic.world.clock.clock(), &Random::system(), false).await
}

#[tokio::test]
async fn a_second_doctor_fails_with_the_expiry_of_the_lease() {
    let mut clinic = Clinic::with_groups(2, 2).await;
    clinic.damage(1, Damage::RowMissing);
    let lease = acquire(&clinic).await.unwrap();
    let before = clinic.world.rows();
    let error = clinic.try_to_examine(&clinic.doctor(Mode::Repair)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "another doctor or migration is running (its lease expires at 2026-11-22 09:36:00 UTC unless renewed); use \
         --wait, or try again later"
    );
    assert_eq!(clinic.world.rows(), before);
    lease.release().await;
    assert_eq!(clinic.examine(Mode::Repair).await.summary.repaired, 1);
}

#[tokio::test]
async fn a_check_needs_no_lease() {
    let clinic = Clinic::with_groups(2, 2).await;
    let _lease = acquire(&clinic).await.unwrap();
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
    assert_eq!(clinic.examine(Mode::Plan).await.findings, []);
}

#[tokio::test]
async fn an_expired_lease_is_taken_over() {
    let clinic = Clinic::with_groups(1, 1).await;
    let _dead = acquire(&clinic).await.unwrap();
    clinic.world.clock.advance(TimeDelta::seconds(64));
    // Within the slack for clocks that differ.
    assert!(acquire(&clinic).await.is_err());
    clinic.world.clock.advance(TimeDelta::seconds(2));
    let lease = acquire(&clinic).await.unwrap();
    lease.release().await;
    assert_eq!(clinic.row_at(&Key::Lease), None);
}

#[tokio::test]
async fn a_lease_of_another_owner_is_not_released() {
    let clinic = Clinic::with_groups(1, 1).await;
    let late = acquire(&clinic).await.unwrap();
    clinic.world.clock.advance(TimeDelta::seconds(66));
    let _other = acquire(&clinic).await.unwrap();
    late.release().await;
    assert!(clinic.row_at(&Key::Lease).is_some());
}

#[tokio::test]
async fn a_waiting_doctor_gets_the_lease_after_its_release() {
    let clinic = Clinic::with_groups(1, 1).await;
    let lease = acquire(&clinic).await.unwrap();
    let (table, clock, random) = (clinic.world.table(), clinic.world.clock.clock(), Random::system());
    let second = Lease::acquire(&table, &clock, &random, true);
    let release = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        lease.release().await;
    };
    let (second, ()) = tokio::join!(second, release);
    second.unwrap();
    assert!(clinic.row_at(&Key::Lease).is_some());
}

#[tokio::test]
async fn a_lease_is_renewed_during_the_work() {
    let clinic = Clinic::with_groups(1, 1).await;
    let lease = acquire(&clinic).await.unwrap();
    let work = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            clinic.world.clock.advance(TimeDelta::seconds(20));
        }
        Ok(())
    };
    let (held, _) = clinic
        .world
        .emulator
        .with_time_paused(async {
            // The first call pauses time.
            let _ = clinic.world.table().group_index(uuid::Uuid::nil()).await;
            lease.hold(work).await
        })
        .await;
    held.unwrap();
    // Acquired at 09:35:00, and last renewed at least 40 seconds later.
    let row = clinic.row_at(&Key::Lease).unwrap();
    let end: i64 = row["expires_at"]["N"].as_str().unwrap().parse().unwrap();
    let acquired = clinic.world.clock.clock().now().timestamp() - 60;
    assert!(end >= acquired + 40 + 60, "{}", end - acquired);
}

#[tokio::test]
async fn a_doctor_whose_lease_is_lost_stops() {
    let clinic = Clinic::with_groups(1, 1).await;
    let lease = acquire(&clinic).await.unwrap();
    let mut row = clinic.row_at(&Key::Lease).unwrap();
    row["owner"] = json!({"S": "01a20297-4dc0-7000-8000-000000000000"});
    clinic.put(&row);
    let (held, waited) = clinic
        .world
        .emulator
        .with_time_paused(async {
            let _ = clinic.world.table().group_index(uuid::Uuid::nil()).await;
            lease.hold(std::future::pending::<anyhow::Result<()>>()).await
        })
        .await;
    let error = held.unwrap_err().to_string();
    assert_eq!(
        error,
        "another doctor or migration has taken over, since this one was too slow; run it again"
    );
    assert!(waited < Duration::from_secs(25), "{waited:?}");
}

#[tokio::test]
async fn a_lease_that_can_not_be_renewed_is_lost_when_it_expires() {
    let clinic = Clinic::with_groups(1, 1).await;
    let lease = acquire(&clinic).await.unwrap();
    clinic.world.emulator.inject(|call| match &*call.operation {
        "TransactWriteItems" => Fault::NotExecuted(testing::Failure::Reset),
        _ => Fault::None,
    });
    let (held, waited) = clinic
        .world
        .emulator
        .with_time_paused(async {
            let _ = clinic.world.table().group_index(uuid::Uuid::nil()).await;
            lease.hold(std::future::pending::<anyhow::Result<()>>()).await
        })
        .await;
    assert!(held.unwrap_err().to_string().starts_with("failed to renew the lease"));
    assert!((55..70).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test]
async fn a_lost_response_to_acquiring_the_lease_is_no_other_doctor() {
    let clinic = Clinic::with_groups(1, 1).await;
    clinic.world.emulator.fail("TransactWriteItems", 1, Fault::Lost(testing::Failure::Reset));
    let lease = acquire(&clinic).await.unwrap();
    lease.release().await;
    let ledger = Ledger::new(|_, _| Ok(()));
    clinic.doctor(Mode::Repair).run(&ledger, false).await.unwrap();
}

#[tokio::test]
async fn a_doctor_that_lost_its_lease_creates_no_row() {
    let mut clinic = Clinic::with_groups(2, 2).await;
    clinic.damage(1, Damage::RowMissing);
    let before = clinic.world.rows();
    let doctor = clinic.doctor(Mode::Repair);
    // As if it had been suspended while its lease expired and another doctor ran.
    *doctor.fence.lock().unwrap() = Some(Random::system().uuid_v7(clinic.world.clock.clock().now()));
    let found = std::sync::Mutex::new(Vec::new());
    let ledger = Ledger::new(|finding, status| {
        found.lock().unwrap().push((finding.kind, status));
        Ok(())
    });
    doctor.examine_table(&ledger).await.unwrap();
    assert_eq!(*found.lock().unwrap(), [(Kind::InboxRowMissing, Status::Left)]);
    assert_eq!(clinic.world.rows(), before);
}

//! The doctor in this process, on damaged tables.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "in tests a panic is the failure itself; clippy looks only into the test functions themselves"
)]

mod clinic;
mod command;
mod concurrent;
mod erasures;
mod kinds;
mod lease;
mod left;
mod logs;
mod many;
mod requests;
mod states;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use cli::doctor::{Kind, Mode, Status, Summary};
use cruddur::table::{Key, Partition};
use serde_json::json;

use self::clinic::Clinic;

#[tokio::test]
async fn a_healthy_table_has_no_findings() {
    let clinic = Clinic::with_groups(6, 4).await;
    let examination = clinic.examine(Mode::Check).await;
    assert_eq!(examination.findings, []);
    let rows = clinic.world.rows().len() as u64;
    assert_eq!((examination.summary.rows.values().sum::<u64>(), examination.summary.groups), (rows, 6));
}

#[tokio::test]
async fn a_healthy_table_gets_no_writes_except_the_lease() {
    let clinic = Clinic::with_groups(6, 4).await;
    let before = clinic.world.rows();
    for mode in [Mode::Check, Mode::Plan, Mode::Repair] {
        let _ = clinic.world.emulator.take_calls();
        clinic.examine(mode).await;
        let calls = clinic.world.emulator.take_calls();
        let writes = calls.iter().filter(|call| call.operation == "TransactWriteItems").count();
        assert_eq!(writes, if mode == Mode::Repair { 2 } else { 0 }, "{mode:?}");
    }
    assert_eq!(clinic.world.rows(), before);
}

#[tokio::test]
async fn an_empty_table_has_no_findings() {
    let clinic = Clinic::with_groups(0, 0).await;
    let examination = clinic.examine(Mode::Repair).await;
    // The lease may be the only row.
    assert_eq!(examination.findings, []);
    assert_eq!(examination.summary.groups, 0);
}

#[tokio::test]
async fn rows_that_lag_within_the_grace_period_are_no_finding() {
    let clinic = Clinic::with_groups(3, 2).await;
    clinic.send(0, 1, "not delivered yet").await;
    clinic.world.clock.advance(TimeDelta::seconds(59));
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
}

#[tokio::test]
async fn rows_that_lag_longer_are_found_at_their_keys() {
    let clinic = Clinic::with_groups(3, 2).await;
    let behind = clinic.inbox_rows_of(0, 1);
    clinic.send(0, 1, "never delivered").await;
    clinic.world.clock.advance(TimeDelta::seconds(61));
    let found = clinic.examine(Mode::Check).await.brief();
    let rows = behind.into_iter().map(|(pk, sk)| (Kind::InboxRowBehind, pk, Some(sk), Status::Found));
    let logs = [0, 1].map(|user| {
        let pk = Partition::EventLog(clinic.users[user].uuid).to_string();
        (Kind::EventMissing, pk, None, Status::Found)
    });
    let expected = rows.chain(logs).collect::<BTreeSet<_>>();
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn an_index_that_lags_makes_no_findings() {
    let clinic = Clinic::with_groups(3, 2).await;
    for shown in [0, 1] {
        clinic.world.emulator.edit_answers(move |call, answer| {
            if call.request["IndexName"].is_string() {
                answer["Items"].as_array_mut().unwrap().truncate(shown);
            }
        });
        assert_eq!(clinic.examine(Mode::Check).await.findings, [], "{shown} rows shown");
    }
}

#[tokio::test]
async fn a_query_that_misses_a_moving_row_once_makes_no_finding() {
    let clinic = Clinic::with_groups(2, 2).await;
    let mut missed = 0;
    clinic.world.emulator.edit_answers(move |call, answer| {
        let is_of_inbox = call.request["ExpressionAttributeValues"][":from"].is_object();
        if call.request["IndexName"].is_string() {
            // Makes the doctor query the inboxes.
            answer["Items"] = json!([]);
        } else if call.operation == "Query" && is_of_inbox && missed < 4 {
            missed += 1;
            answer["Items"] = json!([]);
        }
    });
    assert_eq!(clinic.examine(Mode::Repair).await.findings, []);
}

#[tokio::test]
async fn throttled_and_lost_reads_are_retried() {
    use testing::{Failure, Fault};
    let clinic = Clinic::with_groups(4, 3).await;
    let mut calls = 0_u32;
    clinic.world.emulator.inject(move |call| {
        calls += 1;
        match (&*call.operation, calls % 5) {
            ("TransactWriteItems", _) => Fault::None,
            (_, 0) => Fault::NotExecuted(Failure::Status(400, "ProvisionedThroughputExceededException")),
            (_, 1) => Fault::NotExecuted(Failure::Status(500, "InternalServerError")),
            _ => Fault::None,
        }
    });
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
}

#[tokio::test]
async fn small_pages_do_not_change_the_findings() {
    let mut clinic = Clinic::with_groups(6, 5).await;
    clinic.damage_randomly(1, 12);
    let at_once = clinic.examine(Mode::Check).await.brief();
    clinic.world.emulator.edit_requests(|call| {
        let is_of_index = call.request["IndexName"].is_string();
        if matches!(&*call.operation, "Scan" | "Query") && call.request["Limit"].is_null() && !is_of_index {
            call.request["Limit"] = json!(2);
        }
    });
    let in_pages = clinic.examine(Mode::Check).await.brief();
    assert_ne!(at_once, []);
    assert_eq!(in_pages, at_once);
}

#[tokio::test]
async fn without_names_no_name_is_checked() {
    use testing::damage::Damage;
    let mut clinic = Clinic::with_groups(3, 2).await;
    clinic.damage(1, Damage::RowNames);
    clinic.without_names = true;
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
}

#[tokio::test]
async fn a_member_who_is_gone_is_counted_and_keeps_the_name() {
    let clinic = Clinic::with_groups(2, 2).await;
    let sends = testing::sends::user(77);
    clinic.send_from(&clinic.users[0], &sends, "who was that").await;
    clinic.world.deliver_all().await;
    let before = clinic.world.rows();
    let examination = clinic.examine(Mode::Repair).await;
    assert_eq!((examination.findings, examination.summary.users_gone), (vec![], 1));
    assert_eq!(clinic.world.rows(), before);
}

#[tokio::test]
async fn a_dry_run_reports_what_a_repair_does_and_writes_nothing() {
    let mut clinic = Clinic::with_groups(8, 4).await;
    clinic.damage_randomly(5, 10);
    let before = clinic.world.rows();
    let planned = clinic.examine(Mode::Plan).await;
    assert_eq!(clinic.world.rows(), before);
    let planned_kinds = planned.summary.findings.keys().copied().collect::<Vec<_>>();
    let repaired = clinic.examine(Mode::Repair).await;
    for kind in planned_kinds {
        assert!(repaired.summary.findings.contains_key(&kind), "{kind} was planned, but not repaired");
    }
    assert_eq!((planned.summary.repaired, repaired.summary.left), (0, 0));
}

#[tokio::test]
async fn a_stopped_doctor_releases_the_lease() {
    use std::sync::atomic::Ordering;
    let clinic = Clinic::with_groups(3, 2).await;
    let doctor = clinic.doctor(Mode::Repair);
    doctor.stop.store(true, Ordering::Relaxed);
    let ledger = cli::doctor::Ledger::new(|_, _| Ok(()));
    let error = doctor.run(&ledger, false).await.unwrap_err();
    assert_eq!(error.to_string(), "stopped before the end; run it again");
    assert_eq!(ledger.summary(), Summary::default());
    assert!(clinic.row_at(&Key::Lease).is_none());
}

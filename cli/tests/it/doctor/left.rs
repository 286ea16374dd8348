//! Findings without a repair. They are reported, and nothing is written.

use cli::doctor::{Kind, Mode, Status};
use cruddur::table::{Key, Partition, RowKind};
use serde_json::{Value, json};
use testing::world::{TABLE, kind_of};
use uuid::uuid;

use super::clinic::Clinic;

/// The findings after `change`, which gets a message row. Asserts that nothing is repaired.
async fn left(change: impl FnOnce(&Clinic, Value)) -> Vec<(Kind, Option<String>)> {
    let clinic = Clinic::with_groups(2, 3).await;
    let rows = clinic.world.emulator.rows(TABLE);
    let group = clinic.group(1, 2);
    let message =
        rows.into_iter().rfind(|((pk, _), _)| *pk == Partition::Messages(group).to_string()).unwrap().1;
    change(&clinic, message);
    let before = clinic.world.rows();
    let repaired = clinic.examine(Mode::Repair).await;
    assert_eq!(clinic.world.rows(), before);
    assert_eq!((repaired.summary.repaired, repaired.summary.left), (0, repaired.findings.len() as u64));
    let found = repaired.brief().into_iter().map(|(kind, _, sk, status)| {
        assert_eq!(status, Status::Left);
        (kind, sk)
    });
    found.collect()
}

fn kinds(found: &[(Kind, Option<String>)]) -> Vec<Kind> {
    found.iter().map(|(kind, _)| *kind).collect()
}

#[tokio::test]
async fn rows_of_unknown_kinds_are_left() {
    for (pk, sk) in [
        ("XYZ#1".to_owned(), "X"),
        ("nothing".to_owned(), "X"),
        (RowKind::Membership.partition("1"), "MEM"),
        (RowKind::Idempotency.partition("1#key"), "IDEM"),
        (RowKind::SendLimit.partition("0195b5a0-0000-7000-8000-000000000001"), "X"),
        (RowKind::Lease.partition("other"), "LEASE"),
    ] {
        let found = left(|clinic, _| clinic.put(&json!({"pk": {"S": pk}, "sk": {"S": sk}}))).await;
        assert_eq!(found, [(Kind::UnknownRow, Some(sk.to_owned()))], "{pk}");
    }
}

#[tokio::test]
async fn a_message_without_its_time_is_left() {
    let found = left(|clinic, mut message| {
        message["sk"] = json!({"S": "some day"});
        message["message_uuid"] = json!({"S": "01a20297-4dc0-7000-8000-000000000000"});
        clinic.put(&message);
    });
    assert_eq!(found.await, [(Kind::MessageMalformed, Some("some day".to_owned()))]);
}

#[tokio::test]
async fn an_empty_message_is_left_and_its_inbox_rows_show_it() {
    let found = left(|clinic, mut message| {
        let sk = message["sk"]["S"].as_str().unwrap().to_owned();
        message["message"] = json!({"S": ""});
        clinic.put(&message);
        for (pk, sk) in clinic.inbox_rows_of(1, 2).into_iter().filter(|(_, at)| *at == sk) {
            let mut row = clinic.row(&pk, &sk).unwrap();
            row["message"] = json!({"S": ""});
            clinic.put(&row);
        }
    });
    assert_eq!(kinds(&found.await), [Kind::MessageMalformed]);
}

#[tokio::test]
async fn a_message_whose_sender_is_not_a_member_is_left() {
    let found = left(|clinic, mut message| {
        message["user_uuid"] = json!({"S": "01a20297-4dc0-7000-8000-000000000000"});
        clinic.put(&message);
        // Neither member has sent it.
        for (pk, sk) in clinic.inbox_rows_of(1, 2) {
            let mut row = clinic.row(&pk, &sk).unwrap();
            row.as_object_mut().unwrap().remove("mine");
            clinic.put(&row);
        }
    });
    assert_eq!(kinds(&found.await), [Kind::MessageMalformed]);
}

#[tokio::test]
async fn a_message_in_the_way_of_another_is_not_overwritten() {
    let found = left(|clinic, mut message| {
        let right = message["sk"]["S"].as_str().unwrap().to_owned();
        message["sk"] = json!({"S": right.replacen('Z', "000Z", 1)});
        message["message"] = json!({"S": "another text with the same uuid"});
        clinic.put(&message);
    });
    assert_eq!(kinds(&found.await), [Kind::MessageKeyMalformed]);
}

#[tokio::test]
async fn a_membership_whose_members_are_unknown_is_left() {
    let clinic = Clinic::with_groups(1, 1).await;
    let group = uuid!("01a20297-4dc0-5000-8000-000000000000");
    // A message between users who are not in the database.
    clinic.put(&json!({
        "pk": {"S": Partition::Messages(group).to_string()},
        "sk": {"S": "2026-11-22T09:30:00.000000Z#01a20297-4dc0-7000-8000-000000000001"},
        "message_uuid": {"S": "01a20297-4dc0-7000-8000-000000000001"},
        "message": {"S": "is this thing on?"},
        "user_uuid": {"S": "01a20297-4dc0-7000-8000-000000000002"},
        "user_display_name": {"S": "Robinson"},
        "user_handle": {"S": "robinson"},
    }));
    let before = clinic.world.rows();
    let found = clinic.examine(Mode::Repair).await.brief();
    let pk = Key::Membership(group).pk();
    assert_eq!(found, [(Kind::MembershipMissing, pk, Some("MEM".to_owned()), Status::Left)]);
    assert_eq!(clinic.world.rows(), before);
}

#[tokio::test]
async fn a_group_without_messages_is_left_if_its_members_could_not_be_derived_again() {
    let mut clinic = Clinic::with_groups(2, 1).await;
    clinic.without_names = true;
    let group = clinic.group(0, 1);
    for (pk, sk) in clinic.world.emulator.rows(TABLE).into_keys() {
        if pk == Partition::Messages(group).to_string() {
            clinic.delete(&pk, &sk);
        }
    }
    let without_logs = |mut rows: Vec<Value>| {
        rows.retain(|row| kind_of(row) != Some(RowKind::EventLog));
        rows
    };
    let before = without_logs(clinic.world.rows());
    let found = clinic.examine(Mode::Repair).await;
    // The events of the deleted messages are removed.
    let event = (Kind::EventWithoutMessage, Status::Repaired);
    assert_eq!(
        found.brief().iter().map(|(kind, .., status)| (*kind, *status)).collect::<Vec<_>>(),
        [event, event, (Kind::GroupWithoutMessages, Status::Left)]
    );
    assert_eq!(without_logs(clinic.world.rows()), before);
    clinic.without_names = false;
    assert_eq!(clinic.examine(Mode::Repair).await.summary.left, 0);
}

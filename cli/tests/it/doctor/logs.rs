//! Event logs: what is missing, what does not belong there, and what readers see after a repair.

use chrono::TimeDelta;
use cli::doctor::{Kind, Mode, Status};
use cruddur::{
    event_log::{EventCursor, EventLog, LogNumber},
    random::Random,
    table::{Key, Partition},
};
use serde_json::{Value, json};
use testing::{
    Fault,
    world::{TABLE, stream_record},
};
use uuid::{Uuid, uuid};

use super::clinic::Clinic;

/// Numbers of the rows of a log, without its start, and their rows.
fn log_of(clinic: &Clinic, user: Uuid) -> Vec<(LogNumber, Value)> {
    let pk = Partition::EventLog(user).to_string();
    let rows = clinic.world.emulator.rows(TABLE).into_iter().filter(|((of, _), _)| *of == pk);
    let rows = rows.map(|((_, sk), row)| (sk.parse::<LogNumber>().unwrap(), row));
    rows.filter(|(number, _)| *number > LogNumber::START).collect()
}

fn log(clinic: &Clinic) -> EventLog {
    EventLog::new(clinic.world.table(), clinic.world.clock.clock(), Random::system())
}

/// Users 0 and 1 with as many messages, each in a log row of its own.
async fn with_messages(count: usize) -> Clinic {
    let clinic = Clinic::with_groups(0, 0).await;
    for number in 0..count {
        clinic.send(number % 2, 1 - number % 2, &format!("message {number}")).await;
        clinic.world.deliver_all().await;
    }
    clinic.world.clock.advance(TimeDelta::minutes(5));
    clinic
}

fn kinds(findings: &[super::clinic::Brief]) -> Vec<(Kind, Status)> {
    findings.iter().map(|(kind, .., status)| (*kind, *status)).collect()
}

fn change(group: Uuid, sk: &str) -> Value {
    json!({"M": {"kind": {"S": "message"}, "group_uuid": {"S": group.to_string()}, "message_sk": {"S": sk}}})
}

const NO_MESSAGE: &str = "2026-11-22T09:30:00.500000Z#01a20297-4dc0-7000-8000-000000000001";

#[tokio::test]
async fn a_gap_is_left_and_the_events_that_it_lost_are_appended() {
    let clinic = with_messages(4).await;
    let user = clinic.users[0].uuid;
    let rows = log_of(&clinic, user);
    let key = Key::EventLog { user_uuid: user, number: rows[1].0 };
    clinic.delete(&key.pk(), &key.sk());

    let repaired = clinic.examine(Mode::Repair).await;
    let gap = (Kind::EventLogGap, key.pk(), Some(rows[2].0.to_string()), Status::Left);
    assert_eq!(repaired.brief(), [(Kind::EventMissing, key.pk(), None, Status::Repaired), gap.clone()]);
    let (gap_finding, _) = repaired.findings.iter().find(|(finding, _)| finding.kind == gap.0).unwrap();
    let missing = rows[1].0.get();
    assert_eq!(gap_finding.detail, format!("the numbers {missing} to {missing} before it are missing"));
    let mut expected = rows.clone();
    let (_, lost) = expected.remove(1);
    let after = log_of(&clinic, user);
    assert_eq!(after[..3], expected);
    assert_eq!((after[3].0, &after[3].1["changes"]), (rows[3].0.successor(), &lost["changes"]));

    // Nothing is left to append, and a gap ends with its rows.
    assert_eq!(clinic.examine(Mode::Repair).await.brief(), [gap]);
    clinic.world.clock.advance(TimeDelta::days(14));
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
}

#[tokio::test]
async fn a_gap_behind_the_start_of_a_log_is_one_and_a_jump_to_it_is_none() {
    let clinic = with_messages(2).await;
    clinic.world.clock.advance(TimeDelta::days(15));
    // The rows of two weeks ago are still there.
    for text in ["again", "and again"] {
        clinic.send(0, 1, text).await;
        clinic.world.deliver_all().await;
    }
    clinic.world.clock.advance(TimeDelta::minutes(5));
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);

    let user = clinic.users[0].uuid;
    let rows = log_of(&clinic, user);
    assert!(rows[2].0 > rows[1].0.successor());
    let key = Key::EventLog { user_uuid: user, number: rows[2].0 };
    clinic.delete(&key.pk(), &key.sk());
    let found = kinds(&clinic.examine(Mode::Check).await.brief());
    assert_eq!(found, [(Kind::EventMissing, Status::Found), (Kind::EventLogGap, Status::Found)]);
}

#[tokio::test]
async fn messages_from_before_the_start_of_a_log_need_no_event() {
    let clinic = with_messages(3).await;
    // As after the first deployment with logs.
    for (pk, sk) in clinic.world.emulator.rows(TABLE).into_keys().filter(|(pk, _)| pk.starts_with("LOG#")) {
        clinic.delete(&pk, &sk);
    }
    assert_eq!(clinic.examine(Mode::Repair).await.findings, []);
    clinic.send(0, 1, "the first with an event").await;
    clinic.world.deliver(&stream_event_of_newest(&clinic)).await;
    clinic.world.clock.advance(TimeDelta::minutes(5));
    assert_eq!(clinic.examine(Mode::Repair).await.findings, []);
    assert_eq!(log_of(&clinic, clinic.users[0].uuid).len(), 1);
}

#[tokio::test]
async fn events_are_removed_and_their_row_keeps_its_number_and_all_others() {
    let clinic = with_messages(3).await;
    let (user, group) = (clinic.users[0].uuid, clinic.group(0, 1));
    clinic.send(1, 2, "between others").await;
    clinic.world.deliver_all().await;
    clinic.world.clock.advance(TimeDelta::minutes(5));
    let rows = log_of(&clinic, user);
    let elsewhere = clinic.group(1, 2);
    let later = json!({"M": {
        "kind": {"S": "read"}, "group_uuid": {"S": group.to_string()}, "version": {"N": "3"},
    }});
    let outside = json!({"M": {"kind": {"S": "read"}, "group_uuid": {"S": elsewhere.to_string()}}});
    let edit = |place: usize, changes: Vec<Value>| {
        let mut row = rows[place].1.clone();
        row["changes"] = json!({"L": changes});
        clinic.put(&row);
    };
    let own = |place: usize| rows[place].1["changes"]["L"][0].clone();
    edit(0, vec![own(0), change(group, NO_MESSAGE), later.clone(), outside]);
    // The event of this row is lost, and a stranger's is in its place.
    let sk = clinic.world.stream_event()["Records"].as_array().unwrap().iter().find_map(|record| {
        let row = &record["dynamodb"]["NewImage"];
        (row["pk"]["S"] == json!(Partition::Messages(elsewhere).to_string()))
            .then(|| row["sk"]["S"].as_str().unwrap().to_owned())
    });
    edit(1, vec![change(elsewhere, &sk.unwrap())]);

    let before = EventCursor { number: LogNumber::new(rows[0].0.get() - 1), at: start_at(&clinic, user) };
    let repaired = clinic.examine(Mode::Repair).await;
    assert_eq!(repaired.summary.left, 0, "{:?}", repaired.findings);
    let found = kinds(&repaired.brief());
    for kind in [Kind::EventOfOutsider, Kind::EventWithoutMessage, Kind::EventMissing] {
        assert!(found.contains(&(kind, Status::Repaired)), "{kind}: {found:?}");
    }
    let after = log_of(&clinic, user);
    let changes = after.iter().map(|(_, row)| row["changes"]["L"].clone()).collect::<Vec<_>>();
    assert_eq!(changes, [json!([own(0), later]), json!([]), json!([own(2)]), json!([own(1)])]);
    assert_eq!(clinic.examine(Mode::Check).await.findings, []);
    // A reader passes the empty row.
    let read = log(&clinic).read(user, before, 100).await.unwrap();
    let numbers = read.events.iter().map(|event| event.number).collect::<Vec<_>>();
    let [first, _, third, fourth] = [0, 1, 2, 3].map(|place| after[place].0.get());
    assert_eq!(numbers, [first, first, third, fourth]);
}

fn start_at(clinic: &Clinic, user: Uuid) -> i64 {
    let start = clinic.row_at(&Key::EventLog { user_uuid: user, number: LogNumber::START }).unwrap();
    start["at"]["N"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_event_whose_message_appears_meanwhile_is_kept() {
    let clinic = with_messages(2).await;
    let (user, group) = (clinic.users[0].uuid, clinic.group(0, 1));
    let mut row = log_of(&clinic, user)[1].1.clone();
    row["changes"]["L"].as_array_mut().unwrap().push(change(group, NO_MESSAGE));
    clinic.put(&row);
    let message = json!({
        "pk": {"S": Partition::Messages(group).to_string()},
        "sk": {"S": NO_MESSAGE},
        "message_uuid": {"S": &NO_MESSAGE[28..]},
        "message": {"S": "late"},
        "user_uuid": {"S": user.to_string()},
        "user_display_name": {"S": "Name"},
        "user_handle": {"S": "name"},
    });
    let (emulator, late) = (clinic.world.emulator.clone(), message.clone());
    clinic.world.emulator.inject(move |call| {
        if call.operation == "TransactWriteItems" && call.request.to_string().contains("#changes") {
            let _ = emulator.call("PutItem", json!({"TableName": TABLE, "Item": late}));
        }
        Fault::None
    });
    let repaired = clinic.examine(Mode::Repair).await;
    let removed = repaired.brief().into_iter().filter(|(kind, ..)| *kind == Kind::EventWithoutMessage);
    // It was no longer a finding at the next look.
    assert!(removed.clone().all(|(_, pk, ..)| pk != Partition::EventLog(user).to_string()), "{removed:?}");
    assert_eq!(log_of(&clinic, user)[1].1, row);
}

#[tokio::test]
async fn malformed_rows_are_deleted_and_the_log_is_written_again() {
    let clinic = with_messages(2).await;
    let user = clinic.users[0].uuid;
    let newest = log_of(&clinic, user)[1].0;
    // In the way of the next event.
    let in_the_way = Key::EventLog { user_uuid: user, number: newest.successor() };
    let devices =
        [uuid!("01a20297-4dc0-4000-8000-000000000001"), uuid!("01a20297-4dc0-4000-8000-000000000002")];
    let [valid, malformed] = devices.map(|device_uuid| Key::Connection { user_uuid: user, device_uuid });
    let connection = json!({
        "pk": {"S": valid.pk()}, "sk": {"S": valid.sk()}, "connection_id": {"S": "L0SM9cOFvHcCIhw="},
        "connected_at": {"N": "1795339800000"}, "expires_at": {"N": "1795343400"},
    });
    clinic.put(&connection);
    for (pk, sk) in [
        (in_the_way.pk(), in_the_way.sk()),
        (in_the_way.pk(), "1795339800000".to_owned()),
        (malformed.pk(), malformed.sk()),
        (malformed.pk(), "device".to_owned()),
    ] {
        clinic.put(&json!({"pk": {"S": pk}, "sk": {"S": sk}, "at": {"S": "now"}}));
    }
    clinic.send(1, 0, "not logged").await;
    let failed = clinic.world.deliver(&stream_event_of_newest(&clinic)).await;
    assert_eq!(failed["batchItemFailures"].as_array().unwrap().len(), 1);
    clinic.world.clock.advance(TimeDelta::minutes(5));

    let before = clinic.world.rows();
    let repaired = clinic.examine(Mode::Repair).await;
    assert_eq!(repaired.summary.left, 0, "{:?}", repaired.findings);
    let found = kinds(&repaired.brief());
    for (kind, count) in
        [(Kind::EventLogRowMalformed, 2), (Kind::ConnectionMalformed, 2), (Kind::EventMissing, 1)]
    {
        let of_kind = found.iter().filter(|found| **found == (kind, Status::Repaired)).count();
        assert_eq!(of_kind, count, "{kind}: {found:?}");
    }
    let rows = log_of(&clinic, user);
    assert_eq!(rows.last().unwrap().0, newest.successor());
    assert_eq!(clinic.row_at(&valid), Some(connection));
    clinic.assert_repaired(&before);
}

/// The stream event of the newest message alone.
fn stream_event_of_newest(clinic: &Clinic) -> Value {
    let rows = clinic.world.rows().into_iter();
    let messages = rows.filter(|row| row["pk"]["S"].as_str().unwrap().starts_with("MSG#"));
    let newest = messages.max_by_key(|row| row["sk"]["S"].as_str().unwrap().to_owned()).unwrap();
    json!({"Records": [stream_record(&newest, 1)]})
}

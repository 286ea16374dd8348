//! The stream handler: deliveries may be duplicated or out of order, an invalid record harms no other, and
//! groups that could not be moved are reported.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests a panic is the failure itself")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use cruddur::{
    clock::Clock,
    event_log::EventLog,
    message_group::{Inbox, uuid_of_pair},
    table::{Key, Partition, RowKind},
    user::User,
};
use futures_util::future::join_all;
use lambda_runtime::{Context, LambdaEvent};
use proptest::prelude::*;
use serde_json::{Value, json};
use testing::{
    Call, Emulator,
    Failure::{self, Canceled, Reset, Silence, Stall, Status},
    Fault::{self, Late, Lost, NotExecuted},
    Sends, invariants,
    sends::user,
    world::{TABLE, kind_of, stream_record, table_of},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::logs::Log;

/// The stream handler over a table with messages.
struct Inboxes {
    sends: Sends,
    app: stream_handler::App,
}

/// The function's configured timeout.
const TIMEOUT: Duration = Duration::from_mins(1);

impl Inboxes {
    /// Creates an empty table. Time is paused.
    async fn new() -> Self {
        let sends = Sends::new().await;
        let table = table_of(&sends.emulator, "stream-handler");
        let app = stream_handler::App {
            inbox: Inbox::new(table.clone(), sends.random.clone()),
            log: EventLog::new(table, sends.clock.clock(), sends.random.clone()),
            push: None,
            clock: sends.clock.clock(),
        };
        Self { sends, app }
    }

    /// Creates groups of the first user, with this many messages each.
    async fn with_groups(groups: u8, messages: u32) -> Self {
        let inboxes = Self::new().await;
        for _ in 0..messages {
            for group in 0..groups {
                inboxes.send(group).await;
            }
        }
        let _ = inboxes.emulator().take_calls();
        inboxes
    }

    /// Sends a message between the first user and the other member of the group.
    async fn send(&self, group: u8) {
        let count = self.records(group).len();
        let text = format!("message {count} of group {group}");
        let (alice, other) = (user(1), user(group + 2));
        let (sender, receiver) = if count.is_multiple_of(2) { (&alice, &other) } else { (&other, &alice) };
        self.sends.to_user(sender, receiver, &text, None).await.unwrap();
    }

    fn emulator(&self) -> &Emulator {
        &self.sends.emulator
    }

    fn rows(&self) -> Vec<Value> {
        self.sends.rows()
    }

    /// Stream records of the group's messages, oldest first. Sequence numbers start with the group's number.
    fn records(&self, group: u8) -> Vec<Value> {
        let pk = Partition::Messages(group_uuid(group)).to_string();
        let rows = self.rows().into_iter().filter(|row| row["pk"]["S"] == *pk);
        rows.enumerate()
            .map(|(index, row)| stream_record(&row, (usize::from(group) + 1) * 1000 + index))
            .collect()
    }

    /// Records of all groups, group by group.
    fn all_records(&self, groups: u8) -> Vec<Value> {
        (0..groups).flat_map(|group| self.records(group)).collect()
    }

    /// Delivers a batch to an invocation that has just started. Returns the reported sequence numbers.
    async fn deliver(&self, records: &[Value]) -> Vec<String> {
        self.deliver_with(records, TIMEOUT).await
    }

    /// Delivers a batch to an invocation with this much time left.
    async fn deliver_with(&self, records: &[Value], time_left: Duration) -> Vec<String> {
        let now = u64::try_from(self.app.clock.now().timestamp_millis()).unwrap();
        let mut context = Context::default();
        context.deadline = now + u64::try_from(time_left.as_millis()).unwrap();
        let batch = serde_json::from_str(&json!({"Records": records}).to_string()).unwrap();
        let answer = stream_handler::handler(&self.app, LambdaEvent::new(batch, context)).await;
        reported(&serde_json::to_value(answer).unwrap())
    }

    /// Sort keys of a group's inbox rows, by partition.
    fn positions(&self, group: u8) -> BTreeMap<String, Vec<String>> {
        let uuid = group_uuid(group).to_string();
        let mut positions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.rows().iter().filter(|row| row["message_group_uuid"]["S"] == *uuid) {
            let text = |name: &str| row[name]["S"].as_str().unwrap().to_owned();
            positions.entry(text("pk")).or_default().push(text("sk"));
        }
        positions
    }

    /// A member's inbox row of a group.
    fn inbox_row(&self, member: &User, group: u8) -> Value {
        let (pk, uuid) = (Partition::Inbox(member.uuid).to_string(), group_uuid(group).to_string());
        let is_row = |row: &Value| row["pk"]["S"] == *pk && row["message_group_uuid"]["S"] == *uuid;
        self.rows().into_iter().find(is_row).unwrap()
    }

    fn delete(&self, row: &Value) {
        let key = json!({"pk": row["pk"], "sk": row["sk"]});
        let _ = self.emulator().call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    }

    fn put(&self, row: &Value) {
        let _ = self.emulator().call("PutItem", json!({"TableName": TABLE, "Item": row}));
    }

    #[track_caller]
    fn assert_at_rest(&self) {
        assert_eq!(invariants::check_at_rest(&self.rows()), Vec::<String>::new());
    }

    /// Takes the calls of `operation` since the last check.
    fn take(&self, operation: &str) -> Vec<Call> {
        let mut calls = self.emulator().take_calls();
        calls.retain(|call| call.operation == operation);
        calls
    }
}

fn group_uuid(group: u8) -> Uuid {
    uuid_of_pair(user(1).uuid, user(group + 2).uuid)
}

/// Sequence numbers in a response, whose form is checked.
#[track_caller]
fn reported(answer: &Value) -> Vec<String> {
    assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["batchItemFailures"]);
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let identifiers = failures.iter().map(|failure| {
        assert_eq!(failure.as_object().unwrap().len(), 1);
        // A null or empty identifier would mean the whole batch.
        let identifier = failure["itemIdentifier"].as_str().unwrap();
        assert!(!identifier.is_empty());
        identifier.to_owned()
    });
    identifiers.collect()
}

fn sequence_numbers(records: &[Value]) -> Vec<String> {
    let numbers =
        records.iter().map(|record| record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned());
    numbers.collect()
}

fn is_index_query(call: &Call) -> bool {
    call.operation == "Query" && call.request.get("IndexName").is_some()
}

fn is_locating(call: &Call) -> bool {
    call.request.get("FilterExpression").is_some()
}

/// Edits the rows that the index shows.
fn edit_index(emulator: &Emulator, mut edit: impl FnMut(&mut Vec<Value>) + Send + 'static) {
    emulator.edit_answers(move |call, answer| {
        if is_index_query(call) {
            let items = answer["Items"].as_array_mut().unwrap();
            edit(items);
            let count = items.len();
            answer["Count"] = json!(count);
            answer["ScannedCount"] = json!(count);
        }
    });
}

const NO_FAILURES: [String; 0] = [];

// Order, number, and splits of deliveries.

#[tokio::test(start_paused = true)]
async fn old_records_after_new_ones_move_no_row_back() {
    let inboxes = Inboxes::with_groups(1, 4).await;
    let records = inboxes.records(0);
    assert_eq!(inboxes.deliver(&records[3..]).await, NO_FAILURES);
    let _ = inboxes.emulator().take_calls();
    for record in [&records[2], &records[0], &records[1], &records[3]] {
        assert_eq!(inboxes.deliver(std::slice::from_ref(record)).await, NO_FAILURES);
    }
    assert_eq!(inboxes.take("TransactWriteItems").len(), 0);
    // The logs hold the messages in the order of their delivery.
    assert_eq!(invariants::check_logged(&inboxes.rows()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn any_order_and_any_split_of_a_batch_give_the_same_rows() {
    for order in permutations(4) {
        for split in 1..=4 {
            let inboxes = Inboxes::with_groups(1, 4).await;
            let records = inboxes.records(0);
            let batch: Vec<Value> = order.iter().map(|index| records[*index].clone()).collect();
            for part in [&batch[..split], &batch[split..]] {
                assert_eq!(inboxes.deliver(part).await, NO_FAILURES);
            }
            inboxes.assert_at_rest();
        }
    }
}

/// All permutations of this many items.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let insert = |shorter: Vec<usize>| {
        (0..count).map(move |place| {
            let mut longer = shorter.clone();
            longer.insert(place, count - 1);
            longer
        })
    };
    permutations(count - 1).into_iter().flat_map(insert).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_moves_each_group_once_to_its_newest_message() {
    let inboxes = Inboxes::with_groups(3, 5).await;
    let mut records = inboxes.all_records(3);
    records.extend(records.clone());
    records.reverse();
    assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
    inboxes.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn an_empty_batch_is_answered_with_no_failures() {
    let inboxes = Inboxes::with_groups(1, 1).await;
    assert_eq!(inboxes.deliver(&[]).await, NO_FAILURES);
    assert_eq!(inboxes.emulator().take_calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn messages_sent_during_a_batch_are_not_lost() {
    let inboxes = Inboxes::with_groups(1, 3).await;
    let records = inboxes.records(0);
    inboxes.emulator().set_latency(Duration::from_millis(10));
    // Two invocations for one group, as after a split, or with several concurrent batches per shard.
    for (first, second) in [(0..1, 2..3), (2..3, 1..2), (0..3, 0..3)] {
        let answers = join_all([inboxes.deliver(&records[first]), inboxes.deliver(&records[second])]).await;
        assert_eq!(answers, [NO_FAILURES, NO_FAILURES]);
    }
    inboxes.assert_at_rest();
}

/// The delivery of records: their order and the ends of batches.
#[derive(Clone, Debug)]
struct Deliveries {
    order: Vec<usize>,
    splits: Vec<usize>,
    /// Whether batches are delivered simultaneously.
    at_once: bool,
    /// One bit for each row that ever existed: whether the index shows it.
    index: Vec<u8>,
}

const GROUPS: u8 = 3;
const MESSAGES: u32 = 4;

prop_compose! {
    fn any_deliveries()(
        order in Just((0..usize::from(GROUPS) * 4).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..usize::from(GROUPS) * 4, 0..10),
        splits in prop::collection::vec(0_usize..22, 0..6),
        at_once: bool,
        index in prop::collection::vec(any::<u8>(), 0..40),
    ) -> Deliveries {
        let mut splits = splits;
        splits.sort_unstable();
        // Insert duplicates before, between and after the others.
        let mut order = order;
        for (place, record) in again.iter().enumerate() {
            order.insert(place * 2, *record);
        }
        Deliveries { order, splits, at_once, index }
    }
}

impl Deliveries {
    fn batches(&self, records: &[Value]) -> Vec<Vec<Value>> {
        let mut batches = vec![Vec::new()];
        for (place, record) in self.order.iter().enumerate() {
            if self.splits.contains(&place) {
                batches.push(Vec::new());
            }
            batches.last_mut().unwrap().push(records[*record].clone());
        }
        batches
    }

    /// Makes the index show any part of the rows that ever existed, and a different part in each query.
    fn let_index_lag(&self, emulator: &Emulator) {
        let mut seen: HashMap<String, Vec<Value>> = HashMap::new();
        let mut shown = self.index.clone().into_iter();
        edit_index(emulator, move |items| {
            let Some(group) = items.first().map(|item| item["message_group_uuid"]["S"].to_string()) else {
                return;
            };
            let seen = seen.entry(group).or_default();
            for item in items.iter() {
                if !seen.contains(item) {
                    seen.push(item.clone());
                }
            }
            if let Some(shown) = shown.next() {
                let chosen = seen.iter().enumerate().filter(|(place, _)| shown >> (place % 8) & 1 == 1);
                *items = chosen.map(|(_, item)| item.clone()).collect();
            }
        });
    }
}

fn paused_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_ends_at_its_newest_message_for_any_delivery(deliveries in any_deliveries()) {
        paused_runtime().block_on(async {
            let inboxes = Inboxes::with_groups(GROUPS, MESSAGES).await;
            deliveries.let_index_lag(inboxes.emulator());
            inboxes.emulator().set_latency(Duration::from_millis(10));
            let batches = deliveries.batches(&inboxes.all_records(GROUPS));
            if deliveries.at_once {
                for reported in join_all(batches.iter().map(|batch| inboxes.deliver(batch))).await {
                    assert_eq!(reported, NO_FAILURES);
                }
            } else {
                for batch in &batches {
                    let before: Vec<_> = (0..GROUPS).map(|group| inboxes.positions(group)).collect();
                    assert_eq!(inboxes.deliver(batch).await, NO_FAILURES);
                    // Positions only grow (I4), and each member has one (I1).
                    for (group, before) in (0..GROUPS).zip(before) {
                        let after = inboxes.positions(group);
                        assert!(before.iter().all(|(member, rows)| *rows <= after[member]), "{before:?} {after:?}");
                    }
                    assert_eq!(invariants::check(&inboxes.rows()), Vec::<String>::new());
                }
            }
            inboxes.assert_at_rest();
        });
    }

    #[test]
    fn a_repeated_batch_corrects_the_rows_after_any_faults(
        deliveries in any_deliveries(),
        faults in prop::collection::vec(0_u8..6, 0..40),
    ) {
        paused_runtime().block_on(async {
            let inboxes = Inboxes::with_groups(GROUPS, MESSAGES).await;
            deliveries.let_index_lag(inboxes.emulator());
            inboxes.emulator().set_latency(Duration::from_millis(10));
            let mut faults = faults.into_iter();
            inboxes.emulator().inject(move |call| match (&*call.operation, faults.len()) {
                ("TransactWriteItems", 1..) => match faults.next() {
                    Some(1) => NotExecuted(Canceled(&["TransactionConflict", "None"])),
                    Some(2) => Lost(Reset),
                    Some(3) => Lost(Silence),
                    Some(4) => Late(Reset, Duration::from_secs(4)),
                    Some(5) => NotExecuted(Status(400, "AccessDeniedException")),
                    _ => Fault::None,
                },
                _ => Fault::None,
            });
            let batches = deliveries.batches(&inboxes.all_records(GROUPS));
            for batch in &batches {
                let reported = inboxes.deliver(batch).await;
                let numbers = sequence_numbers(batch);
                assert!(reported.iter().all(|number| numbers.contains(number)));
                assert_eq!(invariants::check(&inboxes.rows()), Vec::<String>::new());
            }
            inboxes.emulator().inject(|_| Fault::None);
            for batch in &batches {
                assert_eq!(inboxes.deliver(batch).await, NO_FAILURES);
            }
            // Late writes still land.
            tokio::time::sleep(Duration::from_mins(1)).await;
            inboxes.assert_at_rest();
        });
    }
}

// Records that are not new messages, and malformed ones.

/// Number of skipped records in the invocation's log line.
fn skipped(lines: &[String]) -> Vec<Value> {
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line.get("RecordsSkipped").cloned()).collect()
}

/// Captures the handler's log until dropped.
fn log(inboxes: &Inboxes) -> Log {
    Log::start("stream-handler", "", inboxes.sends.clock.clock())
}

/// Returns `record` after `change`.
fn changed(record: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut record = record.clone();
    change(&mut record);
    record
}

fn remove(record: &Value, path: &str) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    changed(record, |record| {
        let parent = if parent.is_empty() { record } else { record.pointer_mut(parent).unwrap() };
        parent.as_object_mut().unwrap().remove(name).unwrap();
    })
}

fn set(record: &Value, path: &str, value: Value) -> Value {
    changed(record, |record| *record.pointer_mut(path).unwrap() = value)
}

/// Every kind of invalid record derived from a valid one, with its description.
fn poison(good: &Value) -> Vec<(String, Value)> {
    let mut poison: Vec<(String, Value)> =
        [json!(null), json!(17), json!("record"), json!([]), json!({}), json!([good])]
            .into_iter()
            .map(|record| (record.to_string(), record))
            .collect();
    let image = "/dynamodb/NewImage";
    for name in ["pk", "sk", "message_uuid", "message", "user_uuid", "user_display_name", "user_handle"] {
        let path = format!("{image}/{name}");
        poison.push((format!("without {name}"), remove(good, &path)));
        poison.push((format!("a number as {name}"), set(good, &path, json!({"N": "1"}))));
        poison.push((format!("null as {name}"), set(good, &path, json!({"NULL": true}))));
        poison.push((format!("an unknown type as {name}"), set(good, &path, json!({"X": "1"}))));
        let text = good.pointer(&format!("{path}/S")).unwrap();
        for kind in ["N", "B", "BOOL", "L", "M", "X"] {
            poison.push((format!("{name} as {kind}"), set(good, &path, json!({kind: text}))));
        }
        poison.push((format!("{name} in a list"), set(good, &path, json!({"L": [{"S": text}]}))));
        poison.push((format!("{name} without type"), set(good, &path, text.clone())));
    }
    for path in [
        "/eventName",
        "/eventID",
        "/dynamodb",
        "/dynamodb/NewImage",
        "/dynamodb/Keys",
        "/dynamodb/Keys/pk",
        "/dynamodb/SequenceNumber",
    ] {
        poison.push((format!("without {path}"), remove(good, path)));
    }
    poison.push(("an empty image".to_owned(), set(good, image, json!({}))));
    poison.push(("null as the image".to_owned(), set(good, image, json!(null))));
    poison.push(("null as the keys".to_owned(), set(good, "/dynamodb/Keys", json!(null))));
    poison.push(("an empty sequence number".to_owned(), set(good, "/dynamodb/SequenceNumber", json!(""))));
    poison
        .push(("null as the sequence number".to_owned(), set(good, "/dynamodb/SequenceNumber", json!(null))));
    poison.push((
        "a number as the sequence number".to_owned(),
        set(good, "/dynamodb/SequenceNumber", json!(7)),
    ));
    let pk = good["dynamodb"]["NewImage"]["pk"]["S"].as_str().unwrap();
    let (_, uuid) = pk.split_once('#').unwrap();
    let messages = |id: &str| RowKind::Message.partition(id);
    for other in [
        messages(""),
        messages("not-a-uuid"),
        RowKind::Inbox.partition(uuid),
        uuid.to_owned(),
        format!("{pk} "),
        messages(&uuid.to_uppercase()),
        messages(&uuid.replace('-', "")),
        messages(&format!("{{{uuid}}}")),
    ] {
        poison.push((format!("the partition {other}"), set(good, "/dynamodb/NewImage/pk/S", json!(other))));
    }
    let sk = good["dynamodb"]["NewImage"]["sk"]["S"].as_str().unwrap();
    for other in [
        String::new(),
        "#".to_owned(),
        sk[..27].to_owned(),
        sk[..28].to_owned(),
        sk.replace('#', " "),
        format!("{sk} "),
        sk.to_uppercase(),
        sk.replace("2026-", "2026-13-"),
        format!("9999-12-31T23:59:59.999999Z#{}", Uuid::nil()),
    ] {
        poison.push((format!("the sort key {other:?}"), set(good, "/dynamodb/NewImage/sk/S", json!(other))));
    }
    let other_uuid = json!({"S": Uuid::nil()});
    poison.push((
        "another message's uuid".to_owned(),
        set(good, "/dynamodb/NewImage/message_uuid", other_uuid),
    ));
    poison
}

#[tokio::test(start_paused = true)]
async fn a_poison_record_is_skipped_and_counted_and_spoils_no_other() {
    let template = Inboxes::with_groups(3, 2).await;
    let (first, poisoned, last) = (template.records(0), template.records(1), template.records(2));
    for (what, record) in poison(&poisoned[1]) {
        // The same rows again: users, times and therefore groups are equal, message uuids are not.
        let inboxes = Inboxes::new().await;
        template.rows().iter().for_each(|row| inboxes.put(row));
        let log = log(&inboxes);
        let batch = [first[0].clone(), record, first[1].clone(), last[1].clone()];
        assert_eq!(inboxes.deliver(&batch).await, NO_FAILURES, "{what}");
        let lines = log.take();
        assert_eq!(skipped(&lines), [json!(1.0)], "{what}: {lines:#?}");
        // The log contains neither texts nor names.
        assert!(
            !lines.iter().any(|line| line.contains("message 1 of") || line.contains("User No.")),
            "{what}: {lines:#?}"
        );
        // Both rows are neither at the newest message (I3) nor joined with it (I17).
        let broken = invariants::check_at_rest(&inboxes.rows());
        assert_eq!(broken.len(), 4, "{what}: {broken:?}");
        assert_eq!(inboxes.positions(1), template.positions(1), "{what}");
        // The valid record is delivered in the end.
        assert_eq!(inboxes.deliver(&poisoned[1..]).await, NO_FAILURES, "{what}");
        inboxes.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn poison_records_are_counted_and_a_batch_of_only_poison_reports_no_failure() {
    let inboxes = Inboxes::with_groups(1, 2).await;
    let records: Vec<Value> = poison(&inboxes.records(0)[1]).into_iter().map(|(_, record)| record).collect();
    let log = log(&inboxes);
    assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
    assert_eq!(skipped(&log.take()), [json!(f64::from(u32::try_from(records.len()).unwrap()))]);
    assert_eq!(inboxes.emulator().take_calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn records_other_than_new_messages_do_nothing() {
    let inboxes = Inboxes::new().await;
    inboxes.sends.to_user(&user(1), &user(2), "1", Some("key")).await.unwrap();
    inboxes.sends.to_user(&user(1), &user(2), "2", Some("another")).await.unwrap();
    let _ = inboxes.emulator().take_calls();
    let rows = inboxes.rows();
    let mut records = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let inserted = stream_record(row, number);
        records.push(set(&inserted, "/eventName", json!("MODIFY")));
        let removed = remove(&set(&inserted, "/eventName", json!("REMOVE")), "/dynamodb/NewImage");
        records.push(removed);
        if kind_of(row) != Some(RowKind::Message) {
            records.push(inserted);
        }
    }
    let kinds: BTreeSet<_> = rows.iter().filter_map(kind_of).collect();
    let expected = [RowKind::Message, RowKind::Inbox, RowKind::Membership, RowKind::Idempotency];
    assert_eq!(kinds, expected.into());
    let log = log(&inboxes);
    assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
    assert_eq!(skipped(&log.take()), [] as [Value; 0]);
    assert_eq!(inboxes.emulator().take_calls().len(), 0);
    assert_eq!(inboxes.rows(), rows);
}

#[tokio::test(start_paused = true)]
async fn fields_that_the_stream_may_add_or_write_differently_do_no_harm() {
    let inboxes = Inboxes::with_groups(1, 2).await;
    let record = &inboxes.records(0)[1];
    let record = set(record, "/dynamodb/ApproximateCreationDateTime", json!(1.795_339_8e9));
    let record = changed(&record, |record| {
        record["userIdentity"] = json!(null);
        record["somethingNew"] = json!({"a": [1]});
        record["dynamodb"]["NewImage"]["something_new"] = json!({"SS": ["a", "b"]});
    });
    assert_eq!(inboxes.deliver(&[record]).await, NO_FAILURES);
    inboxes.assert_at_rest();
}

// Failures and reports.

fn moves(call: &Call, group: u8) -> bool {
    call.operation == "TransactWriteItems"
        && call.request.to_string().contains(&group_uuid(group).to_string())
}

#[tokio::test(start_paused = true)]
async fn a_failing_group_reports_all_its_records_and_no_other_groups() {
    for failure in [
        Status(400, "AccessDeniedException"),
        Canceled(&["ValidationError", "None"]),
        Canceled(&["TransactionConflict", "None"]),
    ] {
        let inboxes = Inboxes::with_groups(3, 3).await;
        let records = inboxes.all_records(3);
        // Groups alternate in the batch.
        let batch: Vec<Value> = (0..9).map(|index| records[index % 3 * 3 + index / 3].clone()).collect();
        inboxes
            .emulator()
            .inject(move |call| if moves(call, 1) { NotExecuted(failure) } else { Fault::None });
        let mut reported = inboxes.deliver(&batch).await;
        reported.sort_unstable();
        assert_eq!(reported, sequence_numbers(&inboxes.records(1)), "{failure:?}");
        let broken = invariants::check_at_rest(&inboxes.rows());
        assert_eq!(broken.len(), 4, "{failure:?}: {broken:?}");
        inboxes.emulator().inject(|_| Fault::None);
        assert_eq!(inboxes.deliver(&batch).await, NO_FAILURES, "{failure:?}");
        inboxes.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_are_reported() {
    for operation in ["GetItem", "Query"] {
        for failure in
            [Status(400, "AccessDeniedException"), Reset, Silence, Stall, Status(503, "ServiceUnavailable")]
        {
            let inboxes = Inboxes::with_groups(1, 2).await;
            let records = inboxes.records(0);
            inboxes.emulator().fail(operation, usize::MAX, NotExecuted(failure));
            assert_eq!(
                inboxes.deliver(&records).await,
                sequence_numbers(&records),
                "{operation} {failure:?}"
            );
            assert_eq!(inboxes.take("TransactWriteItems").len(), 0, "{operation} {failure:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_without_membership_is_reported_until_it_has_one() {
    let inboxes = Inboxes::with_groups(2, 2).await;
    let records = inboxes.all_records(2);
    let pk = Key::Membership(group_uuid(0)).pk();
    let membership = inboxes.rows().into_iter().find(|row| row["pk"]["S"] == *pk).unwrap();
    inboxes.delete(&membership);
    assert_eq!(inboxes.deliver(&records).await, sequence_numbers(&inboxes.records(0)));
    inboxes.put(&membership);
    assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
    inboxes.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_member_without_an_inbox_row_is_reported_and_the_other_row_is_moved() {
    for missing in [1, 2] {
        let inboxes = Inboxes::with_groups(1, 2).await;
        let records = inboxes.records(0);
        let row = inboxes.inbox_row(&user(missing), 0);
        inboxes.delete(&row);
        assert_eq!(inboxes.deliver(&records).await, sequence_numbers(&records));
        let newest = &records[1]["dynamodb"]["NewImage"]["sk"];
        assert_eq!(inboxes.inbox_row(&user(3 - missing), 0)["sk"], *newest);
        inboxes.put(&row);
        assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
        inboxes.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_is_tried_at_most_eight_times() {
    for (refusals, expected) in [(7, true), (8, false)] {
        for failure in [
            Canceled(&["TransactionConflict", "None"]),
            Canceled(&["None", "ThrottlingError"]),
            Canceled(&["None", "ProvisionedThroughputExceeded"]),
            // A row that is never at its expected position.
            Canceled(&["ConditionalCheckFailed", "None"]),
            Canceled(&["None", "ConditionalCheckFailed"]),
            Canceled(&["ConditionalCheckFailed", "TransactionConflict"]),
        ] {
            let inboxes = Inboxes::with_groups(1, 2).await;
            let records = inboxes.records(0);
            let (mut left, bob) = (refusals, Partition::Inbox(user(2).uuid).to_string());
            // Refuse only one member's row: each member has its own attempts.
            inboxes.emulator().inject(move |call| {
                if call.operation == "TransactWriteItems"
                    && call.request.to_string().contains(&bob)
                    && left > 0
                {
                    left -= 1;
                    return NotExecuted(failure);
                }
                Fault::None
            });
            let start = Instant::now();
            let reported = inboxes.deliver(&records).await;
            assert_eq!(reported.is_empty(), expected, "{refusals} times {failure:?}");
            // 25 ms, doubled up to a second: at most 4.6 s.
            assert!(start.elapsed() < Duration::from_secs(5), "{failure:?}: {:?}", start.elapsed());
            assert_eq!(inboxes.take("TransactWriteItems").len(), 1 + 8, "{refusals} times {failure:?}");
            if expected {
                inboxes.assert_at_rest();
            } else {
                assert_eq!(reported, sequence_numbers(&records));
                assert_eq!(invariants::check(&inboxes.rows()), Vec::<String>::new());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_passing_failures_are_made_good() {
    let unknown =
        [Reset, Silence, Stall, Status(500, "InternalServerError"), Status(503, "ServiceUnavailable")];
    let throttling = [
        Status(400, "ProvisionedThroughputExceededException"),
        Status(400, "ThrottlingException"),
        Status(400, "RequestLimitExceeded"),
        Status(400, "TransactionInProgressException"),
    ];
    let both =
        |failure: &Failure| [NotExecuted(*failure), Lost(*failure), Late(*failure, Duration::from_millis(3))];
    let faults = unknown.iter().flat_map(both).chain(throttling.map(NotExecuted));
    for fault in faults {
        let inboxes = Inboxes::with_groups(1, 2).await;
        let records = inboxes.records(0);
        inboxes.emulator().fail("TransactWriteItems", 10, fault);
        assert_eq!(inboxes.deliver(&records).await, NO_FAILURES, "{fault:?}");
        tokio::time::sleep(Duration::from_mins(1)).await;
        inboxes.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_failures_are_reported_before_the_functions_timeout() {
    for failure in
        [Reset, Silence, Stall, Status(500, "InternalServerError"), Status(400, "ThrottlingException")]
    {
        let inboxes = Inboxes::with_groups(1, 2).await;
        let records = inboxes.records(0);
        inboxes.emulator().fail("TransactWriteItems", usize::MAX, NotExecuted(failure));
        let start = Instant::now();
        assert_eq!(inboxes.deliver(&records).await, sequence_numbers(&records), "{failure:?}");
        assert!(start.elapsed() < TIMEOUT, "{failure:?}: {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn groups_behind_others_that_do_not_end_are_reported_before_the_functions_timeout() {
    let mut inboxes = Inboxes::with_groups(9, 2).await;
    let records = inboxes.all_records(9);
    let (start, base) = (Instant::now(), inboxes.app.clock.now());
    inboxes.app.clock = Clock::from_fn(move || base + start.elapsed());
    inboxes.emulator().fail("TransactWriteItems", usize::MAX, NotExecuted(Silence));
    assert_eq!(inboxes.deliver(&records).await.len(), records.len());
    assert!(start.elapsed() < TIMEOUT, "{:?}", start.elapsed());
}

// Hint, guard, locate.

#[tokio::test(start_paused = true)]
async fn members_missing_in_the_index_are_located() {
    for shown in [0, 1] {
        let inboxes = Inboxes::with_groups(3, 3).await;
        edit_index(inboxes.emulator(), move |items| items.truncate(shown));
        assert_eq!(inboxes.deliver(&inboxes.all_records(3)).await, NO_FAILURES);
        let locates = inboxes.emulator().take_calls().into_iter().filter(is_locating).collect::<Vec<_>>();
        assert_eq!(locates.len(), 3 * (2 - shown));
        for locate in locates {
            assert_eq!(locate.request["ScanIndexForward"], true);
            assert_eq!(locate.request["ConsistentRead"], true);
        }
        inboxes.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_rows_that_the_index_shows_of_a_member_the_newer_is_taken() {
    for reversed in [false, true] {
        let inboxes = Inboxes::with_groups(1, 3).await;
        let records = inboxes.records(0);
        let old: Vec<Value> = [user(1), user(2)].iter().map(|member| inboxes.inbox_row(member, 0)).collect();
        assert_eq!(inboxes.deliver(&records[1..2]).await, NO_FAILURES);
        edit_index(inboxes.emulator(), move |items| {
            items.extend(old.clone());
            if reversed {
                items.reverse();
            }
        });
        let _ = inboxes.emulator().take_calls();
        assert_eq!(inboxes.deliver(&records[2..]).await, NO_FAILURES);
        // No row had to be located.
        assert!(!inboxes.emulator().take_calls().iter().any(is_locating));
        inboxes.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_has_moved_since_the_index_was_written_is_located_and_moved_on() {
    let inboxes = Inboxes::with_groups(1, 3).await;
    let records = inboxes.records(0);
    let old: Vec<Value> = [user(1), user(2)].iter().map(|member| inboxes.inbox_row(member, 0)).collect();
    assert_eq!(inboxes.deliver(&records[1..2]).await, NO_FAILURES);
    edit_index(inboxes.emulator(), move |items| items.clone_from(&old));
    let _ = inboxes.emulator().take_calls();
    assert_eq!(inboxes.deliver(&records[2..]).await, NO_FAILURES);
    let calls = inboxes.emulator().take_calls();
    // For each member: refused at the old position, located, moved from the actual one.
    assert_eq!(calls.iter().filter(|call| call.operation == "TransactWriteItems").count(), 4);
    assert_eq!(calls.iter().filter(|call| is_locating(call)).count(), 2);
    inboxes.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_stale_index_row_beyond_the_message_moves_no_row_back() {
    let inboxes = Inboxes::with_groups(1, 3).await;
    let records = inboxes.records(0);
    assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
    let old: Vec<Value> = [user(1), user(2)]
        .iter()
        .map(|member| {
            set(&inboxes.inbox_row(member, 0), "/sk", records[0]["dynamodb"]["NewImage"]["sk"].clone())
        })
        .collect();
    edit_index(inboxes.emulator(), move |items| items.clone_from(&old));
    let rows = inboxes.rows();
    // The index shows the rows at the first message, the record is the second, and the rows are at the third.
    assert_eq!(inboxes.deliver(&records[1..2]).await, NO_FAILURES);
    assert_eq!(inboxes.rows(), rows);
}

#[tokio::test(start_paused = true)]
async fn a_late_write_of_a_dead_invocation_changes_nothing() {
    for (dying, alive) in [(1..2, 1..2), (1..2, 2..3), (1..2, 0..4), (2..3, 1..2), (3..4, 0..3)] {
        let inboxes = Inboxes::with_groups(1, 4).await;
        let records = inboxes.records(0);
        // The invocation dies while its writes are in flight.
        inboxes.emulator().fail("TransactWriteItems", 2, Late(Silence, Duration::from_secs(30)));
        let invocation = inboxes.deliver(&records[dying.clone()]);
        assert!(tokio::time::timeout(Duration::from_millis(100), invocation).await.is_err());
        assert_eq!(inboxes.deliver(&records[alive.clone()]).await, NO_FAILURES);
        let rows = inboxes.rows();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(inboxes.rows(), rows, "{dying:?} {alive:?}");
        assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
        inboxes.assert_at_rest();
    }
}

/// Otherwise the move would revert changes that the index does not show yet.
#[tokio::test(start_paused = true)]
async fn a_change_of_an_inbox_row_that_the_index_does_not_show_survives_a_move() {
    for attribute in ["user_display_name", "user_handle", "user_uuid", "pinned"] {
        let inboxes = Inboxes::with_groups(1, 2).await;
        let lagging = json!({"S": "old"});
        edit_index(inboxes.emulator(), move |rows| {
            for row in rows {
                row[attribute] = lagging.clone();
            }
        });
        let changed_row = |member| {
            changed(&inboxes.inbox_row(member, 0), |row| {
                row[attribute] = json!({"S": Uuid::max().to_string()});
            })
        };
        for member in [&user(1), &user(2)] {
            inboxes.put(&changed_row(member));
        }
        assert_eq!(inboxes.deliver(&inboxes.records(0)).await, NO_FAILURES);
        for member in [&user(1), &user(2)] {
            let row = inboxes.inbox_row(member, 0);
            assert_eq!(row[attribute]["S"], Uuid::max().to_string(), "{attribute}");
            assert_eq!(row["sk"], inboxes.records(0)[1]["dynamodb"]["NewImage"]["sk"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_is_located_on_any_page_even_if_it_moves_meanwhile() {
    // Thirty groups in one inbox, where the first is the lowest. The table returns pages of three rows.
    let inboxes = Inboxes::new().await;
    for group in (0..30).chain([0, 0]) {
        inboxes.send(group).await;
        inboxes.sends.clock.advance(TimeDelta::milliseconds(1));
    }
    let _ = inboxes.emulator().take_calls();
    edit_index(inboxes.emulator(), Vec::clear);
    let records = inboxes.records(0);
    let (emulator, row) = (inboxes.emulator().clone(), inboxes.inbox_row(&user(1), 0));
    let moved = set(&row, "/sk", records[1]["dynamodb"]["NewImage"]["sk"].clone());
    let moved = set(&moved, "/message", records[1]["dynamodb"]["NewImage"]["message"].clone());
    let alice = row["pk"]["S"].as_str().unwrap().to_owned();
    let mut pages = 0;
    inboxes.emulator().inject(move |call| {
        let of_alice = is_locating(call) && call.request["ExpressionAttributeValues"][":pk"]["S"] == alice;
        if of_alice {
            pages += 1;
        }
        if of_alice && pages == 2 {
            // The row moves up between two pages.
            let key = json!({"pk": row["pk"], "sk": row["sk"]});
            let _ = emulator.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
            let _ = emulator.call("PutItem", json!({"TableName": TABLE, "Item": moved}));
        }
        Fault::None
    });
    inboxes.emulator().edit_requests(|call| {
        if is_locating(call) {
            call.request["Limit"] = json!(3);
        }
    });
    assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
    let pages = inboxes.take("Query").into_iter().filter(is_locating).count();
    assert!(pages >= 10, "{pages} pages");
    inboxes.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn unknown_attributes_of_an_inbox_row_survive_a_move() {
    let inboxes = Inboxes::with_groups(1, 1).await;
    let added = json!({
        "pinned": {"BOOL": true},
        "unread": {"N": "3"},
        "labels": {"SS": ["a", "b"]},
        "draft": {"M": {"text": {"S": "half a sen"}, "at": {"L": [{"N": "1"}, {"NULL": true}]}}},
        "blob": {"B": "AAEC"},
    });
    for member in [user(1), user(2)] {
        let row = changed(&inboxes.inbox_row(&member, 0), |row| {
            row.as_object_mut().unwrap().extend(added.as_object().unwrap().clone());
        });
        inboxes.put(&row);
    }
    inboxes.send(0).await;
    // Once found by the index, once by locating.
    for index_is_empty in [false, true] {
        inboxes.send(0).await;
        if index_is_empty {
            edit_index(inboxes.emulator(), Vec::clear);
        }
        let before: Vec<Value> =
            [user(1), user(2)].iter().map(|member| inboxes.inbox_row(member, 0)).collect();
        let records = inboxes.records(0);
        assert_eq!(inboxes.deliver(&records).await, NO_FAILURES);
        let image = &records.last().unwrap()["dynamodb"]["NewImage"];
        for (member, before) in [user(1), user(2)].iter().zip(before) {
            let row = inboxes.inbox_row(member, 0);
            assert_eq!([&row["sk"], &row["message"]], [&image["sk"], &image["message"]]);
            for name in added.as_object().unwrap().keys() {
                assert_eq!(row[name], before[name], "{name}");
            }
        }
        inboxes.assert_at_rest();
    }
}

// Time and number.

#[tokio::test(start_paused = true)]
async fn with_less_than_ten_seconds_left_every_group_is_reported() {
    let inboxes = Inboxes::with_groups(3, 2).await;
    let records = inboxes.all_records(3);
    for left in [1, 9_999] {
        let reported = inboxes.deliver_with(&records, Duration::from_millis(left)).await;
        assert_eq!(reported, sequence_numbers(&records), "{left} ms");
        assert_eq!(inboxes.emulator().take_calls().len(), 0, "{left} ms");
    }
    assert_eq!(inboxes.deliver_with(&records, Duration::from_secs(10)).await, NO_FAILURES);
    inboxes.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn no_move_starts_after_the_deadline() {
    let mut inboxes = Inboxes::with_groups(1, 2).await;
    let records = inboxes.records(0);
    let now = inboxes.app.clock.now();
    // An hour passes between the invocation's start and the group's turn.
    let looks = Mutex::new(0);
    inboxes.app.clock = Clock::from_fn(move || {
        let mut looks = looks.lock().unwrap();
        *looks += 1;
        if *looks <= 2 { now } else { now + Duration::from_hours(1) }
    });
    assert_eq!(inboxes.deliver(&records).await, sequence_numbers(&records));
    assert_eq!(inboxes.emulator().take_calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn groups_that_would_start_too_late_are_reported() {
    let mut inboxes = Inboxes::with_groups(20, 2).await;
    let records = inboxes.all_records(20);
    let (start, base) = (Instant::now(), inboxes.app.clock.now());
    inboxes.app.clock = Clock::from_fn(move || base + start.elapsed());
    // Two calls per group, eight groups at a time: the third batch of eight would start with 9.999 s left.
    inboxes.emulator().set_latency(Duration::from_millis(25));
    let reported = inboxes.deliver_with(&records, Duration::from_millis(10_000 + 99)).await;
    let moved: Vec<u8> =
        (0..20).filter(|group| !reported.contains(&sequence_numbers(&inboxes.records(*group))[0])).collect();
    assert_eq!(moved, (0..16).collect::<Vec<u8>>());
    let late: Vec<String> = (16..20).flat_map(|group| sequence_numbers(&inboxes.records(group))).collect();
    assert_eq!(reported, late);
}

#[tokio::test(start_paused = true)]
async fn at_most_eight_groups_are_moved_at_a_time() {
    const LATENCY: Duration = Duration::from_millis(10);
    for (groups, rounds) in [(1, 1), (8, 1), (9, 2), (16, 2), (17, 3)] {
        let inboxes = Inboxes::with_groups(groups, 1).await;
        assert_eq!(inboxes.deliver(&inboxes.all_records(groups)).await, NO_FAILURES);
        for group in 0..groups {
            inboxes.send(group).await;
        }
        inboxes.emulator().set_latency(LATENCY);
        // Calls that start at the same moment belong to groups that are moved simultaneously.
        let begun: Arc<Mutex<HashMap<Instant, HashSet<String>>>> = Arc::default();
        let noted = Arc::clone(&begun);
        inboxes.emulator().inject(move |call| {
            if is_index_query(call) {
                let group = call.request["ExpressionAttributeValues"][":group"]["S"].to_string();
                noted.lock().unwrap().entry(Instant::now()).or_default().insert(group);
            }
            Fault::None
        });
        let start = Instant::now();
        assert_eq!(inboxes.deliver(&inboxes.all_records(groups)).await, NO_FAILURES);
        // After the last moves, one or two rows are put into the common member's log.
        let appends = start.elapsed().checked_sub(LATENCY * 2 * rounds).unwrap();
        assert!((LATENCY..=LATENCY * 2).contains(&appends), "{groups} groups: {appends:?}");
        assert!(begun.lock().unwrap().values().all(|groups| groups.len() <= 8), "{groups} groups");
        inboxes.assert_at_rest();
    }
}

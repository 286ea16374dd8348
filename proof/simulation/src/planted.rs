//! Faults planted in the algorithms, to show that the simulation finds them.
//!
//! The deployed code contains none of them. A planted fault edits a function's calls to DynamoDB or their
//! responses, or replaces a function.

use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::{
    event_log::EventLog,
    message::text::preview,
    stream::{Batch, GroupRecords},
    table::{GROUP_INDEX, Item, Key, Membership, Partition, RowKind, Table as DynamoDb},
};
use dynamodb_fake::{Call, Dice, Failure, Fault, FaultKind, Journal, text};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::lambda::random;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Planted {
    /// The old system's stream handler: deletes and puts the rows that the index shows, one by one.
    OldAlgorithm,
    /// Deleting an inbox row that is gone succeeds.
    NoGuard,
    /// The members whose rows are moved come from the index alone.
    NoMemberList,
    /// Locating a row starts at the newest one.
    DescendingLocate,
    /// A request with an idempotency key leaves no row for a retry to find.
    NoIdempotencyRow,
    /// Messages of the same millisecond have the same uuid.
    KeysWithoutUuid,
    /// Membership is read from the index.
    AuthorizationByIndex,
    /// A transaction conflict fails the request.
    NoConflictRetry,
    /// A write whose response was lost is reported as failed.
    LostAnswerIsFailure,
    /// A retried write has a new uuid.
    NewUuidOnRetry,
    /// An append does not look for a change in the newest rows of the log.
    NoTail,
    /// A log row overwrites the row that has its number.
    NoLogCondition,
    /// Messages are logged before their group is moved.
    LogBeforeMove,
    /// Reading the log passes gaps.
    NoGapRuleForReads,
    /// A device applies a frame although an earlier one is missing.
    NoGapRuleForFrames,
    /// A device lists everything before it takes the end of the log.
    ListsBeforeEnd,
    /// A frame is sent after the token's end.
    NoTokenEnd,
    /// Frames are sent to another user's connections.
    ForeignConnections,
    /// A batch fails if a push failed.
    FailedPushesFailBatches,
    /// The stream handler waits for pushes as long as they take.
    NoPushLimit,
    /// An inbox row takes the last delivery instead of the greatest version.
    LastDelivery,
    /// An inbox row is written although attributes have been added since it was read.
    NoAbsentCondition,
    /// A marker may be after the newest message.
    MarkerNotClamped,
    /// An own message does not count as reading.
    OwnMessagesUnread,
    /// Own messages count as reading although the group was marked as unread after them.
    NoFloor,
    /// The preview of a deleted message keeps its text.
    PreviewOfDeleted,
    /// The other member gets events about markers although receipts are off.
    EventsWithoutReceipts,
    /// A message is sent although a member blocks the other.
    SendIgnoresBlocks,
    /// A stranger's second message is sent before the first is accepted.
    SendIgnoresRequests,
    /// The first message of a pair does not check for blocks.
    OpeningIgnoresBlocks,
    /// Lists show messages that their reader has cleared.
    ListIgnoresClearing,
    /// An inbox row does not take over that its owner has hidden the group.
    HidingNotJoined,
}

impl Planted {
    pub(crate) fn edit_request(self, call: &mut Call, dice: &Dice) {
        let is_create = call.caller() == "create-message";
        let call_is_move = call.caller() == "stream-handler"
            && matches!(&*call.operation, "PutItem" | "TransactWriteItems")
            && written(&mut call.request).iter().any(|item| kind(item) == Some(RowKind::Inbox));
        let (operation, request) = (&*call.operation, &mut call.request);
        let is_locate = request.get("FilterExpression").is_some();
        let actions = request.get_mut("TransactItems").and_then(Value::as_array_mut);
        match self {
            Self::NoGuard => {
                for delete in actions.into_iter().flatten().filter_map(|action| action.get_mut("Delete")) {
                    *delete = json!({"TableName": delete["TableName"], "Key": delete["Key"]});
                }
            }
            Self::DescendingLocate if is_locate => {
                request["ScanIndexForward"] = json!(false);
            }
            Self::NoIdempotencyRow => {
                for put in actions.into_iter().flatten().filter_map(|action| action.get_mut("Put")) {
                    if kind(&put["Item"]) == Some(RowKind::Idempotency) {
                        let pk = format!("{}-{}", text(&put["Item"], "pk"), dice.between(0, u64::MAX));
                        put["Item"]["pk"] = json!({"S": pk});
                    }
                }
            }
            Self::OpeningIgnoresBlocks if is_create => {
                for check in
                    actions.into_iter().flatten().filter_map(|action| action.get_mut("ConditionCheck"))
                {
                    if kind(&check["Key"]) == Some(RowKind::Block) {
                        check["ConditionExpression"] =
                            json!("attribute_not_exists(blocked_at) OR attribute_exists(pk)");
                    }
                }
            }
            Self::NewUuidOnRetry if is_create && operation != "Query" => {
                let item = if operation == "TransactWriteItems" {
                    let puts =
                        actions.into_iter().flatten().filter_map(|action| action.pointer_mut("/Put/Item"));
                    puts.into_iter().find(|item| kind(item) == Some(RowKind::Message))
                } else {
                    request.get_mut("Item")
                };
                if let Some(item) = item {
                    let uuid = random(dice).uuid_v7(chrono::DateTime::UNIX_EPOCH);
                    let sk = text(item, "sk").split('#').next().unwrap_or_default().to_owned();
                    item["sk"] = json!({"S": format!("{sk}#{uuid}")});
                    item["message_uuid"] = json!({"S": uuid});
                }
            }
            Self::LastDelivery if call_is_move => {
                ignore_absent(request, |name| matches!(name, "version" | "state_version"));
            }
            Self::NoAbsentCondition if call_is_move => ignore_absent(request, |_| true),
            Self::OwnMessagesUnread if call_is_move => {
                for item in written(request) {
                    if item["mine"]["BOOL"] == true && item.get("read_sk").is_none() {
                        item["read_sk"] = json!({"S": "-"});
                    }
                }
            }
            Self::NoLogCondition if kind(&request["Item"]) == Some(RowKind::EventLog) => {
                let put = request.as_object_mut().unwrap();
                put.remove("ConditionExpression");
                put.remove("ReturnValuesOnConditionCheckFailure");
            }
            Self::ForeignConnections if queried(request) == Some(RowKind::Connection) => {
                // The users' uuids are consecutive.
                let pk = text(&request["ExpressionAttributeValues"], ":pk");
                let user_uuid: Uuid = pk.split('#').next_back().unwrap().parse().unwrap();
                let other = Partition::Connections(Uuid::from_u128(user_uuid.as_u128() ^ 1)).to_string();
                request["ExpressionAttributeValues"][":pk"] = json!({"S": other});
            }
            _ => {}
        }
    }

    /// Edits a response.
    pub(crate) fn edit_answer(self, call: &Call, answer: &mut Value, journal: &Journal) {
        match (self, call.caller(), queried(&call.request)) {
            (Self::NoTail, "stream-handler", Some(RowKind::EventLog)) => {
                for row in answer["Items"]
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .filter(|row| row["changes"].is_object())
                {
                    row["changes"] = json!({"L": []});
                }
            }
            (Self::NoGapRuleForReads, "list-events", Some(RowKind::EventLog)) => {
                let rows = answer["Items"].as_array_mut().unwrap();
                fill_gaps(rows);
                answer["Count"] = json!(answer["Items"].as_array().unwrap().len());
            }
            (Self::LastDelivery, "stream-handler", _) if call.operation == "Query" => {
                for row in answer["Items"].as_array_mut().unwrap() {
                    if kind(row) == Some(RowKind::Inbox) {
                        row.as_object_mut()
                            .unwrap()
                            .retain(|name, _| name != "version" && name != "state_version");
                    }
                }
            }
            (Self::MarkerNotClamped, "mark-read", Some(RowKind::Message)) => {
                for row in answer["Items"].as_array_mut().unwrap() {
                    row["sk"] =
                        json!({"S": "9999-12-31T23:59:59.999999Z#ffffffff-ffff-7fff-bfff-ffffffffffff"});
                }
            }
            (Self::SendIgnoresBlocks, "create-message", _) if call.operation == "GetItem" => {
                if let Some(row) = answer["Item"].as_object_mut() {
                    row.remove("blocked_by");
                }
            }
            (Self::SendIgnoresRequests, "create-message", _) if call.operation == "GetItem" => {
                if let Some(row) = answer["Item"].as_object_mut() {
                    row.remove("request_state");
                }
            }
            (Self::ListIgnoresClearing, "list-messages", _) if call.operation == "GetItem" => {
                if let Some(row) = answer["Item"].as_object_mut() {
                    row.remove("cleared_sk");
                }
            }
            (Self::NoTokenEnd, "stream-handler", Some(RowKind::Connection)) => {
                for row in answer["Items"].as_array_mut().unwrap() {
                    row["expires_at"] = json!({"N": "9999999999"});
                }
            }
            _ => self.edit_membership(call, answer, journal),
        }
    }

    /// Edits stream records before their delivery.
    pub(crate) fn edit_records(self, records: &mut [Value], journal: &Journal) {
        let images = records.iter_mut().filter_map(|record| record.pointer_mut("/dynamodb/NewImage"));
        for image in images.filter(|image| image.is_object()) {
            match (self, kind(image)) {
                (Self::HidingNotJoined, Some(RowKind::MemberState)) => {
                    image.as_object_mut().unwrap().remove("hidden_sk");
                }
                (Self::NoFloor, Some(RowKind::MemberState)) => {
                    image.as_object_mut().unwrap().remove("floor_sk");
                }
                (Self::EventsWithoutReceipts, Some(RowKind::MemberState)) => {
                    image["seen_sk"] = image["read_sk"].clone();
                    image["seen_at"] = image["read_at"].clone();
                    image["seen_version"] = image["version"].clone();
                }
                (Self::PreviewOfDeleted, Some(RowKind::Message)) if image.get("deleted_at").is_some() => {
                    let earlier = journal
                        .records(0)
                        .into_iter()
                        .map(|mut record| record["dynamodb"]["NewImage"].take());
                    let mut earlier = earlier.filter(|earlier| {
                        earlier["sk"] == image["sk"] && !text(earlier, "message").is_empty()
                    });
                    if let Some(earlier) = earlier.next() {
                        image["message"] = earlier["message"].clone();
                    }
                }
                _ => {}
            }
        }
    }

    fn edit_membership(self, call: &Call, answer: &mut Value, journal: &Journal) {
        let applies = match self {
            Self::NoMemberList => call.caller() == "stream-handler",
            Self::AuthorizationByIndex => call.caller() != "stream-handler",
            _ => false,
        };
        let key = Key::parse(text(&call.request["Key"], "pk"), text(&call.request["Key"], "sk"));
        let Some(Key::Membership(group)) = key.filter(|_| applies) else {
            return;
        };
        let shown = journal.indexed(&group.to_string());
        if let Some(members) = answer.pointer_mut("/Item/members/M").and_then(Value::as_object_mut) {
            members.retain(|member, _| {
                let inbox = Partition::Inbox(member.parse().unwrap()).to_string();
                shown.iter().any(|row| text(row, "pk") == inbox)
            });
        }
    }

    /// Makes a temporary failure of a write permanent.
    pub(crate) fn edit_fault(self, call: &Call, kind: FaultKind, fault: Fault) -> Fault {
        const PERMANENT: Failure = Failure::Status(400, "ValidationException");
        let applies = match self {
            Self::LostAnswerIsFailure => matches!(fault, Fault::Lost(_)) && kind != FaultKind::SilenceAfter,
            Self::NoConflictRetry => {
                matches!(kind, FaultKind::TransactionConflict | FaultKind::WriteConflict)
            }
            _ => false,
        };
        match fault {
            Fault::Lost(_) if applies && call.is_write() => Fault::Lost(PERMANENT),
            Fault::NotExecuted(_) if applies && call.is_write() => Fault::NotExecuted(PERMANENT),
            fault => fault,
        }
    }
}

/// The writes of a request: itself, or the actions of a transaction.
fn writes(request: &mut Value) -> Vec<&mut Value> {
    if request.get("TransactItems").is_none() {
        return vec![request];
    }
    let actions = request["TransactItems"].as_array_mut().unwrap();
    actions.iter_mut().flat_map(|action| action.as_object_mut().unwrap().values_mut()).collect()
}

/// The items that a request puts.
fn written(request: &mut Value) -> Vec<&mut Value> {
    writes(request).into_iter().filter_map(|write| write.get_mut("Item")).collect()
}

/// Makes conditions on attributes true that are about absent ones.
fn ignore_absent(request: &mut Value, is_ignored: impl Fn(&str) -> bool) {
    for write in writes(request) {
        let condition = write["ConditionExpression"].as_str().unwrap_or_default().to_owned();
        let names = write.get_mut("ExpressionAttributeNames").and_then(Value::as_object_mut);
        for (placeholder, name) in names.into_iter().flatten() {
            let is_absent = condition.contains(&format!("attribute_not_exists({placeholder})"));
            if is_absent && is_ignored(name.as_str().unwrap()) {
                *name = json!("never_there");
            }
        }
    }
}

fn kind(item: &Value) -> Option<RowKind> {
    RowKind::of_partition(text(item, "pk"))
}

/// The kind of rows that a query reads.
fn queried(request: &Value) -> Option<RowKind> {
    RowKind::of_partition(text(&request["ExpressionAttributeValues"], ":pk"))
}

/// Adds rows without events for the numbers that are missing between log rows.
fn fill_gaps(rows: &mut Vec<Value>) {
    let number = |row: &Value| text(row, "sk").parse::<u64>().unwrap();
    let mut filled = Vec::<Value>::new();
    for row in rows.drain(..) {
        let start = filled.last().map_or(number(&row), |last| number(last) + 1);
        for missing in start..number(&row) {
            let mut empty = row.clone();
            empty["sk"] = json!({"S": format!("{missing:016}")});
            empty["changes"] = json!({"L": []});
            filled.push(empty);
        }
        filled.push(row);
    }
    *rows = filled;
}

/// Logs the messages of a batch before the stream handler moves their groups.
pub(crate) async fn log_before_move(log: &EventLog, table: &DynamoDb, batch: &Batch) {
    for GroupRecords { changes, .. } in batch.changes().groups {
        let Ok(Some(membership)) = table.get::<Membership>(&Key::Membership(changes.group_uuid)).await else {
            continue;
        };
        for member in membership.members.keys() {
            let _ = log.append(*member, changes.logged_for(*member, false), None).await;
        }
    }
}

/// The old system's stream handler, one record at a time.
pub(crate) async fn old_algorithm(table: &DynamoDb, batch: &Batch) {
    for GroupRecords { changes: group, .. } in batch.changes().groups {
        let Some(newest) = group.newest() else { continue };
        let answer = table
            .client()
            .query()
            .table_name(table.name())
            .index_name(GROUP_INDEX)
            .key_condition_expression("message_group_uuid = :group")
            .expression_attribute_values(":group", AttributeValue::S(group.group_uuid.to_string()))
            .send()
            .await;
        for row in answer.ok().and_then(|answer| answer.items).unwrap_or_default() {
            let mut moved: Item = row.clone();
            moved.insert("sk".to_owned(), AttributeValue::S(newest.sk.to_string()));
            moved.insert("message".to_owned(), AttributeValue::S(preview(&newest.message)));
            let Some(key) = Key::of(&row) else { continue };
            let client = table.client();
            let delete = client.delete_item().table_name(table.name()).set_key(Some(Item::from(&key)));
            let put = client.put_item().table_name(table.name()).set_item(Some(moved));
            // It stopped at the first error, and Lambda retried.
            if delete.send().await.is_err() || put.send().await.is_err() {
                return;
            }
        }
    }
}

//! The table's stream: batches of records, parsed into changes.

use std::collections::BTreeMap;

use aws_lambda_events::event::dynamodb::EventRecord;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    error::Chain,
    projection::inbox::GroupChanges,
    table::{InvalidRow, MemberStateRow, MessageRow, Row, RowKind},
};

/// A batch of stream records as Lambda delivers it.
///
/// Records are parsed one by one. The types of `aws_lambda_events` require `eventID`, `eventName` and `awsRegion`, so
/// one malformed record would fail the whole batch.
#[derive(Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Box<RawValue>>,
}

/// A change of the table, as a record shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// A message was stored.
    MessageCreated(MessageRow),
    /// A message was edited or deleted, or its reactions have changed.
    MessageChanged(MessageRow),
    /// The state of a member has changed.
    MemberStateChanged(MemberStateRow),
}

/// The records of a group in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecords {
    /// Their changes. Each list is in order, without duplicates.
    pub changes: GroupChanges,
    /// Their sequence numbers, in the order of the batch.
    pub sequence_numbers: Vec<String>,
}

/// The changes of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The groups, in the order of their first records.
    pub groups: Vec<GroupRecords>,
    /// The number of malformed records.
    pub skipped: usize,
}

impl GroupRecords {
    fn add(&mut self, change: Change, sequence_number: String) {
        self.sequence_numbers.push(sequence_number);
        let GroupChanges { created, changed, states, .. } = &mut self.changes;
        match change {
            Change::MessageCreated(row) => insert(created, row, |row| row.sk),
            Change::MessageChanged(row) => insert(changed, row, |row| (row.sk, row.version)),
            Change::MemberStateChanged(row) => insert(states, row, |row| (row.sk, row.version)),
        }
    }
}

/// Inserts a row at its place, unless the batch delivered it before.
fn insert<Row, K: Ord>(rows: &mut Vec<Row>, row: Row, key: impl Fn(&Row) -> K) {
    if let Err(place) = rows.binary_search_by_key(&key(&row), key) {
        rows.insert(place, row);
    }
}

/// The reason for skipping a record.
#[derive(Debug, thiserror::Error)]
enum MalformedRecord {
    // Omits the text of serde's error, which may quote a message. Message texts are never logged.
    #[error("not a stream record ({0:?} error at column {1})")]
    Json(serde_json::error::Category, usize),
    #[error("the record has no partition key")]
    PartitionKey,
    #[error("the row is malformed")]
    Row(#[source] InvalidRow),
    #[error("the record has no sequence number")]
    SequenceNumber,
}

impl Batch {
    /// Parses the changes of the batch. Logs, counts and skips malformed records.
    #[must_use]
    pub fn changes(&self) -> Changes {
        let mut groups: Vec<GroupRecords> = Vec::new();
        let mut places = BTreeMap::new();
        let mut skipped = 0_usize;
        for record in &self.records {
            match change(record.get()) {
                Ok(None) => {}
                Ok(Some((group_uuid, change, sequence_number))) => {
                    let place = *places.entry(group_uuid).or_insert(groups.len());
                    if groups.len() == place {
                        let changes = GroupChanges { group_uuid, ..GroupChanges::default() };
                        groups.push(GroupRecords { changes, sequence_numbers: Vec::new() });
                    }
                    if let Some(group) = groups.get_mut(place) {
                        group.add(change, sequence_number);
                    }
                }
                Err(malformed) => {
                    skipped += 1;
                    let sequence_number = sequence_number(record.get());
                    tracing::error!(cause = %Chain(&malformed), sequence_number, "skipped a record");
                }
            }
        }
        Changes { groups, skipped }
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns `true` if the batch has no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Parses a record into its group, its change and its sequence number. Returns `None` for records of other changes.
fn change(record: &str) -> Result<Option<(Uuid, Change, String)>, MalformedRecord> {
    let record: EventRecord = serde_json::from_str(record)
        .map_err(|error| MalformedRecord::Json(error.classify(), error.column()))?;
    let is_new = match &*record.event_name {
        "INSERT" => true,
        "MODIFY" => false,
        _ => return Ok(None),
    };
    let Some(serde_dynamo::AttributeValue::S(pk)) = record.change.keys.get("pk") else {
        return Err(MalformedRecord::PartitionKey);
    };
    if !matches!(RowKind::of_partition(pk), Some(RowKind::Message | RowKind::MemberState)) {
        return Ok(None);
    }
    let row = Row::parse(record.change.new_image).map_err(MalformedRecord::Row)?;
    let (group_uuid, change) = match row {
        Row::Message(row) if is_new => (row.group_uuid(), Change::MessageCreated(row)),
        // The command `cruddur` refreshes names without a new version.
        Row::Message(row) if row.version == 1 => return Ok(None),
        Row::Message(row) => (row.group_uuid(), Change::MessageChanged(row)),
        Row::MemberState(row) => (row.group_uuid(), Change::MemberStateChanged(row)),
        _ => return Err(MalformedRecord::PartitionKey),
    };
    let group_uuid = group_uuid.ok_or(MalformedRecord::PartitionKey)?;
    // A failure cannot be reported without a sequence number: with an empty identifier, Lambda retries the whole batch.
    let sequence_number = record.change.sequence_number.filter(|number| !number.is_empty());
    let sequence_number = sequence_number.ok_or(MalformedRecord::SequenceNumber)?;
    Ok(Some((group_uuid, change, sequence_number)))
}

/// Finds the sequence number of a malformed record.
fn sequence_number(record: &str) -> Option<String> {
    let record: serde_json::Value = serde_json::from_str(record).ok()?;
    record.pointer("/dynamodb/SequenceNumber")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::table::Partition;

    /// The record of message `message` in the group `group`, delivered as number `number`.
    fn record(group: u128, message: u128, number: usize) -> Value {
        let uuid = Uuid::from_u128(message);
        let (pk, sk) = (
            Partition::Messages(Uuid::from_u128(group)).to_string(),
            format!("2026-11-22T09:30:00.000000Z#{uuid}"),
        );
        json!({
            "eventID": number.to_string(),
            "eventName": "INSERT",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_795_339_800,
                "Keys": {"pk": {"S": pk}, "sk": {"S": sk}},
                "NewImage": {
                    "pk": {"S": pk},
                    "sk": {"S": sk},
                    "message_uuid": {"S": uuid},
                    "message": {"S": format!("message {message}")},
                    "user_uuid": {"S": Uuid::nil()},
                    "user_display_name": {"S": "Sunyoung"},
                    "user_handle": {"S": "sunyoung"},
                },
                "SequenceNumber": number.to_string(),
                "SizeBytes": 300,
            },
        })
    }

    fn good_pk(group: u128) -> String {
        Partition::Messages(Uuid::from_u128(group)).to_string()
    }

    fn batch(records: &[Value]) -> Batch {
        serde_json::from_str(&json!({"Records": records}).to_string()).unwrap()
    }

    /// The messages of a group.
    fn group(group: u128, messages: &[u128], sequence_numbers: &[&str]) -> GroupRecords {
        let rows = messages.iter().map(|message| {
            let image = record(group, *message, 0)["dynamodb"]["NewImage"].clone();
            let item: serde_dynamo::Item = serde_json::from_value(image).unwrap();
            serde_dynamo::from_item(item).unwrap()
        });
        let group_uuid = Uuid::from_u128(group);
        GroupRecords {
            changes: GroupChanges { group_uuid, created: rows.collect(), ..GroupChanges::default() },
            sequence_numbers: sequence_numbers.iter().map(|&number| number.to_owned()).collect(),
        }
    }

    #[test]
    fn a_batch_has_each_groups_messages_in_order_and_all_sequence_numbers() {
        let records = [
            record(2, 5, 1),
            record(1, 7, 2),
            record(2, 6, 3),
            record(1, 4, 4),
            record(2, 6, 5),
            record(3, 8, 6),
        ];
        let expected = Changes {
            groups: vec![
                group(2, &[5, 6], &["1", "3", "5"]),
                group(1, &[4, 7], &["2", "4"]),
                group(3, &[8], &["6"]),
            ],
            skipped: 0,
        };
        assert_eq!(batch(&records).changes(), expected);
    }

    #[test]
    fn a_batch_knows_its_length() {
        let (none, two) = (batch(&[]), batch(&[record(1, 1, 1), json!(null)]));
        assert_eq!((none.len(), none.is_empty()), (0, true));
        assert_eq!((two.len(), two.is_empty()), (2, false));
    }

    /// The record with another value at `pointer`.
    fn with(mut record: Value, pointer: &str, value: impl Into<Value>) -> Value {
        *record.pointer_mut(pointer).unwrap() = value.into();
        record
    }

    #[test]
    fn records_of_other_changes_are_ignored() {
        let records = [
            with(record(1, 1, 1), "/eventName", "MODIFY"),
            with(record(1, 1, 2), "/eventName", "REMOVE"),
            with(record(1, 1, 3), "/dynamodb/Keys/pk/S", Partition::Inbox(Uuid::from_u128(1)).to_string()),
        ];
        assert_eq!(batch(&records).changes(), Changes::default());
    }

    #[test]
    fn a_malformed_record_is_skipped_and_counted() {
        let good = || record(1, 1, 1);
        let upper = good_pk(0xa).to_uppercase();
        let malformed = [
            json!(null),
            with(good(), "/eventName", 1),
            with(good(), "/dynamodb/Keys", json!({})),
            with(good(), "/dynamodb/Keys/pk", json!({"N": "1"})),
            with(good(), "/dynamodb/NewImage/message", json!({"N": "1"})),
            with(good(), "/dynamodb/NewImage/pk/S", Partition::Inbox(Uuid::from_u128(1)).to_string()),
            with(good(), "/dynamodb/NewImage/pk/S", good_pk(0xa).replace('-', "x")),
            // Another spelling of a UUID.
            with(good(), "/dynamodb/NewImage/pk/S", upper),
            with(good(), "/dynamodb/NewImage/message_uuid/S", Uuid::from_u128(2).to_string()),
            with(good(), "/dynamodb/SequenceNumber", Value::Null),
            with(good(), "/dynamodb/SequenceNumber", ""),
        ];
        for record in &malformed {
            let changes = batch(&[record.clone(), good()]).changes();
            assert_eq!(changes, Changes { groups: vec![group(1, &[1], &["1"])], skipped: 1 }, "{record}");
        }
        assert_eq!(batch(&malformed).changes(), Changes { groups: vec![], skipped: malformed.len() });
    }

    #[test]
    fn a_malformed_record_has_a_sequence_number_if_it_can_be_found() {
        assert_eq!(sequence_number(&record(1, 1, 17).to_string()), Some("17".to_owned()));
        assert_eq!(sequence_number(r#"{"dynamodb":{"SequenceNumber":17}}"#), None);
        assert_eq!(sequence_number("{"), None);
    }
}

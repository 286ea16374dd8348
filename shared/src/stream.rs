//! The table's stream: which records say that a group has a new message.

use std::collections::BTreeMap;

use aws_lambda_events::event::dynamodb::EventRecord;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    message::{MessageRow, partition_key},
    sort_key::SortKey,
};

pub mod move_group;

/// A batch of stream records as Lambda delivers it.
///
/// The records stay as they came until each is read by itself: the types of `aws_lambda_events` want
/// `eventID`, `eventName` and `awsRegion` of every record, so that one odd record would spoil them all.
#[derive(Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Box<RawValue>>,
}

/// A message that a group has got, the newest of those in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestMessage {
    /// The group.
    pub group_uuid: Uuid,
    /// Where the message stands.
    pub sk: SortKey,
    /// The whole text.
    pub message: String,
    /// The sequence numbers of all records of the group in the batch, in their order.
    pub sequence_numbers: Vec<String>,
}

/// What a batch says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMessages {
    /// For each group with new messages, the one with the greatest sort key; groups in the order of their first
    /// records.
    pub newest: Vec<NewestMessage>,
    /// Records that claim to be new messages and are malformed. Each was logged.
    pub skipped: usize,
}

/// Why a record is passed over although it looks like a new message.
#[derive(Debug, thiserror::Error)]
enum PoisonRecord {
    // Without the error's own text, which quotes what it stumbled over: that may be a message, and no message is
    // ever in the log.
    #[error("not a stream record ({0:?} error at column {1})")]
    Malformed(serde_json::error::Category, usize),
    #[error("not the row of a message")]
    NotAMessage(#[source] serde_dynamo::Error),
    #[error("the partition key is not a message group's")]
    PartitionKey,
    #[error("the sort key is another message's")]
    SortKey,
    #[error("the record has no sequence number")]
    SequenceNumber,
}

impl Batch {
    /// The new messages in the batch. Records that say nothing of one are left out; those that claim to and are
    /// malformed are left out, counted and logged.
    #[must_use]
    pub fn new_messages(&self) -> NewMessages {
        let mut newest: Vec<NewestMessage> = Vec::new();
        let mut places = BTreeMap::new();
        let mut skipped = 0_usize;
        for record in &self.records {
            match new_message(record.get()) {
                Ok(None) => {}
                Ok(Some(mut message)) => match places.get(&message.group_uuid) {
                    None => {
                        places.insert(message.group_uuid, newest.len());
                        newest.push(message);
                    }
                    Some(place) => {
                        if let Some(known) = newest.get_mut(*place) {
                            known.sequence_numbers.append(&mut message.sequence_numbers);
                            if message.sk > known.sk {
                                known.sk = message.sk;
                                known.message = message.message;
                            }
                        }
                    }
                },
                Err(poison) => {
                    skipped += 1;
                    let sequence_number = sequence_number(record.get());
                    tracing::error!(cause = %crate::error::Chain(&poison), sequence_number, "skipped a record");
                }
            }
        }
        NewMessages { newest, skipped }
    }

    /// Records in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// The message that a record says was created; none when the record says something else.
fn new_message(record: &str) -> Result<Option<NewestMessage>, PoisonRecord> {
    let record: EventRecord = serde_json::from_str(record)
        .map_err(|error| PoisonRecord::Malformed(error.classify(), error.column()))?;
    if record.event_name != "INSERT" {
        return Ok(None);
    }
    let Some(serde_dynamo::AttributeValue::S(pk)) = record.change.keys.get("pk") else {
        return Err(PoisonRecord::PartitionKey);
    };
    if !pk.starts_with("MSG#") {
        return Ok(None);
    }
    let row: MessageRow =
        serde_dynamo::from_item(record.change.new_image).map_err(PoisonRecord::NotAMessage)?;
    let group_uuid = row.pk.strip_prefix("MSG#").and_then(|uuid| uuid.parse().ok());
    let group_uuid: Uuid = group_uuid.ok_or(PoisonRecord::PartitionKey)?;
    // A uuid has more than one spelling; only the one that is printed names the group's partition.
    if row.pk != partition_key(group_uuid) {
        return Err(PoisonRecord::PartitionKey);
    }
    if row.sk.message_uuid != row.message_uuid {
        return Err(PoisonRecord::SortKey);
    }
    let sequence_number = record.change.sequence_number.filter(|number| !number.is_empty());
    Ok(Some(NewestMessage {
        group_uuid,
        sk: row.sk,
        message: row.message,
        // Without one a failure could not be reported: Lambda takes an empty identifier for the whole batch.
        sequence_numbers: vec![sequence_number.ok_or(PoisonRecord::SequenceNumber)?],
    }))
}

/// Whatever can be told of a record that can't be read.
fn sequence_number(record: &str) -> Option<String> {
    let record: serde_json::Value = serde_json::from_str(record).ok()?;
    record.pointer("/dynamodb/SequenceNumber")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The record of message `message` in the group `group`, delivered as number `number`.
    fn record(group: u128, message: u128, number: usize) -> Value {
        let uuid = Uuid::from_u128(message);
        let (pk, sk) = (partition_key(Uuid::from_u128(group)), format!("2026-11-22T09:30:00.000000Z#{uuid}"));
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

    fn batch(records: &[Value]) -> Batch {
        serde_json::from_str(&json!({"Records": records}).to_string()).unwrap()
    }

    /// The newest message that the record is of, when it is of one.
    fn newest(group: u128, message: u128, sequence_numbers: &[&str]) -> NewestMessage {
        NewestMessage {
            group_uuid: Uuid::from_u128(group),
            sk: format!("2026-11-22T09:30:00.000000Z#{}", Uuid::from_u128(message)).parse().unwrap(),
            message: format!("message {message}"),
            sequence_numbers: sequence_numbers.iter().map(|&number| number.to_owned()).collect(),
        }
    }

    #[test]
    fn of_each_group_the_newest_message_counts_and_every_sequence_number() {
        let records = [
            record(2, 5, 1),
            record(1, 7, 2),
            record(2, 6, 3),
            record(1, 4, 4),
            record(2, 6, 5),
            record(3, 8, 6),
        ];
        let expected = NewMessages {
            newest: vec![newest(2, 6, &["1", "3", "5"]), newest(1, 7, &["2", "4"]), newest(3, 8, &["6"])],
            skipped: 0,
        };
        assert_eq!(batch(&records).new_messages(), expected);
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
    fn what_is_not_a_new_message_is_left_out_and_not_counted() {
        let records = [
            with(record(1, 1, 1), "/eventName", "MODIFY"),
            with(record(1, 1, 2), "/eventName", "REMOVE"),
            with(record(1, 1, 3), "/dynamodb/Keys/pk/S", "GRP#00000000-0000-0000-0000-000000000001"),
        ];
        assert_eq!(batch(&records).new_messages(), NewMessages::default());
    }

    #[test]
    fn a_malformed_record_is_skipped_and_counted_and_spoils_no_other() {
        let good = || record(1, 1, 1);
        let upper = format!("MSG#{}", Uuid::from_u128(0xa).to_string().to_uppercase());
        let poison = [
            json!(null),
            with(good(), "/eventName", 1),
            with(good(), "/dynamodb/Keys", json!({})),
            with(good(), "/dynamodb/Keys/pk", json!({"N": "1"})),
            with(good(), "/dynamodb/NewImage/message", json!({"N": "1"})),
            with(good(), "/dynamodb/NewImage/pk/S", "GRP#00000000-0000-0000-0000-000000000001"),
            with(good(), "/dynamodb/NewImage/pk/S", "MSG#group"),
            // A uuid in another spelling than ours.
            with(good(), "/dynamodb/NewImage/pk/S", upper),
            with(good(), "/dynamodb/NewImage/message_uuid/S", Uuid::from_u128(2).to_string()),
            with(good(), "/dynamodb/SequenceNumber", Value::Null),
            with(good(), "/dynamodb/SequenceNumber", ""),
        ];
        for record in &poison {
            let messages = batch(&[record.clone(), good()]).new_messages();
            assert_eq!(messages, NewMessages { newest: vec![newest(1, 1, &["1"])], skipped: 1 }, "{record}");
        }
        assert_eq!(batch(&poison).new_messages(), NewMessages { newest: vec![], skipped: poison.len() });
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named_by_its_sequence_number() {
        assert_eq!(sequence_number(&record(1, 1, 17).to_string()), Some("17".to_owned()));
        assert_eq!(sequence_number(r#"{"dynamodb":{"SequenceNumber":17}}"#), None);
        assert_eq!(sequence_number("{"), None);
    }
}

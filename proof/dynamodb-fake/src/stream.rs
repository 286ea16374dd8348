//! The table's stream, in one shard.
//!
//! It replaces the embedded engine's stream, which is read whole at each write and becomes unusable beyond
//! some ten thousand records.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::journal::Change;

const ARN: &str =
    "arn:aws:dynamodb:us-east-1:000000000000:table/cruddur-messages/stream/2026-11-22T09:30:00.000";

const SHARD: &str = "shardId-00000000000000000000-00000000";

/// Number of records kept after they were read, because a batch of 100 may be read again.
const KEPT: usize = 50_000;

#[derive(Default)]
pub(crate) struct Stream {
    /// Records as JSON text, which needs a tenth of the memory of a `Value`.
    kept: VecDeque<String>,
    trimmed: usize,
    /// The position of the first unread record.
    unread: usize,
}

/// The record of a new row.
#[must_use]
pub fn stream_record(row: &Value, number: usize) -> Value {
    with_image("INSERT", row, number)
}

/// The record of a changed row.
#[must_use]
pub fn change_record(row: &Value, number: usize) -> Value {
    with_image("MODIFY", row, number)
}

fn with_image(event: &str, row: &Value, number: usize) -> Value {
    let mut record = record(event, row, number);
    record["dynamodb"]["NewImage"] = row.clone();
    record
}

fn record(event: &str, keys: &Value, number: usize) -> Value {
    json!({
        "eventID": format!("{number:032x}"),
        "eventName": event,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_339_800,
            "Keys": {"pk": keys["pk"], "sk": keys["sk"]},
            "SequenceNumber": format!("{number:021}"),
            "SizeBytes": 300,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": ARN,
    })
}

impl Stream {
    /// Removes the stream from a `CreateTable` request. This stream replaces the engine's.
    pub(crate) fn replace(request: &mut Value) {
        if let Some(request) = request.as_object_mut() {
            request.remove("StreamSpecification");
        }
    }

    /// Adds the stream to a table's description.
    pub(crate) fn describe(response: &mut Value) {
        for name in ["Table", "TableDescription"] {
            if let Some(table) = response.get_mut(name).filter(|table| table.is_object()) {
                table["LatestStreamArn"] = json!(ARN);
                table["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"});
            }
        }
    }

    pub(crate) fn append(&mut self, change: &Change) {
        let number = self.trimmed + self.kept.len() + 1;
        let record = match change {
            // Rows that are replaced in place have versions, and so have those that an update creates.
            Change::Put(row) if row["version"]["N"].as_str().is_some_and(|version| version != "1") => {
                change_record(row, number)
            }
            Change::Update(row) if row["version"]["N"] != "1" => change_record(row, number),
            Change::Put(row) | Change::Update(row) => stream_record(row, number),
            Change::Delete((pk, sk)) => record("REMOVE", &json!({"pk": {"S": pk}, "sk": {"S": sk}}), number),
        };
        self.kept.push_back(record.to_string());
    }

    /// Returns up to `limit` records from position `from` on.
    pub(crate) fn read(&mut self, from: usize, limit: usize) -> Vec<String> {
        assert!(from >= self.trimmed, "record {from} is trimmed");
        let page = self.kept.iter().skip(from - self.trimmed).take(limit).cloned().collect::<Vec<_>>();
        self.unread = self.unread.max(from + page.len());
        while self.unread - self.trimmed > KEPT {
            self.kept.pop_front();
            self.trimmed += 1;
        }
        page
    }

    /// Responds to a call of the streams API.
    pub(crate) fn respond(&mut self, operation: &str, request: &Value) -> String {
        match operation {
            "DescribeStream" => json!({"StreamDescription": {
                "StreamArn": ARN,
                "StreamStatus": "ENABLED",
                "StreamViewType": "NEW_IMAGE",
                "Shards": [{"ShardId": SHARD, "SequenceNumberRange": {"StartingSequenceNumber": format!("{:021}", 1)}}],
            }})
            .to_string(),
            "GetShardIterator" => {
                let after = request["SequenceNumber"].as_str().and_then(|number| number.parse().ok());
                json!({"ShardIterator": after.unwrap_or(0_usize).to_string()}).to_string()
            }
            "GetRecords" => {
                let from = request["ShardIterator"].as_str().unwrap().parse::<usize>().unwrap();
                let limit = request["Limit"].as_u64().map_or(1_000, |limit| usize::try_from(limit).unwrap());
                let page = self.read(from, limit);
                let next = from + page.len();
                format!(r#"{{"Records":[{}],"NextShardIterator":"{next}"}}"#, page.join(","))
            }
            _ => panic!("unsupported stream operation {operation}"),
        }
    }
}

//! The table's stream, in one shard. (That of the embedded DynamoDB reads through all of its records at each write: past some
//! ten thousand it would be all that a run does.)

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// Where the stream says that it is.
const ARN: &str =
    "arn:aws:dynamodb:us-east-1:000000000000:table/cruddur-messages/stream/2026-01-01T00:00:00.000";

const SHARD: &str = "shardId-00000000000000000000-00000000";

/// Records that are kept for whoever has read them and asks once more: a batch has a hundred.
const KEPT: usize = 50_000;

/// The stream. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Stream(Arc<Mutex<Records>>);

#[derive(Default)]
struct Records {
    /// Each as JSON: a tenth of the memory of a value.
    kept: VecDeque<String>,
    /// Records that were trimmed.
    trimmed: usize,
    /// The first that nobody has read.
    unread: usize,
}

impl Stream {
    /// Takes the table's stream out of a request to make it: this one stands in for it.
    pub(super) fn replace(request: &mut Value) {
        if let Some(request) = request.as_object_mut() {
            request.remove("StreamSpecification");
        }
    }

    /// Names the stream in a table's description.
    pub(super) fn describe(answer: &mut Value) {
        for name in ["Table", "TableDescription"] {
            if let Some(table) = answer.get_mut(name).filter(|table| table.is_object()) {
                table["LatestStreamArn"] = json!(ARN);
                table["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"});
            }
        }
    }

    /// A write was carried out: it has put these items and deleted these keys.
    pub(super) fn append(&self, operation: &str, request: &Value) {
        let actions = match operation {
            "TransactWriteItems" => request["TransactItems"].as_array().map_or(&[][..], Vec::as_slice),
            "PutItem" | "DeleteItem" => std::slice::from_ref(request),
            _ => return,
        };
        let mut records = self.0.lock().unwrap();
        for action in actions {
            let action = action.get("Put").or_else(|| action.get("Delete")).unwrap_or(action);
            let (name, row) = match action.get("Item") {
                Some(item) => ("INSERT", item),
                None => ("REMOVE", &action["Key"]),
            };
            let mut change = json!({
                "ApproximateCreationDateTime": 1_795_339_800,
                "Keys": {"pk": row["pk"], "sk": row["sk"]},
                "SequenceNumber": format!("{:021}", records.end() + 1),
                "SizeBytes": 300,
                "StreamViewType": "NEW_IMAGE",
            });
            if name == "INSERT" {
                change["NewImage"] = row.clone();
            }
            let record = json!({
                "eventID": format!("{:032x}", records.end() + 1),
                "eventName": name,
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1",
                "dynamodb": change,
            });
            records.kept.push_back(record.to_string());
        }
    }

    /// The answer to a call of the streams' API.
    pub(super) fn answer(&self, operation: &str, request: &Value) -> String {
        let mut records = self.0.lock().unwrap();
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
                assert!(from >= records.trimmed, "records are asked for that are not kept any more");
                let page = records.kept.iter().skip(from - records.trimmed).take(limit);
                let page = page.map(String::as_str).collect::<Vec<_>>();
                let next = from + page.len();
                let answer = format!(r#"{{"Records":[{}],"NextShardIterator":"{next}"}}"#, page.join(","));
                records.unread = records.unread.max(next);
                while records.unread - records.trimmed > KEPT {
                    records.kept.pop_front();
                    records.trimmed += 1;
                }
                answer
            }
            _ => panic!("{operation} is not among the operations of a stream that the mapping knows"),
        }
    }
}

impl Records {
    fn end(&self) -> usize {
        self.trimmed + self.kept.len()
    }
}

//! The dead-letter destination: metadata of given-up records, as Lambda's `OnFailure` messages, one JSON line
//! each.

use std::{fs::OpenOptions, io, io::Write as _, path::PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::delivery::{Condition, GivenUp, Record};

/// The dead-letter destination: a file of JSON lines. Without a file, messages are only logged.
#[derive(Debug)]
pub(super) struct DeadLetters {
    file: Option<PathBuf>,
    stream_arn: String,
    function_arn: String,
}

#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) request_id: String,
    pub(super) condition: &'static str,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) records: usize,
    pub(super) invocations: u32,
    message: Value,
}

impl DeadLetters {
    pub(super) fn new(file: Option<PathBuf>, stream_arn: &str, function: &str) -> Self {
        let mut parts = stream_arn.split(':').skip(3);
        let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let function_arn = format!("arn:aws:lambda:{region}:{account}:function:{function}");
        Self { file, stream_arn: stream_arn.to_owned(), function_arn }
    }

    /// The message for records of `shard` that are given up at `now`. Returns `None` if there are no records.
    pub(super) fn letter(
        &self,
        shard: &str,
        given_up: &GivenUp<'_>,
        request_id: String,
        now: DateTime<Utc>,
    ) -> Option<DeadLetter> {
        let (Some(first), Some(last)) = (given_up.records.first(), given_up.records.last()) else {
            return None;
        };
        let condition = match given_up.condition {
            Condition::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Condition::RecordAgeExceeded => "RecordAgeExceeded",
        };
        let arrival = |record: &Record| record.created_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut message = json!({
            "requestContext": {
                "requestId": request_id,
                "functionArn": self.function_arn,
                "condition": condition,
                "approximateInvokeCount": given_up.invocations,
            },
            "version": "1.0",
            "timestamp": now.to_rfc3339_opts(SecondsFormat::Millis, true),
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": first.sequence_number,
                "endSequenceNumber": last.sequence_number,
                "approximateArrivalOfFirstRecord": arrival(first),
                "approximateArrivalOfLastRecord": arrival(last),
                "batchSize": given_up.records.len(),
                "streamArn": self.stream_arn,
            },
        });
        // Only an invocation has a response. After a partial failure, the response has no function error.
        if let (Value::Object(keys), true) = (&mut message, given_up.invocations > 0) {
            let function_error = given_up.function_error.then_some("Unhandled");
            let response =
                json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": function_error });
            keys.insert("responseContext".to_owned(), response);
        }
        Some(DeadLetter {
            request_id,
            condition,
            first: first.sequence_number.clone(),
            last: last.sequence_number.clone(),
            records: given_up.records.len(),
            invocations: given_up.invocations,
            message,
        })
    }

    /// Appends the message and syncs it to disk.
    pub(super) async fn send(&self, letter: &DeadLetter) -> io::Result<()> {
        let Some(file) = self.file.clone() else {
            return Ok(());
        };
        let line = format!("{}\n", letter.message);
        let append = move || {
            let mut file = OpenOptions::new().create(true).append(true).open(file)?;
            file.write_all(line.as_bytes())?;
            file.sync_data()
        };
        spawn_blocking(append).await.unwrap_or_else(|panic| Err(panic.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/1";

    fn record(sequence_number: &str, seconds: i64) -> Record {
        Record {
            sequence_number: sequence_number.to_owned(),
            created_at: DateTime::from_timestamp(seconds, 0).unwrap(),
            event: json!({"dynamodb": {"NewImage": {"message": {"S": "secret"}}}}),
        }
    }

    fn message(given_up: &GivenUp<'_>) -> Value {
        let now = DateTime::from_timestamp_millis(1_573_690_429_717).unwrap();
        let letters = DeadLetters::new(None, ARN, "stream-handler");
        letters.letter("shardId-1", given_up, "316aa6d0".to_owned(), now).unwrap().message
    }

    #[test]
    fn a_message_has_the_shape_of_lambdas_and_no_contents() {
        let (first, last) = (record("10", 1_573_690_399), record("12", 1_573_690_400));
        let given_up = GivenUp {
            records: vec![&first, &last],
            condition: Condition::RetryAttemptsExhausted,
            invocations: 101,
            function_error: true,
        };
        assert_eq!(
            message(&given_up),
            json!({
                "requestContext": {
                    "requestId": "316aa6d0",
                    "functionArn": "arn:aws:lambda:eu-central-1:000000000000:function:stream-handler",
                    "condition": "RetryAttemptsExhausted",
                    "approximateInvokeCount": 101,
                },
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "version": "1.0",
                "timestamp": "2019-11-14T00:13:49.717Z",
                "DDBStreamBatchInfo": {
                    "shardId": "shardId-1",
                    "startSequenceNumber": "10",
                    "endSequenceNumber": "12",
                    "approximateArrivalOfFirstRecord": "2019-11-14T00:13:19Z",
                    "approximateArrivalOfLastRecord": "2019-11-14T00:13:20Z",
                    "batchSize": 2,
                    "streamArn": ARN,
                },
            })
        );
    }

    #[test]
    fn a_reported_failure_is_no_function_error() {
        let record = record("10", 0);
        let given_up = GivenUp {
            records: vec![&record],
            condition: Condition::RetryAttemptsExhausted,
            invocations: 1,
            function_error: false,
        };
        assert_eq!(message(&given_up)["responseContext"]["functionError"], Value::Null);
    }

    #[test]
    fn a_record_that_was_never_delivered_has_no_response() {
        let record = record("10", 0);
        let given_up = GivenUp {
            records: vec![&record],
            condition: Condition::RecordAgeExceeded,
            invocations: 0,
            function_error: false,
        };
        let message = message(&given_up);
        assert_eq!(message["requestContext"]["condition"], "RecordAgeExceeded");
        assert_eq!(message.get("responseContext"), None);
    }

    #[tokio::test]
    async fn every_message_is_a_line_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dead-letters.jsonl");
        let letters = DeadLetters::new(Some(file.clone()), ARN, "stream-handler");
        for number in ["10", "11"] {
            let record = record(number, 0);
            let given_up = GivenUp {
                records: vec![&record],
                condition: Condition::RetryAttemptsExhausted,
                invocations: 1,
                function_error: true,
            };
            let letter = letters.letter("shardId-1", &given_up, String::new(), DateTime::UNIX_EPOCH).unwrap();
            letters.send(&letter).await.unwrap();
        }
        let lines = std::fs::read_to_string(file).unwrap();
        let numbers: Vec<_> = lines
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["DDBStreamBatchInfo"]["startSequenceNumber"]
                    .clone()
            })
            .collect();
        assert_eq!(numbers, ["10", "11"]);
    }
}

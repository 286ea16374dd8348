//! The dead-letter destination: metadata of given-up records, as Lambda's `OnFailure` messages, one JSON line
//! each.

use std::{fs::OpenOptions, io, io::Write as _, path::PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::delivery::{GivenUp, Record};
use crate::function::without_nulls;

/// The dead-letter destination: a file of JSON lines. Without a file, messages are only logged.
#[derive(Debug)]
pub(super) struct DeadLetters {
    file: Option<PathBuf>,
    stream_arn: String,
    function_arn: String,
}

impl DeadLetters {
    pub(super) fn new(file: Option<PathBuf>, stream_arn: &str, function: &str) -> Self {
        let mut parts = stream_arn.split(':').skip(3);
        let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let function_arn = format!("arn:aws:lambda:{region}:{account}:function:{function}");
        Self { file, stream_arn: stream_arn.to_owned(), function_arn }
    }

    /// The message for records of `shard` that are given up at `now`.
    pub(super) fn message(
        &self,
        shard: &str,
        given_up: &GivenUp<'_>,
        request_id: &str,
        now: DateTime<Utc>,
    ) -> Value {
        let (first, last) = (given_up.records.first(), given_up.records.last());
        let number = |record: &&Record| record.sequence_number.clone();
        let arrival = |record: &&Record| record.created_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        // Only an invocation has a response. After a partial failure, the response has no function error.
        let function_error = given_up.function_error.then_some("Unhandled");
        let response =
            json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": function_error });
        without_nulls(json!({
            "requestContext": {
                "requestId": request_id,
                "functionArn": self.function_arn,
                "condition": given_up.condition,
                "approximateInvokeCount": given_up.invocations,
            },
            "responseContext": (given_up.invocations > 0).then_some(response),
            "version": "1.0",
            "timestamp": now.to_rfc3339_opts(SecondsFormat::Millis, true),
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": first.map(number),
                "endSequenceNumber": last.map(number),
                "approximateArrivalOfFirstRecord": first.map(arrival),
                "approximateArrivalOfLastRecord": last.map(arrival),
                "batchSize": given_up.records.len(),
                "streamArn": self.stream_arn,
            },
        }))
    }

    /// Appends the message and syncs it to disk.
    pub(super) async fn send(&self, message: &Value) -> io::Result<()> {
        let Some(file) = self.file.clone() else {
            return Ok(());
        };
        let line = format!("{message}\n");
        let append = move || {
            let mut file = OpenOptions::new().create(true).append(true).open(file)?;
            file.write_all(line.as_bytes())?;
            file.sync_data()
        };
        spawn_blocking(append).await?
    }
}

#[cfg(test)]
mod tests {
    use super::{super::delivery::Condition, *};

    const ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/1";

    fn record(sequence_number: &str, seconds: i64) -> Record {
        Record {
            sequence_number: sequence_number.to_owned(),
            created_at: DateTime::from_timestamp(seconds, 0).unwrap(),
            event: json!({"dynamodb": {"NewImage": {"message": {"S": "secret"}}}}),
        }
    }

    /// Records that were given up after one invocation that reported a failure.
    fn given_up<'a>(records: &[&'a Record]) -> GivenUp<'a> {
        GivenUp {
            records: records.to_vec(),
            condition: Condition::RetryAttemptsExhausted,
            invocations: 1,
            function_error: false,
        }
    }

    fn message(given_up: &GivenUp<'_>) -> Value {
        let now = DateTime::from_timestamp_millis(1_573_690_429_717).unwrap();
        DeadLetters::new(None, ARN, "stream-handler").message("shardId-1", given_up, "316aa6d0", now)
    }

    #[test]
    fn a_message_has_the_shape_of_lambdas_and_no_contents() {
        let (first, last) = (record("10", 1_573_690_399), record("12", 1_573_690_400));
        let given_up = GivenUp { invocations: 101, function_error: true, ..given_up(&[&first, &last]) };
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
        let response = &message(&given_up(&[&record("10", 0)]))["responseContext"];
        assert_eq!((&response["statusCode"], &response["functionError"]), (&json!(200), &Value::Null));
    }

    #[test]
    fn a_record_that_was_never_delivered_has_no_response() {
        let record = record("10", 0);
        let given_up =
            GivenUp { condition: Condition::RecordAgeExceeded, invocations: 0, ..given_up(&[&record]) };
        let message = message(&given_up);
        assert_eq!(message["requestContext"]["condition"], "RecordAgeExceeded");
        assert_eq!(message.get("responseContext"), None);
    }

    #[tokio::test]
    async fn each_message_is_a_line_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dead-letters.jsonl");
        let letters = DeadLetters::new(Some(file.clone()), ARN, "stream-handler");
        let messages = ["10", "11"].map(|number| message(&given_up(&[&record(number, 0)])));
        for message in &messages {
            letters.send(message).await.unwrap();
        }
        let lines = std::fs::read_to_string(file).unwrap();
        assert!(lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).eq(messages));
    }
}

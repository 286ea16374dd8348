//! Checks of the event source mapping of the table's stream, and of its dead letters.

use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::report::{CheckResult, Problem, Success};
use crate::aws_calls::{Calls, LAMBDA, SQS, function_name};

/// Checks that the stream has one mapping, which is enabled, configured as in the template, and without problems.
pub(super) async fn check_mapping(calls: &Calls, stream_arn: &str) -> CheckResult {
    let path = format!(
        "/2015-03-31/event-source-mappings?EventSourceArn={}",
        utf8_percent_encode(stream_arn, NON_ALPHANUMERIC)
    );
    let permission = "lambda:ListEventSourceMappings";
    let answer: Value = calls
        .call(LAMBDA, &path, &Request::default())
        .await
        .map_err(|error| Problem::of_error(&error, permission))?;
    let mappings = answer.get("EventSourceMappings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let [mapping] = mappings else {
        let count = mappings.len();
        return Err(Problem::new(
            format!("{count} event source mappings of the table's stream, expected 1"),
            match count {
                0 => "deploy the template's StreamMapping, which updates inboxes",
                _ => "delete the mappings other than the template's StreamMapping",
            },
        ));
    };
    assess(mapping)
}

fn assess(mapping: &Value) -> CheckResult {
    let text = |name: &str| mapping.get(name).and_then(Value::as_str);
    let function = text("FunctionArn").map_or("unknown", function_name);
    let state = text("State").unwrap_or("unknown");
    if state != "Enabled" {
        let reason = text("StateTransitionReason").unwrap_or("no reason given");
        return Err(Problem::new(
            format!("the mapping to {function} is {state} ({reason})"),
            "wait if it is being created, or enable it with `aws lambda update-event-source-mapping --enabled`",
        ));
    }
    let last = text("LastProcessingResult").unwrap_or("nothing processed yet");
    if last.starts_with("PROBLEM") {
        return Err(Problem::new(
            format!("the mapping to {function} reports {last}"),
            "see the function's log, and check that its policy allows the stream, the table and its index",
        ));
    }
    let is_set = |pointer: &str| mapping.pointer(pointer).is_some_and(|value| !value.is_null());
    let response_types = mapping.get("FunctionResponseTypes").and_then(Value::as_array);
    let reports_failures =
        response_types.is_some_and(|types| types.contains(&json!("ReportBatchItemFailures")));
    let missing = [
        ("ReportBatchItemFailures", reports_failures),
        ("the filter on new messages", is_set("/FilterCriteria/Filters/0")),
        ("a queue for dead letters", is_set("/DestinationConfig/OnFailure/Destination")),
    ];
    let missing = missing.into_iter().filter_map(|(name, is_set)| (!is_set).then_some(name));
    let missing = missing.collect::<Vec<_>>();
    if !missing.is_empty() {
        return Err(Problem::new(
            format!("the mapping to {function} lacks {}", missing.join(", ")),
            "deploy the template's StreamMapping again, since it was changed",
        ));
    }
    Ok(Success::new(format!("the mapping to {function} is enabled; its last result: {last}")))
}

/// Checks that there are no dead letters.
pub(super) async fn check_dead_letters(calls: &Calls, queue_url: &str) -> CheckResult {
    let body = json!({"QueueUrl": queue_url, "AttributeNames": ["ApproximateNumberOfMessages"]});
    let permission = "sqs:GetQueueAttributes";
    let answer: Value = calls
        .json(SQS, "AmazonSQS.GetQueueAttributes", &body)
        .await
        .map_err(|error| Problem::of_error(&error, permission))?;
    let count = answer.pointer("/Attributes/ApproximateNumberOfMessages").and_then(Value::as_str);
    match count.unwrap_or("an unknown number of") {
        "0" => Ok(Success::new("none")),
        count => Err(Problem::new(
            format!("{count} failed moves in the queue"),
            "find the cause in stream-handler's log and fix it, run `cruddur ddb doctor --repair`, then purge the queue",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(change: impl FnOnce(&mut Value)) -> Result<(), String> {
        let mut mapping = json!({
            "State": "Enabled",
            "LastProcessingResult": "OK",
            "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:stream-handler:live",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {"Filters": [{"Pattern": "{}"}]},
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:dead"}},
        });
        change(&mut mapping);
        assess(&mapping).map(|_| ()).map_err(|problem| problem.seen)
    }

    #[test]
    fn a_mapping_as_in_the_template_passes() {
        assert_eq!(mapping(|_| {}), Ok(()));
        assert_eq!(mapping(|mapping| mapping["LastProcessingResult"] = Value::Null), Ok(()));
    }

    #[test]
    fn a_difference_from_the_template_is_reported() {
        for (change, seen) in [
            (json!({"State": "Disabled"}), "the mapping to stream-handler is Disabled (no reason given)"),
            (
                json!({"LastProcessingResult": "PROBLEM: Function call failed"}),
                "the mapping to stream-handler reports PROBLEM: Function call failed",
            ),
            (
                json!({"FunctionResponseTypes": []}),
                "the mapping to stream-handler lacks ReportBatchItemFailures",
            ),
            (
                json!({"FilterCriteria": {"Filters": []}}),
                "the mapping to stream-handler lacks the filter on new messages",
            ),
            (
                json!({"DestinationConfig": {"OnFailure": {}}}),
                "the mapping to stream-handler lacks a queue for dead letters",
            ),
        ] {
            let result = mapping(|mapping| {
                let changes = change.as_object().unwrap().clone();
                mapping.as_object_mut().unwrap().extend(changes);
            });
            assert_eq!(result, Err(seen.to_owned()));
        }
    }
}

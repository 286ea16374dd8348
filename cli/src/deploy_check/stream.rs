//! Checks of the event source mapping of the table's stream, and of its dead letters.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    calls::{Calls, Service},
    check::{CheckResult, Problem, Success},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mappings {
    event_source_mappings: Vec<Mapping>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mapping {
    state: Option<String>,
    state_transition_reason: Option<String>,
    last_processing_result: Option<String>,
    function_arn: Option<String>,
    #[serde(default)]
    function_response_types: Option<Vec<String>>,
    filter_criteria: Option<Value>,
    destination_config: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Queue {
    attributes: Attributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_number_of_messages: String,
}

/// Checks that the stream has one mapping, which is enabled, configured as in the template, and without problems.
pub(super) async fn check_mapping(calls: &Calls, stream_arn: &str) -> CheckResult {
    let path = format!(
        "/2015-03-31/event-source-mappings?EventSourceArn={}",
        utf8_percent_encode(stream_arn, NON_ALPHANUMERIC)
    );
    let permission = "lambda:ListEventSourceMappings";
    let answer: Mappings = calls.rest(Service::Lambda, Method::GET, &path, "", permission).await?;
    let [mapping] = &*answer.event_source_mappings else {
        let count = answer.event_source_mappings.len();
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

fn assess(mapping: &Mapping) -> CheckResult {
    let function =
        mapping.function_arn.as_deref().and_then(|arn| arn.rsplit(':').next()).unwrap_or("unknown");
    let state = mapping.state.as_deref().unwrap_or("unknown");
    if state != "Enabled" {
        let reason = mapping.state_transition_reason.as_deref().unwrap_or("no reason given");
        return Err(Problem::new(
            format!("the mapping to {function} is {state} ({reason})"),
            "wait if it is being created, or enable it with `aws lambda update-event-source-mapping --enabled`",
        ));
    }
    let last = mapping.last_processing_result.as_deref().unwrap_or("nothing processed yet");
    if last.starts_with("PROBLEM") {
        return Err(Problem::new(
            format!("the mapping to {function} reports {last}"),
            "see the function's log, and check that its policy allows the stream, the table and its index",
        ));
    }
    let mut missing = Vec::new();
    let reports =
        mapping.function_response_types.iter().flatten().any(|kind| kind == "ReportBatchItemFailures");
    if !reports {
        missing.push("ReportBatchItemFailures");
    }
    let is_set = |value: &Option<Value>, pointer: &str| {
        value.as_ref().and_then(|value| value.pointer(pointer)).is_some_and(|value| !value.is_null())
    };
    if !is_set(&mapping.filter_criteria, "/Filters/0") {
        missing.push("the filter on new messages");
    }
    if !is_set(&mapping.destination_config, "/OnFailure/Destination") {
        missing.push("a queue for dead letters");
    }
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
    let queue: Queue = calls.json(Service::Sqs, "AmazonSQS.GetQueueAttributes", &body, permission).await?;
    match &*queue.attributes.approximate_number_of_messages {
        "0" => Ok(Success::new("none")),
        count => Err(Problem::new(
            format!("{count} failed moves in the queue"),
            "run `cruddur ddb doctor --repair`, fix the cause in stream-handler's log, and purge the queue",
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
            "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:stream-handler",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {"Filters": [{"Pattern": "{}"}]},
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:123456789012:dead"}},
        });
        change(&mut mapping);
        assess(&serde_json::from_value(mapping).unwrap()).map(|_| ()).map_err(|problem| problem.seen)
    }

    #[test]
    fn a_mapping_as_in_the_template_passes() {
        assert_eq!(mapping(|_| {}), Ok(()));
        assert_eq!(mapping(|mapping| mapping["LastProcessingResult"] = Value::Null), Ok(()));
    }

    #[test]
    fn a_difference_to_the_template_is_reported() {
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

//! What moves the inbox rows: the mapping between the table's stream and the function, and what it gave up on.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    calls::{Calls, Service},
    check::{Good, Look, Problem},
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
    /// A number, as text.
    approximate_number_of_messages: String,
}

/// The mapping of the stream: there is one, it is on, reports what fails, and its last batch went well.
pub(super) async fn check_mapping(calls: &Calls, stream_arn: &str) -> Look {
    let path = format!(
        "/2015-03-31/event-source-mappings?EventSourceArn={}",
        utf8_percent_encode(stream_arn, NON_ALPHANUMERIC)
    );
    let permission = "lambda:ListEventSourceMappings";
    let answer: Mappings = calls.rest(Service::Lambda, Method::GET, &path, "", permission).await?;
    let [mapping] = &*answer.event_source_mappings else {
        let count = answer.event_source_mappings.len();
        return Err(Problem::new(
            format!("{count} event source mappings read the table's stream, and not one"),
            match count {
                0 => "deploy the template's StreamMapping: without it no inbox ever changes",
                _ => "delete those that are not of the template's StreamMapping: each moves the same rows",
            },
        ));
    };
    judge(mapping)
}

fn judge(mapping: &Mapping) -> Look {
    let function =
        mapping.function_arn.as_deref().and_then(|arn| arn.rsplit(':').next()).unwrap_or("unknown");
    let state = mapping.state.as_deref().unwrap_or("unknown");
    if state != "Enabled" {
        let reason = mapping.state_transition_reason.as_deref().unwrap_or("no reason given");
        return Err(Problem::new(
            format!("the mapping to {function} is {state} ({reason})"),
            "wait if it is being made; otherwise enable it: `aws lambda update-event-source-mapping --enabled`",
        ));
    }
    let last = mapping.last_processing_result.as_deref().unwrap_or("nothing processed yet");
    if last.starts_with("PROBLEM") {
        return Err(Problem::new(
            format!("the mapping to {function} says {last}"),
            "look into the function's log, and at its policy: it takes the stream, the table and its index",
        ));
    }
    let mut lacks = Vec::new();
    let reports =
        mapping.function_response_types.iter().flatten().any(|kind| kind == "ReportBatchItemFailures");
    if !reports {
        lacks.push("ReportBatchItemFailures");
    }
    let is_set = |value: &Option<Value>, pointer: &str| {
        value.as_ref().and_then(|value| value.pointer(pointer)).is_some_and(|value| !value.is_null())
    };
    if !is_set(&mapping.filter_criteria, "/Filters/0") {
        lacks.push("the filter on new messages");
    }
    if !is_set(&mapping.destination_config, "/OnFailure/Destination") {
        lacks.push("a queue for dead letters");
    }
    if !lacks.is_empty() {
        return Err(Problem::new(
            format!("the mapping to {function} lacks {}", lacks.join(", ")),
            "deploy the template's StreamMapping as it is; somebody has changed it by hand",
        ));
    }
    Ok(Good::new(format!("the mapping to {function} is enabled; its last result: {last}")))
}

/// Nothing was given up on.
pub(super) async fn check_dead_letters(calls: &Calls, queue_url: &str) -> Look {
    let body = json!({"QueueUrl": queue_url, "AttributeNames": ["ApproximateNumberOfMessages"]});
    let permission = "sqs:GetQueueAttributes";
    let queue: Queue = calls.json(Service::Sqs, "AmazonSQS.GetQueueAttributes", &body, permission).await?;
    match &*queue.attributes.approximate_number_of_messages {
        "0" => Ok(Good::new("there are none")),
        count => Err(Problem::new(
            format!("there are {count} in the queue: moves that were given up on"),
            "`cruddur ddb doctor --repair` moves the rows; mend what stream-handler's log shows, and purge the queue",
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
        judge(&serde_json::from_value(mapping).unwrap()).map(|_| ()).map_err(|problem| problem.seen)
    }

    #[test]
    fn a_mapping_is_as_the_template_has_it() {
        assert_eq!(mapping(|_| {}), Ok(()));
        assert_eq!(mapping(|mapping| mapping["LastProcessingResult"] = Value::Null), Ok(()));
    }

    #[test]
    fn what_a_mapping_lacks_is_said() {
        for (change, seen) in [
            (json!({"State": "Disabled"}), "the mapping to stream-handler is Disabled (no reason given)"),
            (
                json!({"LastProcessingResult": "PROBLEM: Function call failed"}),
                "the mapping to stream-handler says PROBLEM: Function call failed",
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

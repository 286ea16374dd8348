//! Conversion of stream records into the event JSON of Lambda's DynamoDB trigger.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::{
    primitives::DateTime,
    types::{AttributeValue, Identity, OperationType, Record, StreamRecord, StreamViewType},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::function::without_nulls;

/// An attribute has a type unknown to this SDK.
#[derive(Debug)]
pub(super) struct UnknownType;

/// Converts a record into an element of the event's `Records`.
pub(super) fn record(record: &Record, stream_arn: &str) -> Result<Value, UnknownType> {
    Ok(without_nulls(json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(OperationType::as_str),
        "eventVersion": record.event_version(),
        "eventSource": record.event_source(),
        "awsRegion": record.aws_region(),
        "userIdentity": record.user_identity().map(identity),
        "dynamodb": record.dynamodb().map(change).transpose()?,
        "eventSourceARN": stream_arn,
    })))
}

/// The event's JSON text.
pub(super) fn payload<'a>(records: impl Iterator<Item = &'a Value>) -> String {
    let records: Vec<_> = records.collect();
    json!({ "Records": records }).to_string()
}

/// The identity of a deletion by TTL.
fn identity(identity: &Identity) -> Value {
    json!({ "type": identity.r#type(), "principalId": identity.principal_id() })
}

fn change(change: &StreamRecord) -> Result<Value, UnknownType> {
    Ok(without_nulls(json!({
        "ApproximateCreationDateTime": change.approximate_creation_date_time().map(DateTime::as_secs_f64),
        "Keys": change.keys().map(attribute_map).transpose()?,
        "NewImage": change.new_image().map(attribute_map).transpose()?,
        "OldImage": change.old_image().map(attribute_map).transpose()?,
        "SequenceNumber": change.sequence_number(),
        "SizeBytes": change.size_bytes(),
        "StreamViewType": change.stream_view_type().map(StreamViewType::as_str),
    })))
}

/// Converts an attribute. `serde_dynamo` panics on an unknown type, and its feature for this SDK would be
/// unified into the deployed functions' builds.
fn attribute(value: &AttributeValue) -> Result<Value, UnknownType> {
    Ok(match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Null(is_null) => json!({ "NULL": is_null }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        AttributeValue::Bs(blobs) => {
            json!({ "BS": blobs.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() })
        }
        AttributeValue::L(values) => {
            json!({ "L": values.iter().map(attribute).collect::<Result<Vec<_>, _>>()? })
        }
        AttributeValue::M(attributes) => json!({ "M": attribute_map(attributes)? }),
        _ => return Err(UnknownType),
    })
}

fn attribute_map(attributes: &HashMap<String, AttributeValue>) -> Result<Value, UnknownType> {
    let attributes = attributes.iter().map(|(name, value)| Ok((name.clone(), attribute(value)?)));
    attributes.collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodbstreams::primitives::Blob;

    use super::*;

    fn every_type() -> Record {
        let change = StreamRecord::builder()
            .approximate_creation_date_time(DateTime::from_secs(1_795_000_000))
            .keys("pk", AttributeValue::S("1".to_owned()))
            .new_image("s", AttributeValue::S("text \u{0}\u{1f600}".to_owned()))
            .new_image("n", AttributeValue::N("12345678901234567890.5".to_owned()))
            .new_image("b", AttributeValue::B(Blob::new([0, 1, 255])))
            .new_image("bool", AttributeValue::Bool(false))
            .new_image("null", AttributeValue::Null(true))
            .new_image("ss", AttributeValue::Ss(vec!["z".to_owned(), "a".to_owned()]))
            .new_image("ns", AttributeValue::Ns(vec!["2".to_owned(), "1".to_owned()]))
            .new_image("bs", AttributeValue::Bs(vec![Blob::new([1])]))
            .new_image("l", AttributeValue::L(vec![AttributeValue::S("x".to_owned())]))
            .new_image("m", AttributeValue::M(HashMap::from([("k".to_owned(), AttributeValue::Null(true))])))
            .sequence_number("100000000000000000001")
            .size_bytes(54)
            .stream_view_type(StreamViewType::NewImage)
            .build();
        Record::builder()
            .event_id("f07f8ca4b0b26cb9c4e5e77e69f274ee")
            .event_name(OperationType::Insert)
            .event_version("1.1")
            .event_source("aws:dynamodb")
            .aws_region("eu-central-1")
            .dynamodb(change)
            .build()
    }

    #[test]
    fn a_record_has_exactly_the_fields_that_lambda_sends() {
        assert_eq!(
            record(&every_type(), "arn:stream").unwrap(),
            json!({
                "eventID": "f07f8ca4b0b26cb9c4e5e77e69f274ee",
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-central-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_795_000_000.0,
                    "Keys": {"pk": {"S": "1"}},
                    "NewImage": {
                        "s": {"S": "text \u{0}\u{1f600}"},
                        "n": {"N": "12345678901234567890.5"},
                        "b": {"B": "AAH/"},
                        "bool": {"BOOL": false},
                        "null": {"NULL": true},
                        "ss": {"SS": ["z", "a"]},
                        "ns": {"NS": ["2", "1"]},
                        "bs": {"BS": ["AQ=="]},
                        "l": {"L": [{"S": "x"}]},
                        "m": {"M": {"k": {"NULL": true}}},
                    },
                    "SequenceNumber": "100000000000000000001",
                    "SizeBytes": 54,
                    "StreamViewType": "NEW_IMAGE",
                },
                "eventSourceARN": "arn:stream",
            })
        );
    }

    #[test]
    fn a_deletion_by_time_to_live_names_the_service() {
        let identity = Identity::builder().r#type("Service").principal_id("dynamodb.amazonaws.com").build();
        let mut deletion = every_type();
        deletion.user_identity = Some(identity);
        assert_eq!(
            record(&deletion, "arn:stream").unwrap()["userIdentity"],
            json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"})
        );
    }

    #[test]
    fn the_functions_types_deserialize_the_event() {
        let json = record(&every_type(), "arn:stream").unwrap();
        let event: aws_lambda_events::event::dynamodb::Event =
            serde_json::from_str(&payload([&json].into_iter())).unwrap();
        assert_eq!(event.records.len(), 1);
        let read = &event.records[0];
        assert_eq!(read.event_name, "INSERT");
        assert_eq!(read.event_source_arn.as_deref(), Some("arn:stream"));
        assert_eq!(read.change.sequence_number.as_deref(), Some("100000000000000000001"));
        assert_eq!(read.change.approximate_creation_date_time.timestamp(), 1_795_000_000);
        assert_eq!(serde_json::to_value(&read.change.new_image).unwrap(), json["dynamodb"]["NewImage"]);
    }
}

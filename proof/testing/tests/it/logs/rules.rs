//! Requirements of Lambda and CloudWatch on a log line.

use serde_json::{Value, json};

/// Violations of Lambda's JSON log format.
pub(super) fn line_errors(line: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let timestamp = line["timestamp"].as_str().unwrap_or_default();
    if chrono::DateTime::parse_from_rfc3339(timestamp).is_err() {
        errors.push(format!("the timestamp {timestamp:?}"));
    }
    if !["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&line["level"].as_str().unwrap_or_default()) {
        errors.push(format!("the level {}", line["level"]));
    }
    if line["message"].as_str().is_none_or(str::is_empty) {
        errors.push("no message".to_owned());
    }
    errors
}

/// Violations of CloudWatch's embedded metric format: its JSON schema and the rules in its text
/// (`https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html`).
pub(super) fn embedded_metrics_errors(line: &Value) -> Vec<String> {
    let schema = json!({
        "type": "object",
        "required": ["_aws"],
        "properties": {"_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 0},
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": {
                    "type": "object",
                    "required": ["Namespace", "Dimensions", "Metrics"],
                    "properties": {
                        "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                        "Dimensions": {"type": "array", "minItems": 1, "items": {
                            "type": "array", "minItems": 1, "maxItems": 30,
                            "items": {"type": "string", "minLength": 1, "maxLength": 250},
                        }},
                        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": {
                            "type": "object",
                            "required": ["Name", "Unit"],
                            "properties": {
                                "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                "Unit": {"enum": ["Count", "Milliseconds"]},
                                "StorageResolution": {"enum": [1, 60]},
                            },
                            "additionalProperties": false,
                        }},
                    },
                }},
            },
        }},
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut errors: Vec<String> = validator.iter_errors(line).map(|error| error.to_string()).collect();
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten();
    for directive in directives {
        if directive["Namespace"] != "CruddurMessages" {
            errors.push(format!("the namespace {}", directive["Namespace"]));
        }
        if directive["Dimensions"] != json!([["FunctionName"]]) {
            errors.push(format!("the dimensions {}", directive["Dimensions"]));
        }
        for name in
            directive["Dimensions"].as_array().into_iter().flatten().flat_map(|set| set.as_array().unwrap())
        {
            let value = line[name.as_str().unwrap()].as_str().unwrap_or_default();
            if value.is_empty() || value.len() > 1024 {
                errors.push(format!("the dimension {name} has the value {value:?}"));
            }
        }
        for metric in directive["Metrics"].as_array().into_iter().flatten() {
            let good = match &line[metric["Name"].as_str().unwrap()] {
                Value::Number(_) => true,
                Value::Array(values) => {
                    (1..=100).contains(&values.len()) && values.iter().all(Value::is_number)
                }
                _ => false,
            };
            if !good {
                errors.push(format!("the metric {metric} has no value"));
            }
        }
    }
    errors
}

#[test]
fn a_line_that_is_not_in_the_embedded_metric_format_is_found() {
    let good = json!({
        "timestamp": "2026-11-22T09:30:00.000000Z", "level": "INFO", "message": "answered",
        "FunctionName": "f", "ColdStarts": 1.0, "MoveDelay": [1.0],
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "CruddurMessages", "Dimensions": [["FunctionName"]],
            "Metrics": [{"Name": "ColdStarts", "Unit": "Count"}, {"Name": "MoveDelay", "Unit": "Milliseconds"}],
        }]},
    });
    assert_eq!(embedded_metrics_errors(&good), Vec::<String>::new());
    assert_eq!(line_errors(&good), Vec::<String>::new());
    for (path, bad) in [
        ("/_aws/Timestamp", json!("1")),
        ("/_aws/CloudWatchMetrics/0/Namespace", json!("")),
        ("/_aws/CloudWatchMetrics/0/Dimensions", json!([["UserUuid"]])),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/Name", json!("Absent")),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Seconds")),
        ("/FunctionName", json!("")),
        ("/ColdStarts", json!("1")),
        ("/ColdStarts", json!([])),
        ("/MoveDelay", json!(vec![1.0; 101])),
        ("/MoveDelay", json!([null])),
    ] {
        let mut line = good.clone();
        *line.pointer_mut(path).unwrap() = bad.clone();
        assert!(!embedded_metrics_errors(&line).is_empty(), "{path} may be {bad}");
    }
    for (name, bad) in [("timestamp", json!("22 Nov")), ("level", json!("info")), ("message", json!(null))] {
        let mut line = good.clone();
        line[name] = bad.clone();
        assert!(!line_errors(&line).is_empty(), "{name} may be {bad}");
    }
}

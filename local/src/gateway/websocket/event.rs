//! Conversion of a handshake into the `$connect` event of a WebSocket API.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cruddur::random::Random;
use http::{HeaderMap, header, request::Parts};
use serde_json::{Value, json};

use super::PATH;
use crate::{
    function::without_nulls,
    gateway::event::{HOP_BY_HOP, host, source_ip, text, trace_id, value},
};

/// All values of each header or query parameter.
type MultiValue = BTreeMap<String, Vec<String>>;

/// The event of one handshake. Fields without a value are omitted.
pub(super) fn connect(
    parts: &Parts,
    connection_id: &str,
    request_id: &str,
    now: DateTime<Utc>,
    random: &Random,
) -> Value {
    let source_ip = source_ip(parts);
    let (domain_name, port) = host(&parts.headers);
    let mut headers = headers(&parts.headers);
    let forwarded_for = value(&parts.headers, &header::HeaderName::from_static("x-forwarded-for"));
    let separator = if forwarded_for.is_empty() { "" } else { ", " };
    for (name, value) in [
        ("X-Forwarded-For", format!("{forwarded_for}{separator}{source_ip}")),
        ("X-Forwarded-Port", port.to_string()),
        ("X-Forwarded-Proto", "http".to_owned()),
    ] {
        headers.insert(name.to_owned(), vec![value]);
    }
    let trace_id = || vec![trace_id(now.timestamp(), random)];
    headers.entry("X-Amzn-Trace-Id".to_owned()).or_insert_with(trace_id);
    let query = parameters(parts.uri.query().unwrap_or_default());
    let user_agent = value(&parts.headers, &header::USER_AGENT);
    without_nulls(json!({
        "headers": last_values(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": (!query.is_empty()).then(|| last_values(&query)),
        "multiValueQueryStringParameters": (!query.is_empty()).then_some(&query),
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "extendedRequestId": request_id,
            "requestTime": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "messageDirection": "IN",
            "stage": PATH.trim_start_matches('/'),
            "connectedAt": now.timestamp_millis(),
            "requestTimeEpoch": now.timestamp_millis(),
            "identity": without_nulls(json!({
                "sourceIp": source_ip,
                "userAgent": (!user_agent.is_empty()).then_some(user_agent),
            })),
            "requestId": request_id,
            "domainName": domain_name,
            "connectionId": connection_id,
            "apiId": "local",
        },
        "isBase64Encoded": false,
    }))
}

fn headers(headers: &HeaderMap) -> MultiValue {
    let kept = headers.keys().filter(|name| !HOP_BY_HOP.contains(name));
    let values = |name| headers.get_all(name).iter().map(|value| text(value).into_owned()).collect();
    kept.map(|name| (cased(name.as_str()), values(name))).collect()
}

/// The name of a header as browsers write it. API Gateway passes names as the client wrote them, which this
/// server does not know.
fn cased(name: &str) -> String {
    let word = |word: &str| {
        if word == "websocket" {
            return "WebSocket".to_owned();
        }
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn parameters(query: &str) -> MultiValue {
    let mut parameters = MultiValue::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        parameters.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    parameters
}

/// The last value of each name. Format 1.0 has only that one outside of the multi-value fields.
fn last_values(all: &MultiValue) -> BTreeMap<&str, &str> {
    all.iter().filter_map(|(name, values)| Some((name.as_str(), values.last()?.as_str()))).collect()
}

//! HTTP API events (payload format 2.0) as requests, and responses as function results.
//!
//! `lambda_http` panics on bodies with invalid base64, and on events from which it cannot build a URI. It rejects
//! authorizer claims that are not strings. The functions need neither URI nor authorizer, so this module reads neither.
//! This module accepts every JSON object as an event, and treats malformed members as absent.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use lambda_http::{
    Body, Request, RequestExt as _, Response,
    aws_lambda_events::{
        apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse},
        query_map::QueryMap,
    },
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// The members of an event that the functions read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    #[serde(deserialize_with = "or_default")]
    raw_path: String,
    #[serde(deserialize_with = "or_default")]
    raw_query_string: Option<String>,
    #[serde(deserialize_with = "strings")]
    query_string_parameters: HashMap<String, String>,
    #[serde(deserialize_with = "strings")]
    path_parameters: HashMap<String, String>,
    #[serde(deserialize_with = "strings")]
    headers: HashMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    body: Option<String>,
    #[serde(deserialize_with = "or_default")]
    is_base64_encoded: bool,
    #[serde(deserialize_with = "or_default")]
    request_context: RequestContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RequestContext {
    #[serde(deserialize_with = "or_default")]
    http: HttpContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HttpContext {
    #[serde(deserialize_with = "or_default")]
    method: String,
}

/// Deserializes the value, or returns the default if it has another type.
fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Deserializes the string members of an object and skips the others.
fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HashMap<String, String>, D::Error> {
    let object: HashMap<String, Value> = or_default(deserializer)?;
    let strings = object.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        _ => None,
    });
    Ok(strings.collect())
}

impl From<Event> for Request {
    /// Converts method, headers, body, path and query parameters, and raw path. Leaves the URI at its default, since each
    /// function serves one path. A malformed method becomes GET. A body with invalid base64 becomes empty; an empty body
    /// is not JSON either.
    fn from(event: Event) -> Self {
        let body = match event.body {
            None => Body::Empty,
            Some(text) if event.is_base64_encoded => STANDARD.decode(text).map_or(Body::Empty, Body::Binary),
            Some(text) => Body::Text(text),
        };
        let query: QueryMap = match &event.raw_query_string {
            // API Gateway joins the values of repeated query parameters with commas.
            Some(query) => query.parse().unwrap_or_default(),
            None => event.query_string_parameters.into(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = event.request_context.http.method.parse().unwrap_or_default();
        for (name, value) in &event.headers {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes()))
            {
                request.headers_mut().append(name, value);
            }
        }
        request
            .with_raw_http_path(&event.raw_path)
            .with_query_string_parameters(query)
            .with_path_parameters(event.path_parameters)
    }
}

/// Converts a response into a function's result. Supports text bodies and single-valued headers.
#[must_use]
pub fn result(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = response.into_parts();
    let mut result = ApiGatewayV2httpResponse::default();
    result.status_code = parts.status.as_u16().into();
    result.headers = parts.headers;
    result.body = non_empty(body);
    result
}

/// `None` is left out of a result. An empty body would be null, which some emulators of API Gateway answer with a 500.
fn non_empty(body: Body) -> Option<Body> {
    match body {
        Body::Empty => None,
        body => Some(body),
    }
}

/// The `$connect` event of a WebSocket API.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectEvent {
    #[serde(deserialize_with = "or_default")]
    multi_value_headers: HashMap<String, Vec<String>>,
    #[serde(deserialize_with = "strings")]
    headers: HashMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    request_context: ConnectContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectContext {
    connection_id: Option<String>,
    connected_at: Option<i64>,
}

impl ConnectEvent {
    /// The headers. Skips malformed ones.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let repeated = self.multi_value_headers.iter();
        let repeated = repeated.flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let single = self.headers.iter().filter(|_| self.multi_value_headers.is_empty());
        for (name, value) in repeated.chain(single) {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes()))
            {
                headers.append(name, value);
            }
        }
        headers
    }

    /// API Gateway's name of the connection, and the time at which it was accepted, in milliseconds since 1970. Returns
    /// `None` if either is missing.
    #[must_use]
    pub fn connection(&self) -> Option<(String, i64)> {
        Some((self.request_context.connection_id.clone()?, self.request_context.connected_at?))
    }
}

/// Converts a response into the result of a `$connect` event. Supports text bodies.
#[must_use]
pub fn connect_result(response: Response<Body>) -> ApiGatewayProxyResponse {
    let (parts, body) = response.into_parts();
    let mut result = ApiGatewayProxyResponse::default();
    result.status_code = parts.status.as_u16().into();
    result.headers = parts.headers;
    result.body = non_empty(body);
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn request(event: Value) -> Request {
        serde_json::from_value::<Event>(event).unwrap().into()
    }

    #[test]
    fn a_request_has_the_parts_of_its_event() {
        let request = request(json!({
            "version": "2.0",
            "rawPath": "/api/users/@a b/short",
            "rawQueryString": "limit=%31&limit=2&cursor=",
            "queryStringParameters": {"limit": "1,2", "cursor": ""},
            "headers": {"Authorization": "Bearer a.b.c", "host": "api.example", "x-name": "ö"},
            "pathParameters": {"handle": "@a b"},
            "requestContext": {"http": {"method": "POST"}, "authorizer": {"jwt": {"claims": {"sub": "x"}}}},
            "body": "e30=",
            "isBase64Encoded": true,
        }));
        assert_eq!(request.raw_http_path(), "/api/users/@a b/short");
        assert_eq!(request.query_string_parameters().all("limit"), Some(vec!["1", "2"]));
        assert_eq!(request.query_string_parameters().all("cursor"), Some(vec![""]));
        assert_eq!(request.path_parameters().first("handle"), Some("@a b"));
        assert_eq!(request.headers()["authorization"], "Bearer a.b.c");
        assert_eq!(request.headers()["x-name"].as_bytes(), "ö".as_bytes());
        assert_eq!(request.body().as_ref(), b"{}");
    }

    #[test]
    fn malformed_members_count_as_absent() {
        for event in [
            json!({}),
            json!({"rawPath": 1, "rawQueryString": [], "headers": null, "pathParameters": "x", "body": {}}),
            json!({"headers": {"bad name": "x", "x-bad": "a\nb", "x-number": 1, "x-list": ["a"]}}),
            json!({"body": "not base64!", "isBase64Encoded": true}),
            json!({"body": true, "isBase64Encoded": "yes"}),
            json!({"requestContext": {"authorizer": {"jwt": {"claims": {"n": 1, "l": [], "o": {}, "z": null}}}}}),
            json!({"requestContext": []}),
        ] {
            let request = request(event.clone());
            assert_eq!(request.headers().len(), 0, "{event}");
            assert_eq!(request.body().as_ref(), b"", "{event}");
            assert_eq!(request.raw_http_path(), "", "{event}");
            assert!(request.path_parameters().is_empty(), "{event}");
            assert!(request.query_string_parameters().is_empty(), "{event}");
        }
    }

    #[test]
    fn a_header_in_two_spellings_is_repeated() {
        let request = request(json!({"headers": {"Authorization": "a", "authorization": "b"}}));
        assert_eq!(request.headers().get_all("authorization").iter().count(), 2);
    }

    #[test]
    fn without_a_raw_query_the_parsed_parameters_are_used() {
        let request = request(json!({"queryStringParameters": {"limit": "5"}}));
        assert_eq!(request.query_string_parameters().first("limit"), Some("5"));
    }

    #[test]
    fn a_connect_event_has_headers_and_connection() {
        let event: ConnectEvent = serde_json::from_value(json!({
            "headers": {"Sec-WebSocket-Protocol": "b", "x-single": "1"},
            "multiValueHeaders": {"Sec-WebSocket-Protocol": ["a", "b"], "bad name": ["x"]},
            "requestContext": {"connectionId": "abc=", "connectedAt": 1_795_339_800_000_i64, "identity": {}},
        }))
        .unwrap();
        assert_eq!(event.headers().get_all("sec-websocket-protocol").iter().count(), 2);
        assert_eq!(event.headers().len(), 2);
        assert_eq!(event.connection(), Some(("abc=".to_owned(), 1_795_339_800_000)));
        let event: ConnectEvent = serde_json::from_value(json!({
            "headers": {"x-single": "1", "x-list": []},
            "multiValueHeaders": null,
            "requestContext": {"connectionId": 1},
        }))
        .unwrap();
        assert_eq!(event.headers().len(), 1);
        assert_eq!(event.connection(), None);
    }

    #[test]
    fn a_result_has_status_headers_and_body() {
        let response = Response::builder().status(404).header("content-type", "application/json");
        let result = serde_json::to_value(result(response.body(Body::from("[]")).unwrap())).unwrap();
        assert_eq!(
            (&result["statusCode"], &result["headers"], &result["body"], &result["isBase64Encoded"]),
            (&json!(404), &json!({"content-type": "application/json"}), &json!("[]"), &json!(false))
        );
    }

    #[test]
    fn a_result_without_a_body_has_no_null() {
        let response = || Response::builder().status(204).body(Body::Empty).unwrap();
        let results = [
            serde_json::to_value(result(response())).unwrap(),
            serde_json::to_value(connect_result(response())).unwrap(),
        ];
        for result in results {
            assert_eq!((&result["statusCode"], result.get("body")), (&json!(204), None));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*|[\\x00-\\x7f]*", flag: bool) {
            request(json!({
                "rawPath": text,
                "rawQueryString": text,
                "headers": {"host": text, "x-forwarded-proto": text, (text.clone()): "x"},
                "body": text,
                "isBase64Encoded": flag,
            }));
        }
    }
}

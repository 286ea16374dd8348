//! Conversion of a function's answer into a response, by the rules of payload format 2.0.

use std::collections::BTreeMap;

use axum::{body::Body, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};
use serde::Deserialize;
use serde_json::Value;

use super::MAX_PAYLOAD;

/// Hop-by-hop headers, which belong to the connection between client and gateway.
const HOP_BY_HOP: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The function's answer. Format 2.0 has no `multiValueHeaders`; unknown fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: Option<BTreeMap<String, String>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// An answer that is not a valid response. The messages omit the answer's content, because they are logged.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("the answer is larger than Lambda allows")]
    TooLarge,
    #[error("a field has the wrong type")]
    Field,
    #[error("the status is informational or invalid")]
    Status,
    #[error("a header or cookie is malformed")]
    Header,
    #[error("the body is not base64")]
    Base64,
}

/// Converts an answer into a response. An answer without `statusCode` becomes the body of a 200 (observed).
pub(super) fn response(answer: &str) -> Result<Response, AnswerError> {
    if answer.len() > MAX_PAYLOAD {
        return Err(AnswerError::TooLarge);
    }
    match serde_json::from_str(answer) {
        Ok(value @ Value::Object(_)) if value.get("statusCode").is_some() => {
            serde_json::from_value::<Answer>(value).map_err(|_| AnswerError::Field)?.into_response()
        }
        Ok(Value::String(text)) => Ok(inferred(text)),
        Ok(_) | Err(_) => Ok(inferred(answer.to_owned())),
    }
}

/// Converts an answer of payload format 1.0, which must have a `statusCode`, into a response.
pub(super) fn proxy_response(answer: &str) -> Result<Response, AnswerError> {
    if answer.len() > MAX_PAYLOAD {
        return Err(AnswerError::TooLarge);
    }
    serde_json::from_str::<Answer>(answer).map_err(|_| AnswerError::Field)?.into_response()
}

fn inferred(body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Answer {
    fn into_response(self) -> Result<Response, AnswerError> {
        let body = self.body.unwrap_or_default();
        let body = match self.is_base64_encoded {
            Some(true) => STANDARD.decode(body).map_err(|_| AnswerError::Base64)?,
            Some(false) | None => body.into_bytes(),
        };
        let has_body = !body.is_empty();
        let mut response = Response::new(Body::from(body));
        let status = StatusCode::from_u16(self.status_code).ok().filter(|status| !status.is_informational());
        *response.status_mut() = status.ok_or(AnswerError::Status)?;
        let headers = response.headers_mut();
        // The `cookies` array precedes `set-cookie` headers (observed).
        for cookie in self.cookies.unwrap_or_default() {
            headers.append(SET_COOKIE, cookie.parse().map_err(|_| AnswerError::Header)?);
        }
        for (name, value) in self.headers.unwrap_or_default() {
            let name: HeaderName = name.parse().map_err(|_| AnswerError::Header)?;
            // With CORS configured, API Gateway ignores the function's CORS headers.
            if !HOP_BY_HOP.contains(&name) && !name.as_str().starts_with("access-control-") {
                headers.append(name, value.parse().map_err(|_| AnswerError::Header)?);
            }
        }
        if has_body && !headers.contains_key(CONTENT_TYPE) {
            // The default content type (observed).
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::json;

    use super::*;

    /// Status, headers in order, body.
    async fn seen(answer: &str) -> Result<(u16, Vec<(String, String)>, String), AnswerError> {
        let (parts, body) = response(answer)?.into_parts();
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let body = body.collect().await.unwrap().to_bytes();
        let headers = parts.headers.iter().map(header).collect();
        Ok((parts.status.as_u16(), headers, String::from_utf8(body.to_vec()).unwrap()))
    }

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[tokio::test]
    async fn status_headers_cookies_and_body_are_sent() {
        let answer = json!({
            "statusCode": 201,
            "headers": {"Content-Type": "application/json", "Link": "</api>; rel=\"next\"", "X-Two": "a,b"},
            "multiValueHeaders": {"x-ignored": ["yes"]},
            "cookies": ["a=1; Path=/", "b=2"],
            "body": "{}",
            "isBase64Encoded": false,
        });
        let (status, mut headers, body) = seen(&answer.to_string()).await.unwrap();
        headers.sort();
        assert_eq!((status, body.as_str()), (201, "{}"));
        let expected = [
            header("content-type", "application/json"),
            header("link", "</api>; rel=\"next\""),
            header("set-cookie", "a=1; Path=/"),
            header("set-cookie", "b=2"),
            header("x-two", "a,b"),
        ];
        assert_eq!(headers, expected);
    }

    #[tokio::test]
    async fn a_base64_body_is_decoded() {
        let answer = r#"{"statusCode": 200, "body": "w6TDtg==", "isBase64Encoded": true}"#;
        let text = header("content-type", "text/plain; charset=utf-8");
        assert_eq!(seen(answer).await, Ok((200, vec![text], "äö".to_owned())));
    }

    #[tokio::test]
    async fn a_status_without_other_fields_is_a_response() {
        assert_eq!(seen(r#"{"statusCode": 204}"#).await, Ok((204, vec![], String::new())));
        let nulls =
            r#"{"statusCode": 204, "headers": null, "cookies": null, "body": null, "isBase64Encoded": null}"#;
        assert_eq!(seen(nulls).await, Ok((204, vec![], String::new())));
    }

    #[tokio::test]
    async fn cors_and_connection_headers_of_the_function_are_dropped() {
        let answer = json!({
            "statusCode": 204,
            "headers": {
                "Access-Control-Allow-Origin": "*",
                "access-control-max-age": "1",
                "Connection": "close",
                "content-length": "5",
                "transfer-encoding": "chunked",
                "x-kept": "yes",
            },
        });
        assert_eq!(seen(&answer.to_string()).await, Ok((204, vec![header("x-kept", "yes")], String::new())));
    }

    #[tokio::test]
    async fn without_a_status_the_answer_is_the_body() {
        let json = header("content-type", "application/json");
        for (answer, body) in [
            (r#"{"name": "x"}"#, r#"{"name": "x"}"#),
            ("[1, 2]", "[1, 2]"),
            ("null", "null"),
            (r#""text""#, "text"),
            (r#"{"name": "#, r#"{"name": "#),
        ] {
            assert_eq!(seen(answer).await, Ok((200, vec![json.clone()], body.to_owned())), "{answer}");
        }
    }

    #[test]
    fn malformed_answers_are_rejected() {
        let error = |answer: &str| response(answer).unwrap_err();
        for answer in [
            r#"{"statusCode": null}"#,
            r#"{"statusCode": "200"}"#,
            r#"{"statusCode": 200.5}"#,
            r#"{"statusCode": -1}"#,
            r#"{"statusCode": 200, "body": {}}"#,
            r#"{"statusCode": 200, "headers": {"x": 1}}"#,
            r#"{"statusCode": 200, "cookies": "a=1"}"#,
        ] {
            assert_eq!(error(answer), AnswerError::Field, "{answer}");
        }
        for answer in [r#"{"statusCode": 0}"#, r#"{"statusCode": 101}"#, r#"{"statusCode": 1000}"#] {
            assert_eq!(error(answer), AnswerError::Status, "{answer}");
        }
        for answer in [
            r#"{"statusCode": 200, "headers": {"x": "a\nb"}}"#,
            r#"{"statusCode": 200, "headers": {"x y": "a"}}"#,
            r#"{"statusCode": 200, "cookies": ["a\u0000"]}"#,
        ] {
            assert_eq!(error(answer), AnswerError::Header, "{answer}");
        }
        let answer = r#"{"statusCode": 200, "body": "%", "isBase64Encoded": true}"#;
        assert_eq!(error(answer), AnswerError::Base64);
        assert_eq!(error(&" ".repeat(MAX_PAYLOAD + 1)), AnswerError::TooLarge);
    }
}

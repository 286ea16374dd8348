//! Responses. No other module maps errors to statuses or logs failed requests.

use std::fmt;

use http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use crate::{
    auth::TokenRefusal,
    error::{Chain, Error, Violation},
    event_log::{Event, EventCursor},
    invocation::{self, Completion},
    metrics::Metric,
    page::{Cursor, Limit},
};

/// Creates a 200 response with `body` as JSON.
pub fn ok(body: &impl Serialize) -> Result<Response<Body>, Error> {
    let body = serde_json::to_string(body).map_err(Error::internal)?;
    Ok(json(StatusCode::OK, body))
}

/// Creates a 201 response with `body` as JSON.
pub fn created(body: &impl Serialize) -> Result<Response<Body>, Error> {
    let body = serde_json::to_string(body).map_err(Error::internal)?;
    Ok(json(StatusCode::CREATED, body))
}

/// Creates a 202 response without a body.
#[must_use]
pub fn accepted() -> Response<Body> {
    empty(StatusCode::ACCEPTED)
}

/// Creates a 204 response.
#[must_use]
pub fn no_content() -> Response<Body> {
    empty(StatusCode::NO_CONTENT)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = json(status, String::new());
    *response.body_mut() = Body::Empty;
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// Characters that are percent-encoded in a path. `%` is not among them, since emulators do not decode paths.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Creates a 200 response with `body` as JSON and, if there is a next page, a `Link` header to it.
///
/// `path` is the raw path of the request, so the link works behind any stage or prefix.
pub fn page<K: fmt::Display>(
    body: &impl Serialize,
    path: &str,
    limit: Limit,
    next: Option<Cursor<K>>,
) -> Result<Response<Body>, Error> {
    let response = ok(body)?;
    match next {
        Some(cursor) => with_next(response, path, format_args!("limit={limit}&cursor={cursor}")),
        None => Ok(response),
    }
}

/// Creates a 200 response with events as JSON, and a `Link` header to the events after them.
pub fn events(
    events: &[Event],
    path: &str,
    limit: Limit,
    next: EventCursor,
) -> Result<Response<Body>, Error> {
    with_next(ok(&events)?, path, format_args!("after={next}&limit={limit}"))
}

/// Creates a 200 response with a line of JSON for each of `lines` and, if there is a next page, a `Link` header to it.
pub fn lines<K: fmt::Display>(
    lines: &[impl Serialize],
    path: &str,
    next: Option<Cursor<K>>,
) -> Result<Response<Body>, Error> {
    let mut body = String::new();
    for line in lines {
        body += &serde_json::to_string(line).map_err(Error::internal)?;
        body.push('\n');
    }
    let mut response = json(StatusCode::OK, body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    match next {
        Some(cursor) => with_next(response, path, format_args!("cursor={cursor}")),
        None => Ok(response),
    }
}

fn with_next(
    mut response: Response<Body>,
    path: &str,
    query: fmt::Arguments<'_>,
) -> Result<Response<Body>, Error> {
    let path = utf8_percent_encode(path, NOT_IN_A_PATH);
    let link = HeaderValue::try_from(format!("<{path}?{query}>; rel=\"next\"")).map_err(Error::internal)?;
    response.headers_mut().insert(header::LINK, link);
    Ok(response)
}

/// Serves a request of `route` as one invocation, and turns an error into a response. Logs server errors with all their
/// causes; the client receives only the code.
pub async fn answer(
    route: &'static str,
    serve: impl Future<Output = Result<Response<Body>, Error>>,
) -> Response<Body> {
    invocation::observe(route, async { finish(route, serve.await) }).await
}

fn finish(route: &str, result: Result<Response<Body>, Error>) -> (Response<Body>, Completion) {
    let (response, message, cause) = match result {
        Ok(response) => (response, "answered", None),
        Err(error) => {
            if let Error::Unauthenticated(TokenRefusal::KeyUnknown) = error {
                invocation::count(Metric::UnknownKeys, 1);
            }
            let response = refuse(&error);
            let (status, cause) = (response.status(), Chain(&error));
            if status.is_server_error() {
                tracing::error!(route, status = status.as_u16(), %cause, "failed");
                (response, "failed", None)
            } else {
                let cause = cause.to_string();
                (response, "refused", Some(cause))
            }
        }
    };
    let status = Some(response.status().as_u16());
    (response, Completion { message, status, cause })
}

fn refuse(error: &Error) -> Response<Body> {
    let (status, codes, header) = match error {
        Error::Unauthenticated(_) => {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            let challenge = (header::WWW_AUTHENTICATE, challenge);
            return with_header(json(StatusCode::UNAUTHORIZED, "{}".to_owned()), challenge);
        }
        Error::BodyInvalid => (StatusCode::BAD_REQUEST, vec!["body_invalid"], None),
        Error::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, vec!["body_too_large"], None),
        Error::Invalid(violations) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            violations.iter().copied().map(Violation::code).collect(),
            None,
        ),
        Error::UserNotProvisioned => (StatusCode::FORBIDDEN, vec!["user_not_provisioned"], None),
        Error::UserNotFound => (StatusCode::NOT_FOUND, vec!["user_not_found"], None),
        Error::MessageGroupNotFound => (StatusCode::NOT_FOUND, vec!["message_group_not_found"], None),
        Error::MessageNotFound => (StatusCode::NOT_FOUND, vec!["message_not_found"], None),
        Error::UserBlocked => (StatusCode::FORBIDDEN, vec!["user_blocked"], None),
        Error::MessageNotAccepted => (StatusCode::FORBIDDEN, vec!["message_not_accepted"], None),
        Error::RequestPending => (StatusCode::FORBIDDEN, vec!["request_pending"], None),
        Error::RequestAccepted => (StatusCode::CONFLICT, vec!["request_accepted"], None),
        Error::MessageNotYours => (StatusCode::FORBIDDEN, vec!["message_not_yours"], None),
        Error::EditWindowOver => (StatusCode::FORBIDDEN, vec!["edit_window_over"], None),
        Error::MessageDeleted => (StatusCode::CONFLICT, vec!["message_deleted"], None),
        Error::ReactionLimit => (StatusCode::CONFLICT, vec!["reaction_limit"], None),
        Error::CursorExpired => (StatusCode::GONE, vec!["cursor_expired"], None),
        Error::ConnectionOutdated => (StatusCode::CONFLICT, vec!["connection_outdated"], None),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, vec!["internal_error"], None),
        Error::RateLimited { retry_after } => (
            StatusCode::TOO_MANY_REQUESTS,
            vec!["rate_limited"],
            Some((header::RETRY_AFTER, (*retry_after).into())),
        ),
        Error::Unavailable { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, vec!["unavailable"], Some((header::RETRY_AFTER, 1.into())))
        }
    };
    // An array of strings always serializes.
    let body = serde_json::to_string(&codes).unwrap_or_else(|_| "[]".to_owned());
    match header {
        Some(header) => with_header(json(status, body), header),
        None => json(status, body),
    }
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        // Responses are personal: no cache in between may keep them.
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

fn with_header(mut response: Response<Body>, (name, value): (HeaderName, HeaderValue)) -> Response<Body> {
    response.headers_mut().insert(name, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Dependency;

    const JSON_HEADERS: &str =
        "content-type: application/json\ncache-control: no-store\nx-content-type-options: nosniff\n";

    /// Status, headers and body of a response.
    fn printed(response: &Response<Body>) -> String {
        let headers =
            response.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
        let headers = headers.collect::<String>();
        let Body::Text(body) = response.body() else { panic!("{:?}", response.body()) };
        format!("{}\n{headers}{body}", response.status().as_u16())
    }

    #[test]
    fn each_error_has_its_status_and_code() {
        let json = JSON_HEADERS;
        for (error, expected) in [
            (Error::BodyInvalid, format!("400\n{json}[\"body_invalid\"]")),
            (
                Error::Unauthenticated(TokenRefusal::Missing),
                format!("401\n{json}www-authenticate: Bearer error=\"invalid_token\"\n{{}}"),
            ),
            (Error::UserNotProvisioned, format!("403\n{json}[\"user_not_provisioned\"]")),
            (Error::UserNotFound, format!("404\n{json}[\"user_not_found\"]")),
            (Error::MessageGroupNotFound, format!("404\n{json}[\"message_group_not_found\"]")),
            (Error::BodyTooLarge, format!("413\n{json}[\"body_too_large\"]")),
            (
                Error::Invalid(vec![Violation::MessageBlank, Violation::IdempotencyKeyInvalid]),
                format!("422\n{json}[\"message_blank\",\"idempotency_key_invalid\"]"),
            ),
            (Violation::ReceiverNotFound.into(), format!("422\n{json}[\"user_reciever_not_found\"]")),
            (Error::internal("a secret"), format!("500\n{json}[\"internal_error\"]")),
            (
                Error::unavailable(Dependency::DynamoDb, "a secret"),
                format!("503\n{json}retry-after: 1\n[\"unavailable\"]"),
            ),
        ] {
            assert_eq!(printed(&refuse(&error)), expected, "{error}");
        }
    }

    #[test]
    fn a_page_links_to_the_next_one() {
        let json = JSON_HEADERS;
        let cursor: Cursor =
            "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001".parse().map(Cursor).unwrap();
        let page = |path, next| printed(&page(&[1, 2], path, "2".parse().unwrap(), next).unwrap());
        assert_eq!(page("/stage/api/messages", None), format!("200\n{json}[1,2]"));
        for (path, linked) in [
            ("/stage/api/messages", "/stage/api/messages"),
            ("/a b/%20/\0>?#\"/ö", "/a%20b/%20/%00%3E%3F%23%22/%C3%B6"),
        ] {
            assert_eq!(
                page(path, Some(cursor)),
                format!("200\n{json}link: <{linked}?limit=2&cursor={cursor}>; rel=\"next\"\n[1,2]")
            );
        }
    }

    #[test]
    fn an_invocation_is_logged_with_the_response_of_its_request() {
        let completed = |result| {
            let (response, Completion { message, status, cause }) = finish("a route", result);
            assert_eq!(status, Some(response.status().as_u16()));
            (status, message, cause)
        };
        assert_eq!(completed(ok(&1)), (Some(200), "answered", None));
        let refused = "the message group was not found, or the caller is not in it".to_owned();
        assert_eq!(completed(Err(Error::MessageGroupNotFound)), (Some(404), "refused", Some(refused)));
        // The cause is in the error's line.
        assert_eq!(completed(Err(Error::internal("a secret"))), (Some(500), "failed", None));
    }
}

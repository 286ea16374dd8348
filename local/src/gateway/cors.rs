//! CORS: browser pages on this machine may read the API.
//!
//! A library's middleware doesn't fit: it answers preflights with 200 and treats every OPTIONS request as
//! one. API Gateway also drops the functions' own CORS headers.

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
};

const METHODS: HeaderValue = HeaderValue::from_static("GET,POST");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("authorization,content-type,idempotency-key");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("link,retry-after");

/// The CORS properties of a request to the API.
#[derive(Debug)]
pub(super) struct Cors {
    /// `true` if the request has an `Origin`.
    has_origin: bool,
    /// `true` if the request has an `Access-Control-Request-Method`, as preflights have.
    is_preflight: bool,
    /// The request's origin. `None` if it is absent or not allowed.
    origin: Option<HeaderValue>,
}

impl Cors {
    /// Returns `None` for paths outside the API, which have no CORS.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        let origin = request.headers().get(ORIGIN);
        (path == "/api" || path.starts_with("/api/")).then(|| Self {
            has_origin: origin.is_some(),
            is_preflight: request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            origin: origin.filter(|origin| is_local(origin)).cloned(),
        })
    }

    /// The response to an OPTIONS request. API Gateway sends one for every path. CORS headers are omitted if
    /// the request lacks an allowed origin or a requested method.
    pub(super) fn preflight(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        self.vary(headers);
        if let (true, Some(origin)) = (self.is_preflight, &self.origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
        response
    }

    /// Adds the headers that let an allowed page read the response.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        self.vary(headers);
        if let Some(origin) = &self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
    }

    fn vary(&self, headers: &mut HeaderMap) {
        if self.has_origin {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
    }
}

/// Returns `true` if an origin is `http://localhost` or `http://127.0.0.1`, with or without a port.
fn is_local(origin: &HeaderValue) -> bool {
    let host = |origin: &str| {
        let authority = origin.strip_prefix("http://")?;
        let rest = authority.strip_prefix("localhost").or_else(|| authority.strip_prefix("127.0.0.1"))?;
        let port = rest.strip_prefix(':').map(str::parse::<u16>);
        Some(rest.is_empty() || port.is_some_and(|port| port.is_ok()))
    };
    origin.to_str().ok().and_then(host).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_of_this_machine_are_allowed() {
        for origin in
            ["http://localhost", "http://localhost:5173", "http://127.0.0.1", "http://127.0.0.1:65535"]
        {
            assert!(is_local(&HeaderValue::from_static(origin)), "{origin}");
        }
    }

    #[test]
    fn other_origins_are_rejected() {
        for origin in [
            "null",
            "",
            "*",
            "https://localhost:5173",
            "http://localhost:",
            "http://localhost:65536",
            "http://localhost:80.example.com",
            "http://localhost.example.com",
            "http://localhost@example.com",
            "http://localhost:5173/",
            "http://127.0.0.10",
            "http://127.0.0.1.example.com:80",
            "http://example.com",
            "ftp://localhost",
        ] {
            assert!(!is_local(&HeaderValue::from_static(origin)), "{origin}");
        }
    }
}

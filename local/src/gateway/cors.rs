//! CORS: pages of the allowed hosts may read the API.
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

use crate::guard::AllowedHosts;

const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE");
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
    pub(super) fn of(request: &Request, allowed: &AllowedHosts) -> Option<Self> {
        let path = request.uri().path();
        let origin = request.headers().get(ORIGIN);
        let is_allowed =
            |origin: &&HeaderValue| origin.to_str().is_ok_and(|origin| allowed.includes_origin(origin));
        (path == "/api" || path.starts_with("/api/")).then(|| Self {
            has_origin: origin.is_some(),
            is_preflight: request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            origin: origin.filter(is_allowed).cloned(),
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

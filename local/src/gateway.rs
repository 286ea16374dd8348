//! An API Gateway HTTP API. Requests become events of payload format 2.0, and the functions' answers become
//! HTTP responses. The gateway itself answers all other requests.
//!
//! The code is written by hand, because no library imitates API Gateway inside a process.
//!
//! API Gateway's documentation leaves many details open. Comments marked "observed" describe the real service
//! as published: body encoding in floci-io/floci#2172 and ministackorg/ministack#766, the event's shape in
//! the captures of hotsock/voker, answers in the recordings of the aws-lambda-dotnet test tool.

mod answer;
mod cors;
mod event;
mod route;
#[cfg(test)]
mod tests;
pub mod websocket;

use std::sync::Arc;

use anyhow::Result;
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use cruddur::{clock::Clock, random::Random};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts, uri::Authority};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;

pub use self::route::Route;
use self::{cors::Cors, route::Routes};
use crate::{function::InvocationError, guard::AllowedHosts};

/// HTTP API quota "Payload size", in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// HTTP API quota "Total combined size of request line and header values", in bytes.
const MAX_HEADERS: usize = 10_240;

/// Lambda's limit on the size of an event and of an answer, in bytes: 6 MB and 100 bytes.
const MAX_PAYLOAD: usize = 6_291_556;

/// An HTTP API with its routes, CORS rules and limits.
#[derive(Debug)]
pub struct Gateway {
    routes: Routes,
    allowed_hosts: AllowedHosts,
    clock: Clock,
    random: Random,
}

impl Gateway {
    /// Creates an API with these routes, which pages of this machine may read. Returns an error for an unsupported or duplicate route key.
    pub fn new(routes: Vec<Route>) -> Result<Self> {
        Ok(Self {
            routes: Routes::new(routes)?,
            allowed_hosts: AllowedHosts::loopback(),
            clock: Clock::system(),
            random: Random::system(),
        })
    }

    /// Lets pages of `allowed_hosts` read the API.
    #[must_use]
    pub fn with_allowed_hosts(self, allowed_hosts: AllowedHosts) -> Self {
        Self { allowed_hosts, ..self }
    }

    /// The API as the fallback of a router, to be merged with other routers.
    ///
    /// Events carry the client's address only if the router is served with
    /// `into_make_service_with_connect_info::<SocketAddr>()`. Otherwise they carry 127.0.0.1.
    pub fn into_router(self) -> Router {
        Router::new().fallback(serve).with_state(Arc::new(self))
    }

    /// Returns the function's response, or the status with which API Gateway itself responds.
    async fn respond(&self, request_id: &str, request: Request) -> Result<Response, StatusCode> {
        let (parts, body) = request.into_parts();
        if header_size(&parts) > MAX_HEADERS {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        if !has_one_host(&parts.headers) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let found = self.routes.find(&parts.method, parts.uri.path()).ok_or(StatusCode::NOT_FOUND)?;
        let body = read(body, MAX_BODY).await?;
        let event = event::event(&parts, &body, &found, request_id, self.clock.now(), &self.random);
        let event = event.to_string();
        if event.len() > MAX_PAYLOAD {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let function = &found.route.function;
        let answer = function.invoke(event).await.map_err(|error| {
            tracing::error!(function = function.name(), request_id, %error, "the invocation has no answer");
            match error {
                InvocationError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
                InvocationError::TimedOut(_) => StatusCode::SERVICE_UNAVAILABLE,
            }
        })?;
        answer::response(&answer).map_err(|error| {
            tracing::error!(function = function.name(), request_id, %error, "the answer is not a response");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }
}

async fn serve(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let request_id = event::request_id(&gateway.random);
    let cors = Cors::of(&request, &gateway.allowed_hosts);
    let mut response = match &cors {
        Some(cors) if request.method() == Method::OPTIONS => cors.preflight(),
        _ => {
            let mut response = gateway.respond(&request_id, request).await.unwrap_or_else(own_response);
            if let Some(cors) = &cors {
                cors.apply(response.headers_mut());
            }
            response
        }
    };
    if let Ok(request_id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("apigw-requestid", request_id);
    }
    response
}

/// Reads a body of at most `limit` bytes.
async fn read(body: Body, limit: usize) -> Result<Bytes, StatusCode> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}

/// Returns `true` if `Host` is a single host, with or without a port (RFC 9112, section 3.2). HTTP/1.0 has no `Host`.
fn has_one_host(headers: &HeaderMap) -> bool {
    let is_host = |host: &HeaderValue| {
        let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        host.is_some_and(|host| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
            host.as_str().bytes().all(is_name) && (host.as_str() == host.host() || host.port_u16().is_some())
        })
    };
    let mut hosts = headers.get_all(header::HOST).iter();
    hosts.next().is_none_or(is_host) && hosts.next().is_none()
}

/// The number of bytes that count toward [`MAX_HEADERS`].
fn header_size(parts: &Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let request_line = parts.method.as_str().len() + " ".len() + target + " HTTP/1.1".len();
    request_line + parts.headers.values().map(HeaderValue::len).sum::<usize>()
}

/// A response of API Gateway itself: a status, with its reason as `{"message": …}`.
fn own_response(status: StatusCode) -> Response {
    let message = match status {
        StatusCode::PAYLOAD_TOO_LARGE => Some("Request Entity Too Large"),
        _ => status.canonical_reason(),
    };
    (status, Json(json!({ "message": message }))).into_response()
}

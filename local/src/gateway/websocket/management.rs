//! The management of connections, which backends use: `/@connections/{id}` below the API.
//!
//! AWS checks signatures. Here, requests from pages are rejected, and all others are accepted.

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get},
};
use chrono::SecondsFormat;
use http::{HeaderName, StatusCode, header::ORIGIN};
use serde_json::json;

use super::{MAX_MESSAGE, WebSocketApi, connection::SendError};
use crate::{function::without_nulls, gateway::read};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

pub(super) fn router() -> Router<WebSocketApi> {
    Router::new()
        .route("/ws/@connections/{id}", connection())
        // As the SDKs write it.
        .route("/ws/%40connections/{id}", connection())
        .route_layer(middleware::from_fn(reject_pages))
}

fn connection() -> MethodRouter<WebSocketApi> {
    get(show).post(send).delete(close)
}

async fn reject_pages(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        return exception(StatusCode::FORBIDDEN, "ForbiddenException", "pages may not manage connections");
    }
    next.run(request).await
}

async fn send(State(WebSocketApi(api)): State<WebSocketApi>, Path(id): Path<String>, body: Body) -> Response {
    let text = match read(body, MAX_MESSAGE).await {
        Ok(text) => text,
        Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return exception(status, "PayloadTooLargeException", "the message is larger than 128 KB");
        }
        Err(status) => return exception(status, "BadRequestException", "the body is incomplete"),
    };
    if str::from_utf8(&text).is_err() {
        let status = StatusCode::BAD_REQUEST;
        return exception(status, "BadRequestException", "the message is not UTF-8");
    }
    match api.connections.send(&id, text) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(SendError::Gone) => gone(),
        Err(SendError::LimitExceeded) => exception(
            StatusCode::TOO_MANY_REQUESTS,
            "LimitExceededException",
            "the client reads too slowly; the connection's buffer is full",
        ),
    }
}

async fn show(State(WebSocketApi(api)): State<WebSocketApi>, Path(id): Path<String>) -> Response {
    let Some((details, last_active_at)) = api.connections.show(&id) else { return gone() };
    let user_agent = details.user_agent;
    Json(json!({
        "connectedAt": details.connected_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "lastActiveAt": last_active_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "identity": without_nulls(json!({
            "sourceIp": details.source_ip,
            "userAgent": (!user_agent.is_empty()).then_some(user_agent),
        })),
    }))
    .into_response()
}

async fn close(State(WebSocketApi(api)): State<WebSocketApi>, Path(id): Path<String>) -> Response {
    if api.connections.close(&id) { StatusCode::NO_CONTENT.into_response() } else { gone() }
}

/// The response for an unknown or closed connection. It has no body (observed).
fn gone() -> Response {
    (StatusCode::GONE, [(ERROR_TYPE, "GoneException")]).into_response()
}

fn exception(status: StatusCode, name: &'static str, message: &str) -> Response {
    (status, [(ERROR_TYPE, name)], Json(json!({ "message": message }))).into_response()
}

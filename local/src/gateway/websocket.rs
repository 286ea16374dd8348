//! An API Gateway WebSocket API: the handshake, the routes of messages, AWS's limits, and the management of
//! connections.
//!
//! The function behind `$connect` decides on each handshake. All other routes have MOCK integrations. There is
//! no `$disconnect` route.
//!
//! Comments marked "observed" describe the real service as published: 502 for a failed function in
//! serverless/serverless-websockets-plugin#13, the close by `DELETE` in boto/boto3#3789, the empty body of 410
//! in georgeboot/laravel-echo-api-gateway#9.

mod connection;
mod event;
mod management;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use cruddur::{clock::Clock, random::Random};
use futures_util::TryFutureExt as _;
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Error, error::ProtocolError, handshake::server::create_response_with_body,
};

use self::connection::{Connections, Details};
use super::{answer, event::request_id, own_response};
use crate::function::Function;

/// The path of the API. In AWS, its place is taken by the stage.
pub(crate) const PATH: &str = "/ws";

/// Quota "Message payload size", in bytes.
const MAX_MESSAGE: usize = 128 * 1024;

/// Quota "WebSocket frame size", in bytes.
const MAX_FRAME: usize = 32 * 1024;

/// Headers of the function's answer that the handshake does not use: its own, and those of a body.
const OMITTED: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
];

/// The URL of the API on a host whose HTTP or HTTPS URL is `base_url`.
pub(crate) fn url(base_url: &str) -> String {
    // `ws` stands for `http`, and `wss` for `https`.
    format!("ws{}{PATH}", base_url.trim_start_matches("http"))
}

/// The time limits of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest time without a message in either direction. Control frames are not messages.
    pub idle: Duration,
    /// The longest time between the handshake and the end of the connection.
    pub duration: Duration,
}

impl Default for Limits {
    /// AWS's quotas.
    fn default() -> Self {
        Self { idle: Duration::from_mins(10), duration: Duration::from_hours(2) }
    }
}

/// The routes that answer messages.
#[derive(Clone, Copy, Debug)]
pub struct MockRoutes {
    /// The expression that selects the route of a message: `$request.body.{field}`.
    pub selection_expression: &'static str,
    /// Route keys and the texts with which their MOCK integrations answer. One of the keys is `$default`.
    pub answers: &'static [(&'static str, &'static str)],
}

/// A WebSocket API. Clones share its connections.
#[derive(Clone, Debug)]
pub struct WebSocketApi(Arc<Api>);

#[derive(Debug)]
struct Api {
    connect: Function,
    routes: Routes,
    limits: Limits,
    connections: Connections,
    clock: Clock,
    random: Random,
}

impl WebSocketApi {
    /// Creates an API with `connect` behind the route `$connect`. Returns an error for an unsupported selection
    /// expression, or if no route is `$default`.
    pub fn new(connect: Function, routes: MockRoutes, limits: Limits) -> Result<Self> {
        Ok(Self(Arc::new(Api {
            connect,
            routes: Routes::new(routes)?,
            limits,
            connections: Connections::default(),
            clock: Clock::system(),
            random: Random::system(),
        })))
    }

    /// The API at `/ws`, and the management of its connections below.
    ///
    /// Events carry the client's address only if the router is served with
    /// `into_make_service_with_connect_info::<SocketAddr>()`. Otherwise they carry 127.0.0.1.
    pub fn router(&self) -> Router {
        Router::new().route(PATH, any(open)).merge(management::router()).with_state(self.clone())
    }

    /// Closes all connections with code 1001, and waits until they are closed.
    pub async fn stop(&self) {
        self.0.connections.stop().await;
    }
}

async fn open(State(WebSocketApi(api)): State<WebSocketApi>, mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    let handshake = match create_response_with_body(&request, Body::empty) {
        Ok(handshake) => handshake,
        Err(error) => return not_a_handshake(&error),
    };
    let (parts, _) = request.into_parts();
    api.connect(&parts, handshake, upgrade).await
}

impl Api {
    /// Completes the handshake if the function answers 2xx. Otherwise the answer is the response.
    async fn connect(
        self: Arc<Self>,
        parts: &Parts,
        mut handshake: Response,
        upgrade: OnUpgrade,
    ) -> Response {
        let (connection_id, request_id) = (request_id(&self.random), request_id(&self.random));
        let connected_at = self.clock.now();
        let event = event::connect(parts, &connection_id, &request_id, connected_at, &self.random);
        let answered = match self.connect.invoke(event.to_string()).await {
            Ok(answer) => answer::proxy_response(&answer).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) => {
                let function = self.connect.name();
                tracing::error!(function, request_id, connection_id, error, "a connection can't be opened");
                return failed(&connection_id, &request_id);
            }
        };
        if !answer.status().is_success() {
            return answer;
        }
        let given = answer.headers().iter().filter(|(name, _)| !OMITTED.contains(name));
        handshake.headers_mut().extend(given.map(|(name, value)| (name.clone(), value.clone())));
        let details = Details::new(parts, connected_at);
        // Registered before the client has the response: a client that is connected can be reached.
        self.connections.add(connection_id, details, upgrade.map_ok(TokioIo::new), &self);
        handshake
    }
}

/// The response to a request that opens no connection. AWS documents none.
fn not_a_handshake(error: &Error) -> Response {
    use ProtocolError::{InvalidSecWebSocketKey, MissingSecWebSocketKey};
    if let Error::Protocol(MissingSecWebSocketKey | InvalidSecWebSocketKey) = error {
        return own_response(StatusCode::BAD_REQUEST);
    }
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
    ];
    (headers, own_response(StatusCode::UPGRADE_REQUIRED)).into_response()
}

/// The response if the function fails, times out or answers with something else than a response (observed).
fn failed(connection_id: &str, request_id: &str) -> Response {
    let body = json!({
        "message": "Internal server error",
        "connectionId": connection_id,
        "requestId": request_id,
    });
    (StatusCode::BAD_GATEWAY, Json(body)).into_response()
}

/// The checked routes: the field that selects, and the answers.
#[derive(Debug)]
struct Routes {
    field: &'static str,
    answers: &'static [(&'static str, &'static str)],
    default: &'static str,
}

impl Routes {
    fn new(routes: MockRoutes) -> Result<Self> {
        let MockRoutes { selection_expression, answers } = routes;
        let field = selection_expression.strip_prefix("$request.body.").with_context(|| {
            format!("the route selection expression `{selection_expression}` is not a field of the body")
        })?;
        ensure!(!field.contains('.'), "the field `{field}` is not at the top of the message");
        let default = answers.iter().find(|(key, _)| *key == "$default");
        let default = default.context("no route is `$default`")?.1;
        Ok(Self { field, answers, default })
    }

    /// The answer to a message. Messages that are not JSON objects have the route `$default`.
    fn answer(&self, message: &str) -> &'static str {
        let message = serde_json::from_str::<Value>(message).unwrap_or_default();
        let selected = message.get(self.field).and_then(Value::as_str);
        let found = self.answers.iter().find(|(key, _)| Some(*key) == selected);
        found.map_or(self.default, |(_, answer)| answer)
    }
}

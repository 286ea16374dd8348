//! The management API of a WebSocket API, which records frames.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use cruddur::config::PushConfig;
use local::deployment::PushParts;
use serde_json::{Value, json};

use crate::{TestUser, World};

/// A call to the management API.
#[derive(Clone, Debug, PartialEq)]
pub struct SocketCall {
    pub method: String,
    pub connection_id: String,
    /// The frame. Null for a deletion.
    pub frame: Value,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug)]
pub enum SocketAnswer {
    Status(u16),
    /// There is no answer.
    Silence,
    /// Nothing listens.
    Refusal,
}

/// Sockets that accept all frames, unless answers are scripted.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    calls: Arc<Mutex<Vec<SocketCall>>>,
    answers: Arc<Mutex<VecDeque<SocketAnswer>>>,
    otherwise: Arc<Mutex<Option<SocketAnswer>>>,
}

const URL: &str = "https://sockets.test/live";

impl Sockets {
    /// The parts with which functions push to these sockets.
    #[must_use]
    pub fn parts(&self) -> PushParts {
        let connector = SharedHttpConnector::new(self.clone());
        PushParts { config: PushConfig { url: URL.to_owned() }, connector }
    }

    /// Sets the answers to the next calls.
    pub fn answer(&self, answers: impl IntoIterator<Item = SocketAnswer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// Sets the answer to all further calls.
    pub fn answer_always(&self, answer: SocketAnswer) {
        *self.otherwise.lock().unwrap() = Some(answer);
    }

    /// Takes the calls since the last time.
    #[must_use]
    pub fn take(&self) -> Vec<SocketCall> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Takes the frames since the last time, with their connections.
    #[must_use]
    pub fn take_frames(&self) -> Vec<(String, Value)> {
        self.take().into_iter().map(|call| (call.connection_id, call.frame)).collect()
    }
}

impl HttpConnector for Sockets {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert!(request.headers().get("authorization").unwrap().contains("/execute-api/aws4_request"));
        let connection_id = request.uri().strip_prefix(&format!("{URL}/@connections/")).unwrap().to_owned();
        let frame = serde_json::from_slice(request.body().bytes().unwrap()).unwrap_or_default();
        let method = request.method().to_owned();
        self.calls.lock().unwrap().push(SocketCall { method, connection_id, frame });
        let scripted = self.answers.lock().unwrap().pop_front().or(*self.otherwise.lock().unwrap());
        match scripted.unwrap_or(SocketAnswer::Status(200)) {
            SocketAnswer::Silence => HttpConnectorFuture::new(std::future::pending()),
            SocketAnswer::Refusal => {
                HttpConnectorFuture::ready(Err(ConnectorError::io("connection refused".into())))
            }
            SocketAnswer::Status(status) => {
                let status = StatusCode::try_from(status).unwrap();
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::empty())))
            }
        }
    }
}

/// A `$connect` event with these headers.
#[must_use]
pub fn connect_event(connection_id: &str, connected_at: i64, headers: &Value) -> Value {
    json!({
        "headers": headers,
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "connectionId": connection_id,
            "connectedAt": connected_at,
        },
        "isBase64Encoded": false,
    })
}

impl World {
    /// Opens the connection of a device at the current time. Returns the function's answer.
    pub async fn connect(&self, user: &TestUser, device: u128, connection_id: &str) -> Value {
        let protocols =
            format!("cruddur.v1, device.{}, bearer.{}", uuid::Uuid::from_u128(device), user.token);
        let now = self.parts.clock.now().timestamp_millis();
        let event = connect_event(connection_id, now, &json!({"Sec-WebSocket-Protocol": protocols}));
        let answer = self.functions["open-connection"].invoke(event.to_string()).await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

//! The WebSocket API: handshakes, sockets that break at any point, and the management API that the stream handler calls.
//!
//! The management API checks every frame: it goes to a member, whose token has not ended, and shows what the table holds
//! (I15).

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use chrono::{DateTime, Utc};
use cruddur::{clock::Clock, event::ConnectEvent};
use dynamodb_fake::{Dice, FaultKind, Faults};
use serde_json::json;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::{Instant, sleep},
};
use uuid::Uuid;

use crate::{
    commits::{Commits, Trace},
    lambda::Lambda,
};

/// The URL of the management API.
pub(crate) const MANAGEMENT_URL: &str = "https://sockets.test/live";

/// A WebSocket API. Clones share its sockets.
#[derive(Clone)]
pub(crate) struct WebSocketApi {
    faults: Faults,
    dice: Dice,
    commits: Arc<Mutex<Commits>>,
    trace: Arc<Mutex<Trace>>,
    begin: DateTime<Utc>,
    since: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The fault of all calls, if any.
    fault: Option<FaultKind>,
    /// By connection id.
    sockets: BTreeMap<String, Connection>,
    /// Senders of broken sockets whose devices have not noticed.
    unnoticed: Vec<UnboundedSender<String>>,
    opened: usize,
    counts: Counts,
    /// Frames by user.
    frames_to: BTreeMap<Uuid, u64>,
    violations: Vec<String>,
}

/// Numbers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Frames sent to sockets.
    pub sent: u64,
    /// Calls that did not succeed.
    pub failed: u64,
}

/// A connection, as the API knows it.
struct Connection {
    user_uuid: Uuid,
    /// In seconds since 1970.
    token_expires_at: i64,
    is_open: bool,
    frames: UnboundedSender<String>,
}

/// A socket, as its device knows it.
#[derive(Debug)]
pub(crate) struct Socket {
    connection_id: String,
    /// Ends when the device notices that the socket is closed.
    pub frames: UnboundedReceiver<String>,
}

/// A device's offer in a handshake.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    pub user_uuid: Uuid,
    pub device_uuid: Uuid,
    pub token: String,
    /// In seconds since 1970.
    pub token_expires_at: i64,
}

impl WebSocketApi {
    /// Creates an API without sockets. `commits` is the table, against which frames are checked.
    pub(crate) fn new(
        faults: Faults,
        commits: Arc<Mutex<Commits>>,
        trace: Arc<Mutex<Trace>>,
        begin: DateTime<Utc>,
    ) -> Self {
        let dice = faults.dice().clone();
        Self { faults, dice, commits, trace, begin, since: Instant::now(), state: Arc::default() }
    }

    /// Makes all calls to the management API fail with `fault`, or none.
    pub(crate) fn set_fault(&self, fault: Option<FaultKind>) {
        self.state.lock().unwrap().fault = fault;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().unwrap().counts
    }

    /// The number of frames sent to a user's devices.
    pub(crate) fn frames_to(&self, user_uuid: Uuid) -> u64 {
        self.state.lock().unwrap().frames_to.get(&user_uuid).copied().unwrap_or_default()
    }

    /// Violations by calls to the management API.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.state.lock().unwrap().violations.clone()
    }

    /// The client that an execution environment with this clock calls.
    pub(crate) fn connector(&self, clock: Clock) -> Management {
        Management { api: self.clone(), clock }
    }

    /// The time by a correct clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.begin + self.since.elapsed()
    }

    /// Opens a socket. Returns the status of a rejection, or 0 if the socket broke.
    pub(crate) async fn open(&self, lambda: Lambda, handshake: Handshake) -> Result<Socket, u16> {
        let (sender, frames) = mpsc::unbounded_channel();
        let connection_id = {
            let mut state = self.state.lock().unwrap();
            state.opened += 1;
            // Real ids end with a character that is not allowed in a path.
            let connection_id = format!("c{}=", state.opened);
            let connection = Connection {
                user_uuid: handshake.user_uuid,
                token_expires_at: handshake.token_expires_at,
                is_open: false,
                frames: sender,
            };
            state.sockets.insert(connection_id.clone(), connection);
            connection_id
        };
        let protocols = format!("cruddur.v1, device.{}, bearer.{}", handshake.device_uuid, handshake.token);
        let event: ConnectEvent = serde_json::from_value(json!({
            "headers": {"Sec-WebSocket-Protocol": protocols},
            "requestContext": {
                "routeKey": "$connect",
                "eventType": "CONNECT",
                "connectionId": connection_id,
                "connectedAt": self.now().timestamp_millis(),
            },
            "isBase64Encoded": false,
        }))
        .unwrap();
        // API Gateway answers 500 if the function failed.
        let status = Box::pin(lambda.connect(event)).await.unwrap_or(500);
        sleep(self.dice.duration(Duration::ZERO, Duration::from_millis(5))).await;
        let is_cut = self.faults.inject(&[FaultKind::SocketCut]).is_some();
        let mut state = self.state.lock().unwrap();
        if status == 200 && !is_cut {
            state.sockets.get_mut(&connection_id).unwrap().is_open = true;
            return Ok(Socket { connection_id, frames });
        }
        state.sockets.remove(&connection_id);
        Err(if status == 200 { 0 } else { status })
    }

    /// Closes a device's socket.
    pub(crate) fn close(&self, socket: &Socket) {
        self.state.lock().unwrap().sockets.remove(&socket.connection_id);
    }

    /// Breaks sockets at random, forever.
    pub(crate) async fn cut_sockets(self) {
        loop {
            sleep(self.dice.duration(Duration::from_millis(10), Duration::from_millis(500))).await;
            let kind = self.faults.draw(&[FaultKind::SocketCut, FaultKind::SocketCutUnnoticed]);
            let ids = self.state.lock().unwrap().sockets.keys().cloned().collect::<Vec<_>>();
            if let Some(kind) = kind
                && !ids.is_empty()
            {
                self.cut(self.dice.pick::<String>(&ids), kind);
            }
        }
    }

    fn cut(&self, connection_id: &str, kind: FaultKind) {
        let mut state = self.state.lock().unwrap();
        let Some(connection) = state.sockets.get(connection_id).filter(|connection| connection.is_open)
        else {
            return;
        };
        self.faults.count(kind);
        if kind == FaultKind::SocketCutUnnoticed {
            let frames = connection.frames.clone();
            state.unnoticed.push(frames);
        }
        state.sockets.remove(connection_id);
    }

    /// Executes a call of an environment whose clock shows `now`. Returns the status.
    async fn call(self, method: String, connection_id: String, body: String, now: i64) -> u16 {
        sleep(self.dice.duration(Duration::from_millis(1), Duration::from_millis(30))).await;
        if self.faults.draw(&[FaultKind::SocketCut]).is_some() {
            self.cut(&connection_id, FaultKind::SocketCut);
        }
        let mut state = self.state.lock().unwrap();
        let Some(connection) = state.sockets.get(&connection_id) else {
            self.faults.count(FaultKind::PushGone);
            return 410;
        };
        if !connection.is_open {
            self.faults.count(FaultKind::PushBeforeOpening);
            return 410;
        }
        if method == "DELETE" {
            // `push::END_MARGIN` is a second.
            if connection.token_expires_at > now + 1 {
                state.violations.push("an open connection was closed before its time".to_owned());
            } else {
                self.faults.count(FaultKind::TokenEnded);
            }
            state.sockets.remove(&connection_id);
            return 204;
        }
        if connection.frames.send(body).is_err() {
            state.sockets.remove(&connection_id);
            self.faults.count(FaultKind::PushGone);
            return 410;
        }
        let user_uuid = connection.user_uuid;
        *state.frames_to.entry(user_uuid).or_default() += 1;
        state.counts.sent += 1;
        200
    }

    /// Checks a frame before it is sent (I15), by an environment whose clock shows `now`.
    fn check(&self, connection_id: &str, body: &str, now: i64) {
        let mut state = self.state.lock().unwrap();
        let Some(connection) = state.sockets.get(connection_id) else { return };
        let (user_uuid, token_expires_at) = (connection.user_uuid, connection.token_expires_at);
        let findings = self.commits.lock().unwrap().check_frame(user_uuid, body, now);
        state.violations.extend(findings);
        if token_expires_at <= now {
            state.violations.push(format!("I15: a frame to {user_uuid} after the end of their token"));
        }
    }
}

/// The management API, as an execution environment calls it.
#[derive(Clone)]
pub(crate) struct Management {
    api: WebSocketApi,
    /// The environment's clock.
    clock: Clock,
}

impl Management {
    async fn serve(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let api = self.api;
        let now = self.clock.now().timestamp();
        let path = request.uri().strip_prefix(MANAGEMENT_URL).unwrap_or_default();
        let connection_id = path.strip_prefix("/@connections/").unwrap_or_default().replace("%3D", "=");
        let (method, body) = (request.method().to_owned(), request.body().bytes().unwrap_or_default());
        let body = String::from_utf8(body.to_vec()).unwrap();
        api.trace.lock().unwrap().add(&format!("{:?} {method} {path} {body}", api.since.elapsed()));
        let is_signed =
            request.headers().get("authorization").is_some_and(|value| value.contains("/execute-api/"));
        if !is_signed {
            api.state
                .lock()
                .unwrap()
                .violations
                .push("a call to the management API is not signed".to_owned());
        }
        if method == "POST" {
            api.check(&connection_id, &body, now);
        }
        let outage = api.state.lock().unwrap().fault;
        let fault = outage.inspect(|kind| api.faults.count(*kind)).or_else(|| {
            api.faults.inject(&[
                FaultKind::PushThrottled,
                FaultKind::PushErrorBefore,
                FaultKind::PushErrorAfter,
                FaultKind::PushSlow,
            ])
        });
        // API Gateway continues a call whose caller does not wait.
        let call = api.clone().call(method, connection_id, body, now);
        if fault.is_some() {
            api.state.lock().unwrap().counts.failed += 1;
        }
        let status = match fault {
            Some(FaultKind::PushDown) => return Err(ConnectorError::io("connection refused".into())),
            Some(FaultKind::PushSilent) => std::future::pending().await,
            Some(FaultKind::PushThrottled) => 429,
            Some(FaultKind::PushErrorBefore) => 500,
            Some(FaultKind::PushErrorAfter) => {
                let _ = call.await;
                503
            }
            Some(FaultKind::PushSlow) => {
                let time = api.dice.duration(Duration::from_millis(300), Duration::from_millis(1_500));
                let late = tokio::spawn(async move {
                    sleep(time).await;
                    call.await
                });
                late.await.unwrap()
            }
            _ => tokio::spawn(call).await.unwrap(),
        };
        Ok(HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty()))
    }
}

impl HttpConnector for Management {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().serve(request))
    }
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Management")
    }
}

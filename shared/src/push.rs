//! Sends events to the open sockets of users (design, section 3).
//!
//! A push only makes events fast: they are in the event log, and clients read it again after every connection. A push
//! that fails is therefore counted and dropped.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::{AwsConfig, ConfigError, Lookup, PushConfig},
    connection::Connections,
    error::{Cause, Chain},
    https, invocation,
    metrics::Metric,
    signed_call::{Signer, request},
    table::ConnectionRow,
};

pub use self::frame::{Frame, GroupContent};

mod frame;

/// Maximum number of concurrent calls.
const MAX_CONCURRENT_CALLS: usize = 32;

/// Time limit of a call.
const CALL_LIMIT: Duration = Duration::from_millis(300);

/// The number of consecutive calls without an answer after which pushes pause.
const UNANSWERED_LIMIT: u32 = 3;

/// The pause after [`UNANSWERED_LIMIT`] calls without an answer.
const PAUSE: Duration = Duration::from_secs(10);

/// The age from which a connection that does not exist is deleted. A connection that is being opened does not exist yet.
const OPENING_LIMIT: TimeDelta = TimeDelta::seconds(60);

/// The time before a token's end from which nothing is sent, in seconds: more than [`CALL_LIMIT`] (I15).
const END_MARGIN: i64 = 1;

/// Sends frames through the management API of API Gateway's WebSocket API.
#[derive(Debug)]
pub struct Push {
    url: String,
    signer: Signer,
    connector: SharedHttpConnector,
    connections: Connections,
    clock: Clock,
    calls: Semaphore,
    endpoint: Mutex<Endpoint>,
}

/// The state of the management API as the last calls found it.
#[derive(Debug, Default)]
struct Endpoint {
    unanswered: u32,
    paused_until: Option<Instant>,
}

/// The outcome of a call to the management API.
enum Outcome {
    Done,
    /// The connection's time is over. Nothing was sent.
    Over,
    /// The connection does not exist: it is closed, or being opened.
    Gone,
    /// Throttled, or a fault of the service. The same call may succeed.
    Busy(u16),
    /// Another error.
    Rejected(u16),
    /// No answer within the time limit.
    Unanswered(Cause),
}

impl Push {
    /// Creates the sender to the management API at `url`.
    #[must_use]
    pub fn new(
        config: PushConfig,
        signer: Signer,
        connector: SharedHttpConnector,
        connections: Connections,
        clock: Clock,
    ) -> Self {
        let calls = Semaphore::new(MAX_CONCURRENT_CALLS);
        Self { url: config.url, signer, connector, connections, clock, calls, endpoint: Mutex::default() }
    }

    /// Creates the configured sender. Returns `None` if no WebSocket API is configured.
    pub fn from_lookup(lookup: impl Lookup, connections: Connections) -> Result<Option<Self>, ConfigError> {
        let Some(config) = PushConfig::from_lookup(lookup)? else { return Ok(None) };
        let AwsConfig { region, credentials } = AwsConfig::from_lookup(lookup)?;
        let signer = Signer::new(region, credentials, Clock::system());
        let connector = https::connector(&config.url, lookup);
        Ok(Some(Self::new(config, signer, connector, connections, Clock::system())))
    }

    /// Sends frames to all connections of a user. Counts and logs failures.
    pub async fn send(&self, user_uuid: Uuid, frames: &[Frame]) {
        if self.is_paused() {
            invocation::count(Metric::PushDropped, frames.len());
            return;
        }
        match self.connections.of_user(user_uuid).await {
            Ok(connections) => {
                let sends =
                    connections.into_iter().map(|connection| self.send_to(user_uuid, connection, frames));
                sends.collect::<FuturesUnordered<_>>().collect::<()>().await;
            }
            Err(error) => {
                tracing::warn!(%user_uuid, cause = %Chain(&error), "can't read the connections");
                invocation::count(Metric::PushDropped, frames.len());
            }
        }
    }

    /// Sends frames to a connection, one after the other. Stops at the first that fails: the client notices the gap
    /// with the next frame, or with its next reading of the log.
    async fn send_to(&self, user_uuid: Uuid, connection: ConnectionRow, frames: &[Frame]) {
        let connection = &connection;
        for (place, frame) in frames.iter().enumerate() {
            let cause = match self.post(connection, frame).await {
                Outcome::Done => {
                    invocation::count(Metric::Pushed, 1);
                    // The sender's clock may be ahead of this one.
                    let delay = (self.clock.now() - frame.newest).max(TimeDelta::zero());
                    invocation::measure(Metric::PushDelay, delay.as_seconds_f64() * 1_000.0);
                    continue;
                }
                Outcome::Over => return self.close(user_uuid, connection).await,
                Outcome::Gone => return self.forget(user_uuid, connection).await,
                Outcome::Busy(status) | Outcome::Rejected(status) => format!("status {status}"),
                Outcome::Unanswered(cause) => Chain(&*cause).to_string(),
            };
            tracing::warn!(%user_uuid, cause, "a push failed");
            return invocation::count(Metric::PushDropped, frames.len() - place);
        }
    }

    async fn post(&self, connection: &ConnectionRow, frame: &Frame) -> Outcome {
        match self.call("POST", connection, &frame.body).await {
            Outcome::Busy(_) => self.call("POST", connection, &frame.body).await,
            outcome => outcome,
        }
    }

    /// Deletes a connection that does not exist, unless it may still be opening.
    async fn forget(&self, user_uuid: Uuid, connection: &ConnectionRow) {
        invocation::count(Metric::PushGone, 1);
        let opened_before = (self.clock.now() - OPENING_LIMIT).timestamp_millis();
        if connection.connected_at < opened_before {
            self.remove(user_uuid, connection).await;
        }
    }

    /// Closes a connection whose time is over.
    async fn close(&self, user_uuid: Uuid, connection: &ConnectionRow) {
        match self.call("DELETE", connection, "").await {
            Outcome::Done | Outcome::Gone => self.remove(user_uuid, connection).await,
            // The next push closes it.
            Outcome::Over | Outcome::Busy(_) | Outcome::Rejected(_) | Outcome::Unanswered(_) => {}
        }
    }

    async fn remove(&self, user_uuid: Uuid, connection: &ConnectionRow) {
        if let Err(error) = self.connections.remove(user_uuid, connection).await {
            tracing::warn!(%user_uuid, cause = %Chain(&error), "can't delete a connection");
        }
    }

    async fn call(&self, method: &str, connection: &ConnectionRow, body: &str) -> Outcome {
        // A semaphore that is never closed always has permits.
        let _permit = self.calls.acquire().await;
        // Checked at the last moment, since permits may take a while.
        if method == "POST" && connection.expires_at <= self.clock.now().timestamp() + END_MARGIN {
            return Outcome::Over;
        }
        let id = utf8_percent_encode(&connection.connection_id, NON_ALPHANUMERIC);
        let url = format!("{}/@connections/{id}", self.url);
        let exchange = async {
            let mut request = request(method, &url, body)?;
            request.headers_mut().insert("content-type", "application/json");
            self.signer.sign("execute-api", &mut request, body)?;
            let answer = timeout(CALL_LIMIT, self.connector.call(request)).await??;
            Ok(answer.status().as_u16())
        };
        let result: Result<u16, Cause> = exchange.await;
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner).record(result.is_ok());
        match result {
            Ok(200..=299) => Outcome::Done,
            Ok(410) => Outcome::Gone,
            Ok(status @ (429 | 500..)) => Outcome::Busy(status),
            Ok(status) => Outcome::Rejected(status),
            Err(cause) => Outcome::Unanswered(cause),
        }
    }

    fn is_paused(&self) -> bool {
        let endpoint = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        endpoint.paused_until.is_some_and(|end| Instant::now() < end)
    }
}

impl Endpoint {
    fn record(&mut self, is_answered: bool) {
        if is_answered {
            *self = Self::default();
            return;
        }
        self.unanswered += 1;
        if self.unanswered >= UNANSWERED_LIMIT {
            // After the pause, the first call without an answer begins the next one.
            self.unanswered = UNANSWERED_LIMIT - 1;
            self.paused_until = Some(Instant::now() + PAUSE);
        }
    }
}

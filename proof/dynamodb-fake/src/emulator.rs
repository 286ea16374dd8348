//! The fake: an embedded DynamoDB behind layers, as the SDK's HTTP client or over HTTP.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use dynoxide::Database;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{Body, Failure, Fault, Journal, Key, dispatch, fault::respond, key, scan, units};

/// A fake DynamoDB. Cheap to clone: clones share the database.
#[derive(Clone)]
pub struct Emulator {
    database: Database,
    journal: Option<Arc<Journal>>,
    layers: Arc<Mutex<Layers>>,
}

/// The layers, in the order of execution.
struct Layers {
    authorize: Box<Authorize>,
    time: Time,
    edit_request: Box<dyn FnMut(&mut Call) + Send>,
    fault: Box<dyn FnMut(&Call) -> Fault + Send>,
    /// Latencies of the request and of the response.
    latency: Box<dyn FnMut() -> [Duration; 2] + Send>,
    edit_answer: Box<EditAnswer>,
    /// Recorded calls.
    calls: Option<Vec<Call>>,
}

type Authorize = dyn FnMut(&Call) -> Option<(u16, String)> + Send;
type EditAnswer = dyn FnMut(&Call, &mut Value) + Send;

/// The state of the test runtime's clock.
#[derive(Clone, Copy)]
enum Time {
    Real,
    PausedByNextCall,
    PausedSince(Instant),
}

/// A call by the SDK.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation, such as `PutItem`.
    pub operation: String,
    /// The SDK's user agent, which names the calling function.
    pub user_agent: String,
    pub request: Value,
    /// The response. `None` if the call was not executed.
    pub answer: Option<Value>,
}

/// A response before it is sent: a status with a body, or a failure.
type Answer = Result<(u16, String), Failure>;

impl Emulator {
    /// Creates an empty DynamoDB that records calls and their request units.
    #[must_use]
    pub fn new() -> Self {
        let emulator = Self::over(Database::memory().unwrap());
        emulator.layers.lock().unwrap().calls = Some(Vec::new());
        emulator
    }

    /// Creates a DynamoDB on `database`, without recording calls.
    #[must_use]
    pub fn over(database: Database) -> Self {
        let layers = Layers {
            authorize: Box::new(|_| None),
            time: Time::Real,
            edit_request: Box::new(|_| ()),
            fault: Box::new(|_| Fault::None),
            latency: Box::new(|| [Duration::ZERO; 2]),
            edit_answer: Box::new(|_, _| ()),
            calls: None,
        };
        Self { database, journal: None, layers: Arc::new(Mutex::new(layers)) }
    }

    /// A configuration of the SDK for calls in the process.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // The SDK shares one retry quota among all clients of a region and a process. Tests and execution environments
        // must not use up each other's.
        let region = format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url("http://dynamodb.test")
            .http_client(self.clone())
            .build()
    }

    /// Adds a journal of commits. Writes are then executed even if the caller gives up.
    #[must_use]
    pub fn with_journal(self, journal: Arc<Journal>) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Injects into each call the fault that `fault` returns.
    pub fn inject(&self, fault: impl FnMut(&Call) -> Fault + Send + 'static) {
        self.layers.lock().unwrap().fault = Box::new(fault);
    }

    /// Injects `fault` into the next `times` calls of `operation`, and none into other calls.
    pub fn fail(&self, operation: &'static str, mut times: usize, fault: Fault) {
        self.inject(move |call| {
            if call.operation == operation && times > 0 {
                times -= 1;
                fault
            } else {
                Fault::None
            }
        });
    }

    /// Edits each request, for example to force small pages.
    pub fn edit_requests(&self, edit: impl FnMut(&mut Call) + Send + 'static) {
        self.layers.lock().unwrap().edit_request = Box::new(edit);
    }

    /// Edits each successful response, for example to simulate a lagging index.
    pub fn edit_answers(&self, edit: impl FnMut(&Call, &mut Value) + Send + 'static) {
        self.layers.lock().unwrap().edit_answer = Box::new(edit);
    }

    /// Rejects calls for which `authorize` returns a status and a body.
    pub fn authorize(&self, authorize: impl FnMut(&Call) -> Option<(u16, String)> + Send + 'static) {
        self.layers.lock().unwrap().authorize = Box::new(authorize);
    }

    /// Delays each call. With paused time, the elapsed time shows the number of sequential calls.
    pub fn set_latency(&self, latency: Duration) {
        self.set_latencies(move || [latency, Duration::ZERO]);
    }

    /// Delays the request and the response of each call.
    pub fn set_latencies(&self, latency: impl FnMut() -> [Duration; 2] + Send + 'static) {
        self.layers.lock().unwrap().latency = Box::new(latency);
    }

    /// Runs `work` with time paused from its first call on. Also returns the time elapsed since. `work` may
    /// use PostgreSQL only before its first call: paused time jumps to the next timeout while a socket is
    /// awaited. Requires a current-thread runtime.
    pub async fn with_time_paused<T>(&self, work: impl Future<Output = T>) -> (T, Duration) {
        self.layers.lock().unwrap().time = Time::PausedByNextCall;
        let result = work.await;
        let time = std::mem::replace(&mut self.layers.lock().unwrap().time, Time::Real);
        let Time::PausedSince(start) = time else { return (result, Duration::ZERO) };
        let elapsed = start.elapsed();
        tokio::time::resume();
        (result, elapsed)
    }

    /// Returns the recorded calls and clears the record.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        self.layers.lock().unwrap().calls.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The rows of `table` by key.
    #[must_use]
    pub fn rows(&self, table: &str) -> BTreeMap<Key, Value> {
        let mut rows = BTreeMap::new();
        scan(&self.database, table, |row| {
            rows.insert(key(row), row.clone());
        });
        rows
    }

    /// Executes a call on the database, bypassing all layers.
    #[must_use]
    pub fn call(&self, operation: &str, request: Value) -> Value {
        dispatch(&self.database, operation, request).unwrap()
    }

    /// Serves an HTTP request. An error resets the connection.
    pub async fn serve<B>(self, request: Request<B>) -> io::Result<Response<Body>>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (api, operation) = header("x-amz-target").split_once('.').unwrap_or_default();
        let mut call = Call {
            operation: operation.to_owned(),
            user_agent: header("x-amz-user-agent").to_owned(),
            request: serde_json::from_slice(&body)?,
            answer: None,
        };
        if let Some(journal) = self.journal.as_ref().filter(|_| api.starts_with("DynamoDBStreams")) {
            return Ok(respond(200, journal.serve_stream(operation, &call.request)));
        }
        let (refusal, fault, latency) = self.layers.lock().unwrap().begin(&mut call);
        let detached = self.journal.is_some() && call.is_write();
        let work = self.run(call, refusal, fault, latency);
        let answer = if detached { tokio::spawn(work).await.map_err(io::Error::other)? } else { work.await };
        match answer {
            Ok((status, body)) => Ok(respond(status, body)),
            Err(failure) => failure.response().await,
        }
    }

    async fn run(
        self,
        mut call: Call,
        refusal: Option<(u16, String)>,
        fault: Fault,
        [before, after]: [Duration; 2],
    ) -> Answer {
        let slow = if let Fault::Slow(delay) = fault { delay } else { Duration::ZERO };
        delay(before + slow).await;
        if let Some(refusal) = refusal {
            self.record(call);
            return Ok(refusal);
        }
        let answer = match fault {
            Fault::None | Fault::Slow(_) => {
                let mut answer = self.execute(&call).await;
                if let Ok(answer) = &mut answer {
                    (self.layers.lock().unwrap().edit_answer)(&call, answer);
                }
                call.answer = answer.as_ref().ok().cloned();
                Ok(answer.map_or_else(|error| error, |answer| (200, answer.to_string())))
            }
            Fault::NotExecuted(failure) => Err(failure),
            Fault::Lost(failure) => {
                call.answer = self.execute(&call).await.ok();
                Err(failure)
            }
            Fault::Late(failure, delay) => {
                let (late, call) = (self.clone(), call.clone());
                let token = self.journal.as_ref().and_then(|journal| journal.begin(&call.request));
                tokio::spawn(async move {
                    sleep(delay).await;
                    if let Some(journal) = &late.journal {
                        journal.end(token);
                    }
                    // The call's own conditions decide whether it still succeeds.
                    let _ = late.execute(&call).await;
                });
                Err(failure)
            }
        };
        self.record(call);
        delay(after).await;
        answer
    }

    async fn execute(&self, call: &Call) -> Result<Value, (u16, String)> {
        match &self.journal {
            Some(journal) => journal.execute(&self.database, &call.operation, &call.request).await,
            None => dispatch(&self.database, &call.operation, call.request.clone())
                .map_err(|error| (error.status_code(), error.to_json())),
        }
    }

    fn record(&self, call: Call) {
        if let Some(calls) = &mut self.layers.lock().unwrap().calls {
            calls.push(call);
        }
    }
}

async fn delay(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

impl Layers {
    /// Passes a call through the layers before the engine. Returns the response to an unauthorized call, the
    /// fault and the latencies.
    fn begin(&mut self, call: &mut Call) -> (Option<(u16, String)>, Fault, [Duration; 2]) {
        let refusal = (self.authorize)(call);
        if self.calls.is_some()
            && (call.is_write() && call.operation != "DeleteItem"
                || matches!(&*call.operation, "GetItem" | "BatchGetItem" | "Query"))
        {
            call.request["ReturnConsumedCapacity"] = json!("INDEXES");
        }
        if matches!(self.time, Time::PausedByNextCall) {
            tokio::time::pause();
            self.time = Time::PausedSince(Instant::now());
        }
        (self.edit_request)(call);
        (refusal, (self.fault)(call), (self.latency)())
    }
}

impl Call {
    /// The name of the calling function, or an empty string.
    #[must_use]
    pub fn caller(&self) -> &str {
        self.user_agent.rsplit_once("app/").map_or("", |(_, name)| name)
    }

    /// Whether the call writes rows.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(&*self.operation, "PutItem" | "DeleteItem" | "UpdateItem" | "TransactWriteItems")
    }

    /// The request units of the call: the table's and the index's.
    #[must_use]
    pub fn units(&self) -> (f64, f64) {
        self.answer.as_ref().map_or((0.0, 0.0), units)
    }
}

impl Default for Emulator {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient for Emulator {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Emulator {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let emulator = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().unwrap();
            let response = emulator.serve(request).await;
            let response = response.map_err(|error| ConnectorError::io(error.into()))?;
            Ok(HttpResponse::try_from(response.map(SdkBody::from_body_1_x)).unwrap())
        })
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Emulator")
    }
}

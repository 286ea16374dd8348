//! An HTTP client for the SDK that ends in an embedded DynamoDB in the same process, with faults on order.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};
use simulation::wire::{self, dispatch};
use tokio::time::Instant;

use crate::policy::{Iam, Policy, Refusal};

/// A DynamoDB of the test's own. Cheap to clone.
#[derive(Clone)]
pub struct Emulator {
    database: Database,
    state: Arc<Mutex<State>>,
}

struct State {
    calls: Vec<Call>,
    latency: Duration,
    judge: Box<dyn FnMut(&Call) -> Fate + Send>,
    edit_request: Box<dyn FnMut(&mut Call) + Send>,
    edit_answer: Box<EditAnswer>,
    time: Time,
    iam: Iam,
}

type EditAnswer = dyn FnMut(&Call, &mut Value) + Send;

/// How the time of the test's runtime passes.
#[derive(Clone, Copy)]
enum Time {
    Real,
    PausedByNextCall,
    PausedSince(Instant),
}

/// A call that the SDK made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation, such as `PutItem`.
    pub operation: String,
    /// The request.
    pub request: Value,
    /// The answer, where the call was carried out.
    pub answer: Option<Value>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Served,
    /// It is not carried out.
    Refused(Failure),
    /// It is carried out, but the caller gets the failure.
    Lost(Failure),
    /// The caller gets the failure at once, and the call is carried out so much later.
    Late(Failure, Duration),
}

/// How a call fails, as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A status with an error code of DynamoDB.
    Status(u16, &'static str),
    /// A transaction cancelled for these reasons, one for each action.
    Cancelled(&'static [&'static str]),
    /// The connection breaks.
    Reset,
    /// No answer at all: the SDK's own time limit ends the attempt.
    Silence,
    /// An answer that does not end: the same limit does.
    Stall,
}

impl Emulator {
    /// An empty DynamoDB.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            calls: Vec::new(),
            latency: Duration::ZERO,
            judge: Box::new(|_| Fate::Served),
            edit_request: Box::new(|_| ()),
            edit_answer: Box::new(|_, _| ()),
            time: Time::Real,
            iam: Iam::default(),
        };
        Self { database: Database::memory().unwrap(), state: Arc::new(Mutex::new(state)) }
    }

    /// Lets `judge` decide about every call from now on.
    pub fn judge(&self, judge: impl FnMut(&Call) -> Fate + Send + 'static) {
        self.state.lock().unwrap().judge = Box::new(judge);
    }

    /// The first so many calls of `operation` from now on have this fate, all others are served.
    pub fn fail(&self, operation: &'static str, mut times: usize, fate: Fate) {
        self.judge(move |call| {
            if call.operation == operation && times > 0 {
                times -= 1;
                fate
            } else {
                Fate::Served
            }
        });
    }

    /// Lets `edit` change every request from now on, such as to get small pages.
    pub fn edit_requests(&self, edit: impl FnMut(&mut Call) + Send + 'static) {
        self.state.lock().unwrap().edit_request = Box::new(edit);
    }

    /// Lets `edit` change every answer from now on, such as to show an index that lags.
    pub fn edit_answers(&self, edit: impl FnMut(&Call, &mut Value) + Send + 'static) {
        self.state.lock().unwrap().edit_answer = Box::new(edit);
    }

    /// Has `iam` judge the functions' calls from now on, before anything else becomes of them. (The calls of tests
    /// themselves are nobody's and are not judged.)
    pub fn put_behind(&self, iam: Iam) {
        self.state.lock().unwrap().iam = iam;
    }

    /// Judges the calls of `function` by `policy` from now on.
    pub fn enforce(&self, function: &str, policy: Policy) {
        self.state.lock().unwrap().iam.enforce(function, policy);
    }

    /// The calls that were refused since the last time they were taken.
    #[must_use]
    pub fn take_refusals(&self) -> Vec<Refusal> {
        self.state.lock().unwrap().iam.take_refusals()
    }

    /// Carries `work` out with time paused from its first call on; how long it took from there. No wait is real
    /// then, but `work` may ask PostgreSQL before its first call. (While a socket is waited for, paused time runs
    /// ahead to the next time limit.) The test's runtime must be a current-thread one.
    pub async fn with_time_paused<T>(&self, work: impl Future<Output = T>) -> (T, Duration) {
        self.state.lock().unwrap().time = Time::PausedByNextCall;
        let result = work.await;
        let time = std::mem::replace(&mut self.state.lock().unwrap().time, Time::Real);
        let Time::PausedSince(start) = time else { return (result, Duration::ZERO) };
        let elapsed = start.elapsed();
        tokio::time::resume();
        (result, elapsed)
    }

    /// Every call takes so long from now on. With time paused, the time that passes tells how many calls had to
    /// wait for one another.
    pub fn set_latency(&self, latency: Duration) {
        self.state.lock().unwrap().latency = latency;
    }

    /// The calls since the last time they were taken.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// Every row of `table`, by its keys, in their order.
    #[must_use]
    pub fn rows(&self, table: &str) -> BTreeMap<(String, String), Value> {
        let key = |item: &Value, name: &str| item[name]["S"].as_str().unwrap().to_owned();
        let mut rows = BTreeMap::new();
        let mut request = json!({"TableName": table});
        loop {
            let answer = dispatch(&self.database, "Scan", request.clone()).unwrap();
            let items = answer["Items"].as_array().unwrap().iter().cloned();
            rows.extend(items.map(|item| ((key(&item, "pk"), key(&item, "sk")), item)));
            match answer.get("LastEvaluatedKey") {
                Some(last) if !last.is_null() => request["ExclusiveStartKey"] = last.clone(),
                _ => return rows,
            }
        }
    }

    /// The call as it is without any SDK between: for rows that only a test would write.
    #[must_use]
    pub fn call(&self, operation: &str, request: Value) -> Value {
        dispatch(&self.database, operation, request).unwrap()
    }

    async fn serve(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default().to_owned();
        let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
        let user_agent = request.headers().get("x-amz-user-agent").unwrap_or_default();
        let judgement = self.state.lock().unwrap().iam.judge(user_agent, &operation, &body);
        if let Some(body) = body.as_object_mut()
            && matches!(&*operation, "GetItem" | "Query" | "PutItem" | "UpdateItem" | "TransactWriteItems")
        {
            body.insert("ReturnConsumedCapacity".to_owned(), json!("INDEXES"));
        }
        let mut call = Call { operation, request: body, answer: None };
        let (latency, fate) = {
            let mut state = self.state.lock().unwrap();
            if matches!(state.time, Time::PausedByNextCall) {
                tokio::time::pause();
                state.time = Time::PausedSince(Instant::now());
            }
            (state.edit_request)(&mut call);
            (state.latency, (state.judge)(&call))
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if let Err(refusal) = judgement {
            self.state.lock().unwrap().calls.push(call);
            return Ok(wire::response(Refusal::STATUS, refusal.body()));
        }
        let carry_out = |call: &Call| dispatch(&self.database, &call.operation, call.request.clone());
        let failure = match fate {
            Fate::Served => {
                let mut answer = carry_out(&call);
                let mut state = self.state.lock().unwrap();
                if let Ok(answer) = &mut answer {
                    (state.edit_answer)(&call, answer);
                }
                call.answer = answer.as_ref().ok().cloned();
                state.calls.push(call);
                return Ok(answer_of(answer));
            }
            Fate::Refused(failure) => failure,
            Fate::Lost(failure) => {
                call.answer = carry_out(&call).ok();
                failure
            }
            Fate::Late(failure, delay) => {
                let (emulator, call) = (self.clone(), call.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    // Whether it is carried out then is up to its conditions.
                    let _ = dispatch(&emulator.database, &call.operation, call.request);
                });
                failure
            }
        };
        self.state.lock().unwrap().calls.push(call);
        fail(failure).await
    }
}

impl Call {
    /// The request units of the call: of the table, and of its index.
    #[must_use]
    pub fn units(&self) -> (f64, f64) {
        let consumed = self.answer.as_ref().map(|answer| &answer["ConsumedCapacity"]);
        let consumed: Vec<&Value> = match consumed {
            Some(Value::Array(tables)) => tables.iter().collect(),
            Some(table @ Value::Object(_)) => vec![table],
            _ => vec![],
        };
        let mut units = (0.0, 0.0);
        for table in consumed {
            let indexes = table["GlobalSecondaryIndexes"].as_object();
            let of_indexes = indexes.map_or(0.0, |indexes| {
                indexes.values().filter_map(|index| index["CapacityUnits"].as_f64()).sum()
            });
            // Some calls are answered with the sum alone.
            let of_table = table["Table"]["CapacityUnits"].as_f64();
            let sum = table["CapacityUnits"].as_f64().unwrap_or_default();
            units.0 += of_table.unwrap_or(sum - of_indexes);
            units.1 += of_indexes;
        }
        units
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
        HttpConnectorFuture::new(self.clone().serve(request))
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Emulator")
    }
}

fn answer_of(answer: Result<Value, DynoxideError>) -> HttpResponse {
    match answer {
        Ok(answer) => wire::response(200, answer.to_string()),
        Err(error) => wire::response(error.status_code(), error.to_json()),
    }
}

async fn fail(failure: Failure) -> Result<HttpResponse, ConnectorError> {
    match failure {
        Failure::Status(status, code) => Ok(wire::failure(status, code)),
        Failure::Cancelled(reasons) => Ok(wire::cancelled(reasons)),
        Failure::Reset => Err(wire::reset()),
        Failure::Silence => std::future::pending().await,
        Failure::Stall => Ok(wire::stalled()),
    }
}

//! The way to DynamoDB and back: an HTTP client for the SDK that ends in the same process, with everything that can
//! happen on the way.

use std::{
    collections::HashMap,
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
use serde_json::{Value, json};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    dice::Dice,
    fate::{Answer, Failure, Fate, fate, faults_of},
    fault::Fault,
    planted::Planted,
    table::{Table, text},
    wire,
    world::Faults,
};

/// The way to the table. Cheap to clone.
#[derive(Clone)]
pub struct Network {
    table: Arc<Mutex<Table>>,
    /// Transactions by their tokens, and whether they are done. (The real DynamoDB forgets them after ten minutes.)
    transactions: Arc<Mutex<HashMap<String, bool>>>,
    /// Where queries were interrupted: changes of the partition until then.
    pages: Arc<Mutex<HashMap<String, u64>>>,
    trace: Arc<Mutex<Trace>>,
    begin: Instant,
    faults: Faults,
    dice: Dice,
    lag: Duration,
    planted: Option<Planted>,
}

/// What happened, as one number: equal for two runs that did the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    hash: u64,
    /// Calls that arrived.
    pub calls: u64,
}

impl Network {
    /// The way to `table`, whose index lags by up to `lag`.
    #[must_use]
    pub fn new(faults: Faults, dice: Dice, lag: Duration, planted: Option<Planted>) -> Self {
        Self {
            table: Arc::default(),
            transactions: Arc::default(),
            pages: Arc::default(),
            trace: Arc::default(),
            begin: Instant::now(),
            faults,
            dice,
            lag,
            planted,
        }
    }

    /// The table as it is.
    pub fn table<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.table.lock().unwrap())
    }

    /// What happened so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        *self.trace.lock().unwrap()
    }

    async fn serve(self, request: HttpRequest) -> Answer {
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default().to_owned();
        let caller = request.headers().get("x-amz-user-agent").unwrap_or_default();
        let caller = caller.rsplit_once("app/").map_or("", |(_, name)| name).to_owned();
        let mut request: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
        if let Some(planted) = self.planted {
            planted.edit_request(&operation, &caller, &mut request, &self.dice);
        }
        match operation.as_str() {
            "GetItem" | "Query" => self.read(&operation, &caller, request).await,
            "PutItem" | "DeleteItem" | "UpdateItem" | "TransactWriteItems" => {
                self.write(operation, request).await
            }
            // The table is made before anything can go wrong.
            _ => Ok(self.carry_out(&operation, &request)),
        }
    }

    async fn read(&self, operation: &str, caller: &str, request: Value) -> Answer {
        let fault = self.faults.strike(&self.dice, &faults_of(operation));
        self.leg(fault).await;
        if let Some(fault) = fault
            && let Some(Fate::Refused(failure) | Fate::Lost(failure)) = fate(fault)
        {
            self.note(operation, &request, Some(fault));
            return failure.answer().await;
        }
        let answer = match operation {
            "Query" if request.get("IndexName").is_some() => Ok(self.query_index(&request)),
            "Query" => self.query(request).await,
            _ => {
                self.note(operation, &request, None);
                let mut answer = self.lock_and_carry_out(operation, &request);
                if let (Some(planted), Ok(answer)) = (self.planted, &mut answer) {
                    self.table(|table| planted.edit_membership(caller, &request, answer, table));
                }
                answer
            }
        };
        self.leg(None).await;
        Ok(response(answer))
    }

    /// Half of the way.
    async fn leg(&self, fault: Option<Fault>) {
        let (least, greatest) = if fault == Some(Fault::Slow) { (1_000, 1_900) } else { (0, 9) };
        let time = self.dice.duration(Duration::from_millis(least), Duration::from_millis(greatest));
        tokio::time::sleep(time).await;
    }

    /// Once a write is sent, it goes its way whatever becomes of the caller.
    async fn write(&self, operation: String, request: Value) -> Answer {
        let fault = self.faults.strike(&self.dice, &faults_of(&operation));
        let (answered, answer) = oneshot::channel();
        let network = self.clone();
        tokio::spawn(async move {
            network.leg(fault).await;
            network.note(&operation, &request, fault);
            let carry_out = || network.carry_out_once(&operation, &request);
            let answer = match fault.and_then(fate) {
                None => Ok(carry_out()),
                Some(Fate::Refused(_)) if network.planted_for_good(fault) => FOR_GOOD.answer().await,
                Some(Fate::Refused(failure)) => failure.answer().await,
                Some(Fate::Lost(failure)) => {
                    carry_out();
                    let failure = if network.planted_for_good(fault) { FOR_GOOD } else { failure };
                    failure.answer().await
                }
                Some(Fate::Late(failure)) => {
                    network.begin(&request);
                    let late = network.clone();
                    let time = late.dice.duration(Duration::from_millis(5), Duration::from_secs(20));
                    tokio::spawn(async move {
                        tokio::time::sleep(time).await;
                        late.note(&operation, &request, Some(Fault::LateAfterSilence));
                        late.end(&request);
                        late.carry_out_once(&operation, &request);
                    });
                    failure.answer().await
                }
            };
            network.leg(None).await;
            let _ = answered.send(answer);
        });
        answer.await.unwrap_or_else(|_| Err(ConnectorError::io("the connection is gone".into())))
    }

    /// Whether a planted fault makes a failure for good of one that may pass.
    fn planted_for_good(&self, fault: Option<Fault>) -> bool {
        match self.planted {
            Some(Planted::LostAnswerIsFailure) => {
                matches!(fault, Some(Fault::ErrorAfter | Fault::UnavailableAfter | Fault::ResetAfter))
            }
            Some(Planted::NoConflictRetry) => {
                matches!(fault, Some(Fault::TransactionConflict | Fault::WriteConflict))
            }
            _ => false,
        }
    }

    /// A transaction is carried out once for each token.
    fn carry_out_once(&self, operation: &str, request: &Value) -> HttpResponse {
        let Some(token) = request["ClientRequestToken"].as_str() else {
            return self.carry_out(operation, request);
        };
        match self.transactions.lock().unwrap().get(token) {
            Some(true) => return wire::response(200, "{}".to_owned()),
            Some(false) => {
                self.faults.count(Fault::TransactionInProgress);
                return wire::failure(400, "TransactionInProgressException");
            }
            None => {}
        }
        let answer = self.carry_out(operation, request);
        if answer.status().is_success() {
            self.transactions.lock().unwrap().insert(token.to_owned(), true);
        }
        answer
    }

    fn begin(&self, request: &Value) {
        if let Some(token) = request["ClientRequestToken"].as_str() {
            self.transactions.lock().unwrap().entry(token.to_owned()).or_insert(false);
        }
    }

    fn end(&self, request: &Value) {
        if let Some(token) = request["ClientRequestToken"].as_str() {
            let mut transactions = self.transactions.lock().unwrap();
            if transactions.get(token) == Some(&false) {
                transactions.remove(token);
            }
        }
    }

    fn carry_out(&self, operation: &str, request: &Value) -> HttpResponse {
        match self.lock_and_carry_out(operation, request) {
            Ok(answer) => wire::response(200, answer.to_string()),
            Err((status, body)) => wire::response(status, self.hide_rows(body)),
        }
    }

    fn lock_and_carry_out(&self, operation: &str, request: &Value) -> Result<Value, (u16, String)> {
        let lag = || {
            let most = if self.faults.are_off() || self.dice.chance(0.3) { Duration::ZERO } else { self.lag };
            self.dice.duration(Duration::ZERO, most)
        };
        let answer = self.table.lock().unwrap().carry_out(operation, request, lag);
        answer.map_err(|error| (error.status_code(), error.to_json()))
    }

    /// Of rows in the way of a transaction some may be told to be in another transaction, and nothing else of them.
    fn hide_rows(&self, body: String) -> String {
        if !body.contains("ConditionalCheckFailed\"")
            || self.faults.strike(&self.dice, &[Fault::ConflictHidesRows]).is_none()
        {
            return body;
        }
        let mut body: Value = serde_json::from_str(&body).unwrap();
        for reason in body["CancellationReasons"].as_array_mut().into_iter().flatten() {
            if reason["Code"] == "ConditionalCheckFailed" && self.dice.chance(0.6) {
                *reason = json!({"Code": "TransactionConflict", "Message": "on order"});
            }
        }
        body.to_string()
    }

    fn query_index(&self, request: &Value) -> Value {
        self.note("Query", request, None);
        let group = text(&request["ExpressionAttributeValues"], ":group");
        let back = self.faults.strike(&self.dice, &[Fault::IndexGoesBack]);
        let back = back.map_or(Duration::ZERO, |_| {
            self.dice.duration(Duration::from_millis(1), self.lag + Duration::from_secs(1))
        });
        let now = Instant::now();
        let view = self.table(|table| table.index(group, now.checked_sub(back).unwrap_or(now)));
        for (number, fault) in [
            (view.none, Fault::IndexShowsNone),
            (view.old, Fault::IndexShowsOld),
            (view.many, Fault::IndexShowsMany),
        ] {
            (0..number).for_each(|_| self.faults.count(fault));
        }
        json!({"Count": view.rows.len(), "ScannedCount": view.rows.len(), "Items": view.rows})
    }

    /// A query of the table: in pages as small as may be, and with commits between and within them.
    async fn query(&self, mut request: Value) -> Result<Value, (u16, String)> {
        let partition = text(&request["ExpressionAttributeValues"], ":pk").to_owned();
        let changes = |network: &Self| network.table(|table| table.changes_of(&partition));
        let continued = request.get("ExclusiveStartKey").map(|key| format!("{partition} {key}"));
        if continued.is_some() {
            let most = if self.faults.are_off() { 10 } else { 300 };
            tokio::time::sleep(self.dice.duration(Duration::ZERO, Duration::from_millis(most))).await;
        }
        if let Some(before) = continued.and_then(|place| self.pages.lock().unwrap().remove(&place))
            && before != changes(self)
        {
            self.faults.count(Fault::CommitBetweenPages);
        }
        let limit = request["Limit"].as_u64().unwrap_or(1_000);
        let short = self.faults.roll(&self.dice, &[Fault::ShortPage]).is_some();
        if short {
            request["Limit"] = json!(self.dice.between(1, limit.clamp(1, 2)));
        }
        self.note("Query", &request, None);
        let mut answer = if self.faults.roll(&self.dice, &[Fault::CommitWithinPage]).is_some() {
            self.query_in_two_parts(&request, &partition).await?
        } else {
            self.lock_and_carry_out("Query", &request)?
        };
        let rows = answer["Items"].as_array().map_or(0, Vec::len);
        if answer["LastEvaluatedKey"].is_object() {
            let place = format!("{partition} {}", answer["LastEvaluatedKey"]);
            self.pages.lock().unwrap().insert(place, changes(self));
            if short && rows == 0 {
                self.faults.count(Fault::EmptyPage);
            } else if short && (rows as u64) < limit {
                self.faults.count(Fault::ShortPage);
            }
        } else if let Some(answer) = answer.as_object_mut() {
            answer.remove("LastEvaluatedKey");
        }
        Ok(answer)
    }

    async fn query_in_two_parts(&self, request: &Value, partition: &str) -> Result<Value, (u16, String)> {
        let limit = request["Limit"].as_u64();
        let first = self.dice.between(1, limit.unwrap_or(3).clamp(1, 3));
        let mut part = request.clone();
        part["Limit"] = json!(first);
        let mut answer = self.lock_and_carry_out("Query", &part)?;
        let rest = limit.map(|limit| limit - first);
        if !answer["LastEvaluatedKey"].is_object() || rest == Some(0) {
            return Ok(answer);
        }
        let before = self.table(|table| table.changes_of(partition));
        tokio::time::sleep(self.dice.duration(Duration::ZERO, Duration::from_millis(300))).await;
        if before != self.table(|table| table.changes_of(partition)) {
            self.faults.count(Fault::CommitWithinPage);
        }
        let mut part = request.clone();
        part["ExclusiveStartKey"] = answer["LastEvaluatedKey"].take();
        if let Some(rest) = rest {
            part["Limit"] = json!(rest);
        }
        let mut second = self.lock_and_carry_out("Query", &part)?;
        let rows = second["Items"].as_array().cloned().unwrap_or_default();
        answer["Items"].as_array_mut().unwrap().extend(rows);
        answer["LastEvaluatedKey"] = second["LastEvaluatedKey"].take();
        Ok(answer)
    }

    fn note(&self, operation: &str, request: &Value, fault: Option<Fault>) {
        let mut trace = self.trace.lock().unwrap();
        trace.calls += 1;
        let key = request.pointer("/Key/pk").or_else(|| request.pointer("/Item/sk"));
        let what = format!("{} {operation} {key:?} {fault:?}", self.begin.elapsed().as_micros());
        let request = request.get("TransactItems").map(Value::to_string).unwrap_or_default();
        // FNV-1a: the same on every machine.
        for byte in what.bytes().chain(request.bytes()) {
            trace.hash = (trace.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// What DynamoDB says of a request that it will never carry out.
const FOR_GOOD: Failure = Failure::Status(400, "ValidationException");

fn response(answer: Result<Value, (u16, String)>) -> HttpResponse {
    match answer {
        Ok(answer) => wire::response(200, answer.to_string()),
        Err((status, body)) => wire::response(status, body),
    }
}

impl HttpClient for Network {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().serve(request))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

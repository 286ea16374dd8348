//! DynamoDB over HTTP, as it fails: calls that are refused, whose answer is lost or never comes, that land later, and an
//! index that lags. What is carried out, an embedded one carries out.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use dynoxide::{Database, DynoxideError};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use simulation::{
    Fault,
    dice::Dice,
    fate::{Answer, Fate, fate, faults_of},
    table::text,
    wire::{self, dispatch},
    world::Faults,
};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

use super::stream::Stream;

/// A running front. It ends with the value.
pub(super) struct Front {
    url: String,
    calls: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Door {
    database: Database,
    faults: Faults,
    dice: Dice,
    calls: Arc<AtomicU64>,
    stream: Stream,
    /// Of the transactions that were carried out.
    tokens: Arc<Mutex<HashSet<String>>>,
    /// What the index showed of a group before.
    index: Arc<Mutex<HashMap<String, Value>>>,
}

impl Front {
    /// In front of `database`, on any port.
    pub(super) async fn start(database: Database, faults: Faults, dice: Dice) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let calls = Arc::<AtomicU64>::default();
        let door = Door {
            database,
            faults,
            dice,
            calls: Arc::clone(&calls),
            stream: Stream::default(),
            tokens: Arc::default(),
            index: Arc::default(),
        };
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let door = door.clone();
                let service = service_fn(move |request| door.clone().serve(request));
                // An error is a connection that broke, on order or since the caller had waited long enough.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { url, calls, server })
    }

    /// What `AWS_ENDPOINT_URL_DYNAMODB` has to be.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Calls that came.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Door {
    async fn serve(self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let (api, operation) = target.and_then(|target| target.split_once('.')).unwrap_or_default();
        let (of_stream, operation) = (api.starts_with("DynamoDBStreams"), operation.to_owned());
        let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        let request: Value = serde_json::from_slice(&body)?;
        let answer = if of_stream {
            wire::response(200, self.stream.answer(&operation, &request))
        } else {
            self.calls.fetch_add(1, Ordering::Relaxed);
            self.answer(&operation, request).await.map_err(io::Error::other)?
        };
        let body = answer.body().bytes().unwrap_or_default();
        let response = Response::builder()
            .status(answer.status().as_u16())
            .header("content-type", "application/x-amz-json-1.0")
            .body(Full::from(Bytes::copy_from_slice(body)));
        response.map_err(io::Error::other)
    }

    async fn answer(&self, operation: &str, request: Value) -> Answer {
        let fault = self.faults.strike(&self.dice, &faults_of(operation));
        if fault == Some(Fault::Slow) {
            sleep(self.dice.duration(Duration::from_secs(1), Duration::from_millis(1_900))).await;
        }
        match fault.and_then(fate) {
            None if request.get("IndexName").is_some() => Ok(self.query_index(request)),
            None if operation == "Query" => Ok(self.query(request)),
            None => Ok(self.carry_out(operation, request)),
            Some(Fate::Refused(failure)) => failure.answer().await,
            Some(Fate::Lost(failure)) => {
                self.carry_out(operation, request);
                failure.answer().await
            }
            Some(Fate::Late(failure)) => {
                let (door, operation) = (self.clone(), operation.to_owned());
                let time = self.dice.duration(Duration::from_millis(5), Duration::from_secs(20));
                tokio::spawn(async move {
                    sleep(time).await;
                    door.carry_out(&operation, request);
                });
                failure.answer().await
            }
        }
    }

    fn carry_out(&self, operation: &str, mut request: Value) -> HttpResponse {
        let answer = match operation {
            "GetItem" | "Query" => dispatch(&self.database, operation, request),
            "CreateTable" | "DescribeTable" => {
                Stream::replace(&mut request);
                dispatch(&self.database, operation, request).map(|mut answer| {
                    Stream::describe(&mut answer);
                    answer
                })
            }
            _ => self.write(operation, request),
        };
        match answer {
            Ok(answer) => wire::response(200, answer.to_string()),
            Err(error) => wire::response(error.status_code(), error.to_json()),
        }
    }

    /// The stream has what is written in the order in which it is. A transaction is carried out once for each token. (The
    /// embedded engine looks through all tokens of ten minutes at each transaction, which would be half of what a run
    /// does.)
    fn write(&self, operation: &str, mut request: Value) -> Result<Value, DynoxideError> {
        let mut tokens = self.tokens.lock().unwrap();
        let token = request.as_object_mut().and_then(|request| request.remove("ClientRequestToken"));
        let token = token.and_then(|token| token.as_str().map(str::to_owned));
        if token.as_ref().is_some_and(|token| tokens.contains(token)) {
            return Ok(json!({}));
        }
        let answer = dispatch(&self.database, operation, request.clone())?;
        tokens.extend(token);
        self.stream.append(operation, &request);
        Ok(answer)
    }

    /// A page, which may be shorter than it was asked for.
    fn query(&self, mut request: Value) -> HttpResponse {
        if self.faults.strike(&self.dice, &[Fault::ShortPage]).is_some() {
            let limit = request["Limit"].as_u64().unwrap_or(2);
            request["Limit"] = json!(limit.min(2));
        }
        self.carry_out("Query", request)
    }

    /// What the index shows now, showed when it was asked before, or nothing.
    fn query_index(&self, request: Value) -> HttpResponse {
        let group = text(&request["ExpressionAttributeValues"], ":group").to_owned();
        let now = match dispatch(&self.database, "Query", request) {
            Ok(answer) => answer,
            Err(error) => return wire::response(error.status_code(), error.to_json()),
        };
        let before = self.index.lock().unwrap().insert(group, now.clone());
        let shown =
            match (self.faults.roll(&self.dice, &[Fault::IndexShowsNone, Fault::IndexShowsOld]), before) {
                (Some(Fault::IndexShowsNone), _) => {
                    self.faults.count(Fault::IndexShowsNone);
                    json!({"Count": 0, "ScannedCount": 0, "Items": []})
                }
                (Some(_), Some(before)) if before != now => {
                    self.faults.count(Fault::IndexShowsOld);
                    before
                }
                _ => now,
            };
        wire::response(200, shown.to_string())
    }
}

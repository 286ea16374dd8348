//! DynamoDB behind TLS: an embedded one that counts calls, bytes and request units, and takes as long as it is told to.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use dynoxide::Database;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use serde_json::Value;
use simulation::wire::dispatch;
use tokio::time::sleep;

use crate::{
    http_server::HttpServer,
    tls::{Counted, Tls, Traffic},
};

/// A running DynamoDB. It ends with the value.
pub struct DynamoDb {
    url: String,
    meter: Arc<Meter>,
    _server: HttpServer,
}

#[derive(Default)]
struct Meter {
    traffic: Arc<Traffic>,
    calls: AtomicU64,
    /// Microseconds until an answer.
    latency: AtomicU64,
    units: Mutex<Units>,
}

/// Request units of calls that succeeded. (Refused writes say nothing of theirs.)
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Of reads.
    pub read: f64,
    /// Of writes, the index's share included.
    pub write: f64,
}

/// What was counted up to some moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Calls.
    pub calls: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Bytes that came, with everything that TLS and HTTP add.
    pub received: u64,
    /// Bytes that went.
    pub sent: u64,
    /// Request units.
    pub units: Units,
}

impl DynamoDb {
    /// In front of `database`, on any port.
    pub async fn start(database: Database, tls: Tls) -> Result<Self> {
        let meter = Arc::<Meter>::default();
        let traffic = Arc::clone(&meter.traffic);
        let accept = move |stream| {
            let (tls, stream) = (tls.clone(), Counted::new(stream, Arc::clone(&traffic)));
            async move { tls.accept(stream).await }
        };
        let door = (database, Arc::clone(&meter));
        let server = HttpServer::start(accept, move |request| serve(door.clone(), request)).await?;
        Ok(Self { url: format!("https://{}", server.address()), meter, _server: server })
    }

    /// What `AWS_ENDPOINT_URL_DYNAMODB` has to be.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every answer takes so long from now on.
    pub fn set_latency(&self, latency: Duration) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.meter.latency.store(microseconds, Ordering::Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn count(&self) -> Count {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let traffic = &self.meter.traffic;
        Count {
            calls: of(&self.meter.calls),
            connections: of(&traffic.connections),
            received: of(&traffic.received),
            sent: of(&traffic.sent),
            units: self.meter.units.lock().map_or_else(|broken| *broken.into_inner(), |units| *units),
        }
    }
}

impl Count {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            connections: self.connections + other.connections,
            received: self.received + other.received,
            sent: self.sent + other.sent,
            units: Units {
                read: self.units.read + other.units.read,
                write: self.units.write + other.units.write,
            },
        }
    }

    /// What came after `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls - earlier.calls,
            connections: self.connections - earlier.connections,
            received: self.received - earlier.received,
            sent: self.sent - earlier.sent,
            units: Units {
                read: self.units.read - earlier.units.read,
                write: self.units.write - earlier.units.write,
            },
        }
    }
}

async fn serve(
    (database, meter): (Database, Arc<Meter>),
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let request: Value = serde_json::from_slice(&body)?;
    meter.calls.fetch_add(1, Ordering::Relaxed);
    let latency = meter.latency.load(Ordering::Relaxed);
    if latency > 0 {
        sleep(Duration::from_micros(latency)).await;
    }
    let (status, body) = match dispatch(&database, &operation, request) {
        Ok(answer) => {
            meter.add(&operation, &answer);
            (200, answer.to_string())
        }
        Err(error) => (error.status_code(), error.to_json()),
    };
    let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    response.body(Full::from(body)).map_err(io::Error::other)
}

impl Meter {
    fn add(&self, operation: &str, answer: &Value) {
        let consumed = &answer["ConsumedCapacity"];
        let tables = consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice);
        let sum = tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum::<f64>();
        if let Ok(mut units) = self.units.lock() {
            match operation {
                "GetItem" | "Query" => units.read += sum,
                _ => units.write += sum,
            }
        }
    }
}

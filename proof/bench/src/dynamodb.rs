//! DynamoDB behind TLS, with counts of calls, bytes and request units.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use dynamodb_fake::{Emulator, HttpServer, units};
use dynoxide::Database;

use crate::tls::{Counted, Tls, Traffic};

/// A running DynamoDB, stopped on drop.
pub struct DynamoDb {
    url: String,
    emulator: Emulator,
    traffic: Arc<Traffic>,
    counted: Arc<Mutex<Count>>,
    _server: HttpServer,
}

/// Request units of successful calls. DynamoDB doesn't report those of rejected writes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    pub read: f64,
    /// Write request units, including those of the index.
    pub write: f64,
}

/// Counts up to a point in time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub calls: u64,
    /// Number of opened connections.
    pub connections: u64,
    /// Received bytes, including the overhead of TLS and HTTP.
    pub received: u64,
    /// Sent bytes.
    pub sent: u64,
    pub units: Units,
}

impl DynamoDb {
    /// Starts a server for `database` on a free port.
    pub async fn start(database: Database, tls: Tls) -> Result<Self> {
        let (traffic, counted) = (Arc::<Traffic>::default(), Arc::<Mutex<Count>>::default());
        let emulator = Emulator::over(database);
        let copy = Arc::clone(&counted);
        emulator.edit_requests(move |_| lock(&copy).calls += 1);
        let copy = Arc::clone(&counted);
        emulator.edit_answers(move |call, answer| {
            let (of_table, of_index) = units(answer);
            let units = &mut lock(&copy).units;
            *(if call.is_write() { &mut units.write } else { &mut units.read }) += of_table + of_index;
        });
        let copy = Arc::clone(&traffic);
        let accept = move |stream| {
            let (tls, stream) = (tls.clone(), Counted::new(stream, Arc::clone(&copy)));
            async move { tls.accept(stream).await }
        };
        let service = emulator.clone();
        let server = HttpServer::start(accept, move |request| service.clone().serve(request)).await?;
        let url = format!("https://{}", server.address());
        Ok(Self { url, emulator, traffic, counted, _server: server })
    }

    /// The value for `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Delays each response.
    pub fn set_latency(&self, latency: Duration) {
        self.emulator.set_latency(latency);
    }

    /// The counts so far.
    #[must_use]
    pub fn count(&self) -> Count {
        let of = |copy: &AtomicU64| copy.load(Ordering::Relaxed);
        Count {
            connections: of(&self.traffic.connections),
            received: of(&self.traffic.received),
            sent: of(&self.traffic.sent),
            ..*lock(&self.counted)
        }
    }
}

fn lock(counted: &Mutex<Count>) -> MutexGuard<'_, Count> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Count {
    /// The sum of both.
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

    /// The counts since `earlier`.
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

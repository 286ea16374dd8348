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
    /// Calls and request units.
    counted: Arc<Mutex<Count>>,
    _server: HttpServer,
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

    /// What `AWS_ENDPOINT_URL_DYNAMODB` has to be.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Delays each response.
    pub fn set_latency(&self, latency: Duration) {
        self.emulator.set_latency(latency);
    }

    /// Counts so far.
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

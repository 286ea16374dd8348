//! The embedded engines: a DynamoDB and a PostgreSQL inside this process, served on loopback ports so that
//! functions, drivers and tools speak to them exactly as they speak to the real ones.

use std::{fmt, io, net::Ipv4Addr, time::Duration};

use tokio::net::TcpListener;

pub mod dynamodb;
pub mod postgres;

/// How long an engine may take to finish what it is doing when it is shut down.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// One of the two engines, as messages call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded `DynamoDB`.
    DynamoDb,
    /// The embedded `PostgreSQL`.
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DynamoDb => "DynamoDB",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// Why an engine can't be started or doesn't stop.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The port is in use, or not ours to use.
    #[error("port {port} for {engine} can't be opened")]
    Listen {
        /// Whose port.
        engine: Engine,
        /// The port, 0 for any.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The engine can't start on its data.
    #[error("{engine} can't start")]
    Start {
        /// Which engine.
        engine: Engine,
        /// What the engine says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine is still at work after the time it was given. It is left as it is: its data are as safe as
    /// after a kill, and it recovers from them at the next start.
    #[error("{engine} has not stopped within {} s", .limit.as_secs())]
    StillBusy {
        /// Which engine.
        engine: Engine,
        /// How long it was given.
        limit: Duration,
    },
    /// The engine failed while it ran or stopped.
    #[error("{engine} has failed")]
    Failed {
        /// Which engine.
        engine: Engine,
        /// What the engine says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Engine {
    /// A listener on the loopback interface, and its port.
    async fn listen(self, port: u16) -> Result<(TcpListener, u16), EngineError> {
        let listen = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let port = listener.local_addr()?.port();
            Ok((listener, port))
        };
        listen.await.map_err(|source| EngineError::Listen { engine: self, port, source })
    }

    fn start_error(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EngineError {
        EngineError::Start { engine: self, source: source.into() }
    }

    fn failure(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EngineError {
        EngineError::Failed { engine: self, source: source.into() }
    }

    fn still_busy(self) -> EngineError {
        EngineError::StillBusy { engine: self, limit: SHUTDOWN_LIMIT }
    }
}

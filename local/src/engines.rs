//! The embedded engines: DynamoDB and PostgreSQL inside this process. They listen on loopback ports, so
//! functions, drivers and tools use the real protocols.

use std::{fmt, io, net::Ipv4Addr, time::Duration};

use tokio::net::TcpListener;

pub mod dynamodb;
pub mod postgres;

/// Time limit for an engine's shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// An engine, as named in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    DynamoDb,
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

/// A failure to start, run or stop an engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The port is in use or needs privileges.
    #[error("port {port} for {engine} can't be opened")]
    Listen {
        /// The engine that needs the port.
        engine: Engine,
        /// The port; 0 means any free port.
        port: u16,
        source: io::Error,
    },
    /// The engine can't start on its data.
    #[error("{engine} can't start")]
    Start {
        /// The engine that can't start.
        engine: Engine,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine didn't stop within the limit and was left running. Its data is as safe as after a kill;
    /// the next start recovers them.
    #[error("{engine} has not stopped within {} s", .limit.as_secs())]
    StillBusy {
        /// The engine that is still running.
        engine: Engine,
        /// The time limit that it exceeded.
        limit: Duration,
    },
    /// The engine failed while running or stopping.
    #[error("{engine} has failed")]
    Failed {
        /// The engine that failed.
        engine: Engine,
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

//! The engine's own server, behind the pool.

use std::io;

use anyhow::{Context as _, Result};
use pglite_oxide::{PgliteServer, PgliteServerBuilder};
use tokio::{net::TcpStream, task::spawn_blocking};

/// The engine's server. Restarted after it dies, as it does on bytes that are not PostgreSQL protocol.
pub(super) struct Backend {
    builder: PgliteServerBuilder,
    server: Option<PgliteServer>,
}

impl Backend {
    /// Starts the server that `builder` describes, on its own port.
    pub(super) async fn start(builder: PgliteServerBuilder) -> Result<Self> {
        let mut backend = Self { builder, server: None };
        backend.restart().await?;
        Ok(backend)
    }

    /// Opens a connection to the server.
    pub(super) async fn connect(&mut self) -> Result<TcpStream> {
        match self.try_connect().await {
            Ok(stream) => Ok(stream),
            Err(error) => {
                tracing::warn!(%error, "starting PostgreSQL again");
                self.restart().await?;
                Ok(self.try_connect().await?)
            }
        }
    }

    /// Stops the server and closes the cluster. No client may be connected.
    pub(super) async fn stop(mut self) -> Result<()> {
        match self.server.take() {
            Some(server) => spawn_blocking(|| server.shutdown()).await?,
            None => Ok(()),
        }
    }

    async fn try_connect(&self) -> io::Result<TcpStream> {
        let address =
            self.server.as_ref().and_then(PgliteServer::tcp_addr).ok_or(io::ErrorKind::NotConnected)?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Starts the server again.
    pub(super) async fn restart(&mut self) -> Result<()> {
        let (builder, old) = (self.builder.clone(), self.server.take());
        let start = move || {
            if let Some(Err(error)) = old.map(PgliteServer::shutdown) {
                tracing::warn!(cause = format!("{error:#}"), "PostgreSQL has ended");
            }
            builder.start().context("the server doesn't start")
        };
        self.server = Some(spawn_blocking(start).await??);
        Ok(())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            // Dropping the server waits for the client's statement to end, so a separate thread drops it.
            std::thread::spawn(move || drop(server));
        }
    }
}

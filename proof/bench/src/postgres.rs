//! The embedded PostgreSQL with TLS, which a relay adds.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use local::engines;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::tls::{Counted, Tls, Traffic};

/// A client's request for TLS (PostgreSQL, "Message Formats", `SSLRequest`): its length and the code
/// 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

pub struct Postgres {
    engine: engines::postgres::Postgres,
    port: u16,
    traffic: Arc<Traffic>,
    front: JoinHandle<()>,
}

impl Postgres {
    /// Starts an empty PostgreSQL on a free port.
    pub async fn start(tls: Tls) -> Result<Self> {
        let engine = engines::postgres::Postgres::start(None, 0).await?;
        let address = engine.database_url().split(['@', '/']).nth(3).context("no address")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let traffic = Arc::<Traffic>::default();
        let counted = Arc::clone(&traffic);
        let front = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, address) = (tls.clone(), address.clone());
                let _ = stream.set_nodelay(true);
                let stream = Counted::new(stream, Arc::clone(&counted));
                // The client reports broken connections.
                tokio::spawn(async move { relay(tls, stream, &address).await.ok() });
            }
        });
        Ok(Self { engine, port, traffic, front })
    }

    /// The value for `DATABASE_URL`: with TLS, verified against the authority in `file`.
    #[must_use]
    pub fn url(&self, file: &str) -> String {
        format!(
            "postgresql://postgres@127.0.0.1:{}/postgres?sslmode=verify-full&sslrootcert={file}",
            self.port
        )
    }

    /// The URL of the engine itself, without TLS.
    #[must_use]
    pub fn engine_url(&self) -> &str {
        self.engine.database_url()
    }

    /// The traffic of all connections.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub async fn stop(self) -> Result<()> {
        self.front.abort();
        Ok(self.engine.shutdown().await?)
    }
}

async fn relay(tls: Tls, mut client: Counted, address: &str) -> Result<()> {
    let mut request = [0; SSL_REQUEST.len()];
    client.read_exact(&mut request).await?;
    if request != SSL_REQUEST {
        bail!("a client without TLS");
    }
    client.write_all(b"S").await?;
    let mut client = tls.accept(client).await?;
    let mut server = TcpStream::connect(address).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

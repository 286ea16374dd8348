//! The embedded PostgreSQL 17: the server compiled to WebAssembly, inside this process.
//!
//! It serves one connection at a time, in order of arrival. A connection waits until the previous one closes,
//! even an idle one. Each connection starts a new backend (about 150 ms in a debug build).

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use pglite_oxide::{DataDirArchiveFormat, Pglite, PgliteServer};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::backend::Backend;
use super::{Engine, EngineError, SHUTDOWN_LIMIT};
use crate::data_dir::DataDir;

mod backend;
mod relay;

const ENGINE: Engine = Engine::Postgres;

/// The cluster's directory in the data directory.
const CLUSTER: &str = "postgres";

/// The directory in which a new cluster is built before it is renamed.
const NEW_CLUSTER: &str = "postgres.new";

/// A running PostgreSQL.
///
/// Committed data survives a killed process. It is not synced to disk, so a power failure may lose it.
pub struct Postgres {
    database_url: String,
    stop: watch::Sender<bool>,
    relay: JoinHandle<Backend>,
    // Removes the directory when the engine is dropped.
    ephemeral: Option<TempDir>,
}

impl Postgres {
    /// Starts the server on the loopback interface at `port` (0: any free port). Data is kept in `data`,
    /// or in a temporary directory if `data` is `None`.
    pub async fn start(data: Option<&DataDir>, port: u16) -> Result<Self, EngineError> {
        let (listener, port) = ENGINE.listen(port).await?;
        let (root, ephemeral) = if let Some(data) = data {
            (cluster(data).await?, None)
        } else {
            let directory = TempDir::new().map_err(|error| ENGINE.start_error(error))?;
            (directory.path().to_owned(), Some(directory))
        };
        let backend = Backend::start(PgliteServer::builder().path(root).database("postgres"))
            .await
            .map_err(|error| ENGINE.start_error(error))?;
        let (stop, stopped) = watch::channel(false);
        let relay = tokio::spawn(relay::run(listener, backend, stopped));
        let database_url = format!("postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
        Ok(Self { database_url, stop, relay, ephemeral })
    }

    /// The value for `DATABASE_URL`.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Stops accepting clients, disconnects the current one and closes the cluster. A running statement
    /// finishes; an open transaction is rolled back.
    pub async fn shutdown(self) -> Result<(), EngineError> {
        let Self { stop, mut relay, ephemeral, .. } = self;
        stop.send_replace(true);
        let stopped = async {
            let backend = (&mut relay).await.map_err(|panic| ENGINE.failure(panic))?;
            backend.stop().await.map_err(|error| ENGINE.failure(error))
        };
        let Ok(stopped) = timeout(SHUTDOWN_LIMIT, stopped).await else {
            relay.abort();
            return Err(ENGINE.still_busy());
        };
        drop(ephemeral);
        stopped
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("database_url", &self.database_url).finish_non_exhaustive()
    }
}

/// The cluster in the data directory, created at the first start.
async fn cluster(data: &DataDir) -> Result<PathBuf, EngineError> {
    let (cluster, new) = (data.join(CLUSTER), data.join(NEW_CLUSTER));
    let create = move || -> anyhow::Result<PathBuf> {
        if !cluster.exists() {
            create_cluster(&new)?;
            fs::rename(&new, &cluster)?;
        }
        Ok(cluster)
    };
    tokio::task::spawn_blocking(create)
        .await
        .map_err(|panic| ENGINE.start_error(panic))?
        .map_err(|error| ENGINE.start_error(error))
}

/// Creates an empty cluster with all its files in `root`.
///
/// By default the engine overlays the cluster on a template in the user's cache and copies a file at its
/// first write. If killed during a copy, the engine would find a partial file that hides the whole one. A
/// full copy, renamed when complete, avoids this.
fn create_cluster(root: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut template = Pglite::builder().temporary().open()?;
    let files = template.dump_data_dir_with_format(DataDirArchiveFormat::Tar)?;
    template.close()?;
    Pglite::builder().path(root).load_data_dir_archive(files).open()?.close()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };
    use tokio_postgres::{Client, Config, NoTls};

    use super::*;

    /// A client, and the task that drives its connection.
    async fn connect(engine: &Postgres) -> (Client, JoinHandle<()>) {
        let (client, connection) = tokio_postgres::connect(engine.database_url(), NoTls).await.unwrap();
        (client, tokio::spawn(async move { drop(connection.await) }))
    }

    async fn one(engine: &Postgres, query: &str) -> String {
        let (client, driver) = connect(engine).await;
        let value = client.query_one(query, &[]).await.unwrap().get(0);
        drop(client);
        driver.await.unwrap();
        value
    }

    async fn open_socket(engine: &Postgres) -> TcpStream {
        let config: Config = engine.database_url().parse().unwrap();
        TcpStream::connect(("127.0.0.1", config.get_ports()[0])).await.unwrap()
    }

    #[tokio::test]
    async fn rows_survive_a_restart() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::open(parent.path().join("data")).unwrap();
        let first = Postgres::start(Some(&data), 0).await.unwrap();
        let (client, driver) = connect(&first).await;
        client.batch_execute("CREATE TABLE t (x text); INSERT INTO t VALUES ('kept')").await.unwrap();
        drop(client);
        driver.await.unwrap();
        first.shutdown().await.unwrap();

        let second = Postgres::start(Some(&data), 0).await.unwrap();
        assert_eq!(one(&second, "SELECT x FROM t").await, "kept");
        second.shutdown().await.unwrap();
        assert!(!data.join(NEW_CLUSTER).exists());
    }

    #[tokio::test]
    async fn a_connection_reset_during_a_query_does_not_affect_the_next_client() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let stream = open_socket(&engine).await;
        stream.set_zero_linger().unwrap();
        let config: Config = engine.database_url().parse().unwrap();
        let (client, connection) = config.connect_raw(stream, NoTls).await.unwrap();
        let driver = tokio::spawn(async move { drop(connection.await) });
        let query =
            tokio::spawn(
                async move { client.simple_query("SELECT pg_sleep(0.2), repeat('x', 4000000)").await },
            );
        tokio::time::sleep(Duration::from_millis(100)).await;
        driver.abort();
        assert!(query.await.unwrap().is_err());
        assert_eq!(one(&engine, "SELECT 'served'").await, "served");
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_client_with_another_protocol_does_not_affect_the_next_one() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let mut stream = open_socket(&engine).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
        assert_eq!(one(&engine, "SELECT 'served'").await, "served");
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_client_does_not_affect_the_next_one() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let _silent = open_socket(&engine).await;
        assert_eq!(one(&engine, "SELECT 'served'").await, "served");
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn clients_that_left_the_queue_start_no_backend() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (client, driver) = connect(&engine).await;
        for _ in 0..60 {
            let waiting = tokio_postgres::connect(engine.database_url(), NoTls);
            assert!(timeout(Duration::from_millis(5), waiting).await.is_err());
        }
        drop(client);
        driver.await.unwrap();
        // A backend for each would take about 9 s.
        let served = timeout(Duration::from_secs(5), one(&engine, "SELECT 'served'")).await;
        assert_eq!(served.unwrap(), "served");
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn shutdown_disconnects_a_client_that_stays() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (client, driver) = connect(&engine).await;
        client.batch_execute("BEGIN").await.unwrap();
        let started = Instant::now();
        engine.shutdown().await.unwrap();
        assert!(started.elapsed() < SHUTDOWN_LIMIT);
        driver.await.unwrap();
        assert!(client.is_closed());
    }

    #[tokio::test]
    async fn shutdown_does_not_wait_for_a_long_statement() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (client, _driver) = connect(&engine).await;
        tokio::spawn(async move { client.simple_query("SELECT pg_sleep(20)").await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let error = engine.shutdown().await.unwrap_err();
        assert_eq!(error.to_string(), "PostgreSQL has not stopped within 2 s");
    }

    #[tokio::test]
    async fn a_second_client_waits_for_the_first() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (client, _driver) = connect(&engine).await;
        let mut second = Box::pin(one(&engine, "SELECT 'served'"));
        assert!(timeout(Duration::from_millis(500), &mut second).await.is_err());
        drop(client);
        assert_eq!(second.as_mut().await, "served");
        drop(second);
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn the_error_for_a_port_in_use_names_it() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Postgres::start(None, port).await.unwrap_err();
        assert_eq!(error.to_string(), format!("port {port} for PostgreSQL can't be opened"));
    }
}

//! The embedded PostgreSQL 17: the server compiled to WebAssembly, inside this process.
//!
//! It serves one connection at a time. A pool shares that one among all clients, a transaction at a time.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use pglite_oxide::{DataDirArchiveFormat, Pglite, PgliteServer};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::{backend::Backend, pool::Pool};
use super::{Engine, EngineError, SHUTDOWN_LIMIT};
use crate::data_dir::DataDir;

mod backend;
mod pool;

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
    pool: JoinHandle<Backend>,
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
        let pool = Pool::open(backend).await.map_err(|error| ENGINE.start_error(error))?;
        let (stop, stopped) = watch::channel(false);
        let pool = tokio::spawn(pool.run(listener, stopped));
        let database_url = format!("postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
        Ok(Self { database_url, stop, pool, ephemeral })
    }

    /// The value for `DATABASE_URL`.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Stops accepting clients, disconnects all and closes the cluster. A running statement
    /// finishes; an open transaction is rolled back.
    pub async fn shutdown(self) -> Result<(), EngineError> {
        let Self { stop, mut pool, ephemeral, .. } = self;
        stop.send_replace(true);
        let stopped = async {
            let backend = (&mut pool).await.map_err(|panic| ENGINE.failure(panic))?;
            backend.stop().await.map_err(|error| ENGINE.failure(error))
        };
        let Ok(stopped) = timeout(SHUTDOWN_LIMIT, stopped).await else {
            pool.abort();
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
    async fn rows_are_there_after_a_restart() {
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
    async fn a_connection_reset_in_the_middle_of_a_query_leaves_the_next_client_alone() {
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
    async fn a_client_that_speaks_another_protocol_leaves_the_next_one_alone() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let mut stream = open_socket(&engine).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
        assert_eq!(one(&engine, "SELECT 'served'").await, "served");
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_leaves_the_next_one_alone() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let _silent = open_socket(&engine).await;
        assert_eq!(one(&engine, "SELECT 'served'").await, "served");
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn shutdown_rolls_back_an_open_transaction_and_disconnects_its_client() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (client, driver) = connect(&engine).await;
        client.batch_execute("BEGIN").await.unwrap();
        let (idle, idle_driver) = connect(&engine).await;
        let started = Instant::now();
        engine.shutdown().await.unwrap();
        assert!(started.elapsed() < SHUTDOWN_LIMIT);
        driver.await.unwrap();
        idle_driver.await.unwrap();
        assert!(client.is_closed() && idle.is_closed());
    }

    #[tokio::test]
    async fn a_statement_that_does_not_end_is_left_behind() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (client, _driver) = connect(&engine).await;
        tokio::spawn(async move { client.simple_query("SELECT pg_sleep(20)").await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let error = engine.shutdown().await.unwrap_err();
        assert_eq!(error.to_string(), "PostgreSQL has not stopped within 2 s");
    }

    #[tokio::test]
    async fn a_transaction_of_one_client_delays_the_others_until_it_ends() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (client, _driver) = connect(&engine).await;
        client
            .batch_execute("CREATE TABLE t (x text); BEGIN; INSERT INTO t VALUES ('committed')")
            .await
            .unwrap();
        let mut second = Box::pin(one(&engine, "SELECT x FROM t"));
        assert!(timeout(Duration::from_millis(500), &mut second).await.is_err());
        client.batch_execute("COMMIT").await.unwrap();
        assert_eq!(second.as_mut().await, "committed");
        drop(second);
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_leaves_in_a_transaction_or_a_copy_is_rolled_back() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (other, _driver) = connect(&engine).await;
        other.batch_execute("CREATE TABLE t (x text)").await.unwrap();
        for copies in [false, true] {
            let (client, driver) = connect(&engine).await;
            client.batch_execute("BEGIN; INSERT INTO t VALUES ('left')").await.unwrap();
            let copy = if copies {
                Some(client.copy_in::<_, bytes::Bytes>("COPY t FROM STDIN").await.unwrap())
            } else {
                None
            };
            driver.abort();
            assert!(driver.await.unwrap_err().is_cancelled());
            drop(copy);
            let rows = other.query_one("SELECT count(*) FROM t", &[]).await.unwrap();
            assert_eq!(rows.get::<_, i64>(0), 0, "copies: {copies}");
        }
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn settings_of_a_client_end_with_the_next_one() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let (client, _driver) = connect(&engine).await;
        client.batch_execute("SET application_name = 'mine'").await.unwrap();
        let mine = client.query_one("SHOW application_name", &[]).await.unwrap();
        assert_eq!(mine.get::<_, String>(0), "mine");
        assert_eq!(one(&engine, "SHOW application_name").await, "");
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn many_clients_at_once_are_served() {
        let engine = Postgres::start(None, 0).await.unwrap();
        let queries = (0..40).map(|number| {
            let engine = &engine;
            async move { one(engine, &format!("SELECT '{number}'")).await }
        });
        let answers = futures_util::future::join_all(queries).await;
        assert_eq!(answers, (0..40).map(|number| number.to_string()).collect::<Vec<_>>());
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Postgres::start(None, port).await.unwrap_err();
        assert_eq!(error.to_string(), format!("port {port} for PostgreSQL can't be opened"));
    }
}

//! One embedded PostgreSQL shared by all tests of a process: starting takes a moment.

use std::{
    env, fs,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use cruddur::postgres::Postgres;
use local::{data_dir::DataDir, engines};
use tokio::runtime::Runtime;
use tokio_postgres::{Config, NoTls};

struct Shared {
    postgres: Arc<Postgres>,
    _engine: Engine,
}

/// Runs until the process ends.
struct Engine {
    config: Config,
    // The connection's driver lives here and not in the runtime of the first test.
    runtime: Runtime,
    _server: engines::postgres::Postgres,
    _data: DataDir,
}

/// The shared database, with all migrations and no users.
#[must_use]
pub fn shared() -> Arc<Postgres> {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    Arc::clone(&SHARED.get_or_init(|| std::thread::spawn(start).join().unwrap()).postgres)
}

/// A second such database without a connection, for connection tests, which take turns.
#[must_use]
pub fn unconnected() -> &'static Config {
    static UNCONNECTED: OnceLock<Engine> = OnceLock::new();
    &UNCONNECTED.get_or_init(|| std::thread::spawn(start_engine).join().unwrap()).config
}

fn start() -> Shared {
    let engine = start_engine();
    let postgres = Postgres::new(engine.config.clone());
    // Connect here, so that the connection's driver belongs to this runtime.
    engine.runtime.block_on(postgres.query("SELECT 1", &[])).unwrap();
    Shared { postgres: Arc::new(postgres), _engine: engine }
}

fn start_engine() -> Engine {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let data = free_data_dir();
    let (engine, config) = runtime.block_on(async {
        let engine = engines::postgres::Postgres::start(Some(&data), 0).await.unwrap();
        let config: Config = engine.database_url().parse().unwrap();
        let (mut client, connection) = config.connect(NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        schema::migrations::run(&mut client).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();
        (engine, config)
    });
    Engine { config, runtime, _server: engine, _data: data }
}

/// Returns an emptied data directory that no other process uses. No code runs when a test process ends, so
/// the next one cleans up.
fn free_data_dir() -> DataDir {
    (0..100)
        .find_map(|number| {
            let path: PathBuf = env::temp_dir().join(format!("cruddur-testing-{number}"));
            let data = DataDir::open(&path).ok()?;
            for entry in fs::read_dir(&path).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    fs::remove_dir_all(entry.path()).unwrap();
                }
            }
            Some(data)
        })
        .unwrap()
}

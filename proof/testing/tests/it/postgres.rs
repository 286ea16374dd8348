//! The statements of `sql/users` and the connection, on the real engine.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use cruddur::{
    error::{Dependency, Error},
    postgres::Postgres,
    user::Users,
};
use futures_util::future::join_all;
use testing::broken_postgres;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{self, Instant},
};
use tokio_postgres::{Client, Config, NoTls, types::Type};

use crate::relay::Relay;

/// A database for connection tests, one test at a time: some change settings of the engine's one session.
pub(crate) struct Database {
    config: Config,
    _turn: MutexGuard<'static, ()>,
}

impl Database {
    pub(crate) async fn turn() -> Self {
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        Self { config: testing::postgres::unconnected().clone(), _turn: turn }
    }

    /// A client with its own connection. Waits until the previous one is gone, and fails if that one stays.
    pub(crate) async fn client(&self) -> Client {
        let connected = time::timeout(Duration::from_secs(30), self.config.connect(NoTls)).await;
        let (client, connection) = connected.unwrap().unwrap();
        tokio::spawn(connection);
        client
    }

    /// A relay to the database.
    pub(crate) async fn relay(&self) -> Relay {
        Relay::to(self.address()).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.config.get_ports()[0]).into()
    }

    /// The database through `relay`, as the functions use it.
    pub(crate) fn through(&self, relay: &Relay) -> Postgres {
        let mut config = Config::new();
        config.host("127.0.0.1").port(relay.address().port());
        config.user(self.config.get_user().unwrap()).dbname(self.config.get_dbname().unwrap());
        config.ssl_mode(self.config.get_ssl_mode());
        Postgres::new(config)
    }
}

type Columns = &'static [(&'static str, Type)];

/// Parameters and columns of each statement. A file missing here fails the test.
const STATEMENTS: [(&str, &[Type], Columns); 32] = [
    ("after_uuid", &[Type::UUID, Type::INT8], &USER),
    (
        "cognito_user_ids",
        &[Type::UUID, Type::INT8],
        &[
            ("uuid", Type::UUID),
            ("handle", Type::TEXT),
            ("cognito_user_id", Type::TEXT),
            ("email", Type::TEXT),
        ],
    ),
    ("count", &[], &[("users", Type::INT8)]),
    ("create", &[Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT], &UUID),
    ("create_demo", &[Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT], &UUID),
    (
        "create_many",
        &[Type::UUID_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
        &[("made", Type::INT8), ("were_there", Type::INT8)],
    ),
    ("create_message_users", &[Type::TEXT, Type::TEXT], &MESSAGE_USERS),
    ("create_message_users_by_uuid", &[Type::TEXT, Type::UUID], &MESSAGE_USERS),
    ("end_erasure_pass", &[Type::UUID, Type::BOOL, Type::INT4, Type::BOOL], &UUID),
    ("end_sessions", &[], &[("pg_terminate_backend", Type::BOOL)]),
    ("erase", &[Type::TEXT, Type::TEXT, Type::INT8], &UUID),
    ("erased_with_cognito_user", &[], &[("uuid", Type::UUID), ("cognito_user_id", Type::TEXT)]),
    ("from_cognito_user_id", &[Type::TEXT], &SENDER),
    ("list", &[], &USER),
    ("me", &[Type::TEXT], &ME),
    ("me_with_handle", &[Type::TEXT], &ME_WITH_HANDLE),
    (
        "of_cognito_user",
        &[Type::TEXT, Type::TEXT],
        &[("cognito_user_id", Type::TEXT), ("handle", Type::TEXT), ("display_name", Type::TEXT)],
    ),
    ("read_receipts", &[Type::UUID, Type::UUID], &[("read_receipts", Type::BOOL)]),
    ("remove_sub", &[Type::UUID], &UUID),
    ("repeat_erasure", &[Type::UUID], &UUID),
    ("search", &[Type::TEXT, Type::TEXT, Type::UUID], &USER),
    (
        "sessions",
        &[],
        &[
            ("pid", Type::INT4),
            ("user", Type::TEXT),
            ("client_address", Type::TEXT),
            ("application_name", Type::TEXT),
            ("state", Type::TEXT),
            ("connected_at", Type::TIMESTAMPTZ),
            ("state_since", Type::TIMESTAMPTZ),
        ],
    ),
    ("set_cognito_user_id", &[Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT, Type::TEXT], &UUID),
    ("short", &[Type::TEXT], &USER),
    ("sign_out", &[Type::TEXT, Type::INT8], &UUID),
    ("suspend", &[Type::TEXT, Type::BOOL], &UUID),
    (
        "take_erasure",
        &[Type::INT4, Type::INT4],
        &[
            ("uuid", Type::UUID),
            ("handle", Type::TEXT),
            ("display_name", Type::TEXT),
            ("cognito_user_id", Type::TEXT),
            ("is_last_pass", Type::BOOL),
        ],
    ),
    ("take_over", &[Type::TEXT, Type::TEXT, Type::TEXT], &UUID),
    (
        "to_pick",
        &[Type::INT8],
        &[("uuid", Type::UUID), ("handle", Type::TEXT), ("display_name", Type::TEXT), ("total", Type::INT8)],
    ),
    ("update", &[Type::TEXT, Type::TEXT, Type::BOOL, Type::TEXT, Type::INT8], &ME),
    ("uuid_from_cognito_user_id", &[Type::TEXT], &[("uuid", Type::UUID), SIGNED_OUT_AT]),
    ("with_uuids", &[Type::UUID_ARRAY], &USER),
];

const UUID: [(&str, Type); 1] = [("uuid", Type::UUID)];

const SIGNED_OUT_AT: (&str, Type) = ("signed_out_at", Type::INT8);

const SENDER: [(&str, Type); 4] =
    [("uuid", Type::UUID), ("handle", Type::TEXT), ("display_name", Type::TEXT), SIGNED_OUT_AT];

const ME: [(&str, Type); 6] = [
    ("uuid", Type::UUID),
    ("handle", Type::TEXT),
    ("display_name", Type::TEXT),
    ("read_receipts", Type::BOOL),
    ("messages_from", Type::TEXT),
    SIGNED_OUT_AT,
];

const ME_WITH_HANDLE: [(&str, Type); 5] = [
    ("uuid", Type::UUID),
    ("handle", Type::TEXT),
    ("display_name", Type::TEXT),
    ("read_receipts", Type::BOOL),
    ("messages_from", Type::TEXT),
];

const MESSAGE_USERS: [(&str, Type); 6] = [
    ("kind", Type::TEXT),
    ("uuid", Type::UUID),
    ("handle", Type::TEXT),
    ("display_name", Type::TEXT),
    ("messages_from", Type::TEXT),
    SIGNED_OUT_AT,
];

const USER: [(&str, Type); 3] = [("uuid", Type::UUID), ("handle", Type::TEXT), ("display_name", Type::TEXT)];

/// Statements by file name.
fn statements() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql/users");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            assert_eq!(path.extension(), Some("sql".as_ref()), "{}", path.display());
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// Types in a statement's comments `-- $1 text: …`.
fn documented(statement: &str) -> Vec<&str> {
    let parameters = statement.lines().filter_map(|line| line.strip_prefix("-- $"));
    parameters
        .enumerate()
        .map(|(index, parameter)| {
            let (number, rest) = parameter.split_once(' ').unwrap();
            assert_eq!(number, (index + 1).to_string(), "{statement}");
            rest.split_once(": ").unwrap().0
        })
        .collect()
}

#[tokio::test]
async fn every_statement_is_one_that_the_engine_takes_as_documented() {
    let database = Database::turn().await;
    let client = database.client().await;
    let statements = statements();
    let names = STATEMENTS.iter().map(|(name, ..)| *name).collect::<Vec<_>>();
    // A script of several statements cannot be prepared. The command's own tests run it.
    let prepared = statements.keys().filter(|name| *name != "empty_schema").collect::<Vec<_>>();
    assert_eq!(prepared, names);
    for (name, parameters, columns) in STATEMENTS {
        let statement = &statements[name];
        let prepared = client.prepare_typed(statement, parameters).await.unwrap();
        assert_eq!(prepared.params(), parameters, "{name}");
        let given = prepared
            .columns()
            .iter()
            .map(|column| (column.name(), column.type_().clone()))
            .collect::<Vec<_>>();
        assert_eq!(given, columns, "{name}");
        let name_of = |of: &Type| match of.name().strip_prefix('_') {
            Some(element) => format!("{element}[]"),
            None => of.name().to_owned(),
        };
        let types = parameters.iter().map(name_of).collect::<Vec<_>>();
        assert_eq!(documented(statement), types, "{name}");
    }
}

#[tokio::test]
async fn a_user_is_found_by_an_index() {
    let database = Database::turn().await;
    let client = database.client().await;
    // The planner prefers a sequential scan of a small table unless it is disabled.
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    let statements = statements();
    // `users_handle_key`, or the index of search: both begin with the handle.
    let (handle, subject) = ("handle_", "users_cognito_user_id_key");
    for (name, parameters, indexes) in [
        ("short", "('SunYoung')", &[handle][..]),
        ("create_message_users", "('5a1e', 'SunYoung')", &[subject, handle]),
        ("from_cognito_user_id", "('5a1e')", &[subject]),
        ("uuid_from_cognito_user_id", "('5a1e')", &[subject]),
    ] {
        client.batch_execute(&format!("PREPARE {name} AS {}", statements[name])).await.unwrap();
        let rows = client.simple_query(&format!("EXPLAIN EXECUTE {name} {parameters}")).await.unwrap();
        let plan = rows
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            })
            .collect::<Vec<_>>()
            .join("\n");
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
        for index in indexes {
            assert!(plan.contains(index), "{name}:\n{plan}");
        }
        let conditions = plan.matches("Index Cond").count();
        assert_eq!(conditions, indexes.len(), "{name}:\n{plan}");
    }
}

async fn number(postgres: &Postgres) -> Result<i32, Error> {
    let rows = postgres.query("SELECT 42", &[]).await?;
    Ok(rows[0].get(0))
}

/// Time until a query fails on a silent relay.
async fn time_until_unavailable(postgres: Postgres, relay: &Relay) -> Duration {
    let asking = tokio::spawn(async move { number(&postgres).await });
    relay.swallowed().await;
    time::pause();
    let start = Instant::now();
    let result = time::timeout(Duration::from_mins(1), asking).await.unwrap().unwrap();
    let elapsed = start.elapsed();
    time::resume();
    assert!(is_unavailable(&result), "{result:?}");
    elapsed
}

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Unavailable { what: Dependency::Postgres, .. }))
}

#[tokio::test]
async fn a_connection_is_kept() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = database.through(&relay);
    assert_eq!(relay.accepted(), 0, "before it is needed");
    for _ in 0..3 {
        assert_eq!(number(&postgres).await.unwrap(), 42);
    }
    assert_eq!(
        join_all((0..20).map(|_| number(&postgres))).await.into_iter().filter_map(Result::ok).count(),
        20
    );
    assert_eq!((relay.accepted(), relay.open()), (1, 1));
}

#[tokio::test]
async fn after_a_warm_up_the_first_query_makes_no_connection() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = Arc::new(database.through(&relay));
    let users = Users::new(Arc::clone(&postgres));
    for _ in 0..2 {
        users.warm_up().await.unwrap();
        assert_eq!((relay.accepted(), relay.open()), (1, 1));
    }
    assert_eq!(number(&postgres).await.unwrap(), 42);
    assert_eq!(relay.accepted(), 1);
}

#[tokio::test]
async fn a_warm_up_that_fails_does_not_keep_the_first_query_from_connecting() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = Arc::new(database.through(&relay));
    relay.go_down();
    assert!(Users::new(Arc::clone(&postgres)).warm_up().await.is_err());
    relay.come_back();
    assert_eq!(number(&postgres).await.unwrap(), 42);
}

#[tokio::test]
async fn a_connection_that_was_cut_is_made_again() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = database.through(&relay);
    for expected in 1..=3 {
        assert_eq!(number(&postgres).await.unwrap(), 42);
        assert_eq!(relay.accepted(), expected);
        relay.cut();
    }
}

/// Message of a server that is shutting down: FATAL 57P01.
const ADMIN_SHUTDOWN: &[u8] =
    b"E\x00\x00\x00\x36SFATAL\x00VFATAL\x00C57P01\x00Mterminating connection now\x00\x00";

#[tokio::test]
async fn a_query_that_a_stopping_server_refuses_is_retried() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = database.through(&relay);
    assert_eq!(number(&postgres).await.unwrap(), 42);
    relay.answer(ADMIN_SHUTDOWN);
    assert_eq!(number(&postgres).await.unwrap(), 42);
    assert_eq!(relay.accepted(), 2);
}

#[tokio::test]
async fn a_session_that_can_only_read_is_left_for_a_new_one() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = database.through(&relay);
    postgres.query("SET default_transaction_read_only = on", &[]).await.unwrap();
    postgres.query("CREATE TABLE public.written (number int)", &[]).await.unwrap();
    assert_eq!(relay.accepted(), 2);
    postgres.query("DROP TABLE public.written", &[]).await.unwrap();
    assert_eq!(relay.accepted(), 2);
}

#[tokio::test]
async fn a_server_that_may_take_the_query_later_is_unavailable() {
    for (state, message, passing) in [
        ("08P01", "server login has been failing, try again later (server_login_retry)", true),
        ("08006", "connection failure", true),
        ("25006", "cannot execute UPDATE in a read-only transaction", true),
        ("28P01", "password authentication failed for user \"cruddur\"", true),
        ("28000", "no pg_hba.conf entry for host", true),
        ("53300", "no more connections allowed (max_client_conn)", true),
        ("57P01", "terminating connection due to administrator command", true),
        ("57P03", "the database system is starting up", true),
        ("XX000", "MaxClientsInSessionMode: max clients reached", true),
        ("3D000", "database \"cruddur\" does not exist", false),
        ("42501", "permission denied for database \"cruddur\"", false),
        ("0A000", "unsupported frontend protocol", false),
    ] {
        let result = number(&broken_postgres::refusing_with(state, message)).await;
        assert_eq!(is_unavailable(&result), passing, "{state}: {result:?}");
        assert_eq!(matches!(result, Err(Error::Internal(_))), !passing, "{state}: {result:?}");
    }
}

#[tokio::test]
async fn a_statement_that_was_canceled_is_unavailable_and_the_connection_is_kept() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = database.through(&relay);
    let canceled =
        "DO $$ BEGIN RAISE 'canceling statement due to statement timeout' USING ERRCODE = '57014'; END $$";
    assert!(is_unavailable(&postgres.query(canceled, &[]).await));
    assert_eq!(number(&postgres).await.unwrap(), 42);
    assert_eq!(relay.accepted(), 1);
}

#[tokio::test]
async fn a_connection_that_died_while_the_environment_was_frozen_is_made_again() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = Arc::new(database.through(&relay));
    assert_eq!(number(&postgres).await.unwrap(), 42);
    relay.forget_connections();
    let asked = Arc::clone(&postgres);
    let asking = tokio::spawn(async move { number(&asked).await });
    relay.swallowed().await;
    time::pause();
    time::advance(Duration::from_millis(1_501)).await;
    time::resume();
    assert_eq!(asking.await.unwrap().unwrap(), 42);
    assert_eq!(relay.accepted(), 2);
}

#[tokio::test]
async fn a_refusal_of_the_statement_is_no_reason_to_connect_again() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = database.through(&relay);
    let result = postgres.query("SELECT 1 / 0", &[]).await;
    assert!(matches!(result, Err(Error::Internal(_))), "{result:?}");
    assert_eq!(number(&postgres).await.unwrap(), 42);
    assert_eq!(relay.accepted(), 1);
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_twice_and_found_again_when_it_is_back() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = database.through(&relay);
    assert_eq!(number(&postgres).await.unwrap(), 42);
    relay.go_down();
    let before = relay.accepted();
    let result = number(&postgres).await;
    assert!(is_unavailable(&result), "{result:?}");
    // If a connection was kept, the first attempt fails on it.
    assert!((1..=2).contains(&(relay.accepted() - before)), "{} connections", relay.accepted() - before);
    relay.come_back();
    assert_eq!(number(&postgres).await.unwrap(), 42);
}

#[tokio::test]
async fn a_server_that_accepts_connections_and_stays_silent_times_out() {
    // No engine: no query would be answered.
    let relay = Relay::to(([127, 0, 0, 1], 1).into()).await;
    relay.fall_silent();
    let mut config = Config::new();
    config.host("127.0.0.1").port(relay.address().port()).user("postgres").dbname("postgres");
    let elapsed = time_until_unavailable(Postgres::new(config), &relay).await;
    // A part of the first try may have passed in real time.
    assert!((2_001..=4_100).contains(&elapsed.as_millis()), "two tries of 2 s: {elapsed:?}");
}

#[tokio::test]
async fn a_query_without_an_answer_is_given_up() {
    let database = Database::turn().await;
    let relay = database.relay().await;
    let postgres = database.through(&relay);
    assert_eq!(number(&postgres).await.unwrap(), 42);
    relay.fall_silent();
    let elapsed = time_until_unavailable(postgres, &relay).await;
    assert!((2_001..=3_600).contains(&elapsed.as_millis()), "1.5 s, and 2 s for a connection: {elapsed:?}");
}

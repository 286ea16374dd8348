//! A PostgreSQL connection that is replaced when it is found dead.

use std::{
    error::Error as _,
    fmt,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{sync::Mutex, task::JoinHandle, time::timeout};
use tokio_postgres::{
    Client, Row,
    error::{Severity, SqlState},
    types::{ToSql, Type},
};

pub use self::{
    authorities::AMAZON_RDS,
    rds_iam::{RdsIam, TokenError},
    server::{ConnectError, DatabaseServer, Driver, InvalidDatabaseUrl},
};
use crate::error::{Dependency, Error};

mod authorities;
mod rds_iam;
mod server;

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit for one query. After a freeze, an execution environment may hold a dead connection that was never
/// closed; a query on it gets no answer.
const QUERY_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The database, over one connection that opens on first use.
///
/// A query is one round trip. `query_typed` leaves no server-side statement behind, so connection poolers work. A query on
/// a dead connection is retried once on a new one, so every statement in `sql/` must be idempotent.
pub struct Postgres {
    connect: Box<Connect>,
    keep: bool,
    /// The number of queries that wait for the connection. Only counted if connections are closed after use.
    waiting: AtomicUsize,
    connection: Mutex<Option<Arc<Connection>>>,
}

/// Opens a connection.
type Connect = dyn Fn() -> BoxFuture<'static, Result<(Client, Driver), ConnectError>> + Send + Sync;

struct Connection {
    client: Client,
    driver: JoinHandle<()>,
}

/// A statement parameter and its type.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The reason for a failed query.
#[derive(Debug, thiserror::Error)]
enum QueryError {
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The server rejected the query. Its detail and hint are dropped, since they quote values.
    #[error("{message} (SQLSTATE {}{})", .state.code(), Constraint(.constraint.as_deref()))]
    Refused { state: SqlState, fatal: bool, message: String, constraint: Option<String> },
    #[error("the connection fails")]
    Client(#[source] tokio_postgres::Error),
    #[error("there is no token to sign in with")]
    Token(#[source] TokenError),
}

struct Constraint<'a>(Option<&'a str>);

impl fmt::Display for Constraint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |name| write!(f, ", {name}"))
    }
}

impl From<tokio_postgres::Error> for QueryError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => Self::Refused {
                state: refusal.code().clone(),
                fatal: matches!(refusal.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
                message: refusal.message().to_owned(),
                constraint: refusal.constraint().map(str::to_owned),
            },
            None => Self::Client(error),
        }
    }
}

impl From<ConnectError> for QueryError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Token(error) => Self::Token(error),
            ConnectError::Postgres(error) => error.into(),
        }
    }
}

impl QueryError {
    /// Whether the connection is unusable and a new one may work.
    fn is_connection_lost(&self) -> bool {
        match self {
            Self::TimedOut(_) => true,
            Self::Refused { state, fatal, .. } => match state.code() {
                // The server became a reader in a failover; the host name now resolves to the writer.
                "25006" => true,
                // Connection exceptions, including those of a pooler that cannot reach the server; and a server that shuts
                // down or starts.
                code if code.starts_with("08") || code.starts_with("57P") => true,
                // Internal errors, which some poolers return. FATAL ends the session.
                code => *fatal && code.starts_with("XX"),
            },
            // Other client errors, such as a parameter of the wrong type, leave the connection intact.
            Self::Client(error) => {
                error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>)
            }
            Self::Token(_) => false,
        }
    }

    /// Whether the error is transient.
    fn is_transient(&self) -> bool {
        self.is_connection_lost()
            || matches!(self, Self::Refused { state, .. } if match state.code() {
                // Canceled by a server timeout or an operator.
                "55P03" | "57014" => true,
                // Failed authentication, which a new password fixes; serialization failures and deadlocks; too many
                // connections, out of memory or disk.
                code => ["28", "40", "53"].iter().any(|class| code.starts_with(class)),
            })
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        if error.is_transient() {
            Self::unavailable(Dependency::Postgres, error)
        } else {
            Self::internal(error)
        }
    }
}

impl Postgres {
    /// The database at `server`. Without `keep`, the connection is closed after use, for servers that accept one connection
    /// at a time.
    #[must_use]
    pub fn new(server: impl Into<DatabaseServer>, keep: bool) -> Self {
        let mut server = server.into();
        server.config_mut().connect_timeout(CONNECT_TIMEOUT).application_name("cruddur");
        let connect = move || {
            let server = server.clone();
            async move { server.connect().await }
        };
        Self::with_connect(connect, keep)
    }

    /// The database to which `connect` opens connections, for example over a stream to a server in the same process.
    pub fn with_connect<F>(connect: impl Fn() -> F + Send + Sync + 'static, keep: bool) -> Self
    where
        F: Future<Output = Result<(Client, Driver), ConnectError>> + Send + 'static,
    {
        let connect = Box::new(move || connect().boxed());
        Self { connect, keep, waiting: AtomicUsize::new(0), connection: Mutex::new(None) }
    }

    /// Whether the connection is kept between queries.
    pub(crate) const fn keeps_connections(&self) -> bool {
        self.keep
    }

    /// Returns the rows of `statement`.
    pub async fn query(&self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        match self.query_once(statement, parameters).await {
            Err(error) if error.is_connection_lost() => {
                tracing::info!(cause = %crate::error::Chain(&error), "connecting to PostgreSQL again");
                self.query_once(statement, parameters).await.map_err(Error::from)
            }
            result => result.map_err(Error::from),
        }
    }

    async fn query_once(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, QueryError> {
        if !self.keep {
            return self.query_and_close(statement, parameters).await;
        }
        let connection = {
            let mut slot = self.connection.lock().await;
            match &*slot {
                Some(connection) if !connection.client.is_closed() => Arc::clone(connection),
                _ => Arc::clone(slot.insert(Arc::new(self.connect().await?))),
            }
        };
        let rows = in_time(connection.client.query_typed(statement, parameters)).await;
        if rows.as_ref().is_err_and(QueryError::is_connection_lost) {
            let mut slot = self.connection.lock().await;
            if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, &connection)) {
                *slot = None;
            }
        }
        rows
    }

    /// Runs one query at a time, and closes the connection unless another query waits for it.
    async fn query_and_close(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, QueryError> {
        let turn = Turn::wait_for(self);
        let mut slot = self.connection.lock().await;
        drop(turn);
        let connection = match slot.take() {
            Some(connection) if !connection.client.is_closed() => connection,
            _ => Arc::new(self.connect().await?),
        };
        let rows = in_time(connection.client.query_typed(statement, parameters)).await;
        let lost = rows.as_ref().is_err_and(QueryError::is_connection_lost);
        if !lost && self.waiting.load(Ordering::Acquire) > 0 {
            *slot = Some(connection);
        } else if let Some(connection) = Arc::into_inner(connection) {
            connection.close().await;
        }
        rows
    }

    async fn connect(&self) -> Result<Connection, QueryError> {
        // `connect_timeout` covers only the TCP connection, not a server that accepts it and stays silent.
        let (client, connection) = timeout(CONNECT_TIMEOUT, (self.connect)())
            .await
            .map_err(|_| QueryError::TimedOut(CONNECT_TIMEOUT))??;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::info!(cause = %crate::error::Chain(&error), "lost the connection to PostgreSQL");
            }
        });
        Ok(Connection { client, driver })
    }
}

/// The place of a query in the queue for the connection.
struct Turn<'a>(&'a Postgres);

impl<'a> Turn<'a> {
    fn wait_for(postgres: &'a Postgres) -> Self {
        postgres.waiting.fetch_add(1, Ordering::AcqRel);
        Self(postgres)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let was_last = self.0.waiting.fetch_sub(1, Ordering::AcqRel) == 1;
        // The connection may have been left open for a query that was then canceled. A query in progress holds the lock,
        // so this never closes a connection in use.
        if was_last && let Ok(mut slot) = self.0.connection.try_lock() {
            *slot = None;
        }
    }
}

impl Connection {
    /// Closes the connection, and waits until it is closed.
    async fn close(self) {
        let Self { client, driver } = self;
        drop(client);
        // The driver ends with the client, unless the server does not accept the termination message.
        let _ = timeout(QUERY_TIMEOUT, driver).await;
    }
}

async fn in_time(
    rows: impl Future<Output = Result<Vec<Row>, tokio_postgres::Error>>,
) -> Result<Vec<Row>, QueryError> {
    Ok(timeout(QUERY_TIMEOUT, rows).await.map_err(|_| QueryError::TimedOut(QUERY_TIMEOUT))??)
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the configuration, which contains the password.
        f.debug_struct("Postgres").field("keep", &self.keep).finish_non_exhaustive()
    }
}

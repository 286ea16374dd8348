//! A PostgreSQL connection. A dead connection is replaced.

use std::{error::Error as _, fmt, io, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{sync::Mutex, time::timeout};
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

/// The time limit for one query. After a freeze, an execution environment may have a connection that died without being
/// closed. A query on such a connection gets no answer.
const QUERY_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The database, over one connection. The first query opens it.
///
/// The server closes idle connections, if the role has an `idle_session_timeout`. A frozen execution environment cannot.
///
/// A query is one round trip. `query_typed` leaves no prepared statement on the server, so connection poolers work. A
/// query that fails on a dead connection is retried once on a new one, so every statement in `sql/` must be idempotent.
pub struct Postgres {
    connect: Box<Connect>,
    connection: Mutex<Option<Arc<Client>>>,
}

/// Opens a connection.
type Connect = dyn Fn() -> BoxFuture<'static, Result<(Client, Driver), ConnectError>> + Send + Sync;

/// A statement parameter and its type.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The reason for a failed query, as the cause of an [`Error`].
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The server did not respond in time.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The server rejected the query. The error's detail and hint are dropped, since they quote values.
    #[error("{message} (SQLSTATE {}{})", .state.code(), Constraint(.constraint.as_deref()))]
    Refused {
        /// The SQLSTATE.
        state: SqlState,
        /// The error ends the session.
        fatal: bool,
        /// The server's message.
        message: String,
        /// The violated constraint.
        constraint: Option<String>,
    },
    /// The client failed, usually because of the connection.
    #[error("the connection fails")]
    Client(#[source] tokio_postgres::Error),
    /// A token could not be signed.
    #[error("can't sign a token for the database")]
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
    /// Returns `true` if the connection is unusable and a new one may work.
    fn is_connection_lost(&self) -> bool {
        match self {
            Self::TimedOut(_) => true,
            Self::Refused { state, fatal, .. } => match state.code() {
                // The server became a reader in a failover. The host name now resolves to the new writer.
                "25006" => true,
                // Connection exceptions, including those of a pooler that cannot reach the server. Shutdown and
                // start-up of the server.
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

    /// Returns `true` if the same query may succeed later.
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
    /// Creates a client of `server`.
    #[must_use]
    pub fn new(server: impl Into<DatabaseServer>) -> Self {
        let mut server = server.into();
        server.config_mut().connect_timeout(CONNECT_TIMEOUT).application_name("cruddur");
        let connect = move || {
            let server = server.clone();
            async move { server.connect().await }
        };
        Self::with_connect(connect)
    }

    /// Creates a client whose connections `connect` opens, for example to a server in the same process.
    pub fn with_connect<F>(connect: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(Client, Driver), ConnectError>> + Send + 'static,
    {
        let connect = Box::new(move || connect().boxed());
        Self { connect, connection: Mutex::new(None) }
    }

    /// Runs `statement` and returns its rows.
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
        let client = {
            let mut slot = self.connection.lock().await;
            match &*slot {
                Some(client) if !client.is_closed() => Arc::clone(client),
                _ => Arc::clone(slot.insert(Arc::new(self.connect().await?))),
            }
        };
        let rows = match timeout(QUERY_TIMEOUT, client.query_typed(statement, parameters)).await {
            Ok(rows) => rows.map_err(QueryError::from),
            Err(_) => Err(QueryError::TimedOut(QUERY_TIMEOUT)),
        };
        if rows.as_ref().is_err_and(QueryError::is_connection_lost) {
            let mut slot = self.connection.lock().await;
            if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, &client)) {
                *slot = None;
            }
        }
        rows
    }

    async fn connect(&self) -> Result<Client, QueryError> {
        // `connect_timeout` covers only TCP. A server may accept the connection and stay silent.
        let (client, connection) = timeout(CONNECT_TIMEOUT, (self.connect)())
            .await
            .map_err(|_| QueryError::TimedOut(CONNECT_TIMEOUT))??;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::info!(cause = %crate::error::Chain(&error), "lost the connection to PostgreSQL");
            }
        });
        Ok(client)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Omits the configuration, which contains the password.
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

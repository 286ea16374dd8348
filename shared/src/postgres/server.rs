//! The database server: its URL, and TLS.

use std::{borrow::Cow, fmt, io, net::IpAddr, str::FromStr, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
#[cfg(feature = "in-process")]
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{
    Client, Config, NoTls,
    config::{Host, SslMode},
    error::SqlState,
};
use tokio_postgres_rustls_improved::MakeRustlsConnect;

use super::{
    authorities,
    rds_iam::{RdsIam, TokenError},
};

/// A database server, parsed from a URL.
///
/// `sslmode` and `sslrootcert` are libpq's, with fewer distinctions:
///
/// - `require`, `verify-ca` and `verify-full` encrypt the connection and verify the server's certificate and name.
/// - `disable` does not encrypt. `allow`, `prefer` and an absent `sslmode` do not encrypt either, and are accepted only
///   for servers on this machine: loopback addresses, `localhost` and sockets.
/// - `sslrootcert` names the authorities: a PEM file, the system's (`system`, the default), or Amazon's for RDS
///   (`rds`), which are part of this crate.
#[derive(Clone)]
pub struct DatabaseServer {
    config: Config,
    transport: Transport,
    /// Signs a token as the password of each connection. If `None`, the password is the URL's, if any.
    iam: Option<RdsIam>,
}

#[derive(Clone)]
enum Transport {
    Plain,
    Tls(MakeRustlsConnect),
    /// Streams to a server in the same process.
    #[cfg(feature = "in-process")]
    Streams(Arc<OpenStream>),
}

/// The reason for rejecting a URL. The URL itself is not shown, since it may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// The text is not a PostgreSQL URL.
    #[error("not a PostgreSQL URL such as postgresql://user:password@host:5432/name")]
    Malformed,
    /// The name of an unsupported parameter.
    #[error("it has the parameter {0}, which is not supported; leave it out")]
    UnknownParameter(String),
    /// The name of a parameter with an invalid value.
    #[error("the parameter {0} has an invalid value")]
    ParameterValue(String),
    /// `sslmode` or `sslrootcert` occurs more than once.
    #[error("{0} is given more than once; leave one")]
    DuplicateParameter(&'static str),
    /// The server is another machine, and `sslmode` does not decide whether to encrypt.
    #[error(
        "the server is another machine and sslmode is {}; write sslmode=verify-full for a verified, encrypted \
         connection, or sslmode=disable to send everything unencrypted",
        .0.as_ref().map_or_else(|| "not given".to_owned(), |mode| format!("{mode}, which does not encrypt here"))
    )]
    Unprotected(Option<String>),
    /// Not an `sslmode` of libpq.
    #[error("sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full")]
    SslMode,
    /// The file with the authorities can't be read.
    #[error("sslrootcert can't be read: {0}")]
    RootFile(io::Error),
    /// The file contains no certificate, or a malformed one.
    #[error("sslrootcert is not a PEM file with certificates")]
    RootCertificates,
    /// The RDS host is in a region whose authorities are not part of this crate.
    #[error(
        "sslrootcert=rds has no authorities of the region in the host's name: get Amazon's file for that region \
         and name it with sslrootcert"
    )]
    RdsRegion,
    /// [`RdsIam`] does not allow a password.
    #[error("it holds a password, but rds-iam signs in with tokens: leave the password out")]
    IamPassword,
    /// [`RdsIam`] requires a user.
    #[error("it names no user, and rds-iam signs tokens for one: postgresql://user@host:5432/name")]
    IamUser,
    /// [`RdsIam`] requires exactly one host, and no socket.
    #[error("it does not name exactly one host, which is what rds-iam signs tokens for")]
    IamHost,
    /// [`RdsIam`] requires TLS.
    #[error("rds-iam sends its tokens over TLS only: ask for it with sslmode=verify-full")]
    IamTls,
}

/// The reason for a failed connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The token could not be signed.
    #[error("can't sign a token for the database")]
    Token(#[source] TokenError),
    /// The server is unreachable, or rejected the connection.
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
}

impl ConnectError {
    /// The SQLSTATE of the server's error.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Token(_) => None,
            Self::Postgres(error) => error.code(),
        }
    }
}

impl DatabaseServer {
    /// Parses the URL of a server to which each connection signs in with its own token.
    ///
    /// The URL must name user and host, have no password, and require TLS, since the token is sent in plain text. The
    /// default of `sslrootcert` is `rds`.
    pub fn with_rds_iam(url: &str, iam: RdsIam) -> Result<Self, InvalidDatabaseUrl> {
        Self::parse(url, Some(iam))
    }

    fn parse(url: &str, iam: Option<RdsIam>) -> Result<Self, InvalidDatabaseUrl> {
        // Secrets often end with a newline.
        let url = url.trim();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(InvalidDatabaseUrl::Malformed);
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots) = (None, None);
        // tokio-postgres rejects `sslrootcert`, and the values of `sslmode` beyond `require`.
        let mut others = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, earlier) = match name {
                "sslmode" => ("sslmode", mode.replace(value)),
                "sslrootcert" => ("sslrootcert", roots.replace(value)),
                _ => {
                    others.push(parameter);
                    continue;
                }
            };
            if earlier.is_some() {
                return Err(InvalidDatabaseUrl::DuplicateParameter(name));
            }
        }
        let address = format!("{address}?");
        let mut config = format!("{address}{}", others.join("&"))
            .parse::<Config>()
            .map_err(|_| invalid_parameter(&address, &others))?;
        let encrypted = match mode {
            None | Some("disable" | "allow" | "prefer") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(_) => return Err(InvalidDatabaseUrl::SslMode),
        };
        if iam.is_some() {
            check_for_iam(&config, encrypted)?;
            roots = roots.or(Some(authorities::RDS));
        }
        if !encrypted && mode != Some("disable") && !is_on_this_machine(&config) {
            return Err(InvalidDatabaseUrl::Unprotected(mode.map(str::to_owned)));
        }
        let transport = if encrypted {
            let roots = authorities::trusted(roots, config.get_hosts())?;
            config.ssl_mode(SslMode::Require);
            Transport::Tls(MakeRustlsConnect::new(client_config(roots)))
        } else {
            config.ssl_mode(SslMode::Disable);
            Transport::Plain
        };
        Ok(Self { config, transport, iam })
    }

    /// A server in the same process, without a password. `open` returns a new stream to it.
    #[cfg(feature = "in-process")]
    pub fn in_process<S>(open: impl Fn() -> S + Send + Sync + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut config = Config::new();
        config.user("cruddur").ssl_mode(SslMode::Disable);
        Self { config, transport: Transport::Streams(Arc::new(move || Box::new(open()))), iam: None }
    }

    /// Connects. The caller must poll the driver while it uses the client.
    pub async fn connect(&self) -> Result<(Client, Driver), ConnectError> {
        let config = match self.token().await.map_err(ConnectError::Token)? {
            None => Cow::Borrowed(&self.config),
            Some(token) => {
                let mut config = self.config.clone();
                config.password(token);
                Cow::Owned(config)
            }
        };
        match &self.transport {
            Transport::Plain => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, Box::pin(connection)))
            }
            Transport::Tls(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, Box::pin(connection)))
            }
            #[cfg(feature = "in-process")]
            Transport::Streams(open) => {
                let (client, connection) = config.connect_raw(open(), NoTls).await?;
                Ok((client, Box::pin(connection)))
            }
        }
    }

    /// Signs a token, a password that is valid for 15 minutes. Returns `None` if the server takes no tokens.
    pub async fn token(&self) -> Result<Option<String>, TokenError> {
        let (Some(iam), Some(Host::Tcp(host))) = (&self.iam, self.config.get_hosts().first()) else {
            return Ok(None);
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        iam.token(host, port, self.config.get_user().unwrap_or_default()).await.map(Some)
    }

    /// Returns `true` if each connection signs in with its own token.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.iam.is_some()
    }

    /// Returns `true` if the server is on this machine: every host is a loopback address, `localhost` or a socket.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        is_on_this_machine(&self.config)
    }

    /// The database in the URL. The default is the user's name.
    #[must_use]
    pub fn database_name(&self) -> &str {
        self.config.get_dbname().or_else(|| self.config.get_user()).unwrap_or("postgres")
    }

    /// Returns the same server with the database `name`.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut server = self.clone();
        server.config.dbname(name);
        server
    }

    pub(super) fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }
}

/// The URL parameters that tokio-postgres supports.
const KNOWN_PARAMETERS: [&str; 18] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

#[cfg(feature = "in-process")]
type OpenStream = dyn Fn() -> Box<dyn Stream> + Send + Sync;

#[cfg(feature = "in-process")]
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

#[cfg(feature = "in-process")]
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The driver of a connection: a future that ends when the client is dropped or the connection is closed.
pub type Driver = std::pin::Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

impl FromStr for DatabaseServer {
    type Err = InvalidDatabaseUrl;

    /// Parses a URL, which may contain a password.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Self::parse(url, None)
    }
}

/// Checks the requirements of [`RdsIam`] on the URL.
fn check_for_iam(config: &Config, encrypted: bool) -> Result<(), InvalidDatabaseUrl> {
    if config.get_password().is_some() {
        Err(InvalidDatabaseUrl::IamPassword)
    } else if config.get_user().is_none_or(str::is_empty) {
        Err(InvalidDatabaseUrl::IamUser)
    } else if !matches!(config.get_hosts(), [Host::Tcp(_)]) {
        Err(InvalidDatabaseUrl::IamHost)
    } else if !encrypted {
        Err(InvalidDatabaseUrl::IamTls)
    } else {
        Ok(())
    }
}

/// Names the first invalid parameter. Its value is not shown, since it may be a password.
fn invalid_parameter(address: &str, parameters: &[&str]) -> InvalidDatabaseUrl {
    if address.parse::<Config>().is_err() {
        return InvalidDatabaseUrl::Malformed;
    }
    let unknown =
        parameters.iter().find(|parameter| format!("{address}{parameter}").parse::<Config>().is_err());
    unknown.map_or(InvalidDatabaseUrl::Malformed, |parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        // Not a name: the rest of a password with an unescaped `?`, which must not be shown.
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            InvalidDatabaseUrl::Malformed
        } else if KNOWN_PARAMETERS.contains(&name) {
            InvalidDatabaseUrl::ParameterValue(name.to_owned())
        } else {
            InvalidDatabaseUrl::UnknownParameter(name.to_owned())
        }
    })
}

fn is_on_this_machine(config: &Config) -> bool {
    let is_loopback = |address: &IpAddr| address.to_canonical().is_loopback();
    let hosts = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| is_loopback(&address))
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    hosts && config.get_hostaddrs().iter().all(is_loopback)
}

fn client_config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    #[expect(clippy::expect_used, reason = "aws-lc-rs has TLS 1.2 and 1.3")]
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl From<Config> for DatabaseServer {
    /// Uses the server in `config` without TLS.
    fn from(config: Config) -> Self {
        Self { config, transport: Transport::Plain, iam: None }
    }
}

impl fmt::Display for DatabaseServer {
    /// Writes hosts, port and database, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                #[cfg(unix)]
                Host::Unix(folder) => write!(f, "{}", folder.display())?,
            }
        }
        if let Some(port) = self.config.get_ports().first() {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.database_name())
    }
}

impl fmt::Debug for DatabaseServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Omits the configuration, which contains the password.
        f.debug_struct("DatabaseServer")
            .field("tls", &matches!(self.transport, Transport::Tls(_)))
            .field("iam", &self.iam.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<bool, String> {
        let server = url.parse::<DatabaseServer>().map_err(|error| error.to_string())?;
        Ok(matches!(server.transport, Transport::Tls(_)))
    }

    #[test]
    fn tls_is_used_if_the_url_requires_it() {
        for (query, tls) in [
            ("?sslmode=disable", false),
            ("?application_name=x&sslmode=disable", false),
            ("?sslmode=require", true),
            ("?sslmode=verify-ca", true),
            ("?connect_timeout=3&sslmode=verify-full&sslrootcert=system", true),
            ("?sslmode=verify-full\n", true),
        ] {
            assert_eq!(check(&format!("postgresql://me@db.test/users{query}")), Ok(tls), "{query}");
        }
    }

    #[test]
    fn other_machines_require_an_explicit_sslmode() {
        for address in [
            "db.test/users",
            "10.0.0.7/users",
            "[2001:db8::7]/users",
            "localhost.db.test/users",
            "localhost,db.test/users",
            "127.0.0.1,10.0.0.7/users",
            "/users?host=db.test",
            "localhost/users?hostaddr=10.0.0.7",
            "localhost/users?host=db.test",
        ] {
            let url = format!("postgresql://me:secret@{address}");
            let and = if url.contains('?') { '&' } else { '?' };
            let error = check(&url).unwrap_err();
            assert!(error.contains("sslmode is not given; write sslmode=verify-full"), "{address}: {error}");
            for mode in ["allow", "prefer"] {
                let error = check(&format!("{url}{and}sslmode={mode}")).unwrap_err();
                assert!(error.contains(&format!("sslmode is {mode}, which does not encrypt")), "{error}");
            }
            assert_eq!(check(&format!("{url}{and}sslmode=disable")), Ok(false), "{address}");
            assert_eq!(check(&format!("{url}{and}sslmode=verify-full")), Ok(true), "{address}");
        }
    }

    #[test]
    fn this_machine_does_not_require_an_sslmode() {
        for address in [
            "localhost/users",
            "LOCALHOST:5433/users",
            "127.0.0.1/users?",
            "127.8.9.1/users",
            "[::1]/users",
            "[::ffff:127.0.0.1]/users",
            "%2Frun%2Fpostgresql/users",
            "/users?host=/run/postgresql",
            "localhost/users?hostaddr=127.0.0.1&application_name=x",
            "localhost/users?sslmode=prefer",
        ] {
            assert_eq!(check(&format!("postgresql://me@{address}")), Ok(false), "{address}");
        }
    }

    #[test]
    fn errors_do_not_contain_the_password() {
        for (url, expected) in [
            ("mysql://me:secret@db.test/users", "not a PostgreSQL URL"),
            ("host=db.test password=secret", "not a PostgreSQL URL"),
            ("postgresql://me:secret@db.test:port/users", "not a PostgreSQL URL"),
            // Parameters begin at the first question mark; a password must escape it.
            ("postgresql://me:secret?x@db.test/users?sslmode=disable", "the server is another machine"),
            (
                "postgresql://me:secret@db.test/users?sslmode=disable&pgbouncer=secret",
                "it has the parameter pgbouncer, which is not supported",
            ),
            ("postgresql://me:secret@db.test/users?schema", "it has the parameter schema, which is not"),
            ("postgresql://me:secret@db.test/users?port=secret", "the parameter port has an invalid value"),
            (
                "postgresql://me@db.test/u?sslmode=verify-full&sslmode=disable",
                "sslmode is given more than once",
            ),
            (
                "postgresql://me@db.test/u?sslmode=disable&sslmode=verify-full",
                "sslmode is given more than once",
            ),
            (
                "postgresql://me@db.test/u?sslmode=verify-full&sslrootcert=rds&sslrootcert=system",
                "sslrootcert is given more than once",
            ),
            ("postgresql://me@db.test/u?sslmode", "sslmode is not one of"),
            ("postgresql://me:secret@db.test/users?sslmode=off", "sslmode is not one of"),
            (
                "postgresql://me:secret@db.test/users?sslmode=verify-full&sslrootcert=/nowhere",
                "sslrootcert can't be read",
            ),
            (
                "postgresql://me:secret@db.test/users?sslmode=verify-full&sslrootcert=Cargo.toml",
                "sslrootcert is not a PEM",
            ),
        ] {
            let error = check(url).unwrap_err();
            assert!(error.starts_with(expected), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_password_is_not_debug_printed() {
        let server: DatabaseServer = "postgresql://me:secret@db.test/users?sslmode=disable".parse().unwrap();
        assert_eq!(format!("{server:?}"), "DatabaseServer { tls: false, iam: false, .. }");
    }
}

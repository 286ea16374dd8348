//! Where the database is, and how its connection is protected.

use std::{borrow::Cow, fmt, io, net::IpAddr, str::FromStr, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
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

/// A database server out of a URL.
///
/// `sslmode` and `sslrootcert` have libpq's names and fewer meanings. With `require`, `verify-ca` or `verify-full` the
/// connection is encrypted, and the server's certificate and name are verified. With `disable` it is not encrypted.
/// Without `sslmode`, or with `allow` or `prefer`, it is not encrypted either, so these are accepted only for servers on
/// this machine: loopback addresses, `localhost` and sockets. `sslrootcert` names the authorities: a PEM file, the
/// system's (`system`, the default), or Amazon's for RDS (`rds`), which are part of this crate.
#[derive(Clone)]
pub struct DatabaseServer {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// Opens a stream to the server; none: it is reached over a socket, as the URL says.
    open: Option<Arc<Open>>,
    /// Signs the password of each connection; none: it is the URL's, if any.
    iam: Option<RdsIam>,
}

/// Why a URL can't be used. The URL itself is not shown: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Not a PostgreSQL URL.
    #[error("not a PostgreSQL URL such as postgresql://user:password@host:5432/name")]
    Malformed,
    /// A parameter that this client does not have, by its name.
    #[error("it has the parameter {0}, which is not supported; leave it out")]
    UnknownParameter(String),
    /// A parameter with a value that it can't have, by its name.
    #[error("the parameter {0} has a value that it can't have")]
    ParameterValue(String),
    /// A parameter that decides how the connection is protected is given more than once.
    #[error("{0} is given more than once; leave one")]
    GivenTwice(&'static str),
    /// The server is another machine, and nothing says whether the connection is encrypted.
    #[error(
        "the server is another machine and sslmode is {}; write sslmode=verify-full for a verified, encrypted \
         connection, or sslmode=disable to send everything unencrypted",
        .0.as_ref().map_or_else(|| "not given".to_owned(), |mode| format!("{mode}, which does not encrypt here"))
    )]
    Unprotected(Option<String>),
    /// An `sslmode` that libpq does not know either.
    #[error("sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full")]
    SslMode,
    /// The file with the authorities can't be read.
    #[error("sslrootcert can't be read: {0}")]
    RootFile(io::Error),
    /// No certificate is in the file, or one is malformed.
    #[error("sslrootcert is not a PEM file with certificates")]
    RootCertificates,
    /// The host is of RDS in a region whose authorities are not carried.
    #[error(
        "sslrootcert=rds has no authorities of the region in the host's name: get Amazon's file for that region \
         and name it with sslrootcert"
    )]
    RdsRegion,
    /// With [`RdsIam`]: a password.
    #[error("it holds a password, but rds-iam signs in with tokens: leave the password out")]
    IamPassword,
    /// With [`RdsIam`]: no user.
    #[error("it names no user, and rds-iam signs tokens for one: postgresql://user@host:5432/name")]
    IamUser,
    /// With [`RdsIam`]: no host, several, or a socket.
    #[error("it does not name exactly one host, which is what rds-iam signs tokens for")]
    IamHost,
    /// With [`RdsIam`]: no TLS.
    #[error("rds-iam sends its tokens over TLS only: ask for it with sslmode=verify-full")]
    IamTls,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is nothing to sign in with.
    #[error("there is no token to sign in with")]
    Token(#[source] TokenError),
    /// The server can't be reached, or refuses.
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
}

impl ConnectError {
    /// The SQLSTATE with which the server refuses.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Token(_) => None,
            Self::Postgres(error) => error.code(),
        }
    }
}

impl DatabaseServer {
    /// The server of `url`, at which every connection signs in with a token of its own.
    ///
    /// The URL names user and host, has no password, and asks for TLS: the token is sent as it is. The authorities
    /// are Amazon's for RDS unless `sslrootcert` names others.
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
        // tokio-postgres leaves these two to its TLS connector, and rejects `sslrootcert`.
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
                return Err(InvalidDatabaseUrl::GivenTwice(name));
            }
        }
        let address = format!("{address}?");
        let mut config = format!("{address}{}", others.join("&"))
            .parse::<Config>()
            .map_err(|_| why_malformed(&address, &others))?;
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
        let tls = if encrypted {
            let roots = authorities::trusted(roots, config.get_hosts())?;
            config.ssl_mode(SslMode::Require);
            Some(MakeRustlsConnect::new(client_config(roots)))
        } else {
            config.ssl_mode(SslMode::Disable);
            None
        };
        Ok(Self { config, tls, open: None, iam })
    }

    /// A server that takes anybody in, at the other end of the streams that `open` opens: one in the same process.
    pub fn behind<S>(open: impl Fn() -> S + Send + Sync + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut config = Config::new();
        config.user("cruddur").ssl_mode(SslMode::Disable);
        Self { config, tls: None, open: Some(Arc::new(move || Box::new(open()))), iam: None }
    }

    /// A connection, and what has to be polled for it.
    pub async fn connect(&self) -> Result<(Client, Driver), ConnectError> {
        let config = match self.token().await.map_err(ConnectError::Token)? {
            None => Cow::Borrowed(&self.config),
            Some(token) => {
                let mut config = self.config.clone();
                config.password(token);
                Cow::Owned(config)
            }
        };
        if let Some(open) = &self.open {
            let (client, connection) = config.connect_raw(open(), NoTls).await?;
            return Ok((client, Box::pin(connection)));
        }
        match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, Box::pin(connection)))
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, Box::pin(connection)))
            }
        }
    }

    /// A password for the next 15 minutes, where the server takes tokens.
    pub async fn token(&self) -> Result<Option<String>, TokenError> {
        let (Some(iam), Some(Host::Tcp(host))) = (&self.iam, self.config.get_hosts().first()) else {
            return Ok(None);
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        iam.token(host, port, self.config.get_user().unwrap_or_default()).await.map(Some)
    }

    /// Whether every connection signs in with a token of its own.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.iam.is_some()
    }

    /// Whether the server is on this machine: every host is a loopback address, `localhost` or a socket.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        is_on_this_machine(&self.config)
    }

    /// The database's name: as in the URL, or else the user's.
    #[must_use]
    pub fn database_name(&self) -> &str {
        self.config.get_dbname().or_else(|| self.config.get_user()).unwrap_or("postgres")
    }

    /// The same server with another database.
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

/// The parameters that tokio-postgres takes in a URL.
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

type Open = dyn Fn() -> Box<dyn Stream> + Send + Sync;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The task of a connection: it ends with the client, or with the connection.
pub type Driver = std::pin::Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

impl FromStr for DatabaseServer {
    type Err = InvalidDatabaseUrl;

    /// The server of a URL that holds the password, if there is one.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Self::parse(url, None)
    }
}

/// What a token is signed for stands in the URL, and nothing is in the token's way.
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

/// The first parameter without which the URL could be read, or the whole URL. The value is not shown: it may be a
/// password.
fn why_malformed(address: &str, parameters: &[&str]) -> InvalidDatabaseUrl {
    if address.parse::<Config>().is_err() {
        return InvalidDatabaseUrl::Malformed;
    }
    let unknown =
        parameters.iter().find(|parameter| format!("{address}{parameter}").parse::<Config>().is_err());
    unknown.map_or(InvalidDatabaseUrl::Malformed, |parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        // A password with a raw `?` in it would be shown in parts.
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

/// Whether nothing that is sent to the server leaves this machine.
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
    /// The server of `config`, without TLS.
    fn from(config: Config) -> Self {
        Self { config, tls: None, open: None, iam: None }
    }
}

impl fmt::Display for DatabaseServer {
    /// Hosts, port and database, without user and password.
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
        // Without the configuration: it holds the password.
        f.debug_struct("DatabaseServer")
            .field("tls", &self.tls.is_some())
            .field("iam", &self.iam.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<bool, String> {
        url.parse::<DatabaseServer>().map(|server| server.tls.is_some()).map_err(|error| error.to_string())
    }

    #[test]
    fn tls_is_used_where_the_url_asks_for_it() {
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
    fn another_machine_is_reached_unencrypted_only_where_the_url_says_so() {
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
    fn this_machine_is_reached_without_a_word_about_tls() {
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
    fn what_can_not_be_used_is_said_without_the_password() {
        for (url, expected) in [
            ("mysql://me:secret@db.test/users", "not a PostgreSQL URL"),
            ("host=db.test password=secret", "not a PostgreSQL URL"),
            ("postgresql://me:secret@db.test:port/users", "not a PostgreSQL URL"),
            // Parameters begin at the first question mark: in a password it has to be encoded.
            ("postgresql://me:secret?x@db.test/users?sslmode=disable", "the server is another machine"),
            (
                "postgresql://me:secret@db.test/users?sslmode=disable&pgbouncer=secret",
                "it has the parameter pgbouncer, which is not supported",
            ),
            ("postgresql://me:secret@db.test/users?schema", "it has the parameter schema, which is not"),
            ("postgresql://me:secret@db.test/users?port=secret", "the parameter port has a value"),
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

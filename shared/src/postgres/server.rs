//! Where the database is, and how its connection is protected.

use std::{fmt, fs, io, str::FromStr, sync::Arc};

use percent_encoding::percent_decode_str;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_postgres::{
    Client, Config, NoTls,
    config::{Host, SslMode},
};
use tokio_postgres_rustls_improved::MakeRustlsConnect;

/// A database server out of a URL.
///
/// `sslmode` and `sslrootcert` have libpq's names, and less between the extremes: whoever asks for TLS at all
/// (`require`, `verify-ca`, `verify-full`) gets it with the server's certificate and name verified, and whoever
/// does not (no `sslmode`, `disable`, `allow`, `prefer`) gets a connection that is not encrypted. The authorities
/// are those of `sslrootcert`, a PEM file, or the system's (`sslrootcert=system`, or none).
#[derive(Clone)]
pub struct DatabaseServer {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

/// Why a URL can't be used. The URL itself is not shown: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Not a PostgreSQL URL.
    #[error("not a PostgreSQL URL such as postgresql://user:password@host:5432/name")]
    Malformed,
    /// An `sslmode` that libpq does not know either.
    #[error("sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full")]
    SslMode,
    /// The file with the authorities can't be read.
    #[error("sslrootcert can't be read: {0}")]
    RootFile(io::Error),
    /// No certificate is in the file, or one is malformed.
    #[error("sslrootcert is not a PEM file with certificates")]
    RootCertificates,
}

impl DatabaseServer {
    /// A connection, and what has to be polled for it.
    pub async fn connect(&self) -> Result<(Client, Driver), tokio_postgres::Error> {
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok((client, Box::pin(connection)))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                Ok((client, Box::pin(connection)))
            }
        }
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

/// The task of a connection: it ends with the client, or with the connection.
pub type Driver = std::pin::Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

impl FromStr for DatabaseServer {
    type Err = InvalidDatabaseUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(InvalidDatabaseUrl::Malformed);
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots) = (None, None);
        // Two parameters that tokio-postgres leaves to its TLS connector; it refuses the second altogether.
        let mut others = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(value),
                _ => others.push(parameter),
            }
        }
        let mut config: Config =
            format!("{address}?{}", others.join("&")).parse().map_err(|_| InvalidDatabaseUrl::Malformed)?;
        let tls = match mode {
            None | Some("disable" | "allow" | "prefer") => {
                config.ssl_mode(SslMode::Disable);
                None
            }
            Some("require" | "verify-ca" | "verify-full") => {
                config.ssl_mode(SslMode::Require);
                Some(MakeRustlsConnect::new(client_config(root_certificates(roots)?)))
            }
            Some(_) => return Err(InvalidDatabaseUrl::SslMode),
        };
        Ok(Self { config, tls })
    }
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

fn root_certificates(file: Option<&str>) -> Result<RootCertStore, InvalidDatabaseUrl> {
    let mut roots = RootCertStore::empty();
    match file {
        None | Some("system") => {
            // Single certificates that can't be read are no reason to trust none.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(file) => {
            let file = percent_decode_str(file).decode_utf8_lossy();
            let pem = fs::read(&*file).map_err(InvalidDatabaseUrl::RootFile)?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|_| InvalidDatabaseUrl::RootCertificates)?;
                roots.add(certificate).map_err(|_| InvalidDatabaseUrl::RootCertificates)?;
            }
            if roots.is_empty() {
                return Err(InvalidDatabaseUrl::RootCertificates);
            }
        }
    }
    Ok(roots)
}

impl From<Config> for DatabaseServer {
    /// The server of `config`, without TLS.
    fn from(config: Config) -> Self {
        Self { config, tls: None }
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
        f.debug_struct("DatabaseServer").field("tls", &self.tls.is_some()).finish_non_exhaustive()
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
            ("", false),
            ("?", false),
            ("?application_name=x", false),
            ("?sslmode=disable", false),
            ("?sslmode=prefer", false),
            ("?sslmode=require", true),
            ("?connect_timeout=3&sslmode=verify-full&sslrootcert=system", true),
        ] {
            assert_eq!(check(&format!("postgresql://me@db.test/users{query}")), Ok(tls), "{query}");
        }
    }

    #[test]
    fn what_can_not_be_used_is_said_without_the_password() {
        for (url, expected) in [
            ("mysql://me:secret@db.test/users", "not a PostgreSQL URL"),
            ("host=db.test password=secret", "not a PostgreSQL URL"),
            ("postgresql://me:secret@db.test:port/users", "not a PostgreSQL URL"),
            ("postgresql://me:secret@db.test/users?nonsense=1", "not a PostgreSQL URL"),
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
        let server: DatabaseServer = "postgresql://me:secret@db.test/users".parse().unwrap();
        assert_eq!(format!("{server:?}"), "DatabaseServer { tls: false, .. }");
    }
}

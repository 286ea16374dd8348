//! `db connect`

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{self, Command},
};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use cruddur::{config, postgres::AMAZON_RDS};
use percent_encoding::percent_decode_str;
use tokio_postgres::{Config, config::Host};

use crate::{
    advice::advised,
    context::{Database, token_error},
};

pub(super) const LONG_ABOUT: &str = "\
Opens psql on the database. The password is passed in the environment. An RDS IAM token (--database-auth rds-iam) is \
valid for connections within 15 minutes.

The local stack's PostgreSQL has one session for all clients: while psql is in a transaction, the stack waits.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur db connect
  cruddur db connect -- -c 'select handle from users'";

#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Arguments for psql
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<OsString>,
}

/// Variables of libpq that would override the URL.
const OVERRIDES: [&str; 5] = ["PGSERVICE", "PGHOSTADDR", "PGSSLROOTCERT", "PGPASSWORD", "PGOPTIONS"];

/// Replaces this process by psql. Returns only if that fails.
pub(super) async fn run(database: &Database, options: &Options) -> Result<()> {
    let token = database.server.token().await.map_err(|error| token_error(&error))?;
    let mut variables = environment(&database.url, token)?;
    for (name, value) in &mut variables {
        // libpq does not know this value.
        if *name == "PGSSLROOTCERT" && value == "rds" {
            let file = authorities_file(&cache_folder()?);
            *value = file.context("failed to write Amazon's certificate authorities for psql")?.into();
        }
    }
    let mut command = Command::new("psql");
    for name in OVERRIDES {
        command.env_remove(name);
    }
    command.envs(variables).args(&options.arguments);
    let error = replace(command);
    if error.kind() == io::ErrorKind::NotFound {
        Err(advised(
            "psql is not installed",
            "install PostgreSQL's client (Debian: apt install postgresql-client, macOS: brew install libpq)",
        ))
    } else {
        Err(error).context("failed to start psql")
    }
}

#[cfg(unix)]
fn replace(mut command: Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Waits for psql on systems that can't replace a process.
#[cfg(not(unix))]
fn replace(mut command: Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

/// The URL as variables of libpq.
///
/// Any TLS mode verifies the server, as in `DatabaseServer`; libpq's `require` would not. A `token` is the password.
fn environment(url: &str, token: Option<String>) -> Result<Vec<(&'static str, OsString)>> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let (ssl, others) = parameters.partition::<Vec<_>, _>(|parameter| {
        parameter.starts_with("sslmode=") || parameter.starts_with("sslrootcert=")
    });
    let config = format!("{address}?{}", others.join("&")).parse::<Config>();
    let config = config.map_err(|_| anyhow!("invalid database URL"))?;
    let ssl = |name: &str| ssl.iter().find_map(|parameter| parameter.strip_prefix(name));

    let hosts = config.get_hosts().iter().map(host).collect::<Vec<_>>();
    let ports = config.get_ports().iter().map(u16::to_string).collect::<Vec<_>>();
    let addresses = config.get_hostaddrs().iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut variables = Vec::new();
    let mut set = |name, value: Option<OsString>| variables.extend(value.map(|value| (name, value)));
    set("PGHOST", Some(hosts.join(",").into()));
    set("PGHOSTADDR", (!addresses.is_empty()).then(|| addresses.join(",").into()));
    set("PGPORT", Some(ports.join(",").into()));
    set("PGUSER", config.get_user().map(OsString::from));
    let default_roots = if token.is_some() { "rds" } else { "system" };
    let password = || config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
    set("PGPASSWORD", token.or_else(password).map(OsString::from));
    set("PGDATABASE", config.get_dbname().or(config.get_user()).map(OsString::from));
    set("PGOPTIONS", config.get_options().map(OsString::from));
    match ssl("sslmode=") {
        Some("require" | "verify-ca" | "verify-full") => {
            set("PGSSLMODE", Some("verify-full".into()));
            let roots = ssl("sslrootcert=").unwrap_or(default_roots);
            set("PGSSLROOTCERT", Some(percent_decode_str(roots).decode_utf8_lossy().into_owned().into()));
        }
        // As in `DatabaseServer`, other modes are unencrypted.
        _ => set("PGSSLMODE", Some("disable".into())),
    }
    Ok(variables)
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    }
}

fn cache_folder() -> Result<PathBuf> {
    let configured =
        config::environment("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = configured.or_else(|| env::home_dir().map(|home| home.join(".cache")));
    Ok(folder.context("set XDG_CACHE_HOME to a folder for Amazon's certificate authorities")?.join("cruddur"))
}

/// Writes Amazon's certificate authorities to a file. The file stays, since psql reads it for every connection.
fn authorities_file(folder: &Path) -> io::Result<PathBuf> {
    let file = folder.join("amazon-rds.pem");
    if fs::read(&file).is_ok_and(|content| content == AMAZON_RDS.as_bytes()) {
        return Ok(file);
    }
    fs::create_dir_all(folder)?;
    // Atomically, since another psql may be reading the file.
    let part = folder.join(format!("amazon-rds.pem.{}", process::id()));
    fs::write(&part, AMAZON_RDS)?;
    fs::rename(&part, &file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(url: &str) -> Vec<String> {
        let variables = environment(url, None).unwrap();
        variables.iter().map(|(name, value)| format!("{name}={}", value.display())).collect()
    }

    #[test]
    fn a_url_becomes_variables_of_libpq() {
        assert_eq!(
            variables("postgresql://me:s%2Fcret@db.test:5433/users?sslmode=disable"),
            [
                "PGHOST=db.test",
                "PGPORT=5433",
                "PGUSER=me",
                "PGPASSWORD=s/cret",
                "PGDATABASE=users",
                "PGSSLMODE=disable"
            ]
        );
        assert_eq!(
            variables("postgresql://me@127.0.0.1,[::1]/?options=-c%20statement_timeout%3D1s"),
            [
                "PGHOST=127.0.0.1,::1",
                "PGPORT=5432,5432",
                "PGUSER=me",
                "PGDATABASE=me",
                "PGOPTIONS=-c statement_timeout=1s",
                "PGSSLMODE=disable"
            ]
        );
    }

    #[test]
    fn every_tls_mode_verifies_the_server() {
        for (query, roots) in [
            ("sslmode=require", "system"),
            ("sslmode=verify-ca&sslrootcert=system", "system"),
            ("connect_timeout=3&sslrootcert=/a%20b.pem&sslmode=verify-full", "/a b.pem"),
        ] {
            let variables = variables(&format!("postgresql://me@db.test/users?{query}"));
            let tls = variables.iter().filter(|variable| variable.starts_with("PGSSL")).collect::<Vec<_>>();
            assert_eq!(tls, ["PGSSLMODE=verify-full", &format!("PGSSLROOTCERT={roots}")], "{query}");
        }
    }

    #[test]
    fn a_token_is_the_password_and_amazons_authorities_are_the_default() {
        let variables = |url: &str| {
            let variables = environment(url, Some("to/ken".to_owned())).unwrap();
            variables.iter().map(|(name, value)| format!("{name}={}", value.display())).collect::<Vec<_>>()
        };
        let url = "postgresql://me@db.test/users?sslmode=require";
        let expected =
            ["PGPASSWORD=to/ken", "PGDATABASE=users", "PGSSLMODE=verify-full", "PGSSLROOTCERT=rds"];
        assert_eq!(variables(url)[3..], expected);
        assert_eq!(variables(&format!("{url}&sslrootcert=mine.pem"))[6], "PGSSLROOTCERT=mine.pem");
    }

    #[test]
    fn the_file_of_authorities_is_written_if_it_is_missing_or_different() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("made");
        for before in [None, Some("of another version"), Some(AMAZON_RDS)] {
            if let Some(before) = before {
                fs::write(folder.join("amazon-rds.pem"), before).unwrap();
            }
            let file = authorities_file(&folder).unwrap();
            assert_eq!(fs::read_to_string(file).unwrap(), AMAZON_RDS);
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        }
    }
}

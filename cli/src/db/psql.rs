//! `db connect`: psql in the place of this process.

use std::{ffi::OsString, io, process::Command};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use percent_encoding::percent_decode_str;
use tokio_postgres::{Config, config::Host};

use crate::context::Database;

pub(super) const LONG_ABOUT: &str = "\
Opens psql on the database. The password goes there by the environment, never by the arguments.

The local stack's own PostgreSQL serves one connection at a time: while psql is open, the stack waits.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur db connect
  cruddur db connect -- -c 'select handle from users'";

/// `db connect`
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// What psql is given beside where the database is
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<OsString>,
}

/// What else libpq reads that would lead to another place than the URL names.
const ELSEWHERE: [&str; 5] = ["PGSERVICE", "PGHOSTADDR", "PGSSLROOTCERT", "PGPASSWORD", "PGOPTIONS"];

/// Returns only when psql can't be run.
pub(super) fn run(database: &Database, options: &Options) -> Result<()> {
    let mut command = Command::new("psql");
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command.envs(environment(&database.url)?).args(&options.arguments);
    let error = replace(command);
    if error.kind() == io::ErrorKind::NotFound {
        Err(anyhow!(
            "psql is not installed: get PostgreSQL's client (Debian: apt install postgresql-client, macOS: brew \
             install libpq)"
        ))
    } else {
        Err(error).context("psql can't be started")
    }
}

#[cfg(unix)]
fn replace(mut command: Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Where a process can't be replaced, psql is waited for.
#[cfg(not(unix))]
fn replace(mut command: Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

/// What psql has to know, in libpq's variables.
///
/// Whoever asks for TLS gets the server verified here as everywhere (see `DatabaseServer`), and not only what libpq
/// takes `require` for.
fn environment(url: &str) -> Result<Vec<(&'static str, OsString)>> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let (ssl, others) = parameters.partition::<Vec<_>, _>(|parameter| {
        parameter.starts_with("sslmode=") || parameter.starts_with("sslrootcert=")
    });
    let config = format!("{address}?{}", others.join("&")).parse::<Config>();
    let config = config.map_err(|_| anyhow!("the URL of the database can't be used"))?;
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
    set(
        "PGPASSWORD",
        config.get_password().map(|password| String::from_utf8_lossy(password).into_owned().into()),
    );
    set("PGDATABASE", config.get_dbname().or(config.get_user()).map(OsString::from));
    set("PGOPTIONS", config.get_options().map(OsString::from));
    match ssl("sslmode=") {
        Some("require" | "verify-ca" | "verify-full") => {
            set("PGSSLMODE", Some("verify-full".into()));
            let roots = ssl("sslrootcert=").unwrap_or("system");
            set("PGSSLROOTCERT", Some(percent_decode_str(roots).decode_utf8_lossy().into_owned().into()));
        }
        mode => set("PGSSLMODE", Some(mode.unwrap_or("prefer").into())),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(url: &str) -> Vec<String> {
        let variables = environment(url).unwrap();
        variables.iter().map(|(name, value)| format!("{name}={}", value.display())).collect()
    }

    #[test]
    fn psql_is_told_what_the_url_says() {
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
            variables("postgresql://me@a.test,b.test/?options=-c%20statement_timeout%3D1s"),
            [
                "PGHOST=a.test,b.test",
                "PGPORT=5432,5432",
                "PGUSER=me",
                "PGDATABASE=me",
                "PGOPTIONS=-c statement_timeout=1s",
                "PGSSLMODE=prefer"
            ]
        );
    }

    #[test]
    fn whoever_asks_for_tls_gets_a_verified_server() {
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
}

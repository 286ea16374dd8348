//! Options of the local stack: flags, and the variables that replace the embedded engines.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, value_parser};
use cruddur::config::{ConfigError, DatabaseConfig, EditWindow, Lookup, SendLimitConfig, TableConfig};
use http::Uri;

use crate::{gateway::websocket::Limits, guard::HostName};

/// Runs Cruddur Messages on this machine: the deployed functions behind an HTTP API, with embedded engines.
#[derive(Clone, Debug, Parser)]
#[command(name = "local", bin_name = "cargo run --", version, after_help = VARIABLES)]
pub struct Options {
    /// Port of the API. DynamoDB and PostgreSQL use the next two. 0 selects free ports for all three.
    #[arg(long, default_value_t = 4567)]
    pub port: u16,

    /// Folder for data kept between starts: users, messages and the issuer's key.
    #[arg(long, value_name = "FOLDER", default_value = ".local")]
    pub data_dir: PathBuf,

    /// Keep no data after the stack stops.
    #[arg(long, conflicts_with = "data_dir")]
    pub ephemeral: bool,

    /// Folder of the web client; by default `frontend` in the checkout. Built if missing or out of date,
    /// which needs npm.
    #[arg(long, value_name = "FOLDER", default_value = CLIENT_DIR, hide_default_value = true)]
    pub client_dir: PathBuf,

    /// Lifetime of access and id tokens. A short one shows how a client handles expiry; the API accepts a
    /// token for 60 s longer.
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = value_parser!(u32).range(5..=86_400))]
    pub access_token_lifetime: u32,

    /// Start without the WebSocket API. Clients then poll for events, as against a deployment without it.
    #[arg(long)]
    pub no_websocket: bool,

    /// Longest time without a message after which a WebSocket stays open. A short one shows how a client handles
    /// the close.
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = value_parser!(u16).range(1..=600))]
    pub websocket_idle_timeout: u16,

    /// Longest time that a WebSocket stays open.
    #[arg(long, value_name = "SECONDS", default_value = "7200", value_parser = value_parser!(u16).range(1..=7200))]
    pub websocket_max_duration: u16,

    /// Accept requests to this host and from its pages, for example a tunnel's name, or this machine's address for a
    /// phone. Also opens the API's port to the network. Can be repeated.
    #[arg(long = "allow-host", value_name = "NAME")]
    pub allowed_hosts: Vec<HostName>,
}

const CLIENT_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend");

const VARIABLES: &str = "\
Environment:
  AWS_ENDPOINT_URL_DYNAMODB          another DynamoDB in place of the embedded one, such as
                                     http://127.0.0.1:8000 for DynamoDB Local
  AWS_ENDPOINT_URL_DYNAMODB_STREAMS  its streams, if they have another URL
  AWS_REGION                         the region of requests to it [default: us-east-1]
  DATABASE_URL                       another PostgreSQL in place of the embedded one
  DATABASE_AUTH                      rds-iam: sign in there with RDS tokens [default: password]
  DDB_MESSAGE_TABLE                  the table's name [default: cruddur-messages]
  SEND_LIMIT_BURST                   messages that a user may send at once [default: no limit]
  SEND_LIMIT_INTERVAL                seconds between further messages
  CONVERSATION_LIMIT_BURST           conversations that a user may open at once [default: no limit]
  CONVERSATION_LIMIT_INTERVAL        seconds between further ones
  EDIT_WINDOW                        seconds in which a message may be edited [default: 900]
  RUST_LOG                           log filter, such as info or local=debug [default: warn]";

impl Options {
    /// Options for tests: free ports, no kept data, no web client.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self {
            port: 0,
            data_dir: PathBuf::new(),
            ephemeral: true,
            client_dir: "/nowhere".into(),
            access_token_lifetime: 3600,
            no_websocket: false,
            websocket_idle_timeout: 600,
            websocket_max_duration: 7200,
            allowed_hosts: Vec::new(),
        }
    }

    #[must_use]
    pub fn token_lifetime(&self) -> Duration {
        Duration::from_secs(self.access_token_lifetime.into())
    }

    #[must_use]
    pub fn websocket_limits(&self) -> Limits {
        Limits {
            idle: Duration::from_secs(self.websocket_idle_timeout.into()),
            duration: Duration::from_secs(self.websocket_max_duration.into()),
        }
    }

    #[must_use]
    pub fn engine_ports(&self) -> EnginePorts {
        // Past the last port, use any free one.
        let after = |offset| if self.port == 0 { 0 } else { self.port.checked_add(offset).unwrap_or(0) };
        EnginePorts { dynamodb: after(1), postgres: after(2) }
    }
}

/// Ports of the embedded engines. 0 means any free port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnginePorts {
    pub dynamodb: u16,
    pub postgres: u16,
}

/// Configuration from the environment: the engines, and the variables that functions read in AWS.
#[derive(Clone, Debug)]
pub struct Engines {
    /// The external DynamoDB. `None` means the embedded one.
    pub dynamodb: Option<DynamoDbUrls>,
    /// The external PostgreSQL. `None` means the embedded one.
    pub postgres: Option<DatabaseConfig>,
    pub table: TableConfig,
    /// The region of requests to DynamoDB. DynamoDB Local keeps a table per region by default.
    pub region: String,
    /// The send limit per user. `None` means unlimited.
    pub send_limit: Option<SendLimitConfig>,
    /// The limit of new conversations per user. `None` means unlimited.
    pub conversation_limit: Option<SendLimitConfig>,
    /// The time in which a message may be edited.
    pub edit_window: EditWindow,
}

/// The URLs of an external DynamoDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoDbUrls {
    pub tables: String,
    pub streams: String,
}

impl Engines {
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let tables = url(lookup, "AWS_ENDPOINT_URL_DYNAMODB")?;
        let streams = url(lookup, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS")?;
        if tables.is_none() && streams.is_some() {
            let problem = "set only together with AWS_ENDPOINT_URL_DYNAMODB".to_owned();
            return Err(ConfigError::Malformed { name: "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", problem });
        }
        let postgres = match DatabaseConfig::from_lookup(lookup) {
            Ok(config) => Some(config),
            Err(ConfigError::Missing { name: DatabaseConfig::URL, .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            dynamodb: tables
                .map(|tables| DynamoDbUrls { streams: streams.unwrap_or_else(|| tables.clone()), tables }),
            postgres,
            table: TableConfig::from_lookup(lookup)?,
            region: lookup("AWS_REGION")
                .filter(|region| !region.is_empty())
                .unwrap_or_else(|| "us-east-1".to_owned()),
            send_limit: SendLimitConfig::from_lookup(lookup)?,
            conversation_limit: SendLimitConfig::of_conversations(lookup)?,
            edit_window: EditWindow::from_lookup(lookup)?,
        })
    }
}

fn url(lookup: impl Lookup, name: &'static str) -> Result<Option<String>, ConfigError> {
    let Some(url) = lookup(name).filter(|url| !url.is_empty()) else { return Ok(None) };
    match url.parse::<Uri>() {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => {
            Ok(Some(url))
        }
        _ => Err(ConfigError::Malformed {
            name,
            problem: "not a URL such as http://127.0.0.1:8000".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(["local"].iter().chain(arguments))
    }

    #[test]
    fn the_engines_get_the_next_two_ports() {
        let ports = |port| parse(&["--port", port]).unwrap().engine_ports();
        assert_eq!(ports("4567"), EnginePorts { dynamodb: 4568, postgres: 4569 });
        assert_eq!(ports("0"), EnginePorts { dynamodb: 0, postgres: 0 });
        assert_eq!(ports("65535"), EnginePorts { dynamodb: 0, postgres: 0 });
    }

    #[test]
    fn tokens_are_valid_for_an_hour_by_default() {
        let lifetime = |arguments: &[&str]| parse(arguments).map(|options| options.token_lifetime());
        assert_eq!(lifetime(&[]).unwrap(), issuer::TOKEN_LIFETIME);
        assert_eq!(lifetime(&["--access-token-lifetime", "5"]).unwrap(), Duration::from_secs(5));
        for value in ["4", "86401", "5.5", "soon", ""] {
            let error = lifetime(&["--access-token-lifetime", value]).unwrap_err().to_string();
            assert!(error.contains("--access-token-lifetime <SECONDS>"), "{value}: {error}");
        }
    }

    #[test]
    fn websockets_have_the_limits_of_aws_by_default() {
        assert_eq!(parse(&[]).unwrap().websocket_limits(), Limits::default());
        let short = parse(&["--websocket-idle-timeout", "1", "--websocket-max-duration", "2"]).unwrap();
        let expected = Limits { idle: Duration::from_secs(1), duration: Duration::from_secs(2) };
        assert_eq!(short.websocket_limits(), expected);
        for (flag, value) in [
            ("--websocket-idle-timeout", "0"),
            ("--websocket-idle-timeout", "601"),
            ("--websocket-max-duration", "0"),
            ("--websocket-max-duration", "7201"),
        ] {
            let error = parse(&[flag, value]).unwrap_err().to_string();
            assert!(error.contains(&format!("{flag} <SECONDS>")), "{value}: {error}");
        }
    }

    #[test]
    fn an_empty_environment_means_embedded_engines() {
        let engines = Engines::from_lookup(|_| None).unwrap();
        assert_eq!(engines.dynamodb, None);
        assert!(engines.postgres.is_none());
        assert_eq!(engines.table.name, "cruddur-messages");
        assert_eq!((engines.send_limit, engines.conversation_limit), (None, None));
    }

    #[test]
    fn streams_have_the_url_of_the_tables_by_default() {
        let tables = "http://127.0.0.1:8000".to_owned();
        let engines = Engines::from_lookup(|name| {
            (name == "AWS_ENDPOINT_URL_DYNAMODB").then(|| "http://127.0.0.1:8000".to_owned())
        });
        assert_eq!(engines.unwrap().dynamodb, Some(DynamoDbUrls { streams: tables.clone(), tables }));
    }

    #[test]
    fn the_error_for_a_malformed_variable_names_it() {
        for (name, value) in [
            ("AWS_ENDPOINT_URL_DYNAMODB", "127.0.0.1:8000"),
            ("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "ftp://localhost"),
            ("DATABASE_URL", "mysql://localhost"),
            ("DDB_MESSAGE_TABLE", "a b"),
            ("SEND_LIMIT_BURST", "many"),
            ("CONVERSATION_LIMIT_BURST", "many"),
        ] {
            let error = Engines::from_lookup(|requested| (requested == name).then(|| value.to_owned()))
                .err()
                .unwrap();
            assert!(error.to_string().starts_with(&format!("{name} is malformed: ")), "{error}");
        }
    }
}

//! Configuration from environment variables (design, section 7).
//!
//! One struct per concern, so that each function reads only the variables it uses. A missing or malformed variable
//! fails start-up with an error that names it.

use std::{num::NonZeroU32, time::Duration};

use aws_credential_types::Credentials;
use chrono::TimeDelta;

use crate::{
    auth::key_set::{InvalidKeySet, KeySet},
    clock::Clock,
    environment::{optional, required, whole_number},
    https::is_loopback,
    postgres::{DatabaseServer, InvalidDatabaseUrl, RdsIam},
};

pub use crate::environment::{ConfigError, Lookup, environment};

/// Configuration of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// `RUST_LOG`: a level, or levels by module. The default is `info`.
    pub filter: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`, set by Lambda: the metrics' dimension `FunctionName`.
    pub function: Option<String>,
}

impl LogConfig {
    /// Reads the configuration. Cannot fail: a function with the wrong log is better than no function.
    pub fn from_lookup(lookup: impl Lookup) -> Self {
        Self {
            filter: optional(lookup, "RUST_LOG").unwrap_or_default(),
            function: optional(lookup, "AWS_LAMBDA_FUNCTION_NAME"),
        }
    }
}

/// The table of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableConfig {
    /// `DDB_MESSAGE_TABLE`, by default `cruddur-messages`.
    pub name: String,
}

impl TableConfig {
    /// The table's name when none is configured.
    pub const DEFAULT_NAME: &str = "cruddur-messages";

    /// Reads the configuration.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        const NAME: &str = "DDB_MESSAGE_TABLE";
        let name = optional(lookup, NAME).unwrap_or_else(|| Self::DEFAULT_NAME.to_owned());
        let fits = (3..=255).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if fits {
            Ok(Self { name })
        } else {
            Err(ConfigError::Malformed {
                name: NAME,
                problem: "not 3 to 255 of A-Z a-z 0-9 _ . -".to_owned(),
            })
        }
    }
}

/// AWS region and credentials, which Lambda sets for every function.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, in Lambda, `AWS_SESSION_TOKEN`.
    pub credentials: Credentials,
}

impl AwsConfig {
    /// Reads the configuration.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let region = required(lookup, "AWS_REGION", "the AWS region, such as eu-central-1")?;
        let key = required(lookup, "AWS_ACCESS_KEY_ID", "the ID of an AWS access key")?;
        let secret = required(lookup, "AWS_SECRET_ACCESS_KEY", "the secret of the AWS access key")?;
        let session = optional(lookup, "AWS_SESSION_TOKEN");
        Ok(Self { region, credentials: Credentials::new(key, secret, session, None, "environment") })
    }
}

/// DynamoDB's endpoint, by the variables that all AWS SDKs read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`. The default is the region's endpoint.
    pub url: Option<String>,
    /// `AWS_USE_FIPS_ENDPOINT`
    pub fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`
    pub dual_stack: bool,
}

impl Endpoint {
    /// Reads the configuration.
    pub fn from_lookup(lookup: impl Lookup) -> Self {
        let is_set =
            |name: &str| optional(lookup, name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Self {
            url: optional(lookup, "AWS_ENDPOINT_URL_DYNAMODB")
                .or_else(|| optional(lookup, "AWS_ENDPOINT_URL")),
            fips: is_set("AWS_USE_FIPS_ENDPOINT"),
            dual_stack: is_set("AWS_USE_DUALSTACK_ENDPOINT"),
        }
    }
}

/// The user database.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `DATABASE_URL` and `DATABASE_AUTH`. With `password` (the default), the URL may contain a password. With
    /// `rds-iam`, each connection signs in with its own token.
    pub server: DatabaseServer,
}

impl DatabaseConfig {
    /// The variable with the database's URL.
    pub const URL: &str = "DATABASE_URL";

    /// Reads the configuration.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        const AUTH: &str = "DATABASE_AUTH";
        let url = required(
            lookup,
            Self::URL,
            "the URL of the user database, postgresql://user:password@host/name",
        )?;
        let server = match optional(lookup, AUTH).as_deref() {
            None | Some("password") => url.parse(),
            Some("rds-iam") => DatabaseServer::with_rds_iam(&url, rds_iam(lookup)?),
            Some(_) => {
                let problem = "neither password nor rds-iam".to_owned();
                return Err(ConfigError::Malformed { name: AUTH, problem });
            }
        };
        let server = server.map_err(|error: InvalidDatabaseUrl| ConfigError::Malformed {
            name: Self::URL,
            problem: error.to_string(),
        })?;
        Ok(Self { server })
    }
}

/// The signer of database tokens.
fn rds_iam(lookup: impl Lookup) -> Result<RdsIam, ConfigError> {
    let AwsConfig { region, credentials } = AwsConfig::from_lookup(lookup)?;
    Ok(RdsIam::new(region, credentials, Clock::system()))
}

/// Issuer and clients of accepted tokens.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// The tokens' `iss`: `COGNITO_ISSUER`, which a local stack sets, or derived from `AWS_COGNITO_USER_POOL_ID`.
    pub issuer: String,
    /// `AWS_COGNITO_USER_POOL_CLIENT_ID`: one or more, comma-separated.
    pub client_ids: Vec<String>,
    /// `COGNITO_JWKS`: the key set as JSON, or its https URL. The default is the issuer's URL.
    pub key_set: Option<String>,
}

impl TokenConfig {
    const KEY_SET: &str = "COGNITO_JWKS";

    /// Reads the configuration.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        const POOL: &str = "AWS_COGNITO_USER_POOL_ID";
        const CLIENTS: &str = "AWS_COGNITO_USER_POOL_CLIENT_ID";
        let pool = required(lookup, POOL, "the id of the Cognito user pool, such as eu-central-1_AbCdEfGhI")?;
        let clients =
            required(lookup, CLIENTS, "the ID of the pool's client, or several IDs separated by commas")?;
        let malformed = || ConfigError::Malformed {
            name: POOL,
            problem: "not a region and an id with _ between, such as eu-central-1_AbCdEfGhI".to_owned(),
        };
        let issuer = if let Some(issuer) = optional(lookup, "COGNITO_ISSUER") {
            issuer
        } else {
            let (region, id) = pool.split_once('_').ok_or_else(malformed)?;
            let region_fits = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let id_fits = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if region.is_empty() || id.is_empty() || !region_fits || !id_fits {
                return Err(malformed());
            }
            format!("https://cognito-idp.{region}.amazonaws.com/{pool}")
        };
        let client_ids = clients.split(',').map(|client| client.trim().to_owned()).collect::<Vec<_>>();
        if client_ids.iter().any(String::is_empty) {
            return Err(ConfigError::Malformed {
                name: CLIENTS,
                problem: "one of the comma-separated IDs is empty".to_owned(),
            });
        }
        Ok(Self { issuer, client_ids, key_set: optional(lookup, Self::KEY_SET) })
    }

    /// The key set: the configured one, or the issuer's, which is fetched on first use.
    pub fn key_set(&self, lookup: impl Lookup) -> Result<KeySet, ConfigError> {
        match &self.key_set {
            Some(url) if url.starts_with("https://") => Ok(KeySet::from_url(url, lookup)),
            Some(json) => KeySet::inline(json).map_err(|error: InvalidKeySet| ConfigError::Malformed {
                name: Self::KEY_SET,
                problem: error.to_string(),
            }),
            None => Ok(KeySet::from_url(format!("{}/.well-known/jwks.json", self.issuer), lookup)),
        }
    }
}

/// The send limit of each user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendLimitConfig {
    /// Messages or conversations at once, up to 1000.
    pub burst: NonZeroU32,
    /// Seconds between further ones, 1 to 3600.
    pub interval: NonZeroU32,
}

impl SendLimitConfig {
    /// Reads `SEND_LIMIT_BURST` and `SEND_LIMIT_INTERVAL`, the limit of messages. Returns `None` if the burst is unset or
    /// 0: no limit.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Option<Self>, ConfigError> {
        const MEANING: &str = "the seconds between messages once SEND_LIMIT_BURST is used up";
        Self::read(lookup, "SEND_LIMIT_BURST", "SEND_LIMIT_INTERVAL", MEANING)
    }

    /// Reads `CONVERSATION_LIMIT_BURST` and `CONVERSATION_LIMIT_INTERVAL`, the limit of new conversations, as
    /// [`Self::from_lookup`] does.
    pub fn of_conversations(lookup: impl Lookup) -> Result<Option<Self>, ConfigError> {
        const MEANING: &str =
            "the seconds between new conversations once CONVERSATION_LIMIT_BURST is used up";
        Self::read(lookup, "CONVERSATION_LIMIT_BURST", "CONVERSATION_LIMIT_INTERVAL", MEANING)
    }

    fn read(
        lookup: impl Lookup,
        burst: &'static str,
        name: &'static str,
        meaning: &'static str,
    ) -> Result<Option<Self>, ConfigError> {
        let burst = whole_number(lookup, burst, 0..=1000)?;
        let interval = whole_number(lookup, name, 1..=3600)?;
        let Some(burst) = burst.and_then(NonZeroU32::new) else { return Ok(None) };
        let interval = interval.and_then(NonZeroU32::new);
        let interval = interval.ok_or(ConfigError::Missing { name, meaning })?;
        Ok(Some(Self { burst, interval }))
    }
}

/// The time after its creation in which a message may be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditWindow(pub TimeDelta);

impl EditWindow {
    /// The time without configuration.
    pub const DEFAULT: Self = Self(TimeDelta::minutes(15));

    /// Reads `EDIT_WINDOW`: seconds, up to a year. 0 means that no message may be edited.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let seconds = whole_number(lookup, "EDIT_WINDOW", 0..=31_536_000)?;
        Ok(seconds.map_or(Self::DEFAULT, |seconds| Self(TimeDelta::seconds(seconds.into()))))
    }
}

/// Erasure of accounts, and the retention of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasureConfig {
    /// The time from the beginning of an erasure to its last pass: requests that began before may write until then.
    pub settled_after: Duration,
    /// The age in days from which reports are deleted.
    pub report_retention_days: u32,
}

impl ErasureConfig {
    /// The configuration without variables. A UUID is cached for ten minutes, and a request ends within a minute.
    pub const DEFAULT: Self = Self { settled_after: Duration::from_mins(11), report_retention_days: 90 };

    /// Reads `REPORT_RETENTION`: 1 to 3650 days.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let retention = whole_number(lookup, "REPORT_RETENTION", 1..=3650)?;
        let report_retention_days = retention.unwrap_or(Self::DEFAULT.report_retention_days);
        Ok(Self { report_retention_days, ..Self::DEFAULT })
    }
}

/// The user pool whose users are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPoolConfig {
    /// `ERASURE_USER_POOL_ID`
    pub id: String,
    /// `AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER` or `AWS_ENDPOINT_URL`. The default is the region's endpoint.
    pub url: String,
}

impl UserPoolConfig {
    /// Reads the configuration. Returns `None` if no pool is named.
    pub fn from_lookup(lookup: impl Lookup, region: &str) -> Option<Self> {
        let id = optional(lookup, "ERASURE_USER_POOL_ID")?;
        let url = optional(lookup, "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER")
            .or_else(|| optional(lookup, "AWS_ENDPOINT_URL"))
            .unwrap_or_else(|| format!("https://cognito-idp.{region}.amazonaws.com/"));
        Some(Self { id, url })
    }
}

/// The management API of API Gateway's WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushConfig {
    /// `WEBSOCKET_MANAGEMENT_URL`, without a trailing slash.
    pub url: String,
}

impl PushConfig {
    /// Reads the configuration. Returns `None` if there is no WebSocket API.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Option<Self>, ConfigError> {
        const NAME: &str = "WEBSOCKET_MANAGEMENT_URL";
        let Some(url) = optional(lookup, NAME) else { return Ok(None) };
        if url.starts_with("https://") || (url.starts_with("http://") && is_loopback(&url)) {
            return Ok(Some(Self { url: url.trim_end_matches('/').to_owned() }));
        }
        Err(ConfigError::Malformed {
            name: NAME,
            problem:
                "not an https URL, such as https://abcdefghij.execute-api.eu-central-1.amazonaws.com/live"
                    .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(variables: &'static [(&'static str, &'static str)]) -> impl Lookup {
        move |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_table_has_a_default_name() {
        assert_eq!(TableConfig::from_lookup(lookup(&[])).unwrap().name, "cruddur-messages");
        assert_eq!(TableConfig::from_lookup(lookup(&[("DDB_MESSAGE_TABLE", "mine")])).unwrap().name, "mine");
    }

    #[test]
    fn variables_are_trimmed() {
        let variables =
            lookup(&[("DDB_MESSAGE_TABLE", " mine\r\n"), ("AWS_REGION", "\n"), ("RUST_LOG", "warn ")]);
        assert_eq!(TableConfig::from_lookup(variables).unwrap().name, "mine");
        assert_eq!(LogConfig::from_lookup(variables).filter, "warn");
        assert!(matches!(
            AwsConfig::from_lookup(variables),
            Err(ConfigError::Missing { name: "AWS_REGION", .. })
        ));
        let database = database(&[("DATABASE_URL", "postgresql://me@localhost/web\n")]).unwrap();
        assert_eq!(database.server.database_name(), "web");
    }

    #[test]
    fn a_malformed_table_name_is_named() {
        let error = TableConfig::from_lookup(lookup(&[("DDB_MESSAGE_TABLE", "no spaces")])).unwrap_err();
        assert_eq!(error.to_string(), "DDB_MESSAGE_TABLE is malformed: not 3 to 255 of A-Z a-z 0-9 _ . -");
    }

    fn send_limit(burst: &str, interval: &str) -> Result<Option<(u32, u32)>, String> {
        let lookup = |name: &str| match name {
            "SEND_LIMIT_BURST" => Some(burst.to_owned()),
            "SEND_LIMIT_INTERVAL" => Some(interval.to_owned()),
            _ => None,
        };
        match SendLimitConfig::from_lookup(lookup) {
            Ok(limit) => Ok(limit.map(|limit| (limit.burst.get(), limit.interval.get()))),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_send_limit_is_optional() {
        assert_eq!(SendLimitConfig::from_lookup(lookup(&[])).unwrap(), None);
        for (burst, interval, expected) in [
            ("", "", None),
            ("0", "", None),
            ("", "1", None),
            ("0", "1", None),
            ("1", "1", Some((1, 1))),
            ("1000", "3600", Some((1000, 3600))),
        ] {
            assert_eq!(send_limit(burst, interval), Ok(expected), "{burst:?} {interval:?}");
        }
    }

    #[test]
    fn new_conversations_have_a_limit_of_their_own() {
        let variables = lookup(&[
            ("SEND_LIMIT_BURST", "20"),
            ("SEND_LIMIT_INTERVAL", "1"),
            ("CONVERSATION_LIMIT_BURST", "10"),
            ("CONVERSATION_LIMIT_INTERVAL", "360"),
        ]);
        let limit = SendLimitConfig::of_conversations(variables).unwrap().unwrap();
        assert_eq!((limit.burst.get(), limit.interval.get()), (10, 360));
        let burst_only = lookup(&[("CONVERSATION_LIMIT_BURST", "10")]);
        let error = SendLimitConfig::of_conversations(burst_only).unwrap_err().to_string();
        assert!(error.starts_with("CONVERSATION_LIMIT_INTERVAL is not set"), "{error}");
    }

    #[test]
    fn a_malformed_send_limit_is_named() {
        const BURST: &str = "SEND_LIMIT_BURST is malformed: not a whole number from 0 to 1000";
        const INTERVAL: &str = "SEND_LIMIT_INTERVAL is malformed: not a whole number from 1 to 3600";
        const NO_INTERVAL: &str = "SEND_LIMIT_INTERVAL is not set; it is the seconds between messages once SEND_LIMIT_BURST is used up";
        for (burst, interval, expected) in [
            ("1001", "1", BURST),
            ("-1", "1", BURST),
            ("2.5", "1", BURST),
            ("many", "1", BURST),
            ("1", "0", INTERVAL),
            ("1", "3601", INTERVAL),
            ("0", "0", INTERVAL),
            ("1", "1s", INTERVAL),
            ("1", "", NO_INTERVAL),
        ] {
            assert_eq!(send_limit(burst, interval), Err(expected.to_owned()), "{burst:?} {interval:?}");
        }
    }

    #[test]
    fn a_missing_database_url_is_named_and_described() {
        for variables in [lookup(&[]), lookup(&[("DATABASE_URL", "")])] {
            assert_eq!(
                DatabaseConfig::from_lookup(variables).err().unwrap().to_string(),
                "DATABASE_URL is not set; it is the URL of the user database, postgresql://user:password@host/name"
            );
        }
    }

    #[test]
    fn a_malformed_database_url_is_not_shown() {
        let error = DatabaseConfig::from_lookup(lookup(&[("DATABASE_URL", "mysql://me:secret@host/db")]));
        let text = error.err().unwrap().to_string();
        assert!(text.starts_with("DATABASE_URL is malformed: "), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    const CREDENTIALS: [(&str, &str); 3] = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];

    fn database(variables: &[(&'static str, &'static str)]) -> Result<DatabaseConfig, String> {
        let variables = [&CREDENTIALS, variables].concat();
        let lookup = |name: &str| {
            variables.iter().rfind(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        DatabaseConfig::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn database_tokens_are_signed_if_configured() {
        const URL: &str = "postgresql://me@db.abc.eu-central-1.rds.amazonaws.com/users?sslmode=verify-full";
        for (auth, signed) in [("rds-iam", true), ("password", false), ("", false)] {
            let config = database(&[("DATABASE_URL", URL), ("DATABASE_AUTH", auth)]).unwrap();
            let token = config.server.token().await.unwrap();
            let expected = "db.abc.eu-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=me&";
            assert_eq!(token.is_some_and(|token| token.starts_with(expected)), signed, "{auth}");
        }
    }

    #[test]
    fn obstacles_to_database_tokens_are_named_with_their_fix() {
        const URL: &str = "postgresql://me@db.abc.eu-central-1.rds.amazonaws.com/users?sslmode=verify-full";
        for (name, value, expected) in [
            ("DATABASE_AUTH", "iam-secret", "DATABASE_AUTH is malformed: neither password nor rds-iam"),
            ("AWS_REGION", "", "AWS_REGION is not set; it is the AWS region, such as eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "", "AWS_ACCESS_KEY_ID is not set; it is the ID of an AWS access key"),
            (
                "AWS_SECRET_ACCESS_KEY",
                "",
                "AWS_SECRET_ACCESS_KEY is not set; it is the secret of the AWS access key",
            ),
            (
                "DATABASE_URL",
                "postgresql://me:secret@db.test/users?sslmode=verify-full",
                "DATABASE_URL is malformed: it holds a password, but rds-iam signs in with tokens: leave the password out",
            ),
            (
                "DATABASE_URL",
                "postgresql://me@db.test/users?sslmode=verify-full&password=secret",
                "DATABASE_URL is malformed: it holds a password, but rds-iam signs in with tokens: leave the password out",
            ),
            (
                "DATABASE_URL",
                "postgresql://db.test/users?sslmode=verify-full",
                "DATABASE_URL is malformed: it names no user, and rds-iam signs tokens for one: postgresql://user@host:5432/name",
            ),
            (
                "DATABASE_URL",
                "postgresql://me@a.test,b.test/users?sslmode=verify-full",
                "DATABASE_URL is malformed: it does not name exactly one host, which is what rds-iam signs tokens for",
            ),
            (
                "DATABASE_URL",
                "postgresql://me@db.test/users",
                "DATABASE_URL is malformed: rds-iam sends its tokens over TLS only: ask for it with sslmode=verify-full",
            ),
            (
                "DATABASE_URL",
                "postgresql://me@db.test/users?sslmode=disable",
                "DATABASE_URL is malformed: rds-iam sends its tokens over TLS only: ask for it with sslmode=verify-full",
            ),
            (
                "DATABASE_URL",
                "postgresql://me@db.test/users?sslmode=verify-full&sslrootcert=/nowhere",
                "DATABASE_URL is malformed: sslrootcert can't be read: No such file or directory (os error 2)",
            ),
        ] {
            let error = database(&[("DATABASE_URL", URL), ("DATABASE_AUTH", "rds-iam"), (name, value)]);
            assert_eq!(error.err().as_deref(), Some(expected), "{name}={value}");
        }
    }

    #[test]
    fn the_management_url_is_optional_and_encrypted() {
        for (url, expected) in [
            ("", Ok(None)),
            ("https://a.test/live/", Ok(Some("https://a.test/live"))),
            ("http://127.0.0.1:4567/ws", Ok(Some("http://127.0.0.1:4567/ws"))),
            ("http://a.test/live", Err(())),
            ("wss://a.test/live", Err(())),
        ] {
            let config = PushConfig::from_lookup(|_| Some(url.to_owned()));
            let actual =
                config.as_ref().map(|config| config.as_ref().map(|config| &*config.url)).map_err(|_| ());
            assert_eq!(actual, expected, "{url}");
        }
    }

    #[test]
    fn the_issuer_follows_from_the_pool() {
        let config = TokenConfig::from_lookup(lookup(&[
            ("AWS_COGNITO_USER_POOL_ID", "eu-central-1_AbCdEfGhI"),
            ("AWS_COGNITO_USER_POOL_CLIENT_ID", "one, two"),
        ]))
        .unwrap();
        assert_eq!(config.issuer, "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI");
        assert_eq!(config.client_ids, ["one", "two"]);
        assert_eq!(
            format!("{:?}", config.key_set(|_| None).unwrap()),
            "KeySet { url: Some(\"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI/.well-known/jwks.json\"), .. }"
        );
    }

    #[test]
    fn the_key_set_may_have_a_url_of_its_own() {
        let config = TokenConfig::from_lookup(lookup(&[
            ("AWS_COGNITO_USER_POOL_ID", "eu-central-1_AbCdEfGhI"),
            ("AWS_COGNITO_USER_POOL_CLIENT_ID", "one"),
            ("COGNITO_JWKS", "https://keys.test/jwks.json"),
        ]));
        assert_eq!(
            format!("{:?}", config.unwrap().key_set(|_| None).unwrap()),
            "KeySet { url: Some(\"https://keys.test/jwks.json\"), .. }"
        );
    }

    #[test]
    fn a_malformed_pool_client_or_key_set_is_named() {
        for (variables, expected) in [
            (&[("AWS_COGNITO_USER_POOL_CLIENT_ID", "c")] as &[_], "AWS_COGNITO_USER_POOL_ID is not set"),
            (&[("AWS_COGNITO_USER_POOL_ID", "r_p")], "AWS_COGNITO_USER_POOL_CLIENT_ID is not set"),
            (
                &[("AWS_COGNITO_USER_POOL_ID", "pool"), ("AWS_COGNITO_USER_POOL_CLIENT_ID", "c")],
                "AWS_COGNITO_USER_POOL_ID is malformed",
            ),
            (
                &[("AWS_COGNITO_USER_POOL_ID", "evil.example/_x"), ("AWS_COGNITO_USER_POOL_CLIENT_ID", "c")],
                "AWS_COGNITO_USER_POOL_ID is malformed",
            ),
            (
                &[("AWS_COGNITO_USER_POOL_ID", "r_p"), ("AWS_COGNITO_USER_POOL_CLIENT_ID", "c,,d")],
                "AWS_COGNITO_USER_POOL_CLIENT_ID is malformed",
            ),
            (
                &[
                    ("AWS_COGNITO_USER_POOL_ID", "r_p"),
                    ("AWS_COGNITO_USER_POOL_CLIENT_ID", "c"),
                    ("COGNITO_JWKS", "{\"keys\":[]}"),
                ],
                "COGNITO_JWKS is malformed",
            ),
        ] {
            let error = TokenConfig::from_lookup(lookup(variables))
                .and_then(|config| config.key_set(|_| None))
                .unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}

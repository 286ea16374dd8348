//! What a command works on: the local stack unless told otherwise, and AWS only when asked for by name.

use std::{error::Error as StdError, io::Write as _, net::IpAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, http::HttpResponse, retry::RetryConfig},
    error::{ProvideErrorMetadata, SdkError},
};
use clap::ValueEnum as _;
use cruddur::{
    clock::Clock,
    config::{TableConfig, environment},
    dynamodb::{CallLimits, Meter, metered_client},
    error::Chain,
    postgres::{ConnectError, DatabaseServer, Postgres, RdsIam, TokenError},
    table::Table,
    user::Users,
};
use serde::Deserialize;
use tokio::{sync::OnceCell, time::timeout};
use tokio_postgres::error::SqlState;

use crate::{
    global::{DatabaseAuth, Global, Target},
    output::Output,
};

/// Where the local stack is unless told otherwise.
const LOCAL_URL: &str = "http://127.0.0.1:4567";

/// How long the local stack may take to say where its engines are.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// How long a connection to PostgreSQL may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// What a command works on, and how it shows what it finds.
#[derive(Clone, Debug)]
pub struct Context {
    global: Global,
    /// How it shows what it finds.
    pub output: Output,
    /// What the local stack said of itself, once it was asked.
    health: Arc<OnceCell<Health>>,
}

/// DynamoDB, and where it is.
#[derive(Clone, Debug)]
pub struct DynamoDb {
    /// A client whose calls are counted.
    pub client: Client,
    /// What the calls cost.
    pub meter: Meter,
    /// The name of the table of messages. It need not exist.
    pub table_name: String,
    /// For people: `DynamoDB at http://…`, or account and region.
    pub place: String,
}

/// PostgreSQL, and where it is.
#[derive(Clone, Debug)]
pub struct Database {
    /// The server with the database.
    pub server: DatabaseServer,
    /// The same as a URL, with its password.
    pub url: String,
    /// Whether a connection may be kept between queries: not on the embedded server, which serves one at a time.
    pub keep: bool,
    /// For people: host, port and name, without user and password.
    pub place: String,
}

/// What the local stack says of itself (`GET /local/health`).
#[derive(Clone, Debug, Deserialize)]
struct Health {
    dynamodb_url: String,
    database_url: Option<String>,
    table: String,
    region: String,
}

impl Context {
    /// What the command line says.
    #[must_use]
    pub fn new(global: Global) -> Self {
        let output = Output::new(global.output);
        Self { global, output, health: Arc::default() }
    }

    /// The same with another table.
    #[must_use]
    pub fn with_table(&self, name: &str) -> Self {
        Self { global: Global { table: Some(name.to_owned()), ..self.global.clone() }, ..self.clone() }
    }

    /// Whether AWS is worked on.
    #[must_use]
    pub fn is_aws(&self) -> bool {
        self.global.target == Target::Aws
    }

    /// The API that the command line names.
    #[must_use]
    pub fn named_url(&self) -> Option<&str> {
        self.global.url.as_deref()
    }

    /// The table that the command line or the environment names.
    #[must_use]
    pub fn named_table(&self) -> Option<String> {
        let variable = || environment("DDB_MESSAGE_TABLE");
        self.table_option().or_else(variable)
    }

    /// The table that the command line names.
    #[must_use]
    pub fn table_option(&self) -> Option<String> {
        self.global.table.clone()
    }

    /// The region that the command line names.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.global.region.as_deref()
    }

    /// An HTTP client for the API. No proxy stands between this machine and itself, whatever the environment says.
    pub fn http_client(&self) -> reqwest::ClientBuilder {
        let client = reqwest::Client::builder();
        if self.is_aws() { client } else { client.no_proxy() }
    }

    /// The URL of the API, without a slash at its end.
    pub fn api_url(&self) -> Result<String> {
        let url = match (&self.global.url, self.global.target) {
            (Some(url), _) => url,
            (None, Target::Local) => LOCAL_URL,
            (None, Target::Aws) => bail!("name the API with --url; the stack's output ApiUrl says it"),
        };
        check_http_url("--url", url)?;
        if self.global.target == Target::Local {
            refuse_elsewhere("--url", is_loopback_url(url))?;
        }
        Ok(url.trim_end_matches('/').to_owned())
    }

    /// Fails unless `--yes` was given. `what` is destroyed, as in "this deletes the table x with every message".
    pub fn confirm(&self, what: &str) -> Result<()> {
        if self.global.yes { Ok(()) } else { bail!("{what}; if that is what you want, add --yes") }
    }

    /// The SDK's configuration for the target.
    pub async fn sdk_config(&self) -> Result<SdkConfig> {
        match self.global.target {
            Target::Aws => self.aws_config().await,
            Target::Local => {
                let (url, region) = if let Some(url) = &self.global.dynamodb_url {
                    (url.clone(), self.global.region.clone())
                } else {
                    let health = self.health().await?;
                    (health.dynamodb_url.clone(), Some(health.region.clone()))
                };
                check_http_url("--dynamodb-url", &url)?;
                refuse_elsewhere("--dynamodb-url", is_loopback_url(&url))?;
                let region =
                    region.or_else(|| environment("AWS_REGION")).unwrap_or_else(|| "us-east-1".to_owned());
                // The same as the local stack's: DynamoDB Local may keep tables apart by key and region.
                let credentials = Credentials::new("local", "local", None, None, "cruddur");
                Ok(aws_config::defaults(BehaviorVersion::latest())
                    .region(Region::new(region))
                    .credentials_provider(credentials)
                    .endpoint_url(url)
                    .load()
                    .await)
            }
        }
    }

    /// The SDK's configuration for AWS, whatever the target.
    pub async fn aws_config(&self) -> Result<SdkConfig> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &self.global.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let sdk = loader.load().await;
        if sdk.region().is_none() {
            bail!("no AWS region is set: use --region, AWS_REGION, or a profile that has one (AWS_PROFILE)");
        }
        Ok(sdk)
    }

    /// The SDK's configuration for AWS in `region`, whatever the profile says.
    pub async fn aws_config_in(&self, region: &str) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned())).load().await
    }

    /// DynamoDB, which is not called yet, but for what says whose it is: with AWS, account, region and table are
    /// shown first.
    pub async fn dynamodb(&self) -> Result<DynamoDb> {
        let sdk = self.sdk_config().await?;
        let meter = Meter::default();
        let client = match (&self.global.dynamodb_url, self.global.target) {
            (Some(url), Target::Aws) => {
                check_http_url("--dynamodb-url", url)?;
                let sdk = sdk.clone().into_builder().endpoint_url(url).build();
                metered_client(&sdk, CallLimits::ADMIN, &meter)
            }
            _ => metered_client(&sdk, CallLimits::ADMIN, &meter),
        };
        let table_name = self.table_name().await?;
        let place = match self.global.target {
            Target::Local => format!("DynamoDB at {}", sdk.endpoint_url().unwrap_or_default()),
            Target::Aws => {
                let account = account(&sdk).await?;
                let region = sdk.region().map(ToString::to_string).unwrap_or_default();
                let elsewhere =
                    self.global.dynamodb_url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
                let place = format!("AWS account {account}, region {region}{elsewhere}");
                note(&format!("{place}, table {table_name}"));
                place
            }
        };
        Ok(DynamoDb { client, meter, table_name, place })
    }

    /// The table of messages, which exists.
    pub async fn table(&self) -> Result<(Table, DynamoDb)> {
        let dynamodb = self.dynamodb().await?;
        // Whoever mistook the address should not have to wait as long as a scan waits for throttling to end.
        let few_tries = RetryConfig::standard().with_max_attempts(2);
        let probe = aws_sdk_dynamodb::config::Builder::new().retry_config(few_tries);
        let described = dynamodb.client.describe_table().table_name(&dynamodb.table_name);
        let described = described.customize().config_override(probe).send().await;
        described.map_err(|error| self.dynamodb_error(&dynamodb, &error))?;
        Ok((Table::new(dynamodb.client.clone(), &dynamodb.table_name), dynamodb))
    }

    /// One line about a call to DynamoDB that failed, with what to do.
    pub fn dynamodb_error<E>(&self, dynamodb: &DynamoDb, error: &SdkError<E, HttpResponse>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let DynamoDb { table_name, place, .. } = dynamodb;
        if error.code() == Some("ResourceNotFoundException") {
            return anyhow!(
                "{place} has no table {table_name}: make it with `cruddur ddb schema-load`, or name another with \
                 --table"
            );
        }
        aws_error(place, error)
    }

    /// The database of users, which is not connected to yet.
    pub async fn database(&self) -> Result<Database> {
        let (url, embedded) = match (&self.global.database_url, self.global.target) {
            (Some(url), _) => (url.clone(), false),
            (None, Target::Aws) => {
                let url = environment("DATABASE_URL");
                (url.context("name the database of users: DATABASE_URL or --database-url")?, false)
            }
            (None, Target::Local) => {
                let url = self.health().await?.database_url.clone();
                let url = url.context(
                    "the local stack uses a PostgreSQL of its own: name it, too, with --database-url \
                     \"$DATABASE_URL\"",
                )?;
                (url, true)
            }
        };
        let server: Result<DatabaseServer, _> = match self.database_auth()? {
            DatabaseAuth::Password => url.parse(),
            DatabaseAuth::RdsIam => DatabaseServer::with_rds_iam(&url, self.rds_iam().await?),
        };
        let server = server.context("the URL of the database can't be used")?;
        let place = server.to_string();
        if self.global.target == Target::Local {
            refuse_elsewhere("--database-url", server.is_on_this_machine())?;
        } else {
            note(&format!("database {place}"));
        }
        // Whoever gives the embedded server's URL by hand gets along with a connection per query, too.
        let keep = !embedded && !self.is_embedded(&url).await;
        Ok(Database { server, url, keep, place })
    }

    /// How to sign in to the database. The local stack's has no tokens, whatever the environment says of AWS's.
    fn database_auth(&self) -> Result<DatabaseAuth> {
        const VARIABLE: &str = "DATABASE_AUTH";
        match (self.global.database_auth, self.global.target) {
            (Some(DatabaseAuth::RdsIam), Target::Local) => {
                bail!("--database-auth rds-iam is for databases in AWS: add --target aws")
            }
            (Some(auth), _) => Ok(auth),
            (None, Target::Local) => Ok(DatabaseAuth::Password),
            (None, Target::Aws) => match environment(VARIABLE) {
                Some(value) => DatabaseAuth::from_str(&value, false)
                    .map_err(|_| anyhow!("{VARIABLE} is malformed: neither password nor rds-iam")),
                None => Ok(DatabaseAuth::Password),
            },
        }
    }

    /// Signs tokens with the credentials and for the region that the AWS CLI would use. The credentials are asked
    /// for once, since it may take longer than a connection is waited for.
    async fn rds_iam(&self) -> Result<RdsIam> {
        let sdk = self.aws_config().await?;
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let provider = sdk.credentials_provider().context(NO_CREDENTIALS)?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| token_error(&error.into()))?;
        Ok(RdsIam::new(region, credentials, Clock::system()))
    }

    /// Whether `url` is that of the local stack's embedded PostgreSQL.
    async fn is_embedded(&self, url: &str) -> bool {
        if self.global.target == Target::Aws {
            return false;
        }
        self.health().await.is_ok_and(|health| health.database_url.as_deref() == Some(url))
    }

    async fn table_name(&self) -> Result<String> {
        if let Some(name) = &self.global.table {
            let config = TableConfig::from_lookup(|_| Some(name.clone()));
            return Ok(config.map_err(|_| anyhow!("--table: not 3 to 255 of A-Z a-z 0-9 _ . -"))?.name);
        }
        if self.global.target == Target::Local && self.global.dynamodb_url.is_none() {
            return Ok(self.health().await?.table.clone());
        }
        Ok(TableConfig::from_lookup(environment)?.name)
    }

    async fn health(&self) -> Result<&Health> {
        self.health.get_or_try_init(|| self.ask_for_health()).await
    }

    async fn ask_for_health(&self) -> Result<Health> {
        let url = self.api_url()?;
        let ask = async {
            let request = self.http_client().build()?.get(format!("{url}/local/health"));
            request.send().await?.error_for_status()?.json().await
        };
        match timeout(HEALTH_LIMIT, ask).await {
            Ok(Ok(health)) => Ok(health),
            Ok(Err(error)) if error.is_connect() => bail!(
                "no local stack answers at {url}: start it with `cargo run`, say where it is (--url), name the \
                 engines (--dynamodb-url, --database-url), or say --target aws"
            ),
            Ok(Err(_)) => bail!(
                "what answers at {url} is no local stack: say where it is (--url), or name the engines \
                 (--dynamodb-url, --database-url)"
            ),
            Err(_) => bail!(
                "the local stack at {url} gives no answer within {} s: is it starting, or the machine busy? Try again",
                HEALTH_LIMIT.as_secs()
            ),
        }
    }
}

impl Database {
    /// The users in it.
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(Arc::new(self.postgres()))
    }

    /// For single statements.
    #[must_use]
    pub fn postgres(&self) -> Postgres {
        Postgres::new(self.server.clone(), self.keep)
    }

    /// Another database of the same server.
    #[must_use]
    pub fn with_name(&self, name: &str) -> Self {
        let server = self.server.with_database(name);
        let place = server.to_string();
        Self { server, place, ..self.clone() }
    }

    /// A connection, closed with [`Connection::close`].
    pub async fn connect(&self) -> Result<Connection> {
        self.connect_if_there().await?.with_context(|| self.missing())
    }

    /// A connection; none where the server has no such database.
    pub async fn connect_if_there(&self) -> Result<Option<Connection>> {
        match timeout(CONNECT_LIMIT, self.server.connect()).await {
            Ok(Ok((client, driver))) => Ok(Some(Connection { client, driver: tokio::spawn(driver) })),
            Ok(Err(error)) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => Ok(None),
            Ok(Err(ConnectError::Token(error))) => Err(token_error(&error)),
            Ok(Err(ConnectError::Postgres(error))) => Err(self.connect_error(&error)),
            Err(_) => Err(anyhow!(
                "PostgreSQL at {} does not answer within {} s: is it the right address, and may this machine connect \
                 to it?",
                self.place,
                CONNECT_LIMIT.as_secs()
            )),
        }
    }

    fn unreachable(&self, cause: &str) -> String {
        let advice = if cause.contains("certificate") {
            "name the server as its certificate does, and the file with the certificate's authority with sslrootcert"
        } else if cause.contains("does not support TLS") {
            "let the server take encrypted connections; sslmode=disable would send everything unencrypted"
        } else if cause.contains("no answer within") {
            "is it, or this machine, busy, or is the address wrong? Try again"
        } else if cause.contains("SQLSTATE") {
            "it answers, so try again in a moment; if that does not help, ask who runs it"
        } else {
            "start it, or correct the database's URL"
        };
        format!("PostgreSQL at {} can't be reached ({cause}): {advice}", self.place)
    }

    /// A refusal by the server, or by a pooler in front of it.
    fn said(&self, error: &tokio_postgres::error::DbError) -> String {
        let (code, said) = (error.code().code(), error.message());
        if ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) {
            self.unreachable(&format!("{said}, SQLSTATE {code}"))
        } else {
            format!("PostgreSQL at {}: {said} (SQLSTATE {code})", self.place)
        }
    }

    fn refused(&self) -> String {
        let place = &self.place;
        if self.server.takes_tokens() {
            format!(
                "PostgreSQL at {place} refuses the token: the user needs the role rds_iam, the AWS credentials \
                 rds-db:connect for this user and server, and region, host and this machine's clock have to be right"
            )
        } else {
            format!("PostgreSQL at {place} refuses user or password: check the database's URL")
        }
    }

    fn missing(&self) -> String {
        format!("there is no database {}: make it with `cruddur db create`", self.place)
    }

    /// One line about a connection that failed, with what to do.
    #[must_use]
    pub fn connect_error(&self, error: &tokio_postgres::Error) -> anyhow::Error {
        match error.code() {
            Some(state) if *state == SqlState::INVALID_CATALOG_NAME => anyhow!(self.missing()),
            Some(state)
                if *state == SqlState::INVALID_PASSWORD
                    || *state == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                anyhow!(self.refused())
            }
            _ => match error.as_db_error() {
                Some(error) => anyhow!(self.said(error)),
                None => anyhow!(self.unreachable(&Chain(error).to_string())),
            },
        }
    }

    /// One line about a query that failed, with what to do.
    #[must_use]
    pub fn query_error(&self, error: &cruddur::error::Error) -> anyhow::Error {
        let text = Chain(error).to_string();
        let place = &self.place;
        if text.contains("SQLSTATE 42P01") || text.contains("SQLSTATE 42703") {
            anyhow!("the database {place} lacks tables: make them with `cruddur db migrate`")
        } else if text.contains("SQLSTATE 3D000") {
            anyhow!(self.missing())
        } else if text.contains("SQLSTATE 28P01") || text.contains("SQLSTATE 28000") {
            anyhow!(self.refused())
        } else if let Some(cause) = text.strip_prefix("PostgreSQL can't be reached: ") {
            anyhow!(self.unreachable(cause.trim_start_matches("the connection fails: ")))
        } else {
            anyhow!("PostgreSQL at {place}: {text}")
        }
    }
}

/// A connection to PostgreSQL.
#[derive(Debug)]
pub struct Connection {
    /// What to query with.
    pub client: tokio_postgres::Client,
    driver: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Connection {
    /// Closes it and waits until it is: the embedded server serves one connection at a time.
    pub async fn close(self) {
        drop(self.client);
        let _ = timeout(CONNECT_LIMIT, self.driver).await;
    }
}

/// What to do where the SDK finds nothing to sign with.
const NO_CREDENTIALS: &str = "there are no AWS credentials: set AWS_PROFILE, or run `aws configure` first";

/// One line about a token for the database that could not be made, with what to do.
#[must_use]
pub fn token_error(error: &TokenError) -> anyhow::Error {
    match error {
        TokenError::NoCredentials => anyhow!(NO_CREDENTIALS),
        TokenError::Credentials(_) => anyhow!("{}: check AWS_PROFILE, or sign in again", Chain(error)),
        TokenError::Signing(_) => anyhow!("no token can be made for the database: {}", Chain(error)),
    }
}

/// One line about a call to AWS that failed, with what to do.
pub fn aws_error<E>(place: &str, error: &SdkError<E, HttpResponse>) -> anyhow::Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error.code() {
        Some("AccessDeniedException" | "AccessDenied" | "AuthorizationErrorException") => anyhow!(
            "{place} does not allow these credentials to do that ({}): give them the permission, or use others \
             (AWS_PROFILE)",
            error.message().or(error.code()).unwrap_or_default()
        ),
        Some(
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "NotAuthorizedException"
            | "SignatureDoesNotMatch",
        ) => anyhow!(
            "{place} refuses these credentials ({}): check AWS_PROFILE, or sign in again",
            error.message().or(error.code()).unwrap_or_default()
        ),
        Some(code) => anyhow!("{place}: {} ({code})", error.message().unwrap_or("no reason given")),
        None => {
            let text = Chain(error).to_string();
            if text.contains("no providers in chain") || text.contains("not enabled") {
                return anyhow!(NO_CREDENTIALS);
            }
            if text.contains("credential") {
                return anyhow!(
                    "the AWS credentials can't be had ({text}): check AWS_PROFILE, or sign in again"
                );
            }
            match error.raw_response().map(|answer| answer.status().as_u16()) {
                Some(status @ (401 | 403)) => {
                    return anyhow!(
                        "{place} refuses these credentials ({status}): check AWS_PROFILE, or sign in again"
                    );
                }
                Some(status) => {
                    return anyhow!(
                        "{place} answers {status}, and not as AWS does: is something in between?"
                    );
                }
                None => {}
            }
            anyhow!("{place} can't be reached ({text}): is it running, and is the URL right?")
        }
    }
}

/// The account of the credentials.
pub(crate) async fn account(sdk: &SdkConfig) -> Result<String> {
    let answer = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
    let identity = answer.map_err(|error| aws_error("AWS", &error))?;
    Ok(identity.account.unwrap_or_else(|| "unknown".to_owned()))
}

/// Refuses what is no URL of a server.
pub(crate) fn check_http_url(flag: &str, url: &str) -> Result<()> {
    match url.parse::<http::Uri>() {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => Ok(()),
        _ => bail!("{flag}: not a URL such as http://127.0.0.1:8000"),
    }
}

/// Fails for what is not on this machine: only --target aws works on anything else. A name does not tell whether it
/// leads to AWS.
fn refuse_elsewhere(flag: &str, is_on_this_machine: bool) -> Result<()> {
    if !is_on_this_machine {
        bail!(
            "{flag} names another machine, and without --target aws only this one is worked on: add --target aws"
        );
    }
    Ok(())
}

/// Whether a URL leads to this machine by its host: `localhost` or an address of the machine itself.
fn is_loopback_url(url: &str) -> bool {
    let uri = url.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback() || address.is_unspecified())
}

/// A line for the person at the terminal that is no data: on stderr.
pub fn note(line: &str) {
    // Nobody may be listening; that stops nothing.
    let _ = writeln!(anstream::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_own_names_alone() {
        for url in [
            "http://127.0.0.1:8000",
            "http://LOCALHOST:4567/",
            "http://[::1]:8000",
            "http://127.8.9.1",
            "http://[::ffff:127.0.0.1]:8000",
            "http://0.0.0.0:8000",
        ] {
            assert!(is_loopback_url(url), "{url}");
        }
        for url in [
            "https://dynamodb.eu-central-1.amazonaws.com",
            "https://dynamodb.eu-central-1.api.aws",
            "https://vpce-0a.dynamodb.eu-central-1.vpce.amazonaws.com",
            "https://tables.example",
            "http://10.0.0.7:8000",
            "http://localhost.example:8000",
            "http://127.0.0.1.example",
            "http://localhost@db.example",
            "http://[2001:db8::1]:8000",
            "",
        ] {
            assert!(!is_loopback_url(url), "{url}");
        }
    }
}

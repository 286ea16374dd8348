//! Connections of a command: to the local stack by default, to AWS only with `--target aws`.

use std::{
    error::Error as StdError,
    io::{self, IsTerminal as _, Write as _},
    sync::Arc,
    time::Duration,
};

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
    error::{Chain, Error},
    https::is_loopback,
    postgres::{ConnectError, DatabaseServer, Parameter, Postgres, QueryError, RdsIam, TokenError},
    table::Table,
    user::Users,
};
use serde::Deserialize;
use tokio::{sync::OnceCell, time::timeout};
use tokio_postgres::{Row, error::SqlState};

use crate::{
    advice::advised,
    global::{DatabaseAuth, Global, Target},
    http_client,
    login::Login,
    names::Names,
    output::{Output, printable},
};

/// The local stack's default URL.
const LOCAL_URL: &str = "http://127.0.0.1:4567";

const URL_VARIABLE: &str = "CRUDDUR_URL";

/// The source of the database's URL, unless a command reads several URLs.
const DATABASE_URL_NAME: &str = "database URL";

/// The time limit of the local stack's health check.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// The time limit for connecting to PostgreSQL.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) global: Global,
    pub output: Output,
    /// The source of the database's URL, for messages.
    url_name: &'static str,
    /// The local stack's health, read on first use.
    health: Arc<OnceCell<Health>>,
}

/// DynamoDB and its location.
#[derive(Clone, Debug)]
pub struct DynamoDb {
    /// A client that `meter` counts.
    pub client: Client,
    pub meter: Meter,
    /// The table of messages, which may not exist.
    pub table_name: String,
    /// For messages: `DynamoDB at http://…`, or account and region.
    pub place: String,
}

/// PostgreSQL and its location.
#[derive(Clone, Debug)]
pub struct Database {
    pub server: DatabaseServer,
    /// The URL, with the password.
    pub url: String,
    /// For messages: host, port and name.
    pub place: String,
    /// For messages: the source of the URL.
    pub url_name: &'static str,
}

/// The response of the local stack's `GET /local/health`.
#[derive(Clone, Debug, Deserialize)]
struct Health {
    dynamodb_url: String,
    database_url: Option<String>,
    table: String,
    region: String,
    websocket_url: Option<String>,
}

impl Context {
    #[must_use]
    pub fn new(global: Global) -> Self {
        let output = Output::new(global.output);
        Self { global, output, url_name: DATABASE_URL_NAME, health: Arc::default() }
    }

    #[must_use]
    pub fn with_table(&self, name: &str) -> Self {
        Self { global: Global { table: Some(name.to_owned()), ..self.global.clone() }, ..self.clone() }
    }

    /// The context for commands that have no local target.
    #[must_use]
    pub(crate) fn in_aws(&self) -> Self {
        Self { global: Global { target: Target::Aws, ..self.global.clone() }, ..self.clone() }
    }

    /// The context for another database, whose URL messages call `url_name`.
    #[must_use]
    pub(crate) fn with_database(&self, url_name: &'static str, url: Option<String>) -> Self {
        Self { global: Global { database_url: url, ..self.global.clone() }, url_name, ..self.clone() }
    }

    #[must_use]
    pub fn is_aws(&self) -> bool {
        self.global.target == Target::Aws
    }

    /// The API's URL without a trailing slash: given, of the stored sign-in, or the local stack's.
    pub fn api_url(&self) -> Result<String> {
        self.url_or_stored(|_| true)
    }

    /// The local stack's URL without a trailing slash, or the API's with `--target aws`. A stored sign-in to a deployed
    /// API does not count: only `--target aws` leaves this machine.
    pub(crate) fn stack_url(&self) -> Result<String> {
        self.url_or_stored(is_loopback)
    }

    fn url_or_stored(&self, accepts: impl FnOnce(&str) -> bool) -> Result<String> {
        if let Some((name, url)) = self.given_url() {
            check_http_url(name, &url)?;
            if self.global.target == Target::Local {
                require_this_machine(name, is_loopback(&url))?;
            }
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let stored = Login::stored()?.map(|login| login.url).filter(|url| accepts(url));
        match (stored, self.global.target) {
            (Some(url), Target::Local) => Ok(url),
            (Some(url), Target::Aws) if !is_loopback(&url) => Ok(url),
            (None, Target::Local) => Ok(LOCAL_URL.to_owned()),
            (_, Target::Aws) => bail!("set --url to the API's URL, the stack's output ApiUrl"),
        }
    }

    /// The API's URL in `--url` or `CRUDDUR_URL`, with the name of its source.
    pub(crate) fn given_url(&self) -> Option<(&'static str, String)> {
        let option = self.global.url.clone().map(|url| ("--url", url));
        option.or_else(|| Some((URL_VARIABLE, environment(URL_VARIABLE)?)))
    }

    /// Fails without `--yes`. `action` is a sentence such as "this deletes the table x with every message".
    pub fn confirm(&self, action: &str) -> Result<()> {
        if self.global.yes { Ok(()) } else { Err(advised(action, "add --yes to confirm")) }
    }

    /// Asks on a terminal. Otherwise the same as [`Self::confirm`].
    pub fn ask(&self, action: &str) -> Result<()> {
        if self.global.yes || !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return self.confirm(action);
        }
        write!(anstream::stderr(), "{}; continue? [y/N] ", printable(action))?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if matches!(&*answer.trim().to_lowercase(), "y" | "yes") { Ok(()) } else { bail!("not confirmed") }
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
                require_this_machine("--dynamodb-url", is_loopback(&url))?;
                let region =
                    region.or_else(|| environment("AWS_REGION")).unwrap_or_else(|| "us-east-1".to_owned());
                // As the local stack: DynamoDB Local may separate tables by access key and region.
                let credentials = Credentials::new("local", "local", None, None, "cruddur");
                Ok(aws_config::defaults(BehaviorVersion::latest())
                    .http_client(http_client::for_sdk())
                    .region(Region::new(region))
                    .credentials_provider(credentials)
                    .endpoint_url(url)
                    .load()
                    .await)
            }
        }
    }

    /// The SDK's configuration for AWS with any target.
    pub async fn aws_config(&self) -> Result<SdkConfig> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client::for_sdk());
        if let Some(region) = &self.global.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let sdk = loader.load().await;
        if sdk.region().is_none() {
            return Err(advised(
                "no AWS region is set",
                "use --region, AWS_REGION, or a profile with a region (AWS_PROFILE)",
            ));
        }
        Ok(sdk)
    }

    /// Configures DynamoDB without calling it. With AWS, prints account, region and table.
    pub async fn dynamodb(&self) -> Result<DynamoDb> {
        let sdk = self.sdk_config().await?;
        let meter = Meter::default();
        let mut dynamodb = sdk.clone();
        if let Some(url) = &self.global.dynamodb_url {
            check_http_url("--dynamodb-url", url)?;
            dynamodb = dynamodb.into_builder().endpoint_url(url).build();
        }
        let client = metered_client(&dynamodb, CallLimits::ADMIN, &meter);
        let table_name = self.table_name().await?;
        let place = match self.global.target {
            Target::Local => format!("DynamoDB at {}", sdk.endpoint_url().unwrap_or_default()),
            Target::Aws => {
                let account = account(&sdk).await?;
                let region = sdk.region().map(ToString::to_string).unwrap_or_default();
                let endpoint =
                    self.global.dynamodb_url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
                let place = format!("AWS account {account}, region {region}{endpoint}");
                note(&format!("{place}, table {table_name}"));
                place
            }
        };
        Ok(DynamoDb { client, meter, table_name, place })
    }

    /// Connects to the table of messages. Fails if it does not exist.
    pub async fn table(&self) -> Result<(Table, DynamoDb)> {
        let dynamodb = self.dynamodb().await?;
        // Fewer attempts than other calls, so that a wrong address fails quickly.
        let few_tries = RetryConfig::standard().with_max_attempts(2);
        let probe = aws_sdk_dynamodb::config::Builder::new().retry_config(few_tries);
        let described = dynamodb.client.describe_table().table_name(&dynamodb.table_name);
        let described = described.customize().config_override(probe).send().await;
        described.map_err(|error| self.dynamodb_error(&dynamodb, &error))?;
        Ok((Table::new(dynamodb.client.clone(), &dynamodb.table_name), dynamodb))
    }

    /// Describes a failed call to DynamoDB, with advice.
    pub fn dynamodb_error<E>(&self, dynamodb: &DynamoDb, error: &SdkError<E, HttpResponse>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let DynamoDb { table_name, place, .. } = dynamodb;
        if error.code() == Some("ResourceNotFoundException") {
            return advised(
                format!("{place} has no table {table_name}"),
                "create it with `cruddur ddb schema-load` and the same options, or use --table",
            );
        }
        aws_error(place, error)
    }

    /// Configures the database of users without connecting to it.
    pub async fn database(&self) -> Result<Database> {
        let url = match (&self.global.database_url, self.global.target) {
            (Some(url), _) => url.clone(),
            (None, Target::Aws) => environment("DATABASE_URL")
                .context("set DATABASE_URL or --database-url to the database of users")?,
            (None, Target::Local) => self.health().await?.database_url.clone().ok_or_else(|| {
                advised("the local stack uses another PostgreSQL", "add --database-url \"$DATABASE_URL\"")
            })?,
        };
        let server: Result<DatabaseServer, _> = match self.database_auth()? {
            DatabaseAuth::Password => url.parse(),
            DatabaseAuth::RdsIam => DatabaseServer::with_rds_iam(&url, self.rds_iam().await?),
        };
        let url_name = self.url_name;
        let server = server.with_context(|| format!("invalid {url_name}"))?;
        let place = server.to_string();
        if self.global.target == Target::Local {
            require_this_machine("--database-url", server.is_on_this_machine())?;
        } else {
            let source = if url_name == DATABASE_URL_NAME { String::new() } else { format!(" ({url_name})") };
            note(&format!("database {place}{source}"));
        }
        Ok(Database { server, url, place, url_name })
    }

    /// The authentication method. The local stack's database takes no tokens, so `DATABASE_AUTH` is for AWS only.
    fn database_auth(&self) -> Result<DatabaseAuth> {
        const VARIABLE: &str = "DATABASE_AUTH";
        match (self.global.database_auth, self.global.target) {
            (Some(DatabaseAuth::RdsIam), Target::Local) => {
                Err(advised("--database-auth rds-iam is for databases in AWS", "add --target aws"))
            }
            (Some(auth), _) => Ok(auth),
            (None, Target::Local) => Ok(DatabaseAuth::Password),
            (None, Target::Aws) => match environment(VARIABLE) {
                Some(value) => DatabaseAuth::from_str(&value, false)
                    .map_err(|_| anyhow!("{VARIABLE} is neither password nor rds-iam")),
                None => Ok(DatabaseAuth::Password),
            },
        }
    }

    /// Signs tokens with the credentials and region of the AWS CLI. Loads the credentials once, since that may take
    /// longer than the time limit of a connection.
    async fn rds_iam(&self) -> Result<RdsIam> {
        let sdk = self.aws_config().await?;
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let provider = sdk.credentials_provider().ok_or_else(no_credentials)?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| token_error(&error.into()))?;
        Ok(RdsIam::new(region, credentials, Clock::system()))
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

    /// The URL of the local stack's WebSocket API. Returns `None` if the stack runs without it.
    pub(crate) async fn local_websocket_url(&self) -> Result<Option<String>> {
        Ok(self.health().await?.websocket_url.clone())
    }

    /// The URL of the WebSocket API: `given` by a flag, in the environment, or the local stack's. Returns `None` if no
    /// URL is known.
    pub(crate) async fn websocket_url(&self, given: Option<&str>, api_url: &str) -> Result<Option<String>> {
        const VARIABLE: &str = "CRUDDUR_WEBSOCKET_URL";
        // A stored sign-in may be to a deployed API with any target.
        let is_local = !self.is_aws() && is_loopback(api_url);
        let (name, url) = match (given, is_local) {
            (Some(url), _) => ("--websocket-url", url.to_owned()),
            (None, false) => match environment(VARIABLE).filter(|url| !url.is_empty()) {
                Some(url) => (VARIABLE, url),
                None => return Ok(None),
            },
            // Another server than the local stack may be at --url. It has none.
            (None, true) => return Ok(self.local_websocket_url().await.unwrap_or_default()),
        };
        match url.parse::<http::Uri>() {
            Ok(uri) if matches!(uri.scheme_str(), Some("ws" | "wss")) && uri.host().is_some() => {}
            _ => bail!("{name}: not a URL such as wss://….execute-api.eu-central-1.amazonaws.com/live"),
        }
        if is_local {
            require_this_machine(name, is_loopback(&url))?;
        }
        Ok(Some(url))
    }

    async fn health(&self) -> Result<&Health> {
        self.health.get_or_try_init(|| self.fetch_health()).await
    }

    async fn fetch_health(&self) -> Result<Health> {
        let url = self.stack_url()?;
        let fetch = async {
            let request = http_client::for_url(&url).build()?.get(format!("{url}/local/health"));
            request.send().await?.error_for_status()?.json().await
        };
        match timeout(HEALTH_LIMIT, fetch).await {
            Ok(Ok(health)) => Ok(health),
            Ok(Err(error)) if error.is_connect() => Err(advised(
                format!("no local stack at {url}"),
                "start it with `cargo run`, use --url, or --dynamodb-url and --database-url, or add --target aws",
            )),
            Ok(Err(_)) => Err(advised(
                format!("the server at {url} is not a local stack"),
                "use --url, or --dynamodb-url and --database-url",
            )),
            Err(_) => Err(advised(
                format!("the local stack at {url} did not respond within {} s", HEALTH_LIMIT.as_secs()),
                "it may still be starting, so try again",
            )),
        }
    }
}

impl Database {
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(Arc::new(self.postgres()))
    }

    #[must_use]
    pub fn postgres(&self) -> Postgres {
        Postgres::new(self.server.clone())
    }

    /// Runs one statement in its own connection.
    pub async fn query(&self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        let rows = self.postgres().query(statement, parameters).await;
        rows.map_err(|error| self.query_error(&error))
    }

    /// Connects to the table of users, so that a server that is down fails at once; later queries are retried.
    pub(crate) async fn names(&self) -> Result<Names> {
        self.connect().await?.close().await;
        Ok(Names::new(Arc::new(self.postgres())))
    }

    /// Another database on the same server.
    #[must_use]
    pub fn with_name(&self, name: &str) -> Self {
        let server = self.server.with_database(name);
        let place = server.to_string();
        Self { server, place, ..self.clone() }
    }

    /// Connects; close with [`Connection::close`].
    pub async fn connect(&self) -> Result<Connection> {
        self.connect_if_exists().await?.ok_or_else(|| self.missing())
    }

    /// Connects. Returns `None` if the database does not exist.
    pub async fn connect_if_exists(&self) -> Result<Option<Connection>> {
        match self.open().await? {
            Ok(connection) => Ok(Some(connection)),
            Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => Ok(None),
            Err(error) => Err(self.connect_error(&error)),
        }
    }

    /// Checks that the user can sign in, which does not require a permission in the database.
    pub(crate) async fn sign_in(&self) -> Result<()> {
        match self.open().await? {
            Ok(connection) => connection.close().await,
            // PostgreSQL checks the password before the permission CONNECT.
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {}
            Err(error) => return Err(self.connect_error(&error)),
        }
        Ok(())
    }

    /// Connects. Fails if the time limit passes; the inner error is the server's.
    async fn open(&self) -> Result<Result<Connection, ConnectError>> {
        let connected = timeout(CONNECT_LIMIT, self.server.connect()).await.map_err(|_| {
            advised(
                format!("PostgreSQL at {} did not respond within {} s", self.place, CONNECT_LIMIT.as_secs()),
                "check the address, and whether this machine may connect",
            )
        })?;
        Ok(connected.map(|(client, driver)| Connection { client, driver: tokio::spawn(driver) }))
    }

    fn connect_error(&self, error: &ConnectError) -> anyhow::Error {
        match error {
            ConnectError::Token(error) => token_error(error),
            ConnectError::Postgres(error) => self.postgres_error(error),
        }
    }

    /// Describes a failed connection or statement, with advice and without values.
    #[must_use]
    pub fn postgres_error(&self, error: &tokio_postgres::Error) -> anyhow::Error {
        match error.as_db_error() {
            Some(error) => self.server_error(error.code(), error.message()),
            None => self.client_error(error),
        }
    }

    /// Describes a failed query, with advice.
    #[must_use]
    pub fn query_error(&self, error: &Error) -> anyhow::Error {
        match query_cause(error) {
            Some(QueryError::Refused { state, message, .. }) => self.server_error(state, message),
            Some(QueryError::Client(error)) => self.client_error(error),
            Some(QueryError::Token(error)) => token_error(error),
            Some(error @ QueryError::TimedOut(_)) => {
                self.unreachable(&error.to_string(), "try again, or correct the address")
            }
            None => anyhow!("PostgreSQL at {}: {}", self.place, Chain(error)),
        }
    }

    /// Describes an error response of the server, or of a pooler in front of it.
    fn server_error(&self, state: &SqlState, message: &str) -> anyhow::Error {
        let (place, code) = (&self.place, state.code());
        match code {
            "42P01" | "42703" => {
                advised(format!("database {place} has no tables"), "create them with `cruddur db migrate`")
            }
            "3D000" => self.missing(),
            "28P01" | "28000" if self.server.takes_tokens() => advised(
                format!("PostgreSQL at {place} rejected the token"),
                "the user needs the role rds_iam, the AWS credentials need rds-db:connect for this user and server, and region, host and this machine's clock have to be right",
            ),
            "28P01" | "28000" => advised(
                format!("PostgreSQL at {place} rejected the user or password"),
                format!("check the {}", self.url_name),
            ),
            _ if ["08", "40", "53", "55P", "57"].iter().any(|class| code.starts_with(class)) => self
                .unreachable(
                    &format!("{message}, SQLSTATE {code}"),
                    "try again in a moment, or ask the administrator",
                ),
            _ => anyhow!("PostgreSQL at {place}: {message} (SQLSTATE {code})"),
        }
    }

    fn client_error(&self, error: &tokio_postgres::Error) -> anyhow::Error {
        let cause = Chain(error).to_string();
        // By text, since the clients' error types are private.
        let correct = format!("start it, or correct the {}", self.url_name);
        let advice = if cause.contains("certificate") {
            "use the host name in its certificate, and set sslrootcert to the file of its certificate authority"
        } else if cause.contains("does not support TLS") {
            "enable TLS on the server; sslmode=disable would send everything unencrypted"
        } else {
            &correct
        };
        self.unreachable(&cause, advice)
    }

    fn unreachable(&self, cause: &str, advice: &str) -> anyhow::Error {
        advised(format!("PostgreSQL at {} can't be reached ({cause})", self.place), advice)
    }

    fn missing(&self) -> anyhow::Error {
        advised(
            format!("database {} does not exist", self.place),
            "create it with `cruddur db create` and the same options",
        )
    }
}

/// Returns why a query failed, if the error is that of a query.
pub(crate) fn query_cause(error: &Error) -> Option<&QueryError> {
    match error {
        Error::Unavailable { source, .. } | Error::Internal(source) => source.downcast_ref(),
        _ => None,
    }
}

/// A connection to PostgreSQL.
#[derive(Debug)]
pub struct Connection {
    pub client: tokio_postgres::Client,
    driver: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Connection {
    /// Closes the connection and waits for that: a database with connections can't be dropped.
    pub async fn close(self) {
        drop(self.client);
        let _ = timeout(CONNECT_LIMIT, self.driver).await;
    }
}

fn no_credentials() -> anyhow::Error {
    advised("no AWS credentials", "set AWS_PROFILE, or run `aws configure`")
}

/// Describes a failure to sign a token for the database, with advice.
#[must_use]
pub fn token_error(error: &TokenError) -> anyhow::Error {
    match error {
        TokenError::NoCredentials => no_credentials(),
        TokenError::Credentials(_) => {
            advised(Chain(error).to_string(), "check AWS_PROFILE, or sign in again")
        }
        TokenError::Signing(_) => anyhow!("failed to sign a token for the database: {}", Chain(error)),
    }
}

/// Describes a failed call to AWS, with advice.
pub fn aws_error<E>(place: &str, error: &SdkError<E, HttpResponse>) -> anyhow::Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let message = error.message().or(error.code()).unwrap_or_default();
    let text = Chain(error).to_string();
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    match (error.code(), status) {
        (Some("AccessDeniedException" | "AccessDenied" | "AuthorizationErrorException"), _) => advised(
            format!("{place} denied access ({message})"),
            "grant the permission, or use other credentials (AWS_PROFILE)",
        ),
        (
            Some(
                "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "ExpiredToken"
                | "ExpiredTokenException"
                | "InvalidSignatureException"
                | "MissingAuthenticationTokenException"
                | "NotAuthorizedException"
                | "SignatureDoesNotMatch",
            ),
            _,
        ) => advised(
            format!("{place} rejected the credentials ({message})"),
            "check AWS_PROFILE, or sign in again",
        ),
        (Some(code), _) => anyhow!("{place}: {} ({code})", error.message().unwrap_or("no reason given")),
        _ if text.contains("no providers in chain") || text.contains("not enabled") => no_credentials(),
        _ if text.contains("credential") => {
            advised(format!("failed to load AWS credentials ({text})"), "check AWS_PROFILE, or sign in again")
        }
        (None, Some(status @ (401 | 403))) => advised(
            format!("{place} rejected the credentials ({status})"),
            "check AWS_PROFILE, or sign in again",
        ),
        (None, Some(status)) => advised(
            format!("unexpected {status} response from {place} (not an AWS error document)"),
            "is a proxy intercepting the request?",
        ),
        (None, None) => {
            advised(format!("{place} can't be reached ({text})"), "is it running, and is the URL right?")
        }
    }
}

/// Returns the account of the credentials.
pub(crate) async fn account(sdk: &SdkConfig) -> Result<String> {
    let answer = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
    let identity = answer.map_err(|error| aws_error("AWS", &error))?;
    Ok(identity.account.unwrap_or_else(|| "unknown".to_owned()))
}

/// Fails unless `url` is an HTTP URL with a host.
pub(crate) fn check_http_url(flag: &str, url: &str) -> Result<()> {
    match url.parse::<http::Uri>() {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => Ok(()),
        _ => bail!("{flag}: not a URL such as http://127.0.0.1:8000"),
    }
}

/// Fails if a URL is not on this machine. Host names don't show whether they belong to AWS.
fn require_this_machine(flag: &str, is_on_this_machine: bool) -> Result<()> {
    if !is_on_this_machine {
        return Err(advised(format!("{flag} is not on this machine"), "add --target aws"));
    }
    Ok(())
}

/// Writes a message to stderr.
pub fn note(line: &str) {
    // A closed stderr is ignored.
    let _ = writeln!(anstream::stderr(), "{line}");
}

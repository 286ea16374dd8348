//! The stack: starts its parts in order and stops them in reverse order.

use std::{future::IntoFuture as _, net::Ipv4Addr, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use axum::{Router, middleware};
use backon::{ConstantBuilder, Retryable as _};
use cruddur::{
    clock::Clock,
    config::{DatabaseConfig, ErasureConfig, PushConfig, TokenConfig, environment},
    dynamodb::{CallLimits, client},
    https,
    https::dynamodb_client,
    postgres::{ConnectError, DatabaseServer, Postgres},
    random::Random,
    table::Table,
};
use seed::demo;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use tokio_postgres::error::SqlState;

use crate::{
    data_dir::DataDir,
    deployment::{
        Functions, Parts, PushParts, SCHEDULED, WEBSOCKET_CONNECT, WEBSOCKET_ROUTES, stream_filters,
    },
    engines::{self, EngineError},
    gateway::{
        Gateway,
        websocket::{self, WebSocketApi},
    },
    guard::{AllowedHosts, guard},
    issuer::{CLIENT_ID, ISSUER_PATH, Issuer, SigningKey},
    mapping::{self, Batching, Mapping, MappingHandle},
    options::{DynamoDbUrls, Engines, Options},
    pages,
    schedule::Schedule,
    sign_in::{self, Sessions},
    web_client::WebClient,
};

/// Time limit for running requests at shutdown.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// The time after which an erasure makes its last pass. In AWS, requests that began before it may take eleven minutes.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A running stack. Stop it with [`Stack::stop`]: a dropped stack leaves its engines running until the
/// process ends.
#[derive(Debug)]
pub struct Stack {
    url: String,
    dynamodb_url: String,
    database_url: Option<String>,
    web_client: WebClient,
    websocket: Option<WebSocketApi>,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    mapping: MappingHandle,
    schedule: Schedule,
    dynamodb: Option<engines::dynamodb::DynamoDb>,
    postgres: Option<engines::postgres::Postgres>,
    // Last, so that it is unlocked after everything else has stopped.
    _data: Option<DataDir>,
}

impl Stack {
    /// Starts the stack and reports each step to `progress`.
    pub async fn start(options: &Options, engines: &Engines, progress: impl Fn(&str)) -> Result<Self> {
        // Bound first, so that a second stack fails immediately.
        let allowed_hosts = AllowedHosts::new(&options.allowed_hosts);
        let interface =
            if options.allowed_hosts.is_empty() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let listener = TcpListener::bind((interface, options.port)).await.with_context(|| {
            format!("port {} can't be opened; is another stack running? (--port)", options.port)
        })?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let data = if options.ephemeral { None } else { Some(DataDir::open(&options.data_dir)?) };

        let (dynamodb, urls) = dynamodb(options, engines, data.as_ref(), &progress).await?;
        let sdk = sdk_config(&urls.tables, &engines.region).await;
        let table = Table::new(client(&sdk, CallLimits::WRITE), &engines.table.name);
        let message_table = schema::message_table::ensure(table.client(), table.name()).await?;
        if message_table.created {
            progress(&format!("created the table {}", table.name()));
        }

        let (postgres_engine, database) = postgres(options, engines, data.as_ref(), &progress).await?;
        let applied = migrate(&database.server).await?;
        if applied > 0 {
            progress(&format!("applied {applied} migration(s) to the database"));
        }
        let database_url = postgres_engine.as_ref().map(|engine| engine.database_url().to_owned());
        let postgres = Arc::new(Postgres::new(database.server));
        demo::ensure_local_users(&postgres).await?;
        demo::ensure_conversations(&table, &Clock::system(), &Random::system()).await?;

        let key = data.as_ref().map_or_else(SigningKey::generate, SigningKey::open)?;
        let issuer = Issuer::new(format!("{url}{ISSUER_PATH}"), key, Clock::system(), Random::system())
            .with_token_lifetime(options.token_lifetime());
        let sessions = data.as_ref().map(|data| data.join("sessions.json"));
        let sessions = Sessions::open(sessions).context("the sessions can't be read")?;
        let functions = Functions::new(&Parts {
            sdk,
            table: table.name().to_owned(),
            postgres: Arc::clone(&postgres),
            tokens: TokenConfig {
                issuer: issuer.url().to_owned(),
                client_ids: vec![CLIENT_ID.to_owned()],
                key_set: None,
            },
            send_limit: engines.send_limit,
            conversation_limit: engines.conversation_limit,
            edit_window: engines.edit_window,
            erasure: ErasureConfig { settled_after: SETTLED_AFTER, ..ErasureConfig::DEFAULT },
            push: (!options.no_websocket).then(|| {
                let config = PushConfig { url: format!("{url}{}", websocket::PATH) };
                PushParts { connector: https::connector(&config.url, environment), config }
            }),
            clock: Clock::system(),
            random: Random::system(),
        })?;

        progress("starting the API and the stream's mapping");
        let mapping = Mapping::start(
            mapping_options(&urls.streams, &engines.region, message_table.stream_arn, data.as_ref()).await,
            functions["stream-handler"].clone(),
        )?;
        let schedule = Schedule::start(functions[SCHEDULED].clone());
        let health = json!({
            "status": "ok",
            "url": url,
            "dynamodb_url": urls.tables,
            // The URL of an external PostgreSQL may contain a password, so it is only in `DATABASE_URL`.
            "database_url": database_url,
            "table": table.name(),
            "region": engines.region,
        });
        let issuer = Arc::new(issuer);
        let websocket = if options.no_websocket {
            None
        } else {
            let connect = functions[WEBSOCKET_CONNECT].clone();
            Some(WebSocketApi::new(connect, WEBSOCKET_ROUTES, options.websocket_limits())?)
        };
        let websocket_hosts = websocket.is_some().then(|| allowed_hosts.clone());
        let web_client = WebClient::new(&options.client_dir, websocket_hosts.clone());
        let router = pages::router(health, websocket_hosts, Arc::clone(&postgres), Arc::clone(&issuer))
            .merge(websocket.as_ref().map_or_else(Router::new, WebSocketApi::router))
            .merge(sign_in::router(postgres, issuer, sessions, allowed_hosts.clone()))
            .merge(web_client.router())
            .merge(Gateway::new(functions.routes())?.with_allowed_hosts(allowed_hosts.clone()).into_router())
            .layer(middleware::from_fn_with_state(allowed_hosts, guard));
        let (stop, mut stopped) = watch::channel(false);
        let server = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(async move {
                // An error means that the stack has been dropped.
                let _gone = stopped.wait_for(|stop| *stop).await;
            });
        let server = tokio::spawn(server.into_future());
        Ok(Self {
            url,
            dynamodb_url: urls.tables,
            database_url,
            web_client,
            websocket,
            stop,
            server,
            mapping,
            schedule,
            dynamodb,
            postgres: postgres_engine,
            _data: data,
        })
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the WebSocket API. `None` if there is none.
    #[must_use]
    pub fn websocket_url(&self) -> Option<String> {
        self.websocket.is_some().then(|| websocket::url(&self.url))
    }

    #[must_use]
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// The URL of the embedded PostgreSQL. `None` if an external one is used.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    #[must_use]
    pub fn web_client(&self) -> &WebClient {
        &self.web_client
    }

    /// Stops accepting requests, lets running requests and the running batch finish, and closes all sockets and the
    /// engines.
    pub async fn stop(self) -> Result<(), EngineError> {
        self.stop.send_replace(true);
        if timeout(DRAIN_LIMIT, self.server).await.is_err() {
            tracing::warn!("requests were still running after {} s", DRAIN_LIMIT.as_secs());
        }
        if let Some(websocket) = self.websocket {
            websocket.stop().await;
        }
        drop(self.schedule);
        self.mapping.stop().await;
        let postgres = match self.postgres {
            Some(engine) => engine.shutdown().await,
            None => Ok(()),
        };
        match self.dynamodb {
            Some(engine) => engine.shutdown().await.and(postgres),
            None => postgres,
        }
    }
}

/// The embedded DynamoDB, or the one that the environment names, with its URLs.
async fn dynamodb(
    options: &Options,
    engines: &Engines,
    data: Option<&DataDir>,
    progress: impl Fn(&str),
) -> Result<(Option<engines::dynamodb::DynamoDb>, DynamoDbUrls)> {
    if let Some(urls) = &engines.dynamodb {
        progress(&format!("using the DynamoDB at {}", urls.tables));
        return Ok((None, urls.clone()));
    }
    progress("starting the embedded DynamoDB");
    let engine = engines::dynamodb::DynamoDb::start(data, options.engine_ports().dynamodb).await?;
    let url = engine.endpoint_url().to_owned();
    Ok((Some(engine), DynamoDbUrls { tables: url.clone(), streams: url }))
}

/// The embedded PostgreSQL, or the one that the environment names, with its configuration.
async fn postgres(
    options: &Options,
    engines: &Engines,
    data: Option<&DataDir>,
    progress: impl Fn(&str),
) -> Result<(Option<engines::postgres::Postgres>, DatabaseConfig)> {
    if let Some(config) = &engines.postgres {
        progress("using the PostgreSQL of DATABASE_URL");
        return Ok((None, config.clone()));
    }
    progress("starting the embedded PostgreSQL");
    let engine = engines::postgres::Postgres::start(data, options.engine_ports().postgres).await?;
    let config = DatabaseConfig { server: engine.database_url().parse()? };
    Ok((Some(engine), config))
}

/// The SDK's configuration for a DynamoDB on this machine. Emulators require credentials but accept any. The
/// configuration never uses real ones, which could leak to an endpoint from the environment.
async fn sdk_config(endpoint_url: &str, region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(dynamodb_client(region, Some(endpoint_url), environment))
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new("local", "local", None, None, "local stack"))
        .endpoint_url(endpoint_url)
        .load()
        .await
}

async fn mapping_options(
    streams_url: &str,
    region: &str,
    stream_arn: String,
    data: Option<&DataDir>,
) -> mapping::Options {
    let client = aws_sdk_dynamodbstreams::Client::new(&sdk_config(streams_url, region).await);
    mapping::Options {
        // Unlike AWS, the stack is often stopped for hours. Records of that time must not expire.
        batching: Batching { max_record_age: None, ..Batching::default() },
        filters: stream_filters().into(),
        checkpoint_file: data.map(|data| data.join("checkpoints.json")),
        dead_letter_file: data.map(|data| data.join("dead-letters.jsonl")),
        ..mapping::Options::new(client, stream_arn)
    }
}

/// Applies the missing migrations and returns their number. Retries while the server starts:
/// `docker compose --file local/compose.yaml up` may start PostgreSQL after the stack.
async fn migrate(server: &DatabaseServer) -> Result<usize> {
    const RETRIES: ConstantBuilder =
        ConstantBuilder::new().with_delay(Duration::from_millis(500)).with_max_times(9);
    const CONNECT_LIMIT: Duration = Duration::from_secs(2);
    let connect = || async { Ok::<_, anyhow::Error>(timeout(CONNECT_LIMIT, server.connect()).await??) };
    let connected = connect.retry(RETRIES).when(|error| {
        let code = error.downcast_ref::<ConnectError>().and_then(ConnectError::code);
        code.is_none_or(|state| *state == SqlState::CANNOT_CONNECT_NOW)
    });
    let (mut client, connection) = connected.await.context("PostgreSQL can't be reached (DATABASE_URL)")?;
    tokio::spawn(connection);
    Ok(schema::migrations::run(&mut client).await?.len())
}

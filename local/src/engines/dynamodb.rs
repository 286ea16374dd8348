//! The embedded DynamoDB: dynoxide on `SQLite`.
//!
//! dynoxide permits pages of every origin, and offers no way to add a check to its server. So it listens on a random
//! loopback address, and a reverse proxy with the check on the public port.

use std::{fmt, future::IntoFuture as _, net::Ipv4Addr};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
};
use dynoxide::{Database, server};
use http::{StatusCode, Uri, header::ORIGIN, uri::Authority};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

use super::{Engine, EngineError, SHUTDOWN_LIMIT};
use crate::{
    data_dir::DataDir,
    guard::{AllowedHosts, guard},
};

const ENGINE: Engine = Engine::DynamoDb;

/// The database's file in the data directory.
const FILE: &str = "dynamodb.sqlite";

/// A running DynamoDB with tables and streams.
///
/// It accepts any credentials and any region. An acknowledged write is on disk (`SQLite`'s write-ahead log,
/// synced at each commit), so a killed process loses none.
pub struct DynamoDb {
    endpoint_url: String,
    database: Database,
    stop: watch::Sender<bool>,
    proxy: JoinHandle<std::io::Result<()>>,
    server: JoinHandle<Result<(), String>>,
}

impl DynamoDb {
    /// Starts the server on the loopback interface at `port` (0: any free port). Data is kept in `data`,
    /// or in memory if `data` is `None`.
    pub async fn start(data: Option<&DataDir>, port: u16) -> Result<Self, EngineError> {
        let (listener, port) = ENGINE.listen(port).await?;
        let inner = inner_listener().await.map_err(|error| ENGINE.start_error(error))?;
        let address = inner.local_addr().map_err(|error| ENGINE.start_error(error))?.to_string();
        let address = address.parse().map_err(|error: http::uri::InvalidUri| ENGINE.start_error(error))?;
        let database = open(data).await?;
        let (stop, stopped) = watch::channel(false);
        let stopped = move || {
            let mut stopped = stopped.clone();
            // A dropped sender stops the servers, too.
            async move { drop(stopped.wait_for(|stop| *stop).await) }
        };
        let server = tokio::spawn(server::serve_with_shutdown(inner, database.clone(), stopped()));
        let proxy = axum::serve(listener, proxy(address)).with_graceful_shutdown(stopped());
        let proxy = tokio::spawn(proxy.into_future());
        Ok(Self { endpoint_url: format!("http://127.0.0.1:{port}"), database, stop, proxy, server })
    }

    /// The value for `AWS_ENDPOINT_URL_DYNAMODB`. Streams use the same endpoint.
    #[must_use]
    pub fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }

    /// The database itself, for tests that bypass the protocol. Its methods block.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Lets running requests finish, then closes the database.
    pub async fn shutdown(self) -> Result<(), EngineError> {
        let Self { database, stop, proxy, server, .. } = self;
        stop.send_replace(true);
        let stopped = async {
            proxy.await.map_err(|panic| ENGINE.failure(panic))?.map_err(|error| ENGINE.failure(error))?;
            server.await.map_err(|panic| ENGINE.failure(panic))?.map_err(|message| ENGINE.failure(message))
        };
        timeout(SHUTDOWN_LIMIT, stopped).await.map_err(|_elapsed| ENGINE.still_busy())??;
        // Closing moves the write-ahead log into the database, which may take a moment.
        tokio::task::spawn_blocking(move || drop(database)).await.map_err(|panic| ENGINE.failure(panic))
    }
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDb").field("endpoint_url", &self.endpoint_url).finish_non_exhaustive()
    }
}

/// A listener that pages cannot find: on a random address of 127.0.0.0/8. macOS has only 127.0.0.1.
async fn inner_listener() -> std::io::Result<TcpListener> {
    let random = Ipv4Addr::new(127, fastrand::u8(1..), fastrand::u8(..), fastrand::u8(1..255));
    match TcpListener::bind((random, 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
    }
}

/// Forwards requests to the server at `address`, except those of browser pages.
fn proxy(address: Authority) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    Router::new()
        .fallback(forward)
        .with_state((client, address))
        .layer(middleware::from_fn_with_state(AllowedHosts::loopback(), guard))
}

async fn forward(
    State((client, address)): State<(Client<HttpConnector, Body>, Authority)>,
    mut request: Request,
) -> Response {
    if request.headers().contains_key(ORIGIN) {
        return (StatusCode::FORBIDDEN, "browser pages may not use DynamoDB\n").into_response();
    }
    let mut target = request.uri().clone().into_parts();
    target.scheme = Some(http::uri::Scheme::HTTP);
    target.authority = Some(address);
    match Uri::from_parts(target) {
        Ok(target) => *request.uri_mut() = target,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    }
    match client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(%error, "the embedded DynamoDB does not answer");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

async fn open(data: Option<&DataDir>) -> Result<Database, EngineError> {
    let Some(data) = data else {
        return Database::memory().map_err(|error| ENGINE.start_error(error));
    };
    let path = data.join(FILE);
    let open = move || match path.to_str() {
        Some(path) => Database::new(path).map_err(|error| ENGINE.start_error(error)),
        None => Err(ENGINE.start_error(format!("the path {} is not UTF-8", path.display()))),
    };
    tokio::task::spawn_blocking(open).await.map_err(|panic| ENGINE.start_error(panic))?
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{
        Client,
        config::{BehaviorVersion, Credentials, Region},
        types::{
            AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        },
    };

    use super::*;

    fn client(engine: &DynamoDb) -> Client {
        Client::from_conf(
            aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .endpoint_url(engine.endpoint_url())
                .region(Region::new("local"))
                .credentials_provider(Credentials::new("local", "local", None, None, "test"))
                .build(),
        )
    }

    async fn create_table(client: &Client) {
        let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
        let attribute = AttributeDefinition::builder()
            .attribute_name("pk")
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap();
        client
            .create_table()
            .table_name("rows")
            .key_schema(key)
            .attribute_definitions(attribute)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
    }

    async fn put(client: &Client, pk: &str) {
        client
            .put_item()
            .table_name("rows")
            .item("pk", AttributeValue::S(pk.to_owned()))
            .send()
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn rows_survive_a_restart() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::open(parent.path().join("data")).unwrap();
        let first = DynamoDb::start(Some(&data), 0).await.unwrap();
        create_table(&client(&first)).await;
        put(&client(&first), "a").await;
        first.shutdown().await.unwrap();

        let second = DynamoDb::start(Some(&data), 0).await.unwrap();
        let rows = client(&second).scan().table_name("rows").send().await.unwrap();
        assert_eq!(rows.items()[0]["pk"], AttributeValue::S("a".to_owned()));
        assert_eq!(rows.count(), 1);
        second.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn the_database_has_the_tables_of_the_server() {
        let engine = DynamoDb::start(None, 0).await.unwrap();
        create_table(&client(&engine)).await;
        assert_eq!(engine.database().table_count().unwrap(), 1);
        engine.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn an_open_connection_does_not_delay_the_shutdown() {
        let engine = DynamoDb::start(None, 0).await.unwrap();
        let client = client(&engine);
        create_table(&client).await;
        engine.shutdown().await.unwrap();
        drop(client);
    }

    #[tokio::test]
    async fn the_error_for_a_port_in_use_names_it() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = DynamoDb::start(None, port).await.unwrap_err();
        assert_eq!(error.to_string(), format!("port {port} for DynamoDB can't be opened"));
    }
}

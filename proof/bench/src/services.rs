//! The services that functions use: DynamoDB, PostgreSQL, the key set and the management API of sockets, all behind
//! TLS. The data are the demo users, an inbox and a conversation of one page and a row, an event, and a socket of each
//! member of the conversation.

use std::{
    io, mem,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use bytes::Bytes;
use cruddur::{
    clock::Clock,
    connection::{Connections, NewConnection},
    dynamodb::{CallLimits, client},
    event_log::{EventCursor, EventLog, LogNumber},
    message::{
        Messages,
        send::{NewMessage, Target},
    },
    message_group::uuid_of_pair,
    postgres::Postgres as Users,
    random::Random,
    sort_key::SortKey,
    table::{Key, LoggedChange, Partition, Table, reactions_attribute},
    timestamp::Timestamp,
    user::{Receiver, User},
};
use dynamodb_fake::{Emulator, HttpServer, text, units};
use dynoxide::Database;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use local::engines::postgres::Postgres;
use seed::demo::{DEMO_USERS, ensure_users};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::{Config, NoTls};
use tokio_rustls::TlsAcceptor;
use tokio_util::io::{InspectReader, InspectWriter};
use uuid::Uuid;

use crate::{
    cases::{OPEN_CONNECTION, TEXT, sample},
    figures::{Figures, float},
    process::MEMORY_OF_ONE_PROCESSOR,
    tls,
};

const TABLE: &str = "cruddur-messages";

/// The number of rows in the inbox and the conversation: one more than a page.
pub(crate) const ROWS: u32 = 21;

pub(crate) struct Services {
    /// The environment variables of all functions.
    pub variables: Vec<(&'static str, String)>,
    /// The table, without TLS.
    table: Table,
    emulator: Emulator,
    counts: Arc<Mutex<Counts>>,
    postgres: Postgres,
    _servers: [HttpServer; 3],
    _certificate: TempDir,
}

/// Calls to DynamoDB, and frames.
#[derive(Default)]
pub(crate) struct Counts {
    pub calls: usize,
    /// Frames sent to sockets.
    pub posts: usize,
    /// Request units of successful calls. DynamoDB doesn't report those of rejected writes.
    pub read_units: f64,
    /// Write request units, including those of the index.
    pub write_units: f64,
    /// Bytes from functions, including the overhead of TLS and HTTP.
    pub bytes_out: usize,
    /// Bytes to functions.
    pub bytes_in: usize,
}

impl Services {
    /// Starts everything and writes the data.
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let certificate = folder.path().join("certificate.pem");
        let tls = tls::acceptor(&certificate)?;
        let certificate = certificate.display();

        let (emulator, counts) = (Emulator::over(Database::memory()?), Arc::<Mutex<Counts>>::default());
        let dynamodb = serve_dynamodb(tls.clone(), &emulator, &counts).await?;
        let key_set = serve_key_set(tls.clone()).await?;
        let sockets = serve_sockets(tls.clone(), &counts).await?;
        let postgres = Postgres::start(None, 0).await?;
        let config = postgres.database_url().parse::<Config>()?;
        let [port] = config.get_ports() else { bail!("no single port in PostgreSQL's URL") };
        let port = tls::relay_to_postgres(tls, *port).await?;
        let database_url = format!(
            "postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert={certificate}"
        );
        let variables = vec![
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_OF_ONE_PROCESSOR.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("https://{}", dynamodb.address())),
            ("SSL_CERT_FILE", certificate.to_string()),
            ("DDB_MESSAGE_TABLE", TABLE.to_owned()),
            ("DATABASE_URL", database_url),
            ("AWS_COGNITO_USER_POOL_ID", "local_cruddur".to_owned()),
            ("AWS_COGNITO_USER_POOL_CLIENT_ID", "cruddur-local-client".to_owned()),
            ("COGNITO_ISSUER", "http://127.0.0.1:4567/local/issuer".to_owned()),
            ("COGNITO_JWKS", format!("https://{}/jwks.json", key_set.address())),
            ("WEBSOCKET_MANAGEMENT_URL", format!("https://{}", sockets.address())),
        ];

        create_users(config).await?;
        let services = Self {
            variables,
            table: create_table(&emulator).await?,
            emulator,
            counts,
            postgres,
            _servers: [dynamodb, key_set, sockets],
            _certificate: folder,
        };
        services.add_rows(0..ROWS).await?;
        services.add_event_and_sockets().await?;
        Ok(services)
    }

    /// The counts since the last call.
    pub(crate) fn take_counts(&self) -> Counts {
        mem::take(&mut *lock(&self.counts))
    }

    /// Delays each response of DynamoDB.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.emulator.set_latency(latency);
    }

    /// Adds a group to the inbox of the sample events' caller for each of `numbers`, and as many messages to
    /// the caller's conversation.
    pub(crate) async fn add_rows(&self, numbers: Range<u32>) -> Result<()> {
        let [caller, other] = members();
        for number in numbers {
            self.send(&user(number), &caller).await?;
            self.send(&caller, &other).await?;
        }
        Ok(())
    }

    /// Adds an event to the caller's log, and a socket to each member of the caller's conversation.
    async fn add_event_and_sockets(&self) -> Result<()> {
        let [caller, other] = members();
        let now = Clock::system().now();
        let message_sk =
            SortKey { created_at: Timestamp::new(now), message_uuid: Random::system().uuid_v7(now) };
        let group_uuid = uuid_of_pair(caller.uuid, other.uuid);
        let log = EventLog::new(self.table.clone(), Clock::system(), Random::system());
        log.append(caller.uuid, vec![LoggedChange::Message { group_uuid, message_sk }], None).await?;

        // The function open-connection replaces the caller's.
        let event = sample(OPEN_CONNECTION)?;
        let device = event["headers"]["Sec-WebSocket-Protocol"]
            .as_str()
            .and_then(|offer| offer.split(", ").find_map(|entry| entry.strip_prefix("device.")));
        let device_uuid = device.context("no device in the event")?.parse()?;
        let connection_id = event["requestContext"]["connectionId"].as_str().context("no connection")?;
        for user in [caller, other] {
            let connection = NewConnection {
                device_uuid,
                connection_id: connection_id.to_owned(),
                connected_at: now,
                token_expires_at: i64::MAX,
                user_agent: None,
            };
            Connections::new(self.table.clone()).open(user.uuid, connection).await?;
        }
        Ok(())
    }

    /// The newest message of the caller's conversation, which is the caller's.
    #[expect(clippy::expect_used, reason = "the rows are there before the first measurement")]
    pub(crate) fn newest_message(&self) -> SortKey {
        let answer = self.emulator.call(
            "Query",
            json!({
                "TableName": TABLE,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": Partition::Messages(conversation()).to_string()}},
                "ScanIndexForward": false,
                "Limit": 1,
            }),
        );
        text(&answer["Items"][0], "sk").parse().expect("the conversation has messages")
    }

    /// Returns `true` if the message has a reaction of the caller.
    pub(crate) fn has_reactions(&self, sk: SortKey) -> bool {
        let [caller, _] = members();
        let row = self.row(&Key::Message { group_uuid: conversation(), sk });
        row.get(reactions_attribute(caller.uuid)).is_some()
    }

    /// Returns `true` if the caller blocks this user.
    pub(crate) fn is_blocked(&self, blocked_uuid: Uuid) -> bool {
        let [caller, _] = members();
        self.row(&Key::Block { user_uuid: caller.uuid, blocked_uuid }).get("blocked_at").is_some()
    }

    /// Returns `true` if the caller has not marked the newest message as read.
    pub(crate) fn is_marked_as_unread(&self) -> bool {
        let [caller, _] = members();
        let row = self.row(&Key::MemberState { group_uuid: conversation(), user_uuid: caller.uuid });
        text(&row, "read_sk") < &*self.newest_message().to_string()
    }

    fn row(&self, key: &Key) -> Value {
        let key = json!({"pk": {"S": key.pk()}, "sk": {"S": key.sk()}});
        self.emulator.call("GetItem", json!({"TableName": TABLE, "Key": key}))["Item"].take()
    }

    /// The cursor of the newest event in the caller's log.
    pub(crate) fn newest_event(&self) -> EventCursor {
        let [caller, _] = members();
        let answer = self.emulator.call(
            "Query",
            json!({
                "TableName": TABLE,
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": Partition::EventLog(caller.uuid).to_string()}},
                "ScanIndexForward": false,
                "Limit": 1,
            }),
        );
        // Without a row, the function rejects the cursor, which the benchmark reports.
        let row = &answer["Items"][0];
        let at = row["at"]["N"].as_str().and_then(|at| at.parse().ok()).unwrap_or_default();
        EventCursor { number: text(row, "sk").parse().unwrap_or(LogNumber::START), at }
    }

    /// Sends a message, and creates the group if it is the first one.
    pub(crate) async fn send(&self, sender: &User, receiver: &User) -> Result<()> {
        let new = NewMessage {
            sender: sender.clone(),
            target: Target::User {
                handle: Some(receiver.handle.parse()?),
                receiver: Receiver::of_everyone(receiver.clone()),
            },
            text: TEXT.parse()?,
            reply_to: None,
            idempotency_key: None,
        };
        Messages::new(self.table.clone(), Clock::system(), Random::system(), None).send(new).await?;
        Ok(())
    }

    pub(crate) async fn stop(self) -> Result<()> {
        Ok(self.postgres.shutdown().await?)
    }
}

impl Counts {
    /// Averages per invocation.
    pub(crate) fn per(&self, invocations: usize) -> Figures {
        let sums = [
            ("calls", float(self.calls)),
            ("posts", float(self.posts)),
            ("RRU", self.read_units),
            ("WRU", self.write_units),
            ("bytes out", float(self.bytes_out)),
            ("bytes in", float(self.bytes_in)),
        ];
        sums.map(|(name, sum)| (name, sum / float(invocations))).into()
    }
}

/// The conversation of the two.
fn conversation() -> Uuid {
    let [caller, other] = members();
    uuid_of_pair(caller.uuid, other.uuid)
}

/// The sample events' caller, and the other member of the conversation.
fn members() -> [User; 2] {
    let [caller, other, ..] = DEMO_USERS.map(|user| User {
        uuid: user.uuid,
        handle: user.handle.to_owned(),
        display_name: user.display_name.to_owned(),
    });
    [caller, other]
}

/// A user beside the demo users. All have names as long as scarlett's, so that their rows have the same size.
pub(crate) fn user(number: u32) -> User {
    User {
        uuid: Uuid::from_u128(0xbe9c_0000_0000 + u128::from(number)),
        handle: format!("user{number:04}"),
        display_name: format!("User {number:06}"),
    }
}

async fn serve_dynamodb(
    tls: TlsAcceptor,
    emulator: &Emulator,
    counts: &Arc<Mutex<Counts>>,
) -> Result<HttpServer> {
    let copy = Arc::clone(counts);
    emulator.edit_requests(move |_| lock(&copy).calls += 1);
    let copy = Arc::clone(counts);
    emulator.edit_answers(move |call, answer| {
        let (of_table, of_index) = units(answer);
        let counts = &mut *lock(&copy);
        let sum = if call.is_write() { &mut counts.write_units } else { &mut counts.read_units };
        *sum += of_table + of_index;
    });
    let counts = Arc::clone(counts);
    let accept = move |stream| {
        let (received, sent) = (Arc::clone(&counts), Arc::clone(&counts));
        let stream = InspectReader::new(stream, move |bytes: &[u8]| lock(&received).bytes_out += bytes.len());
        tls.accept(InspectWriter::new(stream, move |bytes: &[u8]| lock(&sent).bytes_in += bytes.len()))
    };
    let emulator = emulator.clone();
    Ok(HttpServer::start(accept, move |request| emulator.clone().serve(request)).await?)
}

/// Serves the key set of the sample events.
async fn serve_key_set(tls: TlsAcceptor) -> Result<HttpServer> {
    let key_set = Bytes::from(sample("key-set")?.to_string());
    let answer = move |_| {
        let answer = Response::new(Full::new(key_set.clone()));
        async move { Ok(answer) }
    };
    Ok(HttpServer::start(move |stream| tls.accept(stream), answer).await?)
}

/// Serves the management API of sockets that receive every frame.
async fn serve_sockets(tls: TlsAcceptor, counts: &Arc<Mutex<Counts>>) -> Result<HttpServer> {
    let counts = Arc::clone(counts);
    let answer = move |request: Request<Incoming>| {
        lock(&counts).posts += 1;
        async {
            request.into_body().collect().await.map_err(io::Error::other)?;
            Ok(Response::new(Full::<Bytes>::default()))
        }
    };
    Ok(HttpServer::start(move |stream| tls.accept(stream), answer).await?)
}

/// Creates the table, without its stream: the embedded engine reads the whole stream at each write, and nothing
/// here consumes it.
async fn create_table(emulator: &Emulator) -> Result<Table> {
    let credentials = Credentials::new("bench", "bench", None, None, "bench");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(emulator.clone())
        .build();
    let table = Table::new(client(&sdk, CallLimits::ADMIN), TABLE);
    schema::message_table::ensure(table.client(), TABLE).await?;
    let no_stream = json!({"TableName": TABLE, "StreamSpecification": {"StreamEnabled": false}});
    let _ = emulator.call("UpdateTable", no_stream);
    Ok(table)
}

async fn create_users(config: Config) -> Result<()> {
    let (mut client, connection) = config.connect(NoTls).await?;
    let connection = tokio::spawn(connection);
    schema::migrations::run(&mut client).await?;
    drop(client);
    connection.await?.context("PostgreSQL has closed the connection")?;
    ensure_users(&Users::new(config)).await?;
    Ok(())
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

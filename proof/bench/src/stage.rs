//! The functions' surroundings: DynamoDB, PostgreSQL and the key set, all behind TLS. The data are the demo
//! users, an inbox of 21 groups and a conversation of 21 messages.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use bytes::Bytes;
use cruddur::{
    clock::Clock,
    dynamodb::{CallLimits, client},
    message::{
        Messages,
        send::{NewMessage, Target},
    },
    postgres::{DatabaseServer, Postgres as Users},
    random::Random,
    sort_key::SortKey,
    table::Table,
    timestamp::Timestamp,
    user::User,
};
use dynamodb_fake::HttpServer;
use dynoxide::Database;
use http::Response;
use http_body_util::Full;
use jsonwebtoken::jwk::JwkSet;
use local::{
    engines,
    issuer::{Issuer, SigningKey},
};
use seed::demo::{DEMO_USERS, ensure_users};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::{dynamodb::DynamoDb, postgres::Postgres, run::Trust, tls::Tls};

/// The issuer of all tokens, including the sample events'.
pub const ISSUER: &str = "http://127.0.0.1:4567/local/issuer";

pub const TABLE: &str = "cruddur-messages";

/// The group of the sample events, with sunyoung and scarlett.
pub const GROUP: &str = "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5";

/// A text that gives a message row of about 380 bytes, and an inbox row of about 350.
pub const TEXT: &str =
    "Have you seen the new stream handler? It moves both rows at once, and it writes not a single one twice.";

/// Number of rows in lists: one more than a page.
const ROWS: u32 = 21;

pub struct Stage {
    /// DynamoDB behind TLS, as used by functions.
    pub dynamodb: DynamoDb,
    /// PostgreSQL behind TLS, as used by functions.
    pub postgres: Postgres,
    /// The table, without TLS.
    pub table: Table,
    engine: engines::dynamodb::DynamoDb,
    issuer: Issuer,
    key_set: HttpServer,
    folder: TempDir,
}

impl Stage {
    /// Starts everything and writes the data.
    pub async fn set() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let tls = Tls::new(folder.path())?;
        let engine = engines::dynamodb::DynamoDb::start(None, 0).await?;
        let dynamodb = DynamoDb::start(engine.database().clone(), tls.clone()).await?;
        let postgres = Postgres::start(tls.clone()).await?;
        let table = Table::new(client(&sdk(engine.endpoint_url()), CallLimits::ADMIN), TABLE);
        schema::message_table::ensure(table.client(), TABLE).await?;
        without_stream(engine.database())?;
        let issuer = Issuer::new(ISSUER, SigningKey::generate()?, Clock::system(), Random::system());
        let key_set = serve_key_set(tls, &issuer).await?;
        let stage = Self { dynamodb, postgres, table, engine, issuer, key_set, folder };
        stage.make_users().await?;
        stage.converse().await?;
        Ok(stage)
    }

    #[must_use]
    pub fn database(&self) -> &Database {
        self.engine.database()
    }

    /// The environment variables of a function.
    #[must_use]
    pub fn environment(
        &self,
        name: &str,
        runtime_api: &str,
        memory: u32,
        trust: Trust,
    ) -> Vec<(String, String)> {
        let file = |trust| self.folder.path().join(Tls::file(trust)).display().to_string();
        [
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.url().to_owned()),
            ("SSL_CERT_FILE", file(trust)),
            ("DDB_MESSAGE_TABLE", TABLE.to_owned()),
            ("DATABASE_URL", self.postgres.url(&file(Trust::Authority))),
            ("AWS_COGNITO_USER_POOL_ID", "local_cruddur".to_owned()),
            ("AWS_COGNITO_USER_POOL_CLIENT_ID", "cruddur-local-client".to_owned()),
            ("COGNITO_ISSUER", ISSUER.to_owned()),
            ("COGNITO_JWKS", format!("https://{}/jwks.json", self.key_set.address())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    async fn make_users(&self) -> Result<()> {
        let server = self.database_server()?;
        let (mut client, connection) = server.connect().await?;
        let driver = tokio::spawn(connection);
        schema::migrations::run(&mut client).await?;
        drop(client);
        driver.await??;
        ensure_users(&Users::new(server)).await?;
        Ok(())
    }

    fn database_server(&self) -> Result<DatabaseServer> {
        Ok(self.postgres.engine_url().parse()?)
    }

    /// Creates a user in addition to the demo users. Also returns the user's `Authorization` header, valid
    /// for an hour.
    pub async fn sign_up(&self, number: u32) -> Result<(User, String)> {
        let user = User {
            uuid: Uuid::from_u128(0x519e_d000_0000 + u128::from(number)),
            handle: format!("signed-up-{number:02}"),
            display_name: format!("Signed Up No. {number:02}"),
        };
        let (email, subject) = (format!("{}@example.com", user.handle), user.uuid.to_string());
        let parameters = [
            (&user.uuid as _, Type::UUID),
            (&user.handle as _, Type::TEXT),
            (&user.display_name as _, Type::TEXT),
            (&email as _, Type::TEXT),
            (&subject as _, Type::TEXT),
        ];
        let statement = include_str!("../../../sql/users/create_demo.sql");
        Users::new(self.database_server()?).query(statement, &parameters).await?;
        let token = self.issuer.access_token(&subject, &user.handle)?;
        Ok((user, format!("Bearer {token}")))
    }

    async fn converse(&self) -> Result<()> {
        let [sunyoung, scarlett, ..] = DEMO_USERS.map(|user| User {
            uuid: user.uuid,
            handle: user.handle.to_owned(),
            display_name: user.display_name.to_owned(),
        });
        for number in 1..ROWS {
            let other = User {
                uuid: Uuid::from_u128(u128::from(number)),
                handle: format!("somebody-{number:02}"),
                display_name: format!("Somebody No. {number:02}"),
            };
            send(&self.table, &other, &sunyoung).await?;
        }
        for _ in 0..ROWS {
            send(&self.table, &scarlett, &sunyoung).await?;
        }
        Ok(())
    }

    /// Stops everything.
    pub async fn strike(self) -> Result<()> {
        self.postgres.stop().await?;
        Ok(self.engine.shutdown().await?)
    }
}

/// Sends another message from `sender` to `receiver`.
pub(crate) async fn send(table: &Table, sender: &User, receiver: &User) -> Result<()> {
    let new = NewMessage {
        sender: sender.clone(),
        target: Target::User { handle: Some(receiver.handle.parse()?), receiver: receiver.clone() },
        text: TEXT.parse()?,
        idempotency_key: None,
    };
    Messages::new(table.clone(), Clock::system(), Random::system(), None).send(new).await?;
    Ok(())
}

/// Disables the stream. The embedded engine reads the whole stream at each write, and nothing here consumes
/// it.
fn without_stream(database: &Database) -> Result<()> {
    let request = json!({"TableName": TABLE, "StreamSpecification": {"StreamEnabled": false}});
    database.update_table(serde_json::from_value(request)?)?;
    Ok(())
}

pub(crate) fn sdk(url: &str) -> SdkConfig {
    let credentials = Credentials::new("bench", "bench", None, None, "bench");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}

fn repository() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../..").into()
}

pub fn key_set() -> Result<Vec<u8>> {
    Ok(fs::read(repository().join("events/key-set.json"))?)
}

/// Serves the key set of the sample events and of `issuer`, behind TLS.
async fn serve_key_set(tls: Tls, issuer: &Issuer) -> Result<HttpServer> {
    let mut both = issuer.key_set();
    both.keys.extend(serde_json::from_slice::<JwkSet>(&key_set()?)?.keys);
    let key_set = Bytes::from(serde_json::to_vec(&both)?);
    let accept = move |stream| {
        let tls = tls.clone();
        async move { tls.accept(stream).await }
    };
    let answer = move |_| {
        let answer = Response::new(Full::new(key_set.clone()));
        async move { Ok(answer) }
    };
    Ok(HttpServer::start(accept, answer).await?)
}

pub fn sample(name: &str) -> Result<Value> {
    let file = repository().join("events").join(format!("{name}.json"));
    let text = fs::read_to_string(&file).with_context(|| format!("{} can't be read", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// Creates the event of each invocation from its number.
pub type Events = Arc<dyn Fn(u64) -> Bytes + Send + Sync>;

/// Repeats the same event.
pub fn always(name: &str) -> Result<Events> {
    let event = Bytes::from(sample(name)?.to_string());
    Ok(Arc::new(move |_| event.clone()))
}

/// Messages to the sample group, each with its own idempotency key if `keyed`.
pub fn sends(keyed: bool) -> Result<Events> {
    let event = sample("create-message/to-group")?;
    // Unique to this run, because the table keeps the keys of earlier runs.
    let run = Uuid::new_v4().simple().to_string();
    Ok(Arc::new(move |number| {
        let mut event = event.clone();
        event["body"] = json!(json!({"message": TEXT, "message_group_uuid": GROUP}).to_string());
        if keyed {
            event["headers"]["idempotency-key"] = json!(format!("{run}-{number}"));
        }
        Bytes::from(event.to_string())
    }))
}

/// Batches with one record of a new message in `group`.
pub fn records(group: &str) -> Result<Events> {
    let (sample, group) = (sample("stream-handler/insert")?, group.to_owned());
    Ok(Arc::new(move |_| {
        let mut event = sample.clone();
        set_message(&mut event["Records"][0], &group);
        Bytes::from(event.to_string())
    }))
}

/// Turns `record` into that of a message in `group` that is newer than all earlier ones.
pub fn set_message(record: &mut Value, group: &str) {
    let now = Clock::system().now();
    let message_uuid = Random::system().uuid_v7(now);
    let sk = SortKey { created_at: Timestamp::new(now), message_uuid };
    let sk = json!({"S": sk.to_string()});
    let pk = json!({"S": format!("MSG#{group}")});
    let stream = &mut record["dynamodb"];
    stream["Keys"] = json!({"pk": pk, "sk": sk});
    stream["NewImage"]["pk"] = pk;
    stream["NewImage"]["sk"] = sk;
    stream["NewImage"]["message_uuid"] = json!({"S": message_uuid});
    stream["NewImage"]["message"] = json!({"S": TEXT});
}

//! The functions and all their dependencies, for one test.

use std::{
    fmt,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    config::{EditWindow, ErasureConfig, TokenConfig},
    dynamodb::{CallLimits, client},
    message_group::uuid_of_pair,
    random::Random,
    table::{RowKind, Table},
    user::User,
};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use local::{
    deployment::{Functions, Parts, sdk_of},
    gateway::Gateway,
    issuer::{CLIENT_ID, Issuer, SigningKey},
};
use seed::demo::{DEMO_USERS, Made, ensure_users};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio_postgres::types::Type;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{Emulator, policy::Enforced, postgres};

pub use dynamodb_fake::{change_record, stream_record};

/// The table's name in tests.
pub const TABLE: &str = "cruddur-messages";

/// The deployed functions over the embedded engines, each limited to its policy in `template.yaml`. The table
/// belongs to the test. All tests of the process share the users' database, so each test creates its own users.
#[derive(Debug)]
pub struct World {
    /// The test's own DynamoDB.
    pub emulator: Emulator,
    pub functions: Functions,
    /// Parts that the functions are built from, to build others.
    pub parts: Parts,
    /// Issues access tokens.
    pub issuer: Issuer,
    /// The functions' clock.
    pub clock: TestClock,
    router: Router,
    pub policies: Enforced,
}

/// A clock that moves only by [`Self::advance`]. Starts at 2026-11-22T09:30:00Z.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicI64>);

/// A user in PostgreSQL, with an access token.
#[derive(Clone, Debug)]
pub struct TestUser {
    /// The user, with a handle unique among tests.
    pub user: User,
    /// The `sub` of the user's tokens.
    pub subject: String,
    /// An access token, valid for an hour from the start of the test.
    pub token: String,
}

/// A response as the client sees it.
#[derive(Clone, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The unmodified body.
    pub body: String,
}

impl World {
    /// Creates a world with an empty table and the demo users in PostgreSQL.
    pub async fn new() -> Self {
        let clock = TestClock::new();
        let emulator = Emulator::new();
        empty_table(&emulator).await;
        let sdk = emulator.sdk_config();
        let key = SIGNING_KEY.clone();
        let issuer = Issuer::new("http://issuer.test", key, clock.clock(), Random::system());
        let tokens = TokenConfig {
            issuer: issuer.url().to_owned(),
            client_ids: vec![CLIENT_ID.to_owned()],
            key_set: Some(serde_json::to_string(&issuer.key_set()).unwrap()),
        };
        let parts = Parts {
            sdk,
            table: TABLE.to_owned(),
            postgres: postgres::shared(),
            tokens,
            send_limit: None,
            conversation_limit: None,
            edit_window: EditWindow::DEFAULT,
            // A pass is the last one at once.
            erasure: ErasureConfig { settled_after: Duration::ZERO, ..ErasureConfig::DEFAULT },
            push: None,
            clock: clock.clock(),
            random: seeded_random(),
        };
        DEMO_USERS_MADE.get_or_init(|| async { ensure_users(&parts.postgres).await.unwrap() }).await;
        let functions = Functions::new(&parts).unwrap();
        let router = Gateway::new(functions.routes()).unwrap().into_router();
        let policies = Enforced::on(&emulator);
        Self { emulator, functions, parts, issuer, clock, router, policies }
    }

    /// Changes the parts, and replaces the functions by new ones with empty caches.
    pub fn redeploy(&mut self, change: impl FnOnce(&mut Parts)) {
        change(&mut self.parts);
        self.functions = Functions::new(&self.parts).unwrap();
        self.router = Gateway::new(self.functions.routes()).unwrap().into_router();
    }

    /// The table with a writing function's rights.
    #[must_use]
    pub fn table(&self) -> Table {
        Table::new(client(&self.parts.sdk, CallLimits::WRITE), TABLE)
    }

    /// Creates a user whose name starts with `name`.
    pub async fn user(&self, name: &str) -> TestUser {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // No handle begins with another.
        let handle = format!("{name}-{number:05}");
        let user = User {
            uuid: Uuid::from_u128(
                0x0195_b5a0_0000_7000_8000_0000_0000_0000 + u128::from(number) * 0x100 + 0xff,
            ),
            display_name: format!("{name} No. {number}"),
            handle,
        };
        let subject = format!("5ub00000-0000-4000-8000-{number:012}");
        self.enter(user, &subject).await
    }

    /// Inserts a user into PostgreSQL, and issues an access token.
    pub async fn enter(&self, user: User, subject: &str) -> TestUser {
        let statement = include_str!("../../../sql/users/create_demo.sql");
        let parameters = [
            (&user.uuid as _, Type::UUID),
            (&user.handle as _, Type::TEXT),
            (&user.display_name as _, Type::TEXT),
            (&format!("{}@example.com", user.handle) as _, Type::TEXT),
            (&subject as _, Type::TEXT),
        ];
        self.parts.postgres.query(statement, &parameters).await.unwrap();
        self.with_token(user, subject)
    }

    /// The demo user with this handle, for tests that show uuids and names. Tests share the user, but each
    /// has its own table.
    #[must_use]
    pub fn demo_user(&self, handle: &str) -> TestUser {
        let demo = DEMO_USERS.into_iter().find(|user| user.handle == handle).unwrap();
        let user = User {
            uuid: demo.uuid,
            handle: demo.handle.to_owned(),
            display_name: demo.display_name.to_owned(),
        };
        self.with_token(user, &demo.cognito_user_id.to_string())
    }

    /// The demo users with these handles.
    #[must_use]
    pub fn demo_users<const N: usize>(&self, handles: [&str; N]) -> [TestUser; N] {
        handles.map(|handle| self.demo_user(handle))
    }

    /// A user with a valid token but no row in users.
    #[must_use]
    pub fn unprovisioned_user(&self) -> TestUser {
        let user = User { uuid: Uuid::max(), handle: "ghost".to_owned(), display_name: "Ghost".to_owned() };
        self.with_token(user, "00000000-0000-4000-8000-000000000000")
    }

    fn with_token(&self, user: User, subject: &str) -> TestUser {
        let token = self.issuer.access_token(subject, &user.handle).unwrap();
        TestUser { user, subject: subject.to_owned(), token }
    }

    /// The user with a token that is valid for an hour from now.
    #[must_use]
    pub fn renewed(&self, user: &TestUser) -> TestUser {
        self.with_token(user.user.clone(), &user.subject)
    }

    /// Creates two users. Returns them and the uuid of their future group.
    pub async fn pair(&self) -> (TestUser, TestUser, Uuid) {
        let (alice, bob) = (self.user("alice").await, self.user("bob").await);
        let group_uuid = uuid_of_pair(alice.user.uuid, bob.user.uuid);
        (alice, bob, group_uuid)
    }

    /// Sends any request.
    pub async fn request(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// `GET path` as `user`.
    pub async fn get(&self, user: &TestUser, path: &str) -> Answer {
        self.request(request(Method::GET, path, user, &[], Body::empty())).await
    }

    /// A request as `user`, with a JSON body unless it is null.
    pub async fn ask(&self, user: &TestUser, method: Method, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.request(request(method, path, user, &[], body)).await
    }

    /// `GET path` without a token.
    pub async fn get_anonymously(&self, path: &str) -> Answer {
        self.request(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    /// `POST /api/messages` as `user`.
    pub async fn post(&self, user: &TestUser, body: &Value) -> Answer {
        self.post_with(user, &[], body.to_string()).await
    }

    /// `POST /api/messages` as `user`, with extra headers and any body.
    pub async fn post_with(
        &self,
        user: &TestUser,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        self.request(request(Method::POST, "/api/messages", user, headers, body.into())).await
    }

    /// Sends `text` from `sender` to the handle of `receiver`. Returns the message from the response.
    pub async fn send(&self, sender: &TestUser, receiver: &TestUser, text: &str) -> Value {
        let body = json!({"handle": receiver.user.handle, "message": text});
        self.post(sender, &body).await.ok()
    }

    /// All rows of the table.
    #[must_use]
    pub fn rows(&self) -> Vec<Value> {
        self.emulator.rows(TABLE).into_values().collect()
    }

    /// The stream event of the table's messages and their last changes, and of the members' states, ordered by key.
    #[must_use]
    pub fn stream_event(&self) -> Value {
        let mut records = Vec::new();
        for row in self.rows() {
            let is_message = kind_of(&row) == Some(RowKind::Message);
            if !is_message && kind_of(&row) != Some(RowKind::MemberState) {
                continue;
            }
            let mut first = row.clone();
            let version = first.as_object_mut().unwrap().remove("version");
            if is_message {
                records.push(stream_record(&first, records.len() + 1));
            }
            if version.is_some() {
                records.push(change_record(&row, records.len() + 1));
            }
        }
        json!({"Records": records})
    }

    /// Delivers `event` to the stream handler. Returns its response.
    pub async fn deliver(&self, event: &Value) -> Value {
        let answer = self.functions["stream-handler"].invoke(event.to_string()).await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Delivers all messages and member states of the table to the stream handler.
    pub async fn deliver_all(&self) {
        assert_eq!(self.deliver(&self.stream_event()).await, json!({"batchItemFailures": []}));
    }
}

/// Generating a key is slow, so all tests share one.
static SIGNING_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

/// Created before anything else: an event for these users would create them with different uuids.
static DEMO_USERS_MADE: OnceCell<Made> = OnceCell::const_new();

/// Random numbers that are equal in every run.
fn seeded_random() -> Random {
    let rng = Mutex::new(fastrand::Rng::with_seed(1));
    Random::from_fn(move |bytes| rng.lock().unwrap().fill(bytes))
}

/// The kind of a row, an item in DynamoDB's JSON.
#[must_use]
pub fn kind_of(row: &Value) -> Option<RowKind> {
    RowKind::of_partition(row["pk"]["S"].as_str()?)
}

/// The empty table in `emulator`, with a writing function's rights, for tests without users.
pub async fn empty_table(emulator: &Emulator) -> Table {
    let table = Table::new(client(&emulator.sdk_config(), CallLimits::WRITE), TABLE);
    schema::message_table::ensure(table.client(), TABLE).await.unwrap();
    let _ = emulator.take_calls();
    table
}

/// The table in `emulator`, with the rights of `function`.
#[must_use]
pub fn table_of(emulator: &Emulator, function: &'static str) -> Table {
    Table::new(client(&sdk_of(function, &emulator.sdk_config()), CallLimits::WRITE), TABLE)
}

/// A request as `user` sends it.
#[must_use]
pub fn request(
    method: Method,
    path: &str,
    user: &TestUser,
    headers: &[(&str, &str)],
    body: Body,
) -> Request<Body> {
    let authorization = format!("Bearer {}", user.token);
    let request = Request::builder().method(method).uri(path).header("authorization", authorization);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(body).unwrap()
}

impl TestClock {
    pub(crate) fn new() -> Self {
        let start: DateTime<Utc> = "2026-11-22T09:30:00Z".parse().unwrap();
        Self(Arc::new(AtomicI64::new(start.timestamp_micros())))
    }

    /// The clock in the type that the functions take.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let micros = Arc::clone(&self.0);
        Clock::from_fn(move || DateTime::from_timestamp_micros(micros.load(Ordering::Relaxed)).unwrap())
    }

    /// Moves the clock forward or backward.
    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_microseconds().unwrap(), Ordering::Relaxed);
    }
}

impl Answer {
    /// Returns the JSON of a 200. Any other status fails the test.
    #[expect(clippy::must_use_candidate, reason = "often only the status matters")]
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// Status and body, for tables of cases.
    #[must_use]
    pub fn brief(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.body)
    }

    /// The value of a header. `None` if it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    /// Path of the next page.
    #[must_use]
    pub fn next_page(&self) -> Option<&str> {
        self.header("link")?.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")
    }
}

impl fmt::Debug for Answer {
    /// Status, the contract's headers, and body, as snapshots show them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status.as_u16())?;
        for name in ["content-type", "www-authenticate", "retry-after", "link"] {
            if let Some(value) = self.header(name) {
                writeln!(f, "{name}: {value}")?;
            }
        }
        write!(f, "{}", self.body)
    }
}

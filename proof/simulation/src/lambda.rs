//! Execution environments. Each serves one invocation at a time, has its own caches and clock, and can die.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::SendLimitConfig,
    dynamodb::{CallLimits, client},
    event::Event,
    message::Messages,
    message_group::Inbox,
    random::Random,
    send_limit::SendLimit,
    stream::Batch,
    table::Table,
    user,
};
use dynamodb_fake::{Dice, Emulator, FaultKind, Faults};
use lambda_http::{Body, Response};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::{
    key_set::{self, Pool},
    planted::{Planted, old_algorithm},
    users::Users,
};

pub const TABLE: &str = "cruddur-messages";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `GET /api/message_groups`
    ListMessageGroups,
    /// `GET /api/messages/{message_group_uuid}`
    ListMessages,
    /// `POST /api/messages`
    CreateMessage,
    /// The table's stream.
    StreamHandler,
}

/// State that all environments share.
#[derive(Clone)]
pub struct Lambda {
    pub emulator: Emulator,
    pub users: Users,
    pub pool: Pool,
    pub faults: Faults,
    pub dice: Dice,
    /// A planted fault in an algorithm.
    pub planted: Option<Planted>,
    /// Start of the run, by a correct clock.
    pub begin: DateTime<Utc>,
    send_limit: Option<SendLimitConfig>,
    since: Instant,
    idle: Arc<Mutex<HashMap<Function, Vec<Environment>>>>,
}

struct Environment {
    app: App,
    /// Clock error in microseconds; positive if ahead.
    ahead: Arc<AtomicI64>,
}

enum App {
    ListMessageGroups(list_message_groups::App),
    ListMessages(list_messages::App),
    CreateMessage(create_message::App),
    StreamHandler(stream_handler::App),
}

impl Lambda {
    /// Creates the service without any environment. Its time starts now.
    #[must_use]
    pub fn new(
        emulator: Emulator,
        users: Users,
        pool: Pool,
        faults: Faults,
        dice: Dice,
        planted: Option<Planted>,
        begin: DateTime<Utc>,
    ) -> Self {
        let idle = Arc::default();
        let since = Instant::now();
        Self { emulator, users, pool, faults, dice, planted, begin, send_limit: None, since, idle }
    }

    #[must_use]
    pub fn with_send_limit(self, send_limit: Option<SendLimitConfig>) -> Self {
        Self { send_limit, ..self }
    }

    /// Number of environments waiting for an invocation.
    #[must_use]
    pub fn idle(&self, function: Function) -> usize {
        self.idle.lock().unwrap().get(&function).map_or(0, Vec::len)
    }

    /// Response of a function behind the API. `None` if its environment died or timed out.
    pub async fn request(&self, function: Function, event: Value) -> Option<Response<Body>> {
        let environment = self.environment(function);
        let request = serde_json::from_value::<Event>(event).unwrap().into();
        let (limit, fault) = match function {
            Function::CreateMessage => (25, FaultKind::KilledSending),
            _ => (15, FaultKind::KilledListing),
        };
        let answer = {
            let work = async {
                match &environment.app {
                    App::ListMessageGroups(app) => list_message_groups::handler(app, request).await,
                    App::ListMessages(app) => list_messages::handler(app, request).await,
                    App::CreateMessage(app) => create_message::handler(app, request).await,
                    App::StreamHandler(_) => panic!("it is behind the stream"),
                }
            };
            self.run(Duration::from_secs(limit), fault, work).await?
        };
        self.put_back(function, environment);
        Some(answer)
    }

    /// Sequence numbers that the stream handler reports. `None` if its environment died or timed out.
    pub async fn deliver(&self, batch: Batch) -> Option<Vec<String>> {
        const LIMIT: Duration = Duration::from_mins(1);
        let environment = self.environment(Function::StreamHandler);
        let failures = {
            let App::StreamHandler(app) = &environment.app else { panic!("another function's environment") };
            let mut context = Context::default();
            let deadline = app.clock.now() + TimeDelta::from_std(LIMIT).unwrap();
            context.deadline = u64::try_from(deadline.timestamp_millis()).unwrap_or_default();
            let work = async {
                if self.planted == Some(Planted::OldAlgorithm) {
                    old_algorithm(&self.table("stream-handler", CallLimits::WRITE), &batch).await;
                    return vec![];
                }
                let answer = stream_handler::handler(app, LambdaEvent::new(batch, context)).await;
                answer.batch_item_failures.into_iter().filter_map(|failure| failure.item_identifier).collect()
            };
            self.run(LIMIT, FaultKind::KilledMoving, work).await?
        };
        self.put_back(Function::StreamHandler, environment);
        Some(failures)
    }

    async fn run<T>(&self, limit: Duration, fault: FaultKind, work: impl Future<Output = T>) -> Option<T> {
        let dies = self.faults.draw(&[fault]).is_some();
        let left = if dies { Some(self.dice.between(1, 20)) } else { None };
        match timeout(limit, Mortal { left, work: Box::pin(work) }).await {
            Ok(Some(answer)) => Some(answer),
            Ok(None) => {
                self.faults.count(fault);
                None
            }
            Err(_elapsed) => None,
        }
    }

    fn environment(&self, function: Function) -> Environment {
        let idle = self.idle.lock().unwrap().get_mut(&function).and_then(Vec::pop);
        let environment = idle.unwrap_or_else(|| self.start(function));
        if self.faults.inject(&[FaultKind::ClockJump]).is_some() {
            let ahead = i64::try_from(self.dice.between(0, 600_000_000)).unwrap() - 300_000_000;
            environment.ahead.store(ahead, Ordering::Relaxed);
        }
        environment
    }

    fn put_back(&self, function: Function, environment: Environment) {
        self.idle.lock().unwrap().entry(function).or_default().push(environment);
    }

    fn start(&self, function: Function) -> Environment {
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = self.clock(Arc::clone(&ahead));
        let verifier =
            || Verifier::new(&key_set::config(), self.pool.key_set(), self.clock(Arc::clone(&ahead)));
        let users = || user::Users::new(self.users.client());
        let app = match function {
            Function::ListMessageGroups => App::ListMessageGroups(list_message_groups::App {
                verifier: verifier(),
                users: users(),
                inbox: Inbox::new(self.table("list-message-groups", CallLimits::READ), random(&self.dice)),
            }),
            Function::ListMessages => App::ListMessages(list_messages::App {
                verifier: verifier(),
                users: users(),
                messages: Messages::new(
                    self.table("list-messages", CallLimits::READ),
                    clock,
                    random(&self.dice),
                    None,
                ),
            }),
            Function::CreateMessage => App::CreateMessage(create_message::App {
                verifier: verifier(),
                users: users(),
                messages: Messages::new(
                    self.table("create-message", CallLimits::WRITE),
                    clock,
                    if self.planted == Some(Planted::KeysWithoutUuid) {
                        Random::from_fn(|bytes| bytes.fill(7))
                    } else {
                        random(&self.dice)
                    },
                    self.send_limit.map(SendLimit::new),
                ),
            }),
            Function::StreamHandler => App::StreamHandler(stream_handler::App {
                inbox: Inbox::new(self.table("stream-handler", CallLimits::WRITE), random(&self.dice)),
                clock,
            }),
        };
        Environment { app, ahead }
    }

    fn clock(&self, ahead: Arc<AtomicI64>) -> Clock {
        let (begin, since) = (self.begin, self.since);
        Clock::from_fn(move || {
            let passed = TimeDelta::from_std(since.elapsed()).unwrap();
            begin + passed + TimeDelta::microseconds(ahead.load(Ordering::Relaxed))
        })
    }

    /// The table, called as `function`.
    #[must_use]
    pub fn table(&self, function: &'static str, limits: CallLimits) -> Table {
        Table::new(client(&self.sdk(function), limits), TABLE)
    }

    fn sdk(&self, function: &'static str) -> SdkConfig {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // The SDK shares one retry quota among all clients of a region and a process. Here each environment
        // needs its own.
        let region = format!("simulated-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "simulated",
                "simulated",
                None,
                None,
                "simulated",
            )))
            .endpoint_url("http://dynamodb.test")
            .app_name(AppName::new(function).unwrap())
            .retry_config(RetryConfig::standard())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .http_client(SharedHttpClient::new(self.emulator.clone()))
            .build()
    }
}

/// A future that dies, unfinished, after being polled a given number of times.
struct Mortal<F> {
    left: Option<u64>,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Mortal<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.work.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        match &mut self.left {
            Some(0 | 1) => return Poll::Ready(None),
            Some(left) => *left -= 1,
            None => {}
        }
        Poll::Pending
    }
}

pub(crate) fn random(dice: &Dice) -> Random {
    let dice = dice.clone();
    Random::from_fn(move |bytes| dice.fill(bytes))
}

/// A request's event, as API Gateway sends it.
#[must_use]
pub fn event(
    method: &str,
    route: &str,
    path: &str,
    parameter: Option<(&str, &str)>,
    query: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Value {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>();
    let mut event = json!({
        "version": "2.0",
        "routeKey": format!("{method} {route}"),
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "simulated",
            "domainName": "simulated.test",
            "domainPrefix": "simulated",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "simulated",
            },
            "requestId": "simulated",
            "routeKey": format!("{method} {route}"),
            "stage": "$default",
            "time": "22/Nov/2026:09:30:00 +0000",
            "timeEpoch": 1_795_339_800_000_u64,
        },
        "isBase64Encoded": false,
    });
    if let Some((name, value)) = parameter {
        event["pathParameters"] = json!({name: value});
    }
    if !query.is_empty() {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        event["queryStringParameters"] =
            Value::Object(pairs.map(|(name, value)| (name.to_owned(), json!(value))).collect());
    }
    if let Some(body) = body {
        event["body"] = json!(body.to_string());
    }
    event
}

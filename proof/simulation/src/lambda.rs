//! Execution environments. Each serves one invocation at a time, has its own caches and clock, and can die.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use aws_config::AppName;
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::SendLimitConfig,
    dynamodb::{CallLimits, client},
    event_log::EventLog,
    message::Messages,
    message_group::Inbox,
    random::Random,
    send_limit::SendLimit,
    stream::Batch,
    table::Table,
    user,
};
use dynamodb_fake::{Dice, Emulator, FaultKind, Faults};
use http::{Method, Request, Response};
use lambda_http::{Body, RequestExt as _, aws_lambda_events::query_map::QueryMap};
use lambda_runtime::{Context, LambdaEvent};
use tokio::time::{Instant, timeout};

use crate::{
    key_set::{self, Pool},
    planted::{Planted, old_algorithm},
    users::Users,
};

pub(crate) const TABLE: &str = "cruddur-messages";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Function {
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
pub(crate) struct Lambda {
    pub emulator: Emulator,
    pub users: Users,
    pub pool: Pool,
    pub faults: Faults,
    pub dice: Dice,
    /// A planted fault in an algorithm.
    pub planted: Option<Planted>,
    /// Start of the run, by a correct clock.
    pub begin: DateTime<Utc>,
    pub send_limit: Option<SendLimitConfig>,
    /// The same start, by the runtime's clock.
    pub since: Instant,
    /// Environments that wait for an invocation.
    pub idle: Arc<Mutex<HashMap<Function, Vec<Environment>>>>,
}

pub(crate) struct Environment {
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
    /// Returns the response of the function that serves the route, or `None` if its environment died or timed out.
    pub(crate) async fn request(&self, request: Request<String>) -> Option<Response<String>> {
        let query = request.uri().query().unwrap_or_default().parse::<QueryMap>().unwrap();
        let group = request.uri().path().strip_prefix("/api/messages/").map(str::to_owned);
        let (function, limit, fault) = match (request.method(), &group) {
            (&Method::POST, _) => (Function::CreateMessage, 25, FaultKind::KilledSending),
            (_, Some(_)) => (Function::ListMessages, 15, FaultKind::KilledListing),
            (_, None) => (Function::ListMessageGroups, 15, FaultKind::KilledListing),
        };
        let group = group.map(|group| ("message_group_uuid".to_owned(), group));
        let request = request
            .map(Body::Text)
            .with_query_string_parameters(query)
            .with_path_parameters(group.into_iter().collect::<HashMap<_, _>>());
        let environment = self.environment(function);
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
        Some(answer.map(|body| String::from_utf8(body.to_vec()).unwrap()))
    }
}

impl Lambda {
    /// Sequence numbers that the stream handler reports. `None` if its environment died or timed out.
    pub(crate) async fn deliver(&self, batch: Batch) -> Option<Vec<String>> {
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
        // The environment dies, with its work unfinished, after this number of polls.
        let mut left = if dies { Some(self.dice.between(1, 20)) } else { None };
        let mut work = Box::pin(work);
        let mortal = poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            left = left.map(|left| left - 1);
            if left == Some(0) { Poll::Ready(None) } else { Poll::Pending }
        });
        let answer = timeout(limit, mortal).await.ok()?;
        if answer.is_none() {
            self.faults.count(fault);
        }
        answer
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
        let clock = || self.clock(Arc::clone(&ahead));
        let verifier = || Verifier::new(&key_set::config(), self.pool.key_set(), clock());
        let users = || user::Users::new(self.users.client());
        let inbox = |function, limits| Inbox::new(self.table(function, limits), random(&self.dice));
        let messages = |function, limits, random| {
            Messages::new(self.table(function, limits), clock(), random, self.send_limit.map(SendLimit::new))
        };
        let app = match function {
            Function::ListMessageGroups => App::ListMessageGroups(list_message_groups::App {
                verifier: verifier(),
                users: users(),
                inbox: inbox("list-message-groups", CallLimits::READ),
            }),
            Function::ListMessages => App::ListMessages(list_messages::App {
                verifier: verifier(),
                users: users(),
                messages: messages("list-messages", CallLimits::READ, random(&self.dice)),
            }),
            Function::CreateMessage => {
                let random = if self.planted == Some(Planted::KeysWithoutUuid) {
                    Random::from_fn(|bytes| bytes.fill(7))
                } else {
                    random(&self.dice)
                };
                App::CreateMessage(create_message::App {
                    verifier: verifier(),
                    users: users(),
                    messages: messages("create-message", CallLimits::WRITE, random),
                })
            }
            Function::StreamHandler => App::StreamHandler(stream_handler::App {
                inbox: inbox("stream-handler", CallLimits::WRITE),
                log: EventLog::new(
                    self.table("stream-handler", CallLimits::WRITE),
                    clock(),
                    random(&self.dice),
                ),
                push: None,
                clock: clock(),
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
    pub(crate) fn table(&self, function: &'static str, limits: CallLimits) -> Table {
        let sdk = self.emulator.sdk_config().into_builder().app_name(AppName::new(function).unwrap());
        Table::new(client(&sdk.build(), limits), TABLE)
    }
}

pub(crate) fn random(dice: &Dice) -> Random {
    let dice = dice.clone();
    Random::from_fn(move |bytes| dice.fill(bytes))
}

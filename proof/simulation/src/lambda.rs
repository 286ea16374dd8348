//! Execution environments. Each serves one invocation at a time, has its own caches and clock, and can die.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use aws_config::{AppName, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    auth::Verifier,
    block::Blocks,
    clock::Clock,
    config::{EditWindow, PushConfig, SendLimitConfig},
    connection::Connections,
    dynamodb::{CallLimits, client},
    erasure::Erasure,
    event::ConnectEvent,
    event_log::EventLog,
    member_state::MemberStates,
    message::Messages,
    message_group::Inbox,
    message_request::MessageRequests,
    push::Push,
    random::Random,
    send_limit::SendLimit,
    signed_call::Signer,
    stream::Batch,
    table::Table,
    user,
};
use dynamodb_fake::{Dice, Emulator, FaultKind, Faults};
use http::{Method, Request, Response};
use lambda_http::{Body, RequestExt as _, aws_lambda_events::query_map::QueryMap};
use lambda_runtime::{Context, LambdaEvent};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    key_set::{self, Pool},
    planted::{Planted, log_before_move, old_algorithm},
    users::Users,
    websocket::{MANAGEMENT_URL, WebSocketApi},
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
    /// `GET /api/events`
    ListEvents,
    /// `PUT` and `DELETE /api/message_groups/{message_group_uuid}/read`
    MarkRead,
    /// `GET /api/message_groups/{message_group_uuid}`
    ShowMessageGroup,
    /// `GET /api/message_requests`
    ListMessageRequests,
    /// `PUT` and `DELETE /api/message_requests/{message_group_uuid}`
    AnswerMessageRequest,
    /// `GET /api/unread`
    CountUnread,
    /// `PUT` and `DELETE /api/messages/{message_group_uuid}/{message_uuid}`
    ChangeMessage,
    /// `PUT` and `DELETE /api/messages/{message_group_uuid}/{message_uuid}/reactions/{emoji}`
    ReactToMessage,
    /// `PATCH /api/message_groups/{message_group_uuid}`
    UpdateMessageGroup,
    /// `PUT` and `DELETE /api/blocks/{user_uuid}`
    BlockUser,
    /// `PATCH /api/me`
    UpdateMe,
    /// `$connect` of the WebSocket API.
    OpenConnection,
    /// The table's stream.
    StreamHandler,
}

/// State that all environments share.
#[derive(Clone)]
pub(crate) struct Lambda {
    pub emulator: Emulator,
    pub users: Users,
    pub pool: Pool,
    pub sockets: WebSocketApi,
    pub faults: Faults,
    pub dice: Dice,
    /// A planted fault in an algorithm.
    pub planted: Option<Planted>,
    /// Start of the run, by a correct clock.
    pub begin: DateTime<Utc>,
    pub send_limit: Option<SendLimitConfig>,
    pub edit_window: EditWindow,
    /// The same start, by the runtime's clock.
    pub since: Instant,
    /// Environments that wait for an invocation.
    pub idle: Arc<Mutex<HashMap<Function, Vec<Environment>>>>,
    /// True if only pushes fail.
    pub is_quiet: Arc<AtomicBool>,
    pub violations: Arc<Mutex<Vec<String>>>,
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
    ListEvents(list_events::App),
    MarkRead(mark_read::App),
    ShowMessageGroup(show_message_group::App),
    ListMessageRequests(list_message_requests::App),
    AnswerMessageRequest(answer_message_request::App),
    CountUnread(count_unread::App),
    ChangeMessage(change_message::App),
    ReactToMessage(react_to_message::App),
    UpdateMessageGroup(update_message_group::App),
    BlockUser(block_user::App),
    UpdateMe(update_me::App),
    OpenConnection(open_connection::App),
    StreamHandler(stream_handler::App, LastCall),
}

impl Lambda {
    /// Returns the response of the function that serves the route, or `None` if its environment died or timed out.
    pub(crate) async fn request(&self, request: Request<String>) -> Option<Response<String>> {
        let query = request.uri().query().unwrap_or_default().parse::<QueryMap>().unwrap();
        let path = request.uri().path().to_owned();
        let (function, parameters) = route(request.method(), &path);
        let (limit, fault) = match function {
            Function::CreateMessage => (25, FaultKind::KilledSending),
            Function::MarkRead
            | Function::ChangeMessage
            | Function::ReactToMessage
            | Function::UpdateMessageGroup
            | Function::AnswerMessageRequest
            | Function::BlockUser => (25, FaultKind::KilledChanging),
            Function::UpdateMe => (15, FaultKind::KilledChanging),
            _ => (15, FaultKind::KilledListing),
        };
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = request
            .map(Body::Text)
            .with_raw_http_path(&path)
            .with_query_string_parameters(query)
            .with_path_parameters(parameters.collect::<HashMap<_, _>>());
        let environment = self.environment(function);
        let answer = {
            let work = async {
                match &environment.app {
                    App::ListMessageGroups(app) => list_message_groups::handler(app, request).await,
                    App::ListMessages(app) => list_messages::handler(app, request).await,
                    App::CreateMessage(app) => create_message::handler(app, request).await,
                    App::ListEvents(app) => list_events::handler(app, request).await,
                    App::MarkRead(app) => mark_read::handler(app, request).await,
                    App::ShowMessageGroup(app) => Box::pin(show_message_group::handler(app, request)).await,
                    App::ListMessageRequests(app) => list_message_requests::handler(app, request).await,
                    App::AnswerMessageRequest(app) => answer_message_request::handler(app, request).await,
                    App::CountUnread(app) => count_unread::handler(app, request).await,
                    App::ChangeMessage(app) => change_message::handler(app, request).await,
                    App::ReactToMessage(app) => react_to_message::handler(app, request).await,
                    App::UpdateMessageGroup(app) => update_message_group::handler(app, request).await,
                    App::BlockUser(app) => block_user::handler(app, request).await,
                    App::UpdateMe(app) => update_me::handler(app, request).await,
                    App::OpenConnection(_) | App::StreamHandler(..) => panic!("it has no route"),
                }
            };
            self.run(Duration::from_secs(limit), fault, work).await?
        };
        self.put_back(function, environment);
        Some(answer.map(|body| String::from_utf8(body.to_vec()).unwrap()))
    }
}

impl Lambda {
    /// The status of the function behind `$connect`. `None` if its environment died or timed out.
    pub(crate) async fn connect(&self, event: ConnectEvent) -> Option<u16> {
        let environment = self.environment(Function::OpenConnection);
        let answer = {
            let App::OpenConnection(app) = &environment.app else { panic!("another function's environment") };
            let work = open_connection::handler(app, LambdaEvent::new(event, Context::default()));
            self.run(Duration::from_secs(15), FaultKind::KilledOpening, work).await?
        };
        self.put_back(Function::OpenConnection, environment);
        u16::try_from(answer.status_code).ok()
    }

    /// Sequence numbers that the stream handler reports. `None` if its environment died or timed out.
    pub(crate) async fn deliver(&self, batch: Batch) -> Option<Vec<String>> {
        const LIMIT: Duration = Duration::from_mins(1);
        let environment = self.environment(Function::StreamHandler);
        let failures = {
            let App::StreamHandler(app, last_call) = &environment.app else {
                panic!("another function's environment")
            };
            last_call.set();
            let mut context = Context::default();
            let deadline = app.clock.now() + TimeDelta::from_std(LIMIT).unwrap();
            context.deadline = u64::try_from(deadline.timestamp_millis()).unwrap_or_default();
            let failed_pushes = self.sockets.counts().failed;
            let work = async {
                let table = || self.table("stream-handler", CallLimits::WRITE);
                if self.planted == Some(Planted::OldAlgorithm) {
                    old_algorithm(&table(), &batch).await;
                    return vec![];
                }
                if self.planted == Some(Planted::LogBeforeMove) {
                    log_before_move(&app.log, &table(), &batch).await;
                }
                let numbers = batch.changes().groups.into_iter().flat_map(|group| group.sequence_numbers);
                let numbers = numbers.collect::<Vec<_>>();
                let answer = stream_handler::handler(app, LambdaEvent::new(batch, context)).await;
                if self.sockets.counts().failed > failed_pushes {
                    match self.planted {
                        Some(Planted::FailedPushesFailBatches) => return numbers,
                        Some(Planted::NoPushLimit) => sleep(Duration::from_secs(3)).await,
                        _ => {}
                    }
                }
                answer.batch_item_failures.into_iter().filter_map(|failure| failure.item_identifier).collect()
            };
            let failures = self.run(LIMIT, FaultKind::KilledMoving, work).await?;
            // A failed move may end with a wait instead of a call.
            if failures.is_empty() && last_call.elapsed() > PUSH_LIMIT {
                self.violation(format!("I16: pushes took {:?}", last_call.elapsed()));
            }
            failures
        };
        self.put_back(Function::StreamHandler, environment);
        if self.is_quiet.load(Ordering::Relaxed) && !failures.is_empty() {
            self.violation("I16: a batch failed although only pushes fail".to_owned());
        }
        Some(failures)
    }

    /// The time by a correct clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.begin + self.since.elapsed()
    }

    fn violation(&self, what: String) {
        self.violations.lock().unwrap().push(what);
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
        let states =
            |function, limits| MemberStates::new(self.table(function, limits), clock(), random(&self.dice));
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
            Function::ListEvents => App::ListEvents(list_events::App {
                verifier: verifier(),
                users: users(),
                log: EventLog::new(self.table("list-events", CallLimits::READ), clock(), random(&self.dice)),
            }),
            Function::MarkRead => App::MarkRead(mark_read::App {
                verifier: verifier(),
                users: users(),
                states: states("mark-read", CallLimits::WRITE),
            }),
            Function::ShowMessageGroup => App::ShowMessageGroup(show_message_group::App {
                verifier: verifier(),
                users: users(),
                inbox: inbox("show-message-group", CallLimits::READ),
                states: states("show-message-group", CallLimits::READ),
            }),
            Function::ListMessageRequests => App::ListMessageRequests(list_message_requests::App {
                verifier: verifier(),
                users: users(),
                inbox: inbox("list-message-requests", CallLimits::READ),
            }),
            Function::AnswerMessageRequest => App::AnswerMessageRequest(answer_message_request::App {
                verifier: verifier(),
                users: users(),
                requests: MessageRequests::new(
                    self.table("answer-message-request", CallLimits::WRITE),
                    clock(),
                    random(&self.dice),
                ),
            }),
            Function::CountUnread => App::CountUnread(count_unread::App {
                verifier: verifier(),
                users: users(),
                inbox: inbox("count-unread", CallLimits::READ),
            }),
            Function::ChangeMessage => App::ChangeMessage(change_message::App {
                verifier: verifier(),
                users: users(),
                messages: messages("change-message", CallLimits::WRITE, random(&self.dice)),
                edit_window: self.edit_window,
            }),
            Function::ReactToMessage => App::ReactToMessage(react_to_message::App {
                verifier: verifier(),
                users: users(),
                messages: messages("react-to-message", CallLimits::WRITE, random(&self.dice)),
            }),
            Function::UpdateMessageGroup => App::UpdateMessageGroup(update_message_group::App {
                verifier: verifier(),
                users: users(),
                states: states("update-message-group", CallLimits::WRITE),
            }),
            Function::BlockUser => App::BlockUser(block_user::App {
                verifier: verifier(),
                users: users(),
                blocks: Blocks::new(self.table("block-user", CallLimits::WRITE), clock(), random(&self.dice)),
            }),
            Function::UpdateMe => App::UpdateMe(update_me::App { verifier: verifier(), users: users() }),
            Function::OpenConnection => App::OpenConnection(open_connection::App {
                verifier: verifier(),
                users: users(),
                connections: Connections::new(self.table("open-connection", CallLimits::WRITE)),
                clock: clock(),
            }),
            Function::StreamHandler => self.stream_handler(clock()),
        };
        Environment { app, ahead }
    }

    fn stream_handler(&self, clock: Clock) -> App {
        let last_call = LastCall::default();
        let sdk = self.sdk_config("stream-handler");
        let watched = Watched { emulator: self.emulator.clone(), last_call: last_call.clone() };
        let sdk = sdk.into_builder().http_client(SharedHttpClient::new(watched)).build();
        let table = Table::new(client(&sdk, CallLimits::WRITE), TABLE);
        let app = stream_handler::App {
            inbox: Inbox::new(table.clone(), random(&self.dice)),
            log: EventLog::new(table, clock.clone(), random(&self.dice)),
            push: Some(self.push(clock.clone())),
            clock,
        };
        App::StreamHandler(app, last_call)
    }

    fn push(&self, clock: Clock) -> Push {
        let credentials = Credentials::new("test", "test", None, None, "test");
        Push::new(
            PushConfig { url: MANAGEMENT_URL.to_owned() },
            Signer::new("test".to_owned(), credentials, clock.clone()),
            SharedHttpConnector::new(self.sockets.connector(clock.clone())),
            Connections::new(self.table("stream-handler", CallLimits::WRITE)),
            clock,
        )
    }

    fn clock(&self, ahead: Arc<AtomicI64>) -> Clock {
        let (begin, since) = (self.begin, self.since);
        Clock::from_fn(move || {
            let passed = TimeDelta::from_std(since.elapsed()).unwrap();
            begin + passed + TimeDelta::microseconds(ahead.load(Ordering::Relaxed))
        })
    }

    /// The part of `erase-accounts` that changes the table.
    pub(crate) fn erasure(&self) -> Erasure {
        let table = self.table("erase-accounts", CallLimits::WRITE);
        Erasure::new(table, self.clock(Arc::default()), random(&self.dice))
    }

    /// The table, called as `function`.
    pub(crate) fn table(&self, function: &'static str, limits: CallLimits) -> Table {
        Table::new(client(&self.sdk_config(function), limits), TABLE)
    }

    fn sdk_config(&self, function: &'static str) -> SdkConfig {
        self.emulator.sdk_config().into_builder().app_name(AppName::new(function).unwrap()).build()
    }
}

/// The function that serves a route, and the route's path parameters.
fn route<'a>(method: &Method, path: &'a str) -> (Function, Vec<(&'static str, &'a str)>) {
    let segments = path.strip_prefix("/api/").unwrap_or_default().split('/').collect::<Vec<_>>();
    let group = |group| ("message_group_uuid", group);
    let message = |message| ("message_uuid", message);
    match segments[..] {
        ["messages"] => (Function::CreateMessage, vec![]),
        ["messages", uuid] => (Function::ListMessages, vec![group(uuid)]),
        ["messages", uuid, changed] => (Function::ChangeMessage, vec![group(uuid), message(changed)]),
        ["messages", uuid, answered, "reactions", emoji] => {
            (Function::ReactToMessage, vec![group(uuid), message(answered), ("emoji", emoji)])
        }
        ["message_groups"] => (Function::ListMessageGroups, vec![]),
        ["message_groups", uuid] if *method == Method::PATCH => {
            (Function::UpdateMessageGroup, vec![group(uuid)])
        }
        ["message_groups", uuid] => (Function::ShowMessageGroup, vec![group(uuid)]),
        ["message_groups", uuid, "read"] => (Function::MarkRead, vec![group(uuid)]),
        ["message_requests"] => (Function::ListMessageRequests, vec![]),
        ["message_requests", uuid] => (Function::AnswerMessageRequest, vec![group(uuid)]),
        ["events"] => (Function::ListEvents, vec![]),
        ["unread"] => (Function::CountUnread, vec![]),
        ["blocks", uuid] => (Function::BlockUser, vec![("user_uuid", uuid)]),
        ["me"] if *method == Method::PATCH => (Function::UpdateMe, vec![]),
        _ => panic!("no route for {method} {path}"),
    }
}

/// The limit of pushes after the last call of a move or an append, with a millisecond for timers.
const PUSH_LIMIT: Duration = Duration::from_millis(2_001);

/// The time of an environment's last call to DynamoDB, calls of pushes excepted.
#[derive(Clone, Debug)]
struct LastCall(Arc<Mutex<Instant>>);

impl Default for LastCall {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl LastCall {
    fn set(&self) {
        *self.0.lock().unwrap() = Instant::now();
    }

    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().elapsed()
    }
}

/// Sets the time of the last call on drop, since a call may also be cancelled.
struct OnEnd(LastCall);

impl Drop for OnEnd {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// DynamoDB, whose calls set [`LastCall`].
#[derive(Clone, Debug)]
struct Watched {
    emulator: Emulator,
    last_call: LastCall,
}

impl HttpClient for Watched {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Watched {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (call, end) = (HttpConnector::call(&self.emulator, request), OnEnd(self.last_call.clone()));
        HttpConnectorFuture::new(async move {
            let _end = end;
            call.await
        })
    }
}

pub(crate) fn random(dice: &Dice) -> Random {
    let dice = dice.clone();
    Random::from_fn(move |bytes| dice.fill(bytes))
}

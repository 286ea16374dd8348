//! What the functions log: one line an invocation, with its metrics in it, and no data of anybody.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, LazyLock, Mutex},
};

use axum::body::Body;
use chrono::TimeDelta;
use cruddur::{
    clock::Clock,
    config::LogConfig,
    invocation::{self, Ended},
    log,
    metrics::Metric,
};
use http::{Method, Request};
use local::deployment::Parts;
use serde_json::{Value, json};
use testing::{Failure, Fate, TestUser, World, broken_postgres, world::stream_record};
use tokio_postgres::types::Type;
use tracing::{Dispatch, subscriber::NoSubscriber};
use uuid::Uuid;

/// The log of a function, while it lives, on this thread.
pub(crate) struct Log {
    text: Text,
    _guard: tracing::subscriber::DefaultGuard,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Members of a log line that [`Log::shown`] puts at the beginning of a line of its own.
const LINES_BEGIN_WITH: [&str; 12] = [
    "message",
    "cause",
    "duration_ms",
    "group_uuid",
    "message_uuid",
    "read_request_units",
    "RowsMoved",
    "GroupsNotMoved",
    "MoveDelay",
    "FunctionName",
    "_aws",
    "Metrics",
];

/// While there is but one subscriber in a process, tracing asks the current thread alone who wants the events of a
/// place in the code that it meets for the first time, and a test without a log would say nobody. So there are two.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

impl Log {
    /// The log of the function called `function`, as [`log::init`] makes it, with `filter` as `RUST_LOG`.
    pub(crate) fn start(function: &str, filter: &str, clock: Clock) -> Self {
        Self::with(&LogConfig { filter: filter.to_owned(), function: Some(function.to_owned()) }, clock)
    }

    fn with(config: &LogConfig, clock: Clock) -> Self {
        LazyLock::force(&ANOTHER);
        let text = Text::default();
        let writer = text.clone();
        let subscriber = log::subscriber(config, clock, move || writer.clone());
        Self { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines since the last time they were taken.
    pub(crate) fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.text.0.lock().unwrap())).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().map(str::to_owned).collect()
    }

    /// The lines, with what differs from run to run replaced, and broken where that reads well.
    fn shown(&self) -> String {
        let lines = self.take().into_iter().map(|line| {
            let parsed = parse(&line);
            let mut line = line;
            if let Some(request_id) = parsed["requestId"].as_str() {
                line = line.replace(request_id, "REQUEST");
            }
            if parsed.get("duration_ms").is_some() {
                let duration = format!("\"duration_ms\":{}", parsed["duration_ms"]);
                line = line.replace(&duration, "\"duration_ms\":MS");
            }
            let line = LINES_BEGIN_WITH.iter().fold(line, |line, name| {
                line.replace(&format!(",\"{name}\":"), &format!(",\n  \"{name}\":"))
            });
            line.replace("},{\"Name\"", "},\n   {\"Name\"")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

fn with_key(world: &World, user: &TestUser, kid: &str) -> TestUser {
    let header = json!({"alg": "RS256", "kid": kid});
    let token = world.issuer.sign(&header, &world.issuer.claims(&user.subject, &user.user.handle)).unwrap();
    TestUser { token, ..user.clone() }
}

#[tokio::test]
async fn a_list_is_one_line_and_the_first_tells_of_a_cold_start() {
    let world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    let log = Log::start("cruddur-list-message-groups", "", world.clock.clock());
    for _ in 0..2 {
        world.get(&sunyoung, "/api/message_groups").await.ok();
    }
    insta::assert_snapshot!(log.shown(), @r#"
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"answered","route":"GET /api/message_groups","status":200,
      "duration_ms":MS,"user_uuid":"0195b5a0-0000-7000-8000-000000000001",
      "read_request_units":1.0,"write_request_units":0.0,"ColdStarts":1.0,"ReadRequestUnits":1.0,
      "FunctionName":"cruddur-list-message-groups",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"ColdStarts","Unit":"Count"},
       {"Name":"ReadRequestUnits","Unit":"Count"}]}]}}
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"answered","route":"GET /api/message_groups","status":200,
      "duration_ms":MS,"user_uuid":"0195b5a0-0000-7000-8000-000000000001",
      "read_request_units":1.0,"write_request_units":0.0,"ReadRequestUnits":1.0,
      "FunctionName":"cruddur-list-message-groups",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"ReadRequestUnits","Unit":"Count"}]}]}}
    "#);
}

#[tokio::test]
async fn a_token_that_is_refused_is_one_line_that_says_why() {
    let world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    let log = Log::start("cruddur-list-message-groups", "", world.clock.clock());
    world.get_anonymously("/api/message_groups").await;
    world.get(&with_key(&world, &sunyoung, "another"), "/api/message_groups").await;
    insta::assert_snapshot!(log.shown(), @r#"
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"refused","route":"GET /api/message_groups","status":401,
      "cause":"the access token is refused: there is no Authorization header",
      "duration_ms":MS,"ColdStarts":1.0,
      "FunctionName":"cruddur-list-message-groups",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"ColdStarts","Unit":"Count"}]}]}}
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"refused","route":"GET /api/message_groups","status":401,
      "cause":"the access token is refused: the token's key is not in the key set",
      "duration_ms":MS,"UnknownKeys":1.0,
      "FunctionName":"cruddur-list-message-groups",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"UnknownKeys","Unit":"Count"}]}]}}
    "#);
}

#[tokio::test]
async fn a_message_is_sent_or_replayed_and_may_open_a_group() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    let log = Log::start("cruddur-create-message", "", world.clock.clock());
    let body = json!({"handle": scarlett.user.handle, "message": "hello"}).to_string();
    world.post_with(&sunyoung, &[("idempotency-key", "first")], body.clone()).await.ok();
    world.post(&scarlett, &json!({"handle": "sunyoung", "message": "hello back"})).await.ok();
    world.post_with(&sunyoung, &[("idempotency-key", "first")], body).await.ok();
    insta::assert_snapshot!(log.shown(), @r#"
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"answered","route":"POST /api/messages","status":200,
      "duration_ms":MS,"user_uuid":"0195b5a0-0000-7000-8000-000000000001",
      "group_uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5",
      "message_uuid":"01a20297-4dc0-7fcd-9d7b-39a820e2f465",
      "read_request_units":2.0,"write_request_units":12.0,"MessagesSent":1.0,"GroupsCreated":1.0,"ColdStarts":1.0,"ReadRequestUnits":2.0,"WriteRequestUnits":12.0,
      "FunctionName":"cruddur-create-message",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"MessagesSent","Unit":"Count"},
       {"Name":"GroupsCreated","Unit":"Count"},
       {"Name":"ColdStarts","Unit":"Count"},
       {"Name":"ReadRequestUnits","Unit":"Count"},
       {"Name":"WriteRequestUnits","Unit":"Count"}]}]}}
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"answered","route":"POST /api/messages","status":200,
      "duration_ms":MS,"user_uuid":"0195b5a0-0000-7000-8000-000000000002",
      "group_uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5",
      "message_uuid":"01a20297-4dc0-7f45-8980-185dc406ec81",
      "read_request_units":2.0,"write_request_units":1.0,"MessagesSent":1.0,"ReadRequestUnits":2.0,"WriteRequestUnits":1.0,
      "FunctionName":"cruddur-create-message",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"MessagesSent","Unit":"Count"},
       {"Name":"ReadRequestUnits","Unit":"Count"},
       {"Name":"WriteRequestUnits","Unit":"Count"}]}]}}
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"answered","route":"POST /api/messages","status":200,
      "duration_ms":MS,"user_uuid":"0195b5a0-0000-7000-8000-000000000001",
      "group_uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5",
      "message_uuid":"01a20297-4dc0-7fcd-9d7b-39a820e2f465",
      "read_request_units":2.0,"write_request_units":0.0,"MessagesReplayed":1.0,"ReadRequestUnits":2.0,
      "FunctionName":"cruddur-create-message",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"MessagesReplayed","Unit":"Count"},
       {"Name":"ReadRequestUnits","Unit":"Count"}]}]}}
    "#);
}

#[tokio::test]
async fn a_message_whose_first_answer_was_lost_is_sent_and_not_replayed() {
    let world = World::new().await;
    let (alice, bob, _) = world.pair().await;
    // The SDK complains of the emulator, which has no connection to close.
    let log = Log::start("cruddur-create-message", "info,aws_smithy_runtime=off", world.clock.clock());
    world.emulator.fail("TransactWriteItems", 3, Fate::Lost(Failure::Status(500, "InternalServerError")));
    let body = json!({"handle": bob.user.handle, "message": "hello"}).to_string();
    world.post_with(&alice, &[("idempotency-key", "once")], body).await.ok();
    let lines = log.take();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = parse(&lines[0]);
    assert_eq!((&line["MessagesSent"], &line["GroupsCreated"]), (&json!(1.0), &json!(1.0)), "{line}");
    assert_eq!(line.get("MessagesReplayed"), None);
}

#[tokio::test]
async fn a_failure_is_an_error_line_with_its_causes_and_the_line_of_the_invocation() {
    let mut world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    world.deploy(Parts { postgres: broken_postgres::unreachable(), ..world.parts.clone() });
    let log = Log::start("cruddur-show-user", "", world.clock.clock());
    world.get(&sunyoung, "/api/users/@scarlett/short").await;
    insta::assert_snapshot!(log.shown(), @r#"
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","target":"cruddur::postgres","requestId":"REQUEST",
      "message":"connecting to PostgreSQL again",
      "cause":"the connection fails: error connecting to server: Connection refused (os error 111)"}
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"ERROR","target":"cruddur::respond","requestId":"REQUEST",
      "message":"failed","route":"GET /api/users/{handle}/short","status":503,
      "cause":"PostgreSQL can't be reached: the connection fails: error connecting to server: Connection refused (os error 111)"}
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"failed","route":"GET /api/users/{handle}/short","status":503,
      "duration_ms":MS,"ColdStarts":1.0,
      "FunctionName":"cruddur-show-user",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"ColdStarts","Unit":"Count"}]}]}}
    "#);
}

#[tokio::test]
async fn a_batch_tells_of_each_kind_of_move() {
    let world = World::new().await;
    let [sunyoung, scarlett, lore, andrew, bayko] =
        world.demo_users(["sunyoung", "scarlett", "lore", "andrew", "bayko"]);
    let mut groups = Vec::new();
    for other in [&scarlett, &lore, &andrew, &bayko] {
        let sent = world.send(&sunyoung, other, "hello").await;
        groups.push(sent["message_group_uuid"].as_str().unwrap().to_owned());
        world.clock.advance(TimeDelta::milliseconds(1));
    }
    // Lore's has been where it belongs from its first message on; the others have a newer one.
    for other in [&scarlett, &andrew, &bayko] {
        world.send(&sunyoung, other, "hello again").await;
    }
    let (hidden, headless) = (groups[2].clone(), format!("MEM#{}", groups[3]));
    world.emulator.edit_answers(move |call, answer| {
        let of_hidden = call.request["ExpressionAttributeValues"][":group"]["S"] == json!(hidden);
        if call.request.get("IndexName").is_some() && of_hidden {
            answer["Items"] = json!([]);
        }
        if call.operation == "GetItem" && call.request["Key"]["pk"]["S"] == json!(headless) {
            answer.as_object_mut().unwrap().remove("Item");
        }
    });
    let mut event = world.stream_event();
    let mut poison = stream_record(&json!({"pk": {"S": "MSG#"}, "sk": {"S": ""}}), 99);
    poison["dynamodb"]["NewImage"]["message"] = json!({"S": "hello"});
    event["Records"].as_array_mut().unwrap().push(poison);
    world.clock.advance(TimeDelta::microseconds(250_500));

    let log = Log::start("cruddur-stream-handler", "", world.clock.clock());
    let answer = world.deliver(&event).await;
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 2, "{answer}");
    insta::assert_snapshot!(log.shown(), @r#"
    {"timestamp":"2026-11-22T09:30:00.254500Z","level":"ERROR","target":"cruddur::stream","requestId":"REQUEST",
      "message":"skipped a record",
      "cause":"not the row of a message: not a time, `#` and a message uuid","sequence_number":"000000000000000000099"}
    {"timestamp":"2026-11-22T09:30:00.254500Z","level":"ERROR","target":"cruddur::stream","requestId":"REQUEST",
    {"timestamp":"2026-11-22T09:30:00.254500Z","level":"ERROR","target":"stream_handler","requestId":"REQUEST",
      "message":"could not move the group",
      "group_uuid":"cb529219-038c-56ad-9690-03f309329e41",
      "cause":"the group has no membership row"}
    {"timestamp":"2026-11-22T09:30:00.254500Z","level":"INFO","requestId":"REQUEST",
      "message":"read a batch","route":"stream-handler",
      "duration_ms":MS,"records":8,"groups":4,
      "read_request_units":8.0,"write_request_units":24.0,
      "RowsMoved":4.0,"RowsAlreadyThere":2.0,"RowsLocated":2.0,
      "GroupsNotMoved":1.0,"RecordsSkipped":1.0,
      "MoveDelay":[250.5,250.5],"ColdStarts":1.0,"ReadRequestUnits":8.0,"WriteRequestUnits":24.0,
      "FunctionName":"cruddur-stream-handler",
      "_aws":{"Timestamp":1795339800254,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"RowsMoved","Unit":"Count"},
       {"Name":"RowsAlreadyThere","Unit":"Count"},
       {"Name":"RowsLocated","Unit":"Count"},
       {"Name":"GroupsNotMoved","Unit":"Count"},
       {"Name":"RecordsSkipped","Unit":"Count"},
       {"Name":"MoveDelay","Unit":"Milliseconds"},
       {"Name":"ColdStarts","Unit":"Count"},
       {"Name":"ReadRequestUnits","Unit":"Count"},
       {"Name":"WriteRequestUnits","Unit":"Count"}]}]}}
    "#);
}

#[tokio::test]
async fn a_batch_of_one_group_names_it() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    let sent = world.send(&alice, &bob, "hello").await;
    let log = Log::start("cruddur-stream-handler", "", world.clock.clock());
    world.deliver_all().await;
    let lines = log.take();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = parse(&lines[0]);
    assert_eq!(line["group_uuid"], json!(group_uuid));
    assert_eq!(line["message_uuid"], sent["uuid"]);
    assert_eq!(line["RowsAlreadyThere"], json!(2.0));
    assert_eq!(line.get("MoveDelay"), None, "nothing was moved");
}

#[tokio::test]
async fn a_user_who_is_not_entered_is_counted() {
    let mut world = World::new().await;
    world.deploy(Parts { postgres: broken_postgres::unreachable(), ..world.parts.clone() });
    let event = include_str!("../../../events/post-confirmation/confirm-sign-up.json");
    let log = Log::start("cruddur-post-confirmation", "", world.clock.clock());
    world.functions.post_confirmation.invoke(event.to_owned()).await.unwrap();
    insta::assert_snapshot!(log.shown(), @r#"
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","target":"cruddur::postgres","requestId":"REQUEST",
      "message":"connecting to PostgreSQL again",
      "cause":"the connection fails: error connecting to server: Connection refused (os error 111)"}
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"ERROR","target":"post_confirmation","requestId":"REQUEST",
      "message":"could not enter a user",
      "cause":"PostgreSQL can't be reached: the connection fails: error connecting to server: Connection refused (os error 111)"}
    {"timestamp":"2026-11-22T09:30:00.000000Z","level":"INFO","requestId":"REQUEST",
      "message":"failed","route":"post-confirmation",
      "duration_ms":MS,"UsersNotEntered":1.0,"ColdStarts":1.0,
      "FunctionName":"cruddur-post-confirmation",
      "_aws":{"Timestamp":1795339800000,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"UsersNotEntered","Unit":"Count"},
       {"Name":"ColdStarts","Unit":"Count"}]}]}}
    "#);
}

#[tokio::test]
async fn invocations_at_the_same_time_count_what_is_their_own() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    let path = format!("/api/messages/{group_uuid}");
    let log = Log::start("cruddur", "", world.clock.clock());
    // Whatever order their calls come in, every invocation waits for the others' between its own.
    world.emulator.set_latency(std::time::Duration::from_millis(20));
    let lists = || world.get(&alice, &path);
    let groups = || world.get(&alice, "/api/message_groups");
    tokio::join!(lists(), groups(), lists(), groups(), lists(), groups());
    let mut units = Vec::new();
    for line in log.take() {
        let line = parse(&line);
        units.push((line["route"].as_str().unwrap().to_owned(), line["ReadRequestUnits"].clone()));
    }
    units.sort_by(|a, b| a.0.cmp(&b.0));
    let of = |route: &str, reads: f64| (route.to_owned(), json!(reads));
    let groups = of("GET /api/message_groups", 1.0);
    let lists = of("GET /api/messages/{message_group_uuid}", 2.0);
    assert_eq!(units, [groups.clone(), groups.clone(), groups, lists.clone(), lists.clone(), lists]);
}

#[tokio::test]
async fn more_than_100_values_go_to_further_lines() {
    let world = World::new().await;
    let log = Log::start("cruddur-stream-handler", "", world.clock.clock());
    let work = async {
        (0..250).for_each(|number| invocation::measure(Metric::MoveDelay, f64::from(number)));
        invocation::count(Metric::RowsMoved, 500);
        ((), Ended::with("read a batch"))
    };
    invocation::observe("stream-handler", work).await;
    let lines: Vec<Value> = log.take().iter().map(|line| parse(line)).collect();
    let delays = |line: &Value| line["MoveDelay"].as_array().unwrap().len();
    assert_eq!(lines.iter().map(delays).collect::<Vec<_>>(), [100, 100, 50]);
    let moved: Vec<&Value> = lines.iter().filter_map(|line| line.get("RowsMoved")).collect();
    assert_eq!(moved, [&json!(500.0)]);
    for line in &lines {
        assert_eq!(embedded_metrics_errors(line), Vec::<String>::new(), "{line}");
    }
}

#[tokio::test]
async fn facts_outside_of_an_invocation_are_nobodys() {
    let world = World::new().await;
    let log = Log::start("cruddur", "", world.clock.clock());
    invocation::count(Metric::UnknownKeys, 1);
    invocation::user(Uuid::max());
    invocation::observe("stream-handler", async { ((), Ended::with("read a batch")) }).await;
    let lines = log.take();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = parse(&lines[0]);
    assert_eq!((line.get("UnknownKeys"), line.get("user_uuid")), (None, None), "{line}");
}

#[tokio::test]
async fn no_filter_leaves_out_the_metrics_or_the_request() {
    let world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    for filter in ["error", "off", "cruddur=off", "warn,cruddur=error", "not,a=filter=at all"] {
        let log = Log::start("cruddur-list-message-groups", filter, world.clock.clock());
        world.get(&sunyoung, "/api/message_groups").await.ok();
        let lines = log.take();
        assert_eq!(lines.len(), 1, "{filter}: {lines:#?}");
        let line = parse(&lines[0]);
        assert_eq!(line["ColdStarts"], json!(1.0), "{filter}: {line}");
        assert_eq!(line["requestId"].as_str().map(str::len), Some(36), "{filter}: {line}");
    }
}

#[tokio::test]
async fn without_a_function_the_metrics_are_in_the_line_but_not_embedded() {
    let world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    let log = Log::with(&LogConfig::default(), world.clock.clock());
    world.get(&sunyoung, "/api/message_groups").await.ok();
    let lines = log.take();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = parse(&lines[0]);
    assert_eq!(line["ReadRequestUnits"], json!(1.0));
    assert_eq!(line.get("_aws"), None);
}

#[test]
fn a_panic_says_where_and_not_what() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(log::log_panic));
    let log = Log::with(&LogConfig::default(), Clock::system());
    let panicked = std::panic::catch_unwind(|| {
        let _request = tracing::info_span!("Lambda runtime invoke", requestId = "a-request").entered();
        panic!("the message says {SECRET}");
    });
    std::panic::set_hook(hook);
    assert!(panicked.is_err());
    let lines = log.take();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = parse(&lines[0]);
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["message"], "panicked");
    assert_eq!(line["requestId"], "a-request");
    assert!(line["location"].as_str().unwrap().starts_with("testing/tests/it/logs.rs:"), "{line}");
    assert!(!lines[0].contains(SECRET), "{line}");
}

/// What stands in every text, name, handle, address and key of [`everything`].
const SECRET: &str = "Xylophagous";

/// Every kind of invocation, with good and bad data, and with all that can fail around it.
async fn everything(world: &mut World) {
    let users = [secret_user(world, "a").await, secret_user(world, "b").await];
    let [alice, bob] = &users;
    let [stranger, ghost] = [world.user("stranger").await, world.unprovisioned_user()];
    let text = format!("{SECRET} and more");
    let good = json!({"handle": bob.user.handle, "message": text});
    let group = world.post(alice, &good).await.ok()["message_group_uuid"].as_str().unwrap().to_owned();
    let key = format!("key-{SECRET}");
    let bodies = [
        good.to_string(),
        json!({"message_group_uuid": group, "message": text}).to_string(),
        json!({"message_group_uuid": SECRET, "message": text}).to_string(),
        json!({"message_group_uuid": {SECRET: 1}, "message": text}).to_string(),
        json!({"message_group_uuid": group, "message": [SECRET]}).to_string(),
        json!({"handle": format!("{SECRET}-nobody"), "message": text}).to_string(),
        json!({"handle": alice.user.handle, "message": text}).to_string(),
        json!({"handle": bob.user.handle, "message": text.repeat(100)}).to_string(),
        format!("{{\"message\": {SECRET}"),
        SECRET.repeat(2_000),
    ];
    let events = post_confirmation_events(alice);
    let faults: [fn(&World); 5] = [
        |_| (),
        |world| {
            world.emulator.fail(
                "Query",
                usize::MAX,
                Fate::Refused(Failure::Status(500, "InternalServerError")),
            )
        },
        |world| {
            world.emulator.fail(
                "GetItem",
                usize::MAX,
                Fate::Refused(Failure::Status(400, "AccessDeniedException")),
            )
        },
        |world| {
            world.emulator.fail(
                "TransactWriteItems",
                usize::MAX,
                Fate::Refused(Failure::Status(400, "ValidationException")),
            )
        },
        // Rows that nobody should have written.
        |world| {
            world.emulator.edit_answers(|_, answer| {
                let odd = json!({"S": SECRET});
                let spoil = |item: &mut Value| {
                    for name in ["sk", "message_uuid", "members", "message_group_uuid", "created_sk"] {
                        if item.get(name).is_some() {
                            item[name] = odd.clone();
                        }
                    }
                };
                answer["Items"].as_array_mut().into_iter().flatten().for_each(spoil);
                answer.get_mut("Item").into_iter().for_each(spoil);
            })
        },
    ];
    for fault in faults {
        fault(world);
        for user in [alice, bob, &stranger, &ghost, &with_key(world, alice, SECRET)] {
            for body in &bodies {
                world.post_with(user, &[("idempotency-key", &key)], body.clone()).await;
                world.post_with(user, &[("idempotency-key", &key.repeat(9))], body.clone()).await;
            }
            for path in [
                "/api/message_groups".to_owned(),
                format!("/api/message_groups?cursor={SECRET}&limit={SECRET}"),
                format!("/api/messages/{group}"),
                format!("/api/messages/{SECRET}"),
                format!("/api/users/@{}/short", bob.user.handle),
                format!("/api/users/@{SECRET}-nobody/short"),
            ] {
                world.get(user, &path).await;
            }
        }
        for token in
            [SECRET.to_owned(), format!("{}.{SECRET}", alice.token), format!("{}{SECRET}", alice.token)]
        {
            let request = Request::builder().method(Method::GET).uri("/api/message_groups");
            let request = request.header("authorization", format!("Bearer {token}"));
            world.request(request.body(Body::empty()).unwrap()).await;
        }
        let mut event = world.stream_event();
        let mut odd = event["Records"][0].clone();
        odd["dynamodb"]["NewImage"]["message_uuid"] = json!({"S": SECRET});
        let odder = json!({SECRET: [SECRET]});
        event["Records"].as_array_mut().unwrap().extend([odd, odder, json!(SECRET)]);
        world.deliver(&event).await;
        for event in &events {
            world.functions.post_confirmation.invoke(event.to_string()).await.unwrap();
        }
        world.emulator.judge(|_| Fate::Served);
        world.emulator.edit_answers(|_, _| ());
    }
    for postgres in [broken_postgres::unreachable(), broken_postgres::refusing()] {
        world.deploy(Parts { postgres, ..world.parts.clone() });
        world.post(alice, &good).await;
        world.get(alice, &format!("/api/users/@{}/short", bob.user.handle)).await;
        for event in &events {
            world.functions.post_confirmation.invoke(event.to_string()).await.unwrap();
        }
    }
}

/// A user all of whose names say [`SECRET`].
async fn secret_user(world: &World, letter: &str) -> TestUser {
    let uuid = Uuid::new_v4();
    let user = cruddur::user::User {
        uuid,
        handle: format!("{SECRET}-{letter}-{}", &uuid.simple().to_string()[..8]),
        display_name: format!("{SECRET} {letter}"),
    };
    let statement = include_str!("../../../sql/users/create_demo.sql");
    let subject = uuid.to_string();
    let parameters = [
        (&user.uuid as _, Type::UUID),
        (&user.handle as _, Type::TEXT),
        (&user.display_name as _, Type::TEXT),
        (&format!("{}@example.com", user.handle) as _, Type::TEXT),
        (&subject as _, Type::TEXT),
    ];
    world.postgres().query(statement, &parameters).await.unwrap();
    let token = world.issuer.access_token(&subject, &user.handle).unwrap();
    TestUser { user, subject, token }
}

/// Confirmations: of a new user, of one whose names are taken or odd, and events that are none.
fn post_confirmation_events(taken: &TestUser) -> Vec<Value> {
    let template: Value =
        serde_json::from_str(include_str!("../../../events/post-confirmation/confirm-sign-up.json")).unwrap();
    let of = |attributes: Value| {
        let mut event = template.clone();
        event["userName"] = json!(SECRET);
        event["request"]["userAttributes"] = attributes;
        event
    };
    let subject = || Uuid::new_v4().to_string();
    let address = format!("{SECRET}@example.com");
    vec![
        of(json!({"sub": subject(), "preferred_username": taken.user.handle, "email": address})),
        of(
            json!({"sub": subject(), "name": format!("{SECRET}\0"), "email": address, "email_verified": "true"}),
        ),
        of(json!({"sub": "", "email": address})),
        of(json!({"sub": subject(), "email": {SECRET: SECRET}})),
        of(json!(address)),
        json!(SECRET),
        json!({"triggerSource": SECRET, "request": {"userAttributes": {}}}),
    ]
}

#[tokio::test]
async fn no_text_name_address_key_or_token_is_ever_in_the_log() {
    let mut world = World::new().await;
    let ours = "cruddur=trace,list_message_groups=trace,list_messages=trace,create_message=trace,show_user=trace,\
                stream_handler=trace,post_confirmation=trace,info";
    let log = Log::start("cruddur", ours, world.clock.clock());
    everything(&mut world).await;
    let lines = log.take();
    // Each with and without its `@`, as case and encoding may change them: the one word is in all of them.
    let told: Vec<&String> =
        lines.iter().filter(|line| line.to_lowercase().contains(&SECRET.to_lowercase())).collect();
    assert_eq!(told, Vec::<&String>::new());
    let tokens: Vec<&String> = lines.iter().filter(|line| line.contains("eyJ")).collect();
    assert_eq!(tokens, Vec::<&String>::new());

    // It was a run that had something to say.
    let parsed: Vec<Value> = lines.iter().map(|line| parse(line)).collect();
    let statuses: BTreeSet<u64> = parsed.iter().filter_map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, BTreeSet::from([200, 400, 401, 403, 404, 413, 422, 500, 503]));
    let metrics: BTreeSet<&str> =
        parsed.iter().flat_map(|line| line.as_object().unwrap().keys()).map(String::as_str).collect();
    for metric in [
        "MessagesSent",
        "MessagesReplayed",
        "GroupsCreated",
        "RowsAlreadyThere",
        "GroupsNotMoved",
        "RecordsSkipped",
        "UnknownKeys",
        "UsersNotEntered",
        "ColdStarts",
        "ReadRequestUnits",
        "WriteRequestUnits",
    ] {
        assert!(metrics.contains(metric), "{metric} was never measured");
    }

    let described = include_str!("../../../docs/OPERATIONS.md");
    for line in &parsed {
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().into_iter().flatten() {
            let name = metric["Name"].as_str().unwrap();
            assert!(described.contains(&format!("`{name}`")), "docs/OPERATIONS.md says nothing of {name}");
        }
        assert_eq!(line_errors(line), Vec::<String>::new(), "{line}");
        if line.get("_aws").is_some() {
            assert_eq!(embedded_metrics_errors(line), Vec::<String>::new(), "{line}");
        }
    }
}

/// What Lambda's JSON log format would not like about a line.
fn line_errors(line: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let timestamp = line["timestamp"].as_str().unwrap_or_default();
    if chrono::DateTime::parse_from_rfc3339(timestamp).is_err() {
        errors.push(format!("the timestamp {timestamp:?}"));
    }
    if !["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&line["level"].as_str().unwrap_or_default()) {
        errors.push(format!("the level {}", line["level"]));
    }
    if line["message"].as_str().is_none_or(str::is_empty) {
        errors.push("no message".to_owned());
    }
    errors
}

/// What CloudWatch would not like about a line with metrics: the specification's JSON schema, and what it says in
/// words (`https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html`).
fn embedded_metrics_errors(line: &Value) -> Vec<String> {
    let schema = json!({
        "type": "object",
        "required": ["_aws"],
        "properties": {"_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 0},
                "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": {
                    "type": "object",
                    "required": ["Namespace", "Dimensions", "Metrics"],
                    "properties": {
                        "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                        "Dimensions": {"type": "array", "minItems": 1, "items": {
                            "type": "array", "minItems": 1, "maxItems": 30,
                            "items": {"type": "string", "minLength": 1, "maxLength": 250},
                        }},
                        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": {
                            "type": "object",
                            "required": ["Name", "Unit"],
                            "properties": {
                                "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                "Unit": {"enum": ["Count", "Milliseconds"]},
                                "StorageResolution": {"enum": [1, 60]},
                            },
                            "additionalProperties": false,
                        }},
                    },
                }},
            },
        }},
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut errors: Vec<String> = validator.iter_errors(line).map(|error| error.to_string()).collect();
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten();
    for directive in directives {
        if directive["Namespace"] != "CruddurMessages" {
            errors.push(format!("the namespace {}", directive["Namespace"]));
        }
        if directive["Dimensions"] != json!([["FunctionName"]]) {
            errors.push(format!("the dimensions {}", directive["Dimensions"]));
        }
        for name in
            directive["Dimensions"].as_array().into_iter().flatten().flat_map(|set| set.as_array().unwrap())
        {
            let value = line[name.as_str().unwrap()].as_str().unwrap_or_default();
            if value.is_empty() || value.len() > 1024 {
                errors.push(format!("the dimension {name} has the value {value:?}"));
            }
        }
        for metric in directive["Metrics"].as_array().into_iter().flatten() {
            let good = match &line[metric["Name"].as_str().unwrap()] {
                Value::Number(_) => true,
                Value::Array(values) => {
                    (1..=100).contains(&values.len()) && values.iter().all(Value::is_number)
                }
                _ => false,
            };
            if !good {
                errors.push(format!("the metric {metric} has no value"));
            }
        }
    }
    errors
}

#[test]
fn a_line_that_is_not_in_the_embedded_metric_format_is_found() {
    let good = json!({
        "timestamp": "2026-11-22T09:30:00.000000Z", "level": "INFO", "message": "answered",
        "FunctionName": "f", "ColdStarts": 1.0, "MoveDelay": [1.0],
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "CruddurMessages", "Dimensions": [["FunctionName"]],
            "Metrics": [{"Name": "ColdStarts", "Unit": "Count"}, {"Name": "MoveDelay", "Unit": "Milliseconds"}],
        }]},
    });
    assert_eq!(embedded_metrics_errors(&good), Vec::<String>::new());
    assert_eq!(line_errors(&good), Vec::<String>::new());
    for (path, bad) in [
        ("/_aws/Timestamp", json!("1")),
        ("/_aws/CloudWatchMetrics/0/Namespace", json!("")),
        ("/_aws/CloudWatchMetrics/0/Dimensions", json!([["UserUuid"]])),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/Name", json!("Absent")),
        ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Seconds")),
        ("/FunctionName", json!("")),
        ("/ColdStarts", json!("1")),
        ("/ColdStarts", json!([])),
        ("/MoveDelay", json!(vec![1.0; 101])),
        ("/MoveDelay", json!([null])),
    ] {
        let mut line = good.clone();
        *line.pointer_mut(path).unwrap() = bad.clone();
        assert!(!embedded_metrics_errors(&line).is_empty(), "{path} may be {bad}");
    }
    for (name, bad) in [("timestamp", json!("22 Nov")), ("level", json!("info")), ("message", json!(null))] {
        let mut line = good.clone();
        line[name] = bad.clone();
        assert!(!line_errors(&line).is_empty(), "{name} may be {bad}");
    }
}

//! The functions' log: one line per invocation, with its metrics and without personal data.

use std::sync::{Arc, LazyLock, Mutex};

use chrono::TimeDelta;
use cruddur::{
    clock::Clock,
    config::LogConfig,
    invocation::{self, Completion},
    log,
    metrics::Metric,
    table::RowKind,
};
use serde_json::{Value, json};
use testing::{Failure, Fault, TestUser, World, broken_postgres, world::stream_record};
use tracing::{Dispatch, subscriber::NoSubscriber};
use uuid::Uuid;

use self::{rules::embedded_metrics_errors, secrets::SECRET};
use crate::send_limit::limit;

mod rules;
mod secrets;

/// Captures this thread's log until dropped.
pub(crate) struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

/// Members that start a new line in a snapshot.
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

/// With only one subscriber in a process, tracing asks just the current thread whether it wants the events of
/// a new callsite. A test without a log would answer no. A second subscriber prevents that.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

impl Log {
    /// Captures the log of `function`, set up as in [`log::init`], with `filter` as `RUST_LOG`.
    pub(crate) fn start(function: &str, filter: &str, clock: Clock) -> Self {
        Self::with(&LogConfig { filter: filter.to_owned(), function: Some(function.to_owned()) }, clock)
    }

    fn with(config: &LogConfig, clock: Clock) -> Self {
        LazyLock::force(&ANOTHER);
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let written = Arc::clone(&text);
        let subscriber = log::subscriber(config, clock, move |line| {
            written.lock().unwrap().extend_from_slice(line);
        });
        Self { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Takes the lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.text.lock().unwrap())).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().map(str::to_owned).collect()
    }

    /// Formats the lines for a snapshot: values that differ between runs are replaced, and long lines are broken.
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
async fn a_list_is_one_line_and_the_first_counts_a_cold_start() {
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
      "message_uuid":"01a20297-4dc0-71be-91b6-cdbd33a83dfe",
      "read_request_units":2.0,"write_request_units":16.0,"MessagesSent":1.0,"GroupsCreated":1.0,"ColdStarts":1.0,"ReadRequestUnits":2.0,"WriteRequestUnits":16.0,
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
      "message_uuid":"01a20297-4dc0-7646-9af3-03bb583db0e1",
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
      "message_uuid":"01a20297-4dc0-71be-91b6-cdbd33a83dfe",
      "read_request_units":3.0,"write_request_units":0.0,"MessagesReplayed":1.0,"ReadRequestUnits":3.0,
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
    // The SDK logs a warning about the emulator, which has no connection to close.
    let log = Log::start("cruddur-create-message", "info,aws_smithy_runtime=off", world.clock.clock());
    world.emulator.fail("TransactWriteItems", 3, Fault::Lost(Failure::Status(500, "InternalServerError")));
    let body = json!({"handle": bob.user.handle, "message": "hello"}).to_string();
    world.post_with(&alice, &[("idempotency-key", "once")], body).await.ok();
    let lines = log.take();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let line = parse(&lines[0]);
    assert_eq!((&line["MessagesSent"], &line["GroupsCreated"]), (&json!(1.0), &json!(1.0)), "{line}");
    assert_eq!(line.get("MessagesReplayed"), None);
}

#[tokio::test]
async fn a_message_over_the_send_limit_and_one_that_it_could_not_count_are_measured() {
    let mut world = World::new().await;
    world.redeploy(|parts| parts.send_limit = Some(limit(1, 60)));
    let (alice, bob, _) = world.pair().await;
    let log = Log::start("cruddur-create-message", "info,aws_smithy_runtime=off", world.clock.clock());
    let throttled = Fault::NotExecuted(Failure::Status(400, "ThrottlingException"));
    world.emulator.fail("UpdateItem", usize::MAX, throttled);
    world.send(&alice, &bob, "not counted").await;
    world.emulator.inject(|_| Fault::None);
    world.send(&alice, &bob, "counted").await;
    let refused = world.post(&alice, &json!({"handle": bob.user.handle, "message": "too many"})).await;
    assert_eq!(refused.status, 429);
    let lines = log.take();
    let shown = lines.iter().map(|line| parse(line)).map(|line| {
        let of = |name: &str| line.get(name).cloned().unwrap_or_default();
        [of("level"), of("message"), of("status"), of("cause"), of("SendsUncounted"), of("SendsLimited")]
    });
    let user = json!(alice.user.uuid);
    assert_eq!(parse(&lines[0])["user_uuid"], user);
    assert_eq!(parse(&lines[3])["user_uuid"], user);
    insta::assert_snapshot!(json!(shown.collect::<Vec<_>>()), @r#"[["WARN","let a message through uncounted",null,"DynamoDB is busy: service error: ThrottlingException: injected: ThrottlingException: injected",null,null],["INFO","answered",200,null,1.0,null],["INFO","answered",200,null,null,null],["INFO","refused",429,"the caller is over the send limit",null,1.0]]"#);
}

#[tokio::test]
async fn a_failure_is_an_error_line_with_its_causes_and_the_line_of_the_invocation() {
    let mut world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    world.redeploy(|parts| parts.postgres = broken_postgres::unreachable());
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
async fn a_batch_logs_each_kind_of_move() {
    let world = World::new().await;
    let [sunyoung, scarlett, lore, andrew, bayko] =
        world.demo_users(["sunyoung", "scarlett", "lore", "andrew", "bayko"]);
    let mut groups = Vec::new();
    for other in [&scarlett, &lore, &andrew, &bayko] {
        let sent = world.send(&sunyoung, other, "hello").await;
        groups.push(sent["message_group_uuid"].as_str().unwrap().to_owned());
        world.clock.advance(TimeDelta::milliseconds(1));
    }
    // Lore's row has been in place since the first message. The others have a newer message.
    for other in [&scarlett, &andrew, &bayko] {
        world.send(&sunyoung, other, "hello again").await;
    }
    let (hidden, headless) = (groups[2].clone(), RowKind::Membership.partition(&groups[3]));
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
    let mut poison =
        stream_record(&json!({"pk": {"S": RowKind::Message.partition("")}, "sk": {"S": ""}}), 99);
    poison["dynamodb"]["NewImage"]["message"] = json!({"S": "hello"});
    event["Records"].as_array_mut().unwrap().push(poison);
    world.clock.advance(TimeDelta::microseconds(250_500));

    let log = Log::start("cruddur-stream-handler", "", world.clock.clock());
    let answer = world.deliver(&event).await;
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 2, "{answer}");
    insta::assert_snapshot!(log.shown(), @r#"
    {"timestamp":"2026-11-22T09:30:00.254500Z","level":"ERROR","target":"cruddur::stream","requestId":"REQUEST",
      "message":"skipped a record",
      "cause":"the row is malformed: malformed key for this kind of row","sequence_number":"000000000000000000099"}
    {"timestamp":"2026-11-22T09:30:00.254500Z","level":"ERROR","target":"stream_handler","requestId":"REQUEST",
      "message":"could not move the group",
      "group_uuid":"cb529219-038c-56ad-9690-03f309329e41",
      "cause":"the group has no membership row"}
    {"timestamp":"2026-11-22T09:30:00.254500Z","level":"INFO","requestId":"REQUEST",
      "message":"read a batch","route":"stream-handler",
      "duration_ms":MS,"records":8,"groups":4,
      "read_request_units":14.0,"write_request_units":33.0,
      "RowsMoved":4.0,"RowsAlreadyThere":2.0,"RowsLocated":2.0,
      "GroupsNotMoved":1.0,"RecordsSkipped":1.0,
      "MoveDelay":[250.5,250.5],"EventsLogged":10.0,"ColdStarts":1.0,"ReadRequestUnits":14.0,"WriteRequestUnits":33.0,
      "FunctionName":"cruddur-stream-handler",
      "_aws":{"Timestamp":1795339800254,"CloudWatchMetrics":[{"Namespace":"CruddurMessages","Dimensions":[["FunctionName"]],
      "Metrics":[{"Name":"RowsMoved","Unit":"Count"},
       {"Name":"RowsAlreadyThere","Unit":"Count"},
       {"Name":"RowsLocated","Unit":"Count"},
       {"Name":"GroupsNotMoved","Unit":"Count"},
       {"Name":"RecordsSkipped","Unit":"Count"},
       {"Name":"MoveDelay","Unit":"Milliseconds"},
       {"Name":"EventsLogged","Unit":"Count"},
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
async fn a_user_who_is_not_created_is_counted() {
    let mut world = World::new().await;
    world.redeploy(|parts| parts.postgres = broken_postgres::unreachable());
    let event = include_str!("../../../../events/post-confirmation/confirm-sign-up.json");
    let log = Log::start("cruddur-post-confirmation", "", world.clock.clock());
    world.functions["post-confirmation"].invoke(event.to_owned()).await.unwrap();
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
async fn simultaneous_invocations_count_separately() {
    let world = World::new().await;
    let (alice, bob, group_uuid) = world.pair().await;
    // More than the 4 KB of one unit.
    world.send(&alice, &bob, &"語".repeat(1024)).await;
    world.send(&alice, &bob, &"語".repeat(1024)).await;
    let path = format!("/api/messages/{group_uuid}");
    // From here on the environment remembers the membership, so all lists below cost the same.
    world.get(&alice, &path).await.ok();
    let log = Log::start("cruddur", "", world.clock.clock());
    // Every invocation waits for the others' calls between its own, in any order.
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
    let lists = of("GET /api/messages/{message_group_uuid}", 3.0);
    assert_eq!(units, [groups.clone(), groups.clone(), groups, lists.clone(), lists.clone(), lists]);
}

#[tokio::test]
async fn more_than_100_values_go_to_further_lines() {
    let world = World::new().await;
    let log = Log::start("cruddur-stream-handler", "", world.clock.clock());
    let work = async {
        (0..250).for_each(|number| invocation::measure(Metric::MoveDelay, f64::from(number)));
        invocation::count(Metric::RowsMoved, 500);
        ((), Completion::new("read a batch"))
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
async fn calls_outside_an_invocation_are_no_ops() {
    let world = World::new().await;
    let log = Log::start("cruddur", "", world.clock.clock());
    invocation::count(Metric::UnknownKeys, 1);
    invocation::user(Uuid::max());
    invocation::observe("stream-handler", async { ((), Completion::new("read a batch")) }).await;
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
fn a_panic_is_logged_with_its_location_and_without_its_text() {
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
    assert!(line["location"].as_str().unwrap().starts_with("proof/testing/tests/it/logs.rs:"), "{line}");
    assert!(!lines[0].contains(SECRET), "{line}");
}

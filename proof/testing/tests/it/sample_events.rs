//! Compares every file in `events/` with the table in `events/README.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use cruddur::{
    clock::Clock,
    config::TokenConfig,
    message::{
        Messages,
        send::{NewMessage, Target},
    },
    table::{Partition, RowKind},
    user::Receiver,
};
use local::{
    deployment::{FUNCTIONS, WEBSOCKET_CONNECT},
    function::Function,
};
use serde_json::{Value, json};
use testing::{World, world::kind_of};
use tokio_postgres::types::Type;

use crate::erasures::DUE;

/// The table's answer for each `(function, case)`.
type Cases = BTreeMap<(String, String), String>;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

/// Parses the README's table. A function is named in its first row only.
fn cases() -> Cases {
    let text = fs::read_to_string(folder().join("README.md")).unwrap();
    let mut cases = Cases::new();
    let mut function = "";
    for row in text.lines().filter(|line| line.starts_with('|')).skip(2) {
        let [_, name, names, answer, _] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("not three columns: {row}")
        };
        if !name.is_empty() {
            function = name;
        }
        for case in names.split(',') {
            // A remark in parentheses may follow.
            let case = case.split('(').next().unwrap().trim();
            let known = cases.insert((function.to_owned(), case.to_owned()), answer.to_owned());
            assert_eq!(known, None, "{function}/{case} stands there twice");
        }
    }
    cases
}

/// The cases of one function, with their answers in the table.
fn cases_of(function: &str) -> Vec<(String, String)> {
    let cases = cases().into_iter().filter(|((of, _), _)| of == function);
    let cases: Vec<_> = cases.map(|((_, case), answer)| (case, answer)).collect();
    assert!(!cases.is_empty());
    cases
}

fn event(function: &str, case: &str) -> String {
    fs::read_to_string(folder().join(function).join(format!("{case}.json"))).unwrap()
}

/// A world that accepts the events' tokens and has the README's groups, with one message each from before the
/// first event.
async fn world() -> World {
    let mut world = World::new().await;
    let tokens = TokenConfig {
        issuer: "http://127.0.0.1:4567/local/issuer".to_owned(),
        client_ids: vec!["cruddur-local-client".to_owned()],
        key_set: Some(fs::read_to_string(folder().join("key-set.json")).unwrap()),
    };
    world.redeploy(|parts| parts.tokens = tokens);
    let [sunyoung, scarlett, andrew, bayko] =
        world.demo_users(["sunyoung", "scarlett", "andrew", "bayko"]).map(|user| user.user);
    for (sender, receiver, time) in [
        (&sunyoung, &scarlett, "2026-01-05T09:00:00Z"),
        (&andrew, &sunyoung, "2026-01-05T09:01:00Z"),
        (&andrew, &bayko, "2026-01-05T09:02:00Z"),
    ] {
        let target = Target::User {
            handle: Some(receiver.handle.parse().unwrap()),
            receiver: Receiver::of_everyone(receiver.clone()),
        };
        let text = "hello".parse().unwrap();
        let new = NewMessage { sender: sender.clone(), target, text, reply_to: None, idempotency_key: None };
        let clock = Clock::from_fn(move || time.parse().unwrap());
        Messages::new(world.table(), clock.clone(), world.parts.random.clone(), None)
            .send(new)
            .await
            .unwrap();
    }
    world
}

#[test]
fn the_table_lists_exactly_the_events() {
    let named: BTreeSet<_> = cases().into_keys().collect();
    let mut files = BTreeSet::new();
    for function in fs::read_dir(folder()).unwrap().map(Result::unwrap) {
        if function.file_type().unwrap().is_dir() {
            for file in fs::read_dir(function.path()).unwrap().map(Result::unwrap) {
                let (function, file) = (function.file_name(), file.file_name());
                let case = file.to_str().unwrap().strip_suffix(".json").unwrap();
                files.insert((function.to_str().unwrap().to_owned(), case.to_owned()));
            }
        }
    }
    assert_eq!(files, named);
}

#[test]
fn the_table_has_every_function() {
    let functions: BTreeSet<_> = cases().into_keys().map(|(function, _)| function).collect();
    assert_eq!(functions, FUNCTIONS.iter().map(|function| function.name.to_owned()).collect());
}

/// Compares a function's responses with the table: a status and, for all but 200 and 401, the codes. An opened connection
/// has no body.
async fn hold_against_table(function: &Function) {
    let name = function.name();
    for (case, expected) in cases_of(name) {
        let answer = function.invoke(event(name, &case)).await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let (status, codes) = expected.split_once(' ').unwrap_or((&expected, ""));
        assert_eq!(answer["statusCode"].to_string(), status, "{name} {case}: {answer}");
        if name == WEBSOCKET_CONNECT && status == "200" {
            assert_eq!(answer["headers"]["sec-websocket-protocol"], "cruddur.v1", "{case}");
            continue;
        }
        if status == "204" {
            assert_eq!(answer["body"], Value::Null, "{name} {case}");
            continue;
        }
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        match status {
            "200" if codes == "`[]`" => assert_eq!(body, json!([]), "{name} {case}"),
            "200" => assert!(body != json!([]) && body != json!({}), "{name} {case}: {answer}"),
            "401" => assert_eq!(body, json!({}), "{name} {case}"),
            _ => {
                let codes = codes.split(", ").map(|code| code.trim_matches('`')).collect::<Vec<_>>();
                assert_eq!(body, json!(codes), "{name} {case}");
            }
        }
    }
}

#[tokio::test]
async fn each_route_answers_as_the_table_says() {
    let routes =
        FUNCTIONS.iter().filter(|function| !function.routes.is_empty()).map(|function| function.name);
    for function in routes.chain([WEBSOCKET_CONNECT]) {
        hold_against_table(&world().await.functions[function]).await;
    }
}

/// Sets the field at a path of names.
fn set(event: &mut Value, path: &[&str], value: Value) {
    let field = path.iter().fold(event, |field, name| &mut field[*name]);
    *field = value;
}

/// Events that API Gateway is not known to send. `lambda_http` panics on them or rejects them.
#[tokio::test]
async fn an_unexpected_event_is_answered_as_usual() {
    let world = world().await;
    let functions = &world.functions;
    let claims = ["requestContext", "authorizer", "jwt", "claims"];
    for (function, case) in [
        (&functions["list-message-groups"], "first-page"),
        (&functions["list-messages"], "first-page"),
        (&functions["list-messages"], "no-token"),
        (&functions["create-message"], "to-group"),
        (&functions["show-user"], "found"),
        (&functions["list-events"], "end"),
        (&functions["open-connection"], "no-token"),
    ] {
        let good: Value = serde_json::from_str(&event(function.name(), case)).unwrap();
        let expected = if case == "no-token" { 401 } else { 200 };
        for (path, value) in [
            (&["headers", "host"][..], json!("a b")),
            (&["headers", "host"], json!("x|y")),
            (&["headers", "host"], json!("one.example,two.example")),
            (&["headers", "host"], json!("xn--a")),
            (&["headers", "host"], json!(":99999999")),
            (&["headers", "host"], json!("")),
            (&["headers", "x-forwarded-proto"], json!("a b")),
            (&["headers", "x-forwarded-proto"], json!("https,http")),
            (&["headers", "bad name"], json!("x")),
            (&["headers", "x-control"], json!("a\u{1}b")),
            (&["headers", "x-number"], json!(1)),
            (&["cookies"], json!("a=b")),
            (&["rawQueryString"], json!("a b\"<>\u{7f}")),
            (&["rawQueryString"], json!("x".repeat(65_536))),
            (&["rawQueryString"], json!("a=%zz&%ff=\u{0}")),
            (&["rawPath"], json!("/api/\u{0} \"<>?#")),
            (&["rawPath"], json!(":99999999")),
            (&["rawPath"], json!("x".repeat(65_536))),
            (&["rawPath"], json!(null)),
            (&["requestContext"], json!(null)),
            (&["requestContext", "http", "method"], json!("NO METHOD")),
            (&["requestContext", "domainName"], json!("a b")),
            (&["requestContext", "time"], json!(1.5)),
            (&["requestContext", "authorizer"], json!("x")),
            (&claims, json!({"exp": 1_795_339_800, "groups": ["a"], "nothing": null, "o": {"p": true}})),
            (&["stageVariables"], json!([1])),
        ] {
            let mut event = good.clone();
            set(&mut event, path, value);
            let answer = function.invoke(event.to_string()).await.unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(
                answer["statusCode"],
                json!(expected),
                "{} {case}, {path:?}: {answer}",
                function.name()
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_base64_it_claims_to_be_is_invalid() {
    let world = world().await;
    let create_message = &world.functions["create-message"];
    for (body, flag) in [
        (json!("not base64!"), json!(true)),
        (json!("e30"), json!(true)),
        (json!({"message": "x"}), json!(false)),
        (json!(null), json!(true)),
    ] {
        let mut event = serde_json::from_str::<Value>(&event("create-message", "to-group")).unwrap();
        (event["body"], event["isBase64Encoded"]) = (body, flag);
        let answer = create_message.invoke(event.to_string()).await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["statusCode"], &answer["body"]), (&json!(400), &json!("[\"body_invalid\"]")));
    }
}

/// Positions and texts of each group's inbox rows.
type Positions = BTreeMap<String, BTreeSet<(String, String)>>;

fn positions(world: &World) -> Positions {
    let mut positions = Positions::new();
    for row in world.rows() {
        if let Some(group) = row["message_group_uuid"]["S"].as_str() {
            positions.entry(group.to_owned()).or_default().insert(position(&row));
        }
    }
    positions
}

fn position(row: &Value) -> (String, String) {
    (row["sk"]["S"].as_str().unwrap().to_owned(), row["message"]["S"].as_str().unwrap().to_owned())
}

/// Expected positions of an event's new messages: the greatest of each group, for both members.
fn newest_messages(event: &Value) -> Positions {
    let mut newest = BTreeMap::<String, (String, String)>::new();
    for record in event["Records"].as_array().unwrap() {
        let row = &record["dynamodb"]["NewImage"];
        if kind_of(row) == Some(RowKind::Message) {
            let (_, group) = row["pk"]["S"].as_str().unwrap().split_once('#').unwrap();
            let greatest = newest.entry(group.to_owned()).or_default();
            *greatest = position(row).max(greatest.clone());
        }
    }
    newest.into_iter().map(|(group, position)| (group, BTreeSet::from([position]))).collect()
}

/// The messages of an event, each once for each of the two members.
fn new_messages(event: &Value) -> Vec<String> {
    let rows = event["Records"].as_array().unwrap().iter().map(|record| &record["dynamodb"]["NewImage"]);
    let messages = rows.filter(|row| kind_of(row) == Some(RowKind::Message)).map(|row| position(row).0);
    let messages = messages.collect::<BTreeSet<_>>();
    messages.into_iter().flat_map(|message| [message.clone(), message]).collect()
}

/// The messages in these rows of event logs.
fn logged_messages(logs: &[Value]) -> Vec<String> {
    let changes = logs.iter().flat_map(|row| row["changes"]["L"].as_array().into_iter().flatten());
    let messages = changes.map(|change| change["M"]["message_sk"]["S"].as_str().unwrap().to_owned());
    let mut messages = messages.collect::<Vec<_>>();
    messages.sort();
    messages
}

#[tokio::test]
async fn stream_handler_answers_as_the_table_says() {
    for (case, expected) in cases_of("stream-handler") {
        let mut world = world().await;
        // When the events were recorded: the messages are new.
        let recorded = Clock::from_fn(|| "2026-01-05T09:40:00Z".parse().unwrap());
        world.redeploy(|parts| parts.clock = recorded);
        let event = serde_json::from_str(&event("stream-handler", &case)).unwrap();
        let rows = world.rows();
        let mut positions_before = positions(&world);
        assert_eq!(world.deliver(&event).await, json!({"batchItemFailures": []}), "{case}");
        match &*expected {
            "the inbox rows move; no failures"
            | "the odd record in the middle is skipped, the others' groups move; no failures" => {
                let moved = newest_messages(&event);
                assert!(!moved.is_empty(), "{case}");
                positions_before.extend(moved);
                assert_eq!(positions(&world), positions_before, "{case}");
                let (logs, others): (Vec<_>, Vec<_>) =
                    world.rows().into_iter().partition(|row| kind_of(row) == Some(RowKind::EventLog));
                assert_eq!(others.len(), rows.len(), "{case}");
                assert_eq!(logged_messages(&logs), new_messages(&event), "{case}");
            }
            "the marker is in the inbox row; no failures" => {
                let state = &event["Records"][0]["dynamodb"]["NewImage"];
                let user = state["sk"]["S"].as_str().unwrap().parse().unwrap();
                let inbox = Partition::Inbox(user).to_string();
                let row = world.rows().into_iter().find(|row| row["pk"]["S"] == inbox).unwrap();
                assert_eq!(row["read_sk"], state["read_sk"], "{case}");
            }
            "nothing happens; no failures" => assert_eq!(world.rows(), rows, "{case}"),
            _ => panic!("{case}: the test knows no such answer as {expected}"),
        }
    }
}

#[tokio::test]
async fn erase_accounts_answers_as_the_table_says() {
    let _due = DUE.lock().await;
    for (case, expected) in cases_of("erase-accounts") {
        assert_eq!(expected, "a pass of each erasure that is due", "{case}");
        let world = world().await;
        let rows = world.rows();
        assert_eq!(
            world.functions["erase-accounts"].invoke(event("erase-accounts", &case)).await.unwrap(),
            "null"
        );
        assert_eq!(world.rows(), rows, "nothing is due");
    }
}

/// Users of a Cognito user: handle, name and email address of each.
async fn users_of(world: &World, sub: &str) -> Vec<(String, String, Option<String>)> {
    let statement = "SELECT handle, display_name, email FROM users WHERE cognito_user_id = $1";
    let rows = world.parts.postgres.query(statement, &[(&sub, Type::TEXT)]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test]
async fn post_confirmation_answers_as_the_table_says() {
    let world = world().await;
    let imported = "INSERT INTO users (handle, display_name, email) VALUES ('lore-imported', 'Lore', $1)
        ON CONFLICT DO NOTHING";
    world.parts.postgres.query(imported, &[(&"lore@example.com", Type::TEXT)]).await.unwrap();
    for (case, expected) in cases_of("post-confirmation") {
        let text = event("post-confirmation", &case);
        let event: Value = serde_json::from_str(&text).unwrap();
        let attribute = |name: &str| event["request"]["userAttributes"][name].as_str().map(str::to_owned);
        let sub = attribute("sub").unwrap();
        let before = users_of(&world, &sub).await;

        let answer = world.functions["post-confirmation"].invoke(text).await.unwrap();

        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), event, "{case}");
        let entered = |handle: String| vec![(handle, attribute("name").unwrap(), attribute("email"))];
        let after = users_of(&world, &sub).await;
        match &*expected {
            "nothing changes" => {
                assert_eq!(after, before, "{case}");
                assert_eq!(after.len(), 1, "{case}");
            }
            "the user is added" => {
                assert_eq!(after, entered(attribute("preferred_username").unwrap()), "{case}");
            }
            "the user is added as `user-` and 8 digits of the sub" => {
                assert_eq!(after, entered(format!("user-{}", &sub[..8])), "{case}");
            }
            "a row with this email and no `cognito_user_id` is not taken over" => {
                let statement = "SELECT handle, cognito_user_id FROM users WHERE email = $1 ORDER BY handle";
                let email = attribute("email").unwrap();
                let rows = world.parts.postgres.query(statement, &[(&email, Type::TEXT)]).await.unwrap();
                let rows: Vec<(String, Option<String>)> =
                    rows.iter().map(|row| (row.get(0), row.get(1))).collect();
                assert!(rows.contains(&("lore-imported".to_owned(), None)), "{case}: {rows:?}");
                assert_eq!(after, entered(attribute("preferred_username").unwrap()), "{case}");
            }
            _ => panic!("{case}: the test knows no such answer as {expected}"),
        }
    }
}

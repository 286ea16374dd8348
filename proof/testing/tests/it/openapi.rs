//! Compares `openapi.yaml` with the handlers' responses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use axum::body::Body;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cruddur::{config::EditWindow, message_group::uuid_of_pair};
use http::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use testing::{Answer, Failure, Fault, TestUser, World, broken_postgres, yaml};

use crate::send_limit::limit;

const LIST_GROUPS: (&str, &str) = ("/api/message_groups", "get");
const LIST_MESSAGES: (&str, &str) = ("/api/messages/{message_group_uuid}", "get");
const CREATE: (&str, &str) = ("/api/messages", "post");
const SHOW_USER: (&str, &str) = ("/api/users/{handle}/short", "get");
const SHOW_ME: (&str, &str) = ("/api/me", "get");
const LIST_EVENTS: (&str, &str) = ("/api/events", "get");
const SHOW_GROUP: (&str, &str) = ("/api/message_groups/{message_group_uuid}", "get");
const MARK_READ: (&str, &str) = ("/api/message_groups/{message_group_uuid}/read", "put");
const MARK_UNREAD: (&str, &str) = ("/api/message_groups/{message_group_uuid}/read", "delete");
const COUNT_UNREAD: (&str, &str) = ("/api/unread", "get");
const EDIT: (&str, &str) = ("/api/messages/{message_group_uuid}/{message_uuid}", "put");
const DELETE: (&str, &str) = ("/api/messages/{message_group_uuid}/{message_uuid}", "delete");
const REACT: (&str, &str) = ("/api/messages/{message_group_uuid}/{message_uuid}/reactions/{emoji}", "put");
const TAKE_BACK: (&str, &str) =
    ("/api/messages/{message_group_uuid}/{message_uuid}/reactions/{emoji}", "delete");
const UPDATE_ME: (&str, &str) = ("/api/me", "patch");
const SEARCH_USERS: (&str, &str) = ("/api/users", "get");
const BLOCK: (&str, &str) = ("/api/blocks/{user_uuid}", "put");
const UNBLOCK: (&str, &str) = ("/api/blocks/{user_uuid}", "delete");
const LIST_BLOCKS: (&str, &str) = ("/api/blocks", "get");
const UPDATE_GROUP: (&str, &str) = ("/api/message_groups/{message_group_uuid}", "patch");
const REPORT: (&str, &str) = ("/api/reports", "post");
const EXPORT_ME: (&str, &str) = ("/api/me/export", "get");
const LIST_REQUESTS: (&str, &str) = ("/api/message_requests", "get");
const ACCEPT: (&str, &str) = ("/api/message_requests/{message_group_uuid}", "put");
const DECLINE: (&str, &str) = ("/api/message_requests/{message_group_uuid}", "delete");

const OPERATIONS: [(&str, &str); 25] = [
    LIST_GROUPS,
    LIST_MESSAGES,
    CREATE,
    SHOW_USER,
    SHOW_ME,
    LIST_EVENTS,
    SHOW_GROUP,
    MARK_READ,
    MARK_UNREAD,
    COUNT_UNREAD,
    EDIT,
    DELETE,
    REACT,
    TAKE_BACK,
    UPDATE_ME,
    SEARCH_USERS,
    BLOCK,
    UNBLOCK,
    LIST_BLOCKS,
    UPDATE_GROUP,
    REPORT,
    EXPORT_ME,
    LIST_REQUESTS,
    ACCEPT,
    DECLINE,
];

/// The API description.
struct Description(Value);

impl Description {
    fn read() -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../openapi.yaml");
        let text = fs::read_to_string(path).unwrap();
        Self(yaml::parse(&text))
    }

    /// An operation's response, with its reference resolved.
    fn response(&self, (path, method): (&str, &str), status: &str) -> Option<&Value> {
        let response = self.0["paths"][path][method]["responses"].get(status)?;
        match response["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.strip_prefix('#').unwrap()),
            None => Some(response),
        }
    }

    /// A validator for a schema and everything that it refers to.
    fn validator(&self, schema: &Value) -> jsonschema::Validator {
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }

    /// Fails unless the response is described.
    #[track_caller]
    fn hold(&self, operation: (&str, &str), answer: &Answer) {
        let status = answer.status.as_u16().to_string();
        let response = self.response(operation, &status);
        let response = response.unwrap_or_else(|| panic!("{operation:?} does not describe {answer:?}"));
        if status == "204" {
            assert_eq!(
                (answer.header("content-type"), &*answer.body),
                (None, ""),
                "{operation:?} {answer:?}"
            );
            return;
        }
        let content = response["content"].as_object().unwrap();
        let content_type = content.keys().next().unwrap();
        assert_eq!(answer.header("content-type"), Some(&**content_type), "{operation:?} {answer:?}");
        let validator = self.validator(&content[content_type]["schema"]);
        let bodies = match &**content_type {
            "application/x-ndjson" => answer.body.lines().collect(),
            _ => vec![&*answer.body],
        };
        for body in bodies {
            let body: Value = serde_json::from_str(body).unwrap();
            if let Err(error) = validator.validate(&body) {
                panic!("{operation:?} {answer:?}: {error} at {}", error.instance_path());
            }
        }
        for header in ["Link", "Retry-After", "WWW-Authenticate"] {
            let described = response["headers"].get(header).is_some();
            assert!(described || answer.header(header).is_none(), "{operation:?} {answer:?}: {header}");
        }
    }
}

fn get(path: &str, token: Option<&str>) -> Request<Body> {
    let request = Request::builder().uri(path);
    let request = token
        .into_iter()
        .fold(request, |request, token| request.header("authorization", format!("Bearer {token}")));
    request.body(Body::empty()).unwrap()
}

fn post(token: Option<&str>, key: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(Method::POST).uri("/api/messages");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(body.into()).unwrap()
}

fn ask((path, method): (&str, &str), token: Option<&str>, body: &Value) -> Request<Body> {
    let request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
    let request = token
        .iter()
        .fold(request, |request, token| request.header("authorization", format!("Bearer {token}")));
    request.body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) }).unwrap()
}

/// A listed message.
struct Place<'a> {
    uuid: &'a str,
    created_at: &'a str,
}

impl Place<'_> {
    fn of(message: &Value) -> Place<'_> {
        Place { uuid: message["uuid"].as_str().unwrap(), created_at: message["created_at"].as_str().unwrap() }
    }
}

/// Valid and invalid requests about a group's state and messages. `own` are messages of `me`, of which the first is old,
/// the second is deleted by the requests, and `others` is one of the other member.
fn changes(
    group: &str,
    [old, own, others]: [Place<'_>; 3],
    me: &TestUser,
    ghost: &TestUser,
) -> Vec<((&'static str, &'static str), Request<Body>)> {
    const THUMBS_UP: &str = "%F0%9F%91%8D";
    let unknown = "0195b5a0-0000-7000-8000-0000000000ff";
    let mine = Some(&*me.token);
    let mut requests = Vec::new();
    let mut add =
        |operation: (&'static str, &'static str), path: String, token: Option<&str>, body: Value| {
            requests.push((operation, ask((&path, operation.1), token, &body)));
        };
    let read = |group: &str| format!("/api/message_groups/{group}/read");
    let message = |group: &str, place: &Place<'_>| format!("/api/messages/{group}/{}", place.uuid);
    let at = |place: &Place<'_>| format!("?created_at={}", place.created_at);
    let edit = |place: &Place<'_>, text: &str| json!({"message": text, "created_at": place.created_at});
    for token in [None, Some(&*ghost.token), mine] {
        add(COUNT_UNREAD, "/api/unread".to_owned(), token, Value::Null);
        add(UPDATE_ME, "/api/me".to_owned(), token, json!({}));
        for group in [group, unknown, "x", "%20"] {
            add(SHOW_GROUP, format!("/api/message_groups/{group}"), token, Value::Null);
            add(MARK_READ, read(group), token, json!({}));
            let query = format!("?message_uuid={}&created_at={}", own.uuid, own.created_at);
            add(MARK_UNREAD, read(group) + &query, token, Value::Null);
            for place in [&own, &others, &old] {
                add(EDIT, message(group, place), token, edit(place, "another text"));
                let reaction = message(group, place) + "/reactions/" + THUMBS_UP + &at(place);
                add(REACT, reaction.clone(), token, Value::Null);
                add(TAKE_BACK, reaction, token, Value::Null);
            }
            add(DELETE, message(group, &others) + &at(&others), token, Value::Null);
        }
    }
    for body in [json!([]), json!({"message_uuid": "x"}), json!({"message_uuid": "x".repeat(17 * 1024)})] {
        add(MARK_READ, read(group), mine, body);
    }
    add(MARK_UNREAD, read(group), mine, Value::Null);
    for body in [json!([]), json!({"display_name": " "}), json!({"display_name": "x".repeat(17 * 1024)})] {
        add(UPDATE_ME, "/api/me".to_owned(), mine, body);
    }
    for body in [
        json!([]),
        json!({}),
        json!({"message": "x".repeat(1025)}),
        json!({"message": "x".repeat(17 * 1024)}),
    ] {
        add(EDIT, format!("/api/messages/{group}/x"), mine, body);
    }
    let absent = Place { uuid: unknown, created_at: own.created_at };
    add(EDIT, message(group, &absent), mine, edit(&absent, "text"));
    add(DELETE, message(group, &absent) + &at(&absent), mine, Value::Null);
    add(DELETE, message(group, &own), mine, Value::Null);
    add(REACT, message(group, &own) + "/reactions/a", mine, Value::Null);
    add(TAKE_BACK, message(group, &own) + "/reactions/a", mine, Value::Null);
    for emoji in ["😀", "😁", "😂", "😃", "😄", "😅"] {
        let encoded = utf8_percent_encode(emoji, NON_ALPHANUMERIC).to_string();
        add(REACT, message(group, &others) + "/reactions/" + &encoded + &at(&others), mine, Value::Null);
    }
    add(DELETE, message(group, &own) + &at(&own), mine, Value::Null);
    add(EDIT, message(group, &own), mine, edit(&own, "yet another text"));
    add(REACT, message(group, &own) + "/reactions/" + THUMBS_UP + &at(&own), mine, Value::Null);
    for (place, reply_at) in
        [(&own, own.created_at), (&absent, own.created_at), (&others, others.created_at), (&own, "x")]
    {
        let body = json!({
            "message_group_uuid": group,
            "message": "a reply",
            "reply_to": {"uuid": place.uuid, "created_at": reply_at},
        });
        add(CREATE, "/api/messages".to_owned(), mine, body);
    }
    add(LIST_MESSAGES, format!("/api/messages/{group}"), mine, Value::Null);
    add(LIST_GROUPS, "/api/message_groups".to_owned(), mine, Value::Null);
    requests
}

/// Blocks, what they refuse, and their ends.
fn blocks(
    group: &str,
    me: &TestUser,
    other: &TestUser,
    ghost: &TestUser,
) -> Vec<((&'static str, &'static str), Request<Body>)> {
    let mine = Some(&*me.token);
    let mut requests = Vec::new();
    let mut add = |operation: (&'static str, &'static str), path: &str, token: Option<&str>| {
        requests.push((operation, ask((path, operation.1), token, &Value::Null)));
    };
    let path = |uuid: &dyn std::fmt::Display| format!("/api/blocks/{uuid}");
    let nobody = "0195b5a0-0000-7000-8000-0000000000fe";
    for token in [None, Some(&*ghost.token), mine] {
        add(BLOCK, &path(&other.user.uuid), token);
        add(LIST_BLOCKS, "/api/blocks", token);
    }
    for query in ["limit=0", "cursor=x", "limit=0&cursor=x"] {
        add(LIST_BLOCKS, &format!("/api/blocks?{query}"), mine);
    }
    for uuid in ["x", nobody, &me.user.uuid.to_string()] {
        add(BLOCK, &path(&uuid), mine);
        add(UNBLOCK, &path(&uuid), mine);
    }
    for user in [me, other] {
        let body = json!({"message_group_uuid": group, "message": "hello"}).to_string();
        requests.push((CREATE, post(Some(&user.token), None, body)));
    }
    for token in [None, Some(&*ghost.token), mine] {
        requests.push((UNBLOCK, ask((&path(&other.user.uuid), UNBLOCK.1), token, &Value::Null)));
    }
    requests
}

/// A request, and its answers.
fn message_requests(
    group: &str,
    me: &TestUser,
    stranger: &TestUser,
    ghost: &TestUser,
) -> Vec<((&'static str, &'static str), Request<Body>)> {
    let mine = Some(&*me.token);
    let ask_requests = |body: &Value| (UPDATE_ME, ask(("/api/me", UPDATE_ME.1), mine, body));
    let mut requests = vec![
        ask_requests(&json!({"messages_from": "friends"})),
        ask_requests(&json!({"messages_from": "requests"})),
    ];
    let body = json!({"user_uuid": me.user.uuid, "message": "hello"}).to_string();
    for _ in 0..2 {
        requests.push((CREATE, post(Some(&stranger.token), None, body.clone())));
    }
    let mut add = |operation: (&'static str, &'static str), path: &str, token: Option<&str>| {
        requests.push((operation, ask((path, operation.1), token, &Value::Null)));
    };
    let of_stranger = uuid_of_pair(me.user.uuid, stranger.user.uuid).to_string();
    for token in [None, Some(&*ghost.token), mine] {
        add(LIST_REQUESTS, "/api/message_requests", token);
        for operation in [DECLINE, ACCEPT] {
            add(operation, &format!("/api/message_requests/{of_stranger}"), token);
        }
        add(SHOW_GROUP, &format!("/api/message_groups/{of_stranger}"), token);
    }
    for query in ["limit=0", "cursor=x", "limit=0&cursor=x"] {
        add(LIST_REQUESTS, &format!("/api/message_requests?{query}"), mine);
    }
    let nowhere = "0195b5a0-0000-7000-8000-0000000000ff";
    for uuid in ["x", nowhere, group] {
        for operation in [DECLINE, ACCEPT] {
            add(operation, &format!("/api/message_requests/{uuid}"), mine);
        }
    }
    requests
}

/// Settings of a group, and reports of a message in it.
fn settings_and_reports(
    group: &str,
    message: &Place<'_>,
    me: &TestUser,
    ghost: &TestUser,
) -> Vec<((&'static str, &'static str), Request<Body>)> {
    let mine = Some(&*me.token);
    let mut requests = Vec::new();
    let mut set = |group: &str, token: Option<&str>, body: &Value| {
        let path = format!("/api/message_groups/{group}");
        requests.push((UPDATE_GROUP, ask((&path, UPDATE_GROUP.1), token, body)));
    };
    let nowhere = "0195b5a0-0000-7000-8000-0000000000ff";
    let mute = json!({"muted_until": "2026-11-23T09:30:00.000000Z"});
    for (group, token) in
        [(group, None), (group, Some(&*ghost.token)), (group, mine), (nowhere, mine), ("x", mine)]
    {
        set(group, token, &mute);
    }
    for body in [
        json!({"hidden": true}),
        json!({"hidden": false}),
        json!({"muted_until": "later", "cleared": false}),
        json!([]),
        json!({"x": "x".repeat(17_000)}),
    ] {
        set(group, mine, &body);
    }
    let report = |message_uuid: &str, reason: &str| {
        json!({
            "message_group_uuid": group,
            "message_uuid": message_uuid,
            "created_at": message.created_at,
            "reason": reason,
        })
    };
    let reported = report(message.uuid, "spam");
    let mut post = |token: Option<&str>, body: &Value| {
        requests.push((REPORT, ask((REPORT.0, REPORT.1), token, body)));
    };
    for token in [None, Some(&*ghost.token), mine] {
        post(token, &reported);
    }
    for body in [
        report(nowhere, "other"),
        report(message.uuid, "boring"),
        json!({}),
        json!([]),
        json!({"x": "x".repeat(17_000)}),
        json!({"message_group_uuid": nowhere, "message_uuid": message.uuid, "created_at": message.created_at, "reason": "spam"}),
    ] {
        post(mine, &body);
    }
    requests
}

/// Valid and invalid requests to every operation, without faults. `start` is the path of `me`'s first events.
fn requests(
    start: &str,
    group: &str,
    me: &TestUser,
    other: &str,
    ghost: &TestUser,
) -> Vec<((&'static str, &'static str), Request<Body>)> {
    let mine = Some(&*me.token);
    let mut requests = Vec::new();
    for token in [None, Some(&*ghost.token), mine] {
        requests.push((SHOW_ME, get("/api/me", token)));
        requests.push((EXPORT_ME, get("/api/me/export", token)));
        requests.push((SEARCH_USERS, get("/api/users?prefix=a", token)));
        requests.push((LIST_EVENTS, get("/api/events", token)));
        requests.push((LIST_GROUPS, get("/api/message_groups?limit=1", token)));
        requests.push((LIST_MESSAGES, get(&format!("/api/messages/{group}?limit=1"), token)));
        let body = json!({"message_group_uuid": group, "message": "hello"}).to_string();
        requests.push((CREATE, post(token, None, body)));
    }
    requests.push((SEARCH_USERS, get("/api/users", mine)));
    // The groups, and the messages of a foreign group.
    let sk = "2026-11-22T09:30:00.000000Z#0195b5a0-0000-7000-8000-0000000000ff";
    let foreign = format!("message/{sk}/0195b5a0-0000-7000-8000-0000000000ff/{sk}");
    for cursor in
        [BASE64_URL_SAFE_NO_PAD.encode("group"), BASE64_URL_SAFE_NO_PAD.encode(foreign), "x".to_owned()]
    {
        requests.push((EXPORT_ME, get(&format!("/api/me/export?cursor={cursor}"), mine)));
    }
    for query in ["limit=0", "cursor=x", "limit=0&cursor=x"] {
        requests.push((LIST_GROUPS, get(&format!("/api/message_groups?{query}"), mine)));
    }
    // The last is a cursor of another log.
    for path in
        [start, "/api/events?limit=0&after=x", "/api/events?after=MTc5NTMzOTgwMDAwMS0xNzk1MzM5ODAwMTIw"]
    {
        requests.push((LIST_EVENTS, get(path, mine)));
    }
    for path in ["%20", "x", "x?limit=0&cursor=x", "0195b5a0-0000-7000-8000-0000000000ff"] {
        requests.push((LIST_MESSAGES, get(&format!("/api/messages/{path}"), mine)));
    }
    for body in [
        json!([]),
        json!({}),
        json!({"message": 1}),
        json!({"handle": other, "message": "hello"}),
        json!({"handle": "no.such.user", "message": "hello"}),
        json!({"handle": me.user.handle, "message": "hello"}),
        json!({"user_uuid": me.user.uuid, "message": "hello"}),
        json!({"user_uuid": "x", "message": " ".repeat(1025)}),
        json!({"message_group_uuid": " ", "message": "x".repeat(1025)}),
        json!({"message_group_uuid": "x", "message": " "}),
        json!({"message_group_uuid": "0195b5a0-0000-7000-8000-0000000000ff", "message": "hello"}),
        json!({"message": "x".repeat(17 * 1024)}),
    ] {
        requests.push((CREATE, post(mine, None, body.to_string())));
    }
    for text in ["hello", "hello", "something else"] {
        let body = json!({"message_group_uuid": group, "message": text}).to_string();
        requests.push((CREATE, post(mine, Some("key-1"), body)));
    }
    requests.push((CREATE, post(mine, Some("two words"), "{}")));
    for handle in [format!("@{other}"), "no.such.user".to_owned()] {
        requests.push((SHOW_USER, get(&format!("/api/users/{handle}/short"), None)));
    }
    requests
}

#[tokio::test]
async fn every_answer_is_described_and_every_description_is_an_answer() {
    let description = Description::read();
    let mut world = World::new().await;
    let (alice, bob, group) = world.pair().await;
    let start = world.get(&alice, "/api/events").await.next_page().unwrap().to_owned();
    for text in ["one", "two"] {
        world.send(&alice, &bob, text).await;
        world.send(&alice, &world.user("carol").await, text).await;
    }
    world.deliver_all().await;
    // The message is then too old to be edited.
    world.clock.advance(EditWindow::DEFAULT.0);
    world.send(&alice, &bob, "three").await;
    world.send(&bob, &alice, "four").await;
    world.deliver_all().await;
    let (stranger, ghost) = (world.user("stranger").await, world.unprovisioned_user());
    let group = group.to_string();
    let messages = world.get(&alice, &format!("/api/messages/{group}")).await.ok();
    let places = || [0, 2, 3].map(|index: usize| Place::of(&messages[index]));

    let mut seen = BTreeSet::new();
    let mut codes = BTreeSet::new();
    let mut hold = |operation: (&'static str, &'static str), answer: &Answer| {
        description.hold(operation, answer);
        seen.insert((operation, answer.status.as_u16().to_string()));
        if let Ok(Value::Array(body)) = serde_json::from_str(&answer.body) {
            codes.extend(body.iter().filter(|code| code.is_string()).map(Value::to_string));
        }
    };
    let all = || {
        let changes = changes(&group, places(), &alice, &ghost);
        let [place, ..] = places();
        let settings = settings_and_reports(&group, &place, &alice, &ghost);
        let blocks = blocks(&group, &alice, &bob, &ghost);
        let message_requests = message_requests(&group, &alice, &stranger, &ghost);
        requests(&start, &group, &alice, &bob.user.handle, &ghost)
            .into_iter()
            .chain(changes)
            .chain(settings)
            .chain(blocks)
            .chain(message_requests)
    };
    for (operation, request) in all() {
        hold(operation, &world.request(request).await);
    }
    for failure in [Failure::Reset, Failure::Status(400, "AccessDeniedException")] {
        world.emulator.inject(move |_| Fault::NotExecuted(failure));
        for (operation, request) in all() {
            hold(operation, &world.request(request).await);
        }
    }
    world.emulator.inject(|_| Fault::None);
    world.redeploy(|parts| parts.send_limit = Some(limit(1, 60)));
    for _ in 0..2 {
        let body = json!({"message_group_uuid": group, "message": "hello"}).to_string();
        hold(CREATE, &world.request(post(Some(&alice.token), None, body)).await);
    }
    for postgres in [broken_postgres::unreachable(), broken_postgres::refusing()] {
        world.redeploy(|parts| parts.postgres = postgres);
        hold(SHOW_USER, &world.request(get("/api/users/@lore/short", None)).await);
        hold(SHOW_ME, &world.request(get("/api/me", Some(&alice.token))).await);
        hold(SEARCH_USERS, &world.request(get("/api/users?prefix=a", Some(&alice.token))).await);
        let patch = ask(("/api/me", "patch"), Some(&alice.token), &json!({}));
        hold(UPDATE_ME, &world.request(patch).await);
    }

    let described: BTreeSet<_> = OPERATIONS
        .into_iter()
        .flat_map(|operation| {
            let responses =
                description.0["paths"][operation.0][operation.1]["responses"].as_object().unwrap();
            responses.keys().map(move |status| (operation, status.clone()))
        })
        // Only create-message returns a 429 itself; elsewhere it comes from API Gateway's throttling.
        .filter(|(operation, status)| *operation == CREATE || status != "429")
        .collect();
    assert_eq!(seen, described);
    let code = &description.0["components"]["schemas"]["Code"]["enum"];
    let described: BTreeSet<_> = code.as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(codes, described);
}

#[tokio::test]
async fn the_gateways_own_answers_are_described_for_every_operation() {
    let world = World::new().await;
    let description = Description::read();
    let unknown = world.get_anonymously("/api/nothing").await;
    for operation in [LIST_MESSAGES, CREATE, SHOW_USER] {
        description.hold(operation, &unknown);
    }
    for (status, message) in
        [(429, "Too Many Requests"), (500, "Internal Server Error"), (503, "Service Unavailable")]
    {
        let body = json!({"message": message}).to_string();
        let status = http::StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: unknown.headers.clone(), body };
        for operation in OPERATIONS {
            description.hold(operation, &answer);
        }
    }
}

#[test]
fn every_example_matches_its_schema() {
    let description = Description::read();
    let mut examples = 0;
    let paths = description.0["paths"].as_object().unwrap();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            let mut bodies: BTreeMap<String, &Value> = BTreeMap::new();
            if let Some(body) = operation.get("requestBody") {
                bodies.insert("request".to_owned(), body);
            }
            for status in operation["responses"].as_object().unwrap().keys() {
                let response = description.response((path, method), status).unwrap();
                bodies.insert(status.clone(), response);
            }
            for (of, body) in bodies {
                if matches!(&*of, "202" | "204") {
                    continue;
                }
                let content = body["content"].as_object().unwrap().values().next().unwrap();
                let validator = description.validator(&content["schema"]);
                for (name, example) in content["examples"].as_object().unwrap() {
                    assert!(validator.is_valid(&example["value"]), "{method} {path} {of} {name}");
                    examples += 1;
                }
            }
        }
    }
    assert!(examples > 30, "{examples}");
}

//! No personal data and no message text is logged.

use std::collections::BTreeSet;

use axum::body::Body;
use cruddur::user::User;
use http::{Method, Request};
use serde_json::{Value, json};
use testing::{
    Failure, Fault, TestUser, World, broken_postgres,
    sockets::{SocketAnswer, Sockets, connect_event},
};
use uuid::Uuid;

use super::{
    Log, parse,
    rules::{embedded_metrics_errors, line_errors},
    with_key,
};
use crate::send_limit::limit;

/// Part of every text, name, handle, address and key in [`everything`].
pub(super) const SECRET: &str = "Xylophagous";

/// Every kind of invocation, with valid and invalid data, and with every failing dependency.
async fn everything(world: &mut World) {
    let sockets = Sockets::default();
    world.redeploy(|parts| parts.push = Some(sockets.parts()));
    let [alice, bob] = [secret_user(world, "a").await, secret_user(world, "b").await];
    let good = json!({"handle": bob.user.handle, "message": format!("{SECRET} and more")});
    let group = world.post(&alice, &good).await.ok()["message_group_uuid"].as_str().unwrap().to_owned();
    let [stranger, ghost] = [world.user("stranger").await, world.unprovisioned_user()];
    let callers = [with_key(world, &alice, SECRET), alice.clone(), bob.clone(), stranger, ghost];
    let events = post_confirmation_events(&alice);
    let refused = |status, code| Fault::NotExecuted(Failure::Status(status, code));
    let faults = [
        ("", Fault::None),
        ("Query", refused(500, "InternalServerError")),
        ("GetItem", refused(400, "AccessDeniedException")),
        ("TransactWriteItems", refused(400, "ValidationException")),
    ];
    for (operation, fault) in faults {
        world.emulator.fail(operation, usize::MAX, fault);
        ask(world, &callers, &bob, &group).await;
        deliver(world, &events).await;
    }
    world.emulator.inject(|_| Fault::None);
    for status in [410, 500] {
        sockets.answer_always(SocketAnswer::Status(status));
        world.post(&alice, &good).await;
        ask(world, &callers, &bob, &group).await;
        deliver(world, &events).await;
    }
    world.emulator.edit_answers(|_, answer| spoil(answer));
    ask(world, &callers, &bob, &group).await;
    deliver(world, &events).await;
    world.emulator.edit_answers(|_, _| ());
    world.redeploy(|parts| parts.send_limit = Some(limit(1, 60)));
    for fault in [refused(400, "ThrottlingException"), Fault::None] {
        world.emulator.fail("UpdateItem", usize::MAX, fault);
        ask(world, &callers, &bob, &group).await;
    }
    for postgres in [broken_postgres::unreachable(), broken_postgres::refusing()] {
        world.redeploy(|parts| parts.postgres = postgres);
        world.post(&alice, &good).await;
        world.get(&alice, &format!("/api/users/@{}/short", bob.user.handle)).await;
        deliver(world, &events).await;
    }
}

/// Every route, as each of `callers`, about `bob` and `group`.
async fn ask(world: &World, callers: &[TestUser], bob: &TestUser, group: &str) {
    let text = format!("{SECRET} and more");
    let to_bob = json!({"handle": bob.user.handle, "message": text}).to_string();
    let bodies = [
        to_bob.clone(),
        to_bob,
        json!({"message_group_uuid": group, "message": text}).to_string(),
        json!({"user_uuid": bob.user.uuid, "message": text}).to_string(),
        json!({"user_uuid": SECRET, "message": text}).to_string(),
        json!({"message_group_uuid": SECRET, "message": text}).to_string(),
        json!({"message_group_uuid": {SECRET: 1}, "message": text}).to_string(),
        json!({"message_group_uuid": group, "message": [SECRET]}).to_string(),
        json!({"handle": format!("{SECRET}-nobody"), "message": text}).to_string(),
        json!({"handle": bob.user.handle, "message": text.repeat(100)}).to_string(),
        format!("{{\"message\": {SECRET}"),
        SECRET.repeat(2_000),
    ];
    let paths = [
        "/api/me".to_owned(),
        "/api/message_groups".to_owned(),
        format!("/api/message_groups?cursor={SECRET}&limit={SECRET}"),
        format!("/api/messages/{group}"),
        format!("/api/messages/{SECRET}"),
        format!("/api/users/@{}/short", bob.user.handle),
        format!("/api/users/@{SECRET}-nobody/short"),
        "/api/events".to_owned(),
        "/api/events?after=MTc5NTMzOTgwMDAwMS0xNzk1MzM5ODAwMTIw".to_owned(),
        format!("/api/events?after={SECRET}&limit={SECRET}"),
    ];
    let key = format!("key-{SECRET}");
    for caller in callers {
        for body in &bodies {
            for key in [&key, &key.repeat(9)] {
                world.post_with(caller, &[("idempotency-key", key)], body.clone()).await;
            }
        }
        for path in &paths {
            world.get(caller, path).await;
        }
        for (device, age) in [(DEVICE, 0), (DEVICE, 1), (SECRET, 0)] {
            open(world, device, &caller.token, age).await;
        }
    }
    let token = &bob.token;
    for token in [SECRET.to_owned(), format!("{token}.{SECRET}"), format!("{token}{SECRET}")] {
        let request = Request::builder().method(Method::GET).uri("/api/message_groups");
        let request = request.header("authorization", format!("Bearer {token}"));
        world.request(request.body(Body::empty()).unwrap()).await;
        open(world, DEVICE, &token, 0).await;
    }
}

const DEVICE: &str = "0195b5a0-0000-7000-8000-0000000000de";

/// Opens a connection of a device, `age` milliseconds old, with the token as a subprotocol.
async fn open(world: &World, device: &str, token: &str, age: i64) {
    let offer = format!("cruddur.v1, device.{device}, bearer.{token}, {SECRET}");
    let connected_at = world.parts.clock.now().timestamp_millis() - age;
    let event = connect_event(&format!("{age}"), connected_at, &json!({"Sec-WebSocket-Protocol": offer}));
    world.functions["open-connection"].invoke(event.to_string()).await.unwrap();
}

/// Delivers the table's messages, malformed records, and `events` of the user pool.
async fn deliver(world: &World, events: &[Value]) {
    let mut batch = world.stream_event();
    let mut odd = batch["Records"][0].clone();
    odd["dynamodb"]["NewImage"]["message_uuid"] = json!({"S": SECRET});
    let others = [odd, json!({SECRET: [SECRET]}), json!(SECRET)];
    batch["Records"].as_array_mut().unwrap().extend(others);
    world.deliver(&batch).await;
    for event in events {
        world.functions["post-confirmation"].invoke(event.to_string()).await.unwrap();
    }
}

/// Turns the rows of a response into ones that no program should write.
fn spoil(answer: &mut Value) {
    let odd = |item: &mut Value| {
        let names = ["sk", "message_uuid", "members", "message_group_uuid", "created_sk", "changes", "start"];
        for name in names.into_iter().chain(["connection_id", "connected_at"]) {
            if item.get(name).is_some() {
                item[name] = json!({"S": SECRET});
            }
        }
    };
    if let Some(items) = answer.get_mut("Items").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(odd);
    }
    if let Some(item) = answer.get_mut("Item") {
        odd(item);
    }
}

/// A user whose names all contain [`SECRET`].
async fn secret_user(world: &World, letter: &str) -> TestUser {
    let uuid = Uuid::new_v4();
    let user = User {
        uuid,
        handle: format!("{SECRET}-{letter}-{}", &uuid.simple().to_string()[..8]),
        display_name: format!("{SECRET} {letter}"),
    };
    world.enter(user, &uuid.to_string()).await
}

/// Confirmation events: of a new user, of users with taken or odd names, and malformed ones.
fn post_confirmation_events(taken: &TestUser) -> Vec<Value> {
    let template: Value =
        serde_json::from_str(include_str!("../../../../../events/post-confirmation/confirm-sign-up.json"))
            .unwrap();
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
async fn the_log_contains_no_text_name_address_key_or_token() {
    let mut world = World::new().await;
    let ours = "cruddur=trace,list_message_groups=trace,list_messages=trace,create_message=trace,show_user=trace,\
                show_me=trace,list_events=trace,open_connection=trace,stream_handler=trace,\
                post_confirmation=trace,info";
    let log = Log::start("cruddur", ours, world.clock.clock());
    everything(&mut world).await;
    let lines = log.take();
    // The secret appears in every handle, with or without its `@` and in any case or encoding.
    let leaked: Vec<&String> =
        lines.iter().filter(|line| line.to_lowercase().contains(&SECRET.to_lowercase())).collect();
    assert_eq!(leaked, Vec::<&String>::new());
    let tokens: Vec<&String> = lines.iter().filter(|line| line.contains("eyJ")).collect();
    assert_eq!(tokens, Vec::<&String>::new());

    // Check that the run has produced log lines of every kind.
    let parsed: Vec<Value> = lines.iter().map(|line| parse(line)).collect();
    let statuses: BTreeSet<u64> = parsed.iter().filter_map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, BTreeSet::from([200, 400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503]));
    let metrics: BTreeSet<&str> =
        parsed.iter().flat_map(|line| line.as_object().unwrap().keys()).map(String::as_str).collect();
    for metric in [
        "MessagesSent",
        "MessagesReplayed",
        "SendsLimited",
        "SendsUncounted",
        "GroupsCreated",
        "RowsAlreadyThere",
        "GroupsNotMoved",
        "RecordsSkipped",
        "EventsLogged",
        "Pushed",
        "PushDelay",
        "PushDropped",
        "PushGone",
        "UnknownKeys",
        "UsersNotEntered",
        "ColdStarts",
        "ReadRequestUnits",
        "WriteRequestUnits",
    ] {
        assert!(metrics.contains(metric), "{metric} was never measured");
    }

    let described = include_str!("../../../../../docs/OPERATIONS.md");
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

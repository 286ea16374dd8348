//! Compares `asyncapi.yaml` with frames, with the routes of the WebSocket API, and with its handshakes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use chrono::TimeDelta;
use cruddur::{
    event_log::LogNumber,
    push::Frame,
    table::{EventLogRow, LoggedChange},
};
use local::deployment::{WEBSOCKET_CONNECT, WEBSOCKET_ROUTES};
use serde_json::{Value, json};
use testing::{
    Failure, Fault, TestUser, World, broken_postgres,
    sockets::{Sockets, connect_event},
    yaml,
};
use uuid::Uuid;

/// The description of the socket, and the schemas of the API to which it refers.
struct Description {
    socket: Value,
    schemas: Value,
}

impl Description {
    fn read() -> Self {
        let read = |name: &str| {
            let text =
                fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap();
            yaml::parse(&text.replace("openapi.yaml#/", "#/"))
        };
        let socket = read("asyncapi.yaml");
        let mut schemas = read("openapi.yaml")["components"]["schemas"].take();
        let own = socket["components"]["schemas"].as_object().unwrap().clone();
        schemas.as_object_mut().unwrap().extend(own);
        Self { socket, schemas }
    }

    fn validator(&self, schema: &Value) -> jsonschema::Validator {
        let mut schema = schema.clone();
        schema["components"] = json!({"schemas": self.schemas});
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }

    fn messages(&self) -> BTreeMap<&str, &Value> {
        let messages = self.socket["components"]["messages"].as_object().unwrap();
        messages.iter().map(|(name, message)| (&**name, message)).collect()
    }

    fn channel(&self) -> &Value {
        &self.socket["channels"]["socket"]
    }

    /// Fails unless the frame is described under its type.
    #[track_caller]
    fn hold(&self, frame: &Value) {
        let name = frame["type"].as_str().unwrap();
        let validator = self.validator(&self.messages()[name]["payload"]);
        if let Err(error) = validator.validate(frame) {
            panic!("{frame}: {error} at {}", error.instance_path());
        }
    }
}

/// The names of an operation's messages.
fn names(operation: &Value) -> BTreeSet<&str> {
    let prefix = "#/channels/socket/messages/";
    let references = operation["messages"].as_array().unwrap().iter();
    references.map(|message| message["$ref"].as_str().unwrap().strip_prefix(prefix).unwrap()).collect()
}

/// A world that pushes into `sockets`, and two users with a socket each.
async fn world(sockets: &Sockets) -> (World, TestUser, TestUser) {
    let mut world = World::new().await;
    world.redeploy(|parts| parts.push = Some(sockets.parts()));
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    for (user, device) in [(&sunyoung, 1), (&scarlett, 2)] {
        assert_eq!(world.connect(user, device, &user.user.handle).await["statusCode"], 200);
    }
    (world, sunyoung, scarlett)
}

#[tokio::test]
async fn every_frame_is_described() {
    let description = Description::read();
    let sockets = Sockets::default();
    let (world, sunyoung, scarlett) = world(&sockets).await;
    let mut frames = Vec::new();
    let andrew = world.demo_user("andrew");
    // One message, more messages than a row holds, and more bytes than a frame holds.
    for (count, text, receivers) in [
        (1, "hello".to_owned(), [&scarlett, &scarlett]),
        (30, "hello".to_owned(), [&scarlett, &andrew]),
        (12, "🎉".repeat(1_024), [&scarlett, &scarlett]),
    ] {
        for number in 0..count {
            world.send(&sunyoung, receivers[number % 2], &text).await;
        }
        world.deliver_all().await;
        frames.push(sockets.take_frames().into_iter().map(|(_, frame)| frame).collect::<Vec<_>>());
    }
    // A message that is delivered late.
    world.send(&scarlett, &sunyoung, "late").await;
    world.clock.advance(TimeDelta::seconds(61));
    world.deliver_all().await;
    frames.push(sockets.take_frames().into_iter().map(|(_, frame)| frame).collect());

    let count = |frames: &[Value], list: &str| -> usize {
        frames.iter().map(|frame| frame[list].as_array().unwrap().len()).sum()
    };
    let listed = |frames: &[Value]| ["events", "messages", "message_groups"].map(|list| count(frames, list));
    assert_eq!(listed(&frames[0]), [2, 2, 2]);
    assert!(frames[1].len() > 2, "{:?}", frames[1]);
    let [_, whole, _] = listed(&frames[1]);
    assert_eq!(whole, 30 + 15);
    let [_, some, _] = listed(&frames[2]);
    assert!(some > 0 && some < 12 + 12, "{some}");
    assert_eq!(listed(&frames[3]), [2, 0, 0]);
    for frame in frames.iter().flatten() {
        assert!(frame.to_string().len() <= 30_000);
        description.hold(frame);
    }

    // A row that a later version wrote.
    let now = world.clock.clock().now();
    let changes = vec![LoggedChange::Other { group_uuid: Uuid::max(), kind: "read".to_owned() }];
    let row = EventLogRow::new(Uuid::nil(), LogNumber::new(1), changes, now);
    let frame = Frame::new(&row, |_| None, now).unwrap();
    description.hold(&serde_json::from_str(&frame.body).unwrap());
}

#[test]
fn a_frame_has_each_described_member_and_no_other() {
    let description = Description::read();
    let events = description.messages()["events"];
    let validator = description.validator(&events["payload"]);
    let example = &events["examples"][0]["payload"];
    let members = example.as_object().unwrap();
    assert_eq!(
        members.keys().collect::<BTreeSet<_>>(),
        description.schemas["EventsFrame"]["properties"].as_object().unwrap().keys().collect()
    );
    for name in members.keys() {
        let mut without = example.clone();
        without.as_object_mut().unwrap().remove(name);
        assert!(!validator.is_valid(&without), "{name}");
    }
    for (path, value) in [
        ("", json!({"unread_count": 1})),
        ("/events/0", json!({"message": "a text"})),
        ("/messages/0", json!({"message_group_uuid": Uuid::nil()})),
        ("/message_groups/0", json!({"unread_count": 1})),
    ] {
        let mut with_more = example.clone();
        let part = with_more.pointer_mut(path).unwrap().as_object_mut().unwrap();
        part.extend(value.as_object().unwrap().clone());
        assert!(!validator.is_valid(&with_more), "{path}");
    }
}

#[test]
fn the_described_messages_are_those_of_the_deployed_routes() {
    let description = Description::read();
    let mut sent = BTreeSet::from(["events"]);
    let mut received = BTreeSet::new();
    for (route, answer) in WEBSOCKET_ROUTES.answers {
        let answer: Value = serde_json::from_str(answer).unwrap();
        description.hold(&answer);
        let messages = description.messages();
        let (name, _) = messages.iter().find(|(name, _)| **name == answer["type"]).unwrap();
        sent.insert(name);
        if *route != "$default" {
            received.insert(*route);
        }
    }
    let operations = description.socket["operations"].as_object().unwrap();
    let of = |action: &str| {
        let operations = operations.values().filter(|operation| operation["action"] == action);
        operations.flat_map(names).collect::<BTreeSet<_>>()
    };
    let replies = operations.values().map(|operation| &operation["reply"]).filter(|reply| !reply.is_null());
    let replies = replies.flat_map(names);
    assert_eq!(of("send").into_iter().chain(replies).collect::<BTreeSet<_>>(), sent);
    assert_eq!(of("receive"), received);
    assert_eq!(WEBSOCKET_ROUTES.selection_expression, "$request.body.type");
    for (name, message) in description.messages() {
        assert_eq!(message["name"], name);
        assert_eq!(description.channel()["messages"][name]["$ref"], format!("#/components/messages/{name}"));
        for example in message["examples"].as_array().unwrap() {
            assert_eq!(example["payload"]["type"], name);
            description.hold(&example["payload"]);
        }
    }
}

#[tokio::test]
async fn every_handshake_is_described_and_every_description_is_a_handshake() {
    let description = Description::read();
    let headers = description.validator(&description.channel()["bindings"]["ws"]["headers"]);
    let refusals = description.channel()["x-refusals"].as_object().unwrap();
    let mut world = World::new().await;
    let [sunyoung, ghost] = [world.demo_user("sunyoung"), world.unprovisioned_user()];
    let now = world.clock.clock().now();
    let mut seen = BTreeSet::new();
    let mut hold = |offer: &Value, answer: String| {
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let status = answer["statusCode"].to_string();
        if status == "200" {
            assert_eq!(answer["headers"]["sec-websocket-protocol"], "cruddur.v1");
        } else {
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            let refusal = refusals.get(&status).unwrap_or_else(|| panic!("{answer} is not described"));
            assert!(description.validator(&refusal["schema"]).is_valid(&body), "{answer}");
        }
        assert_eq!(headers.is_valid(offer), status != "422", "{offer} {answer}");
        seen.insert(status);
    };
    let device = "cruddur.v1, device.0195b5a0-0000-7000-8000-0000000000de";
    let offered =
        |user: &TestUser| json!({"Sec-WebSocket-Protocol": format!("{device}, bearer.{}", user.token)});
    let with_header = json!({
        "Sec-WebSocket-Protocol": device,
        "Authorization": format!("Bearer {}", sunyoung.token),
    });
    let without_device = json!({"Sec-WebSocket-Protocol": format!("cruddur.v1, bearer.{}", sunyoung.token)});
    let malformed = json!({"Sec-WebSocket-Protocol": format!("device.x, bearer.{}", sunyoung.token)});
    for (headers, seconds) in [
        (offered(&sunyoung), 1),
        (with_header, 2),
        (offered(&sunyoung), 0),
        (offered(&ghost), 0),
        (json!({"Sec-WebSocket-Protocol": device}), 0),
        (without_device, 0),
        (malformed, 0),
    ] {
        let connected_at = now.timestamp_millis() + seconds * 1_000;
        let event = connect_event(&format!("{seconds}"), connected_at, &headers);
        hold(&headers, world.functions[WEBSOCKET_CONNECT].invoke(event.to_string()).await.unwrap());
    }
    let headers = offered(&sunyoung);
    let event = connect_event("3", now.timestamp_millis(), &headers).to_string();
    world.emulator.inject(|_| Fault::NotExecuted(Failure::Status(400, "AccessDeniedException")));
    hold(&headers, world.functions[WEBSOCKET_CONNECT].invoke(event.clone()).await.unwrap());
    world.redeploy(|parts| parts.postgres = broken_postgres::unreachable());
    hold(&headers, world.functions[WEBSOCKET_CONNECT].invoke(event).await.unwrap());
    let described = refusals.keys().map(String::as_str).chain(["200"]).map(str::to_owned).collect();
    assert_eq!(seen, described);
}

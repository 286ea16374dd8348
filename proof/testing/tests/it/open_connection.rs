//! `$connect`: who may open a socket, for which device, and how long.

use chrono::TimeDelta;
use cruddur::{connection::MAX_DEVICES, table::RowKind};
use futures_util::future::join_all;
use http::{Method, Request};
use local::{
    deployment::{WEBSOCKET_CONNECT, WEBSOCKET_ROUTES},
    gateway::websocket::{Limits, WebSocketApi},
};
use serde_json::{Value, json};
use testing::{Failure, Fault, TestUser, World, broken_postgres, sockets::connect_event, world::kind_of};
use tower::ServiceExt as _;

pub(crate) const DEVICE: &str = "0195b5a0-0000-7000-8000-0000000000de";

/// A handshake.
#[derive(Clone)]
pub(crate) struct Handshake {
    headers: Vec<(&'static str, String)>,
    connection_id: String,
    connected_at: i64,
}

impl Handshake {
    /// A handshake with this offer of subprotocols, now.
    fn offering(world: &World, offer: impl Into<String>) -> Self {
        let headers = vec![("Sec-WebSocket-Protocol", offer.into())];
        let connected_at = world.clock.clock().now().timestamp_millis();
        Self { headers, connection_id: "ABC=".to_owned(), connected_at }
    }

    /// The handshake of a device of `user`, now.
    pub(crate) fn of(world: &World, user: &TestUser, device: &str) -> Self {
        Self::offering(world, offer(device, &user.token))
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn named(self, connection_id: &str) -> Self {
        Self { connection_id: connection_id.to_owned(), ..self }
    }

    /// The same handshake, accepted some seconds later.
    pub(crate) fn later(self, seconds: i64) -> Self {
        Self { connected_at: self.connected_at + seconds * 1_000, ..self }
    }

    fn event(&self) -> Value {
        let mut headers = json!({});
        for (name, value) in &self.headers {
            if headers[name].is_null() {
                headers[name] = json!([]);
            }
            headers[name].as_array_mut().unwrap().push(json!(value));
        }
        let mut event = connect_event(&self.connection_id, self.connected_at, &json!({}));
        event["multiValueHeaders"] = headers;
        event
    }

    async fn answer(&self, world: &World) -> Value {
        invoke(world, &self.event()).await
    }

    /// The status and the body. A 200 has none.
    pub(crate) async fn brief(&self, world: &World) -> (u16, String) {
        brief(&self.answer(world).await)
    }
}

fn offer(device: &str, token: &str) -> String {
    format!("cruddur.v1, device.{device}, bearer.{token}")
}

async fn invoke(world: &World, event: &Value) -> Value {
    let answer = world.functions[WEBSOCKET_CONNECT].invoke(event.to_string()).await.unwrap();
    serde_json::from_str(&answer).unwrap()
}

fn brief(answer: &Value) -> (u16, String) {
    let status = answer["statusCode"].as_u64().unwrap();
    (status.try_into().unwrap(), answer["body"].as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, json!([code]).to_string())
}

pub(crate) fn opened() -> (u16, String) {
    (200, String::new())
}

pub(crate) fn unauthenticated() -> (u16, String) {
    (401, "{}".to_owned())
}

/// The connections in the table: device, connection and end of each, by key.
fn connections(world: &World) -> Vec<(String, String, i64)> {
    let rows = world.rows().into_iter().filter(|row| kind_of(row) == Some(RowKind::Connection));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.map(|row| {
        let end = text(&row["expires_at"]["N"]).parse().unwrap();
        (text(&row["sk"]["S"]), text(&row["connection_id"]["S"]), end)
    })
    .collect()
}

fn connection_ids(world: &World) -> Vec<String> {
    connections(world).into_iter().map(|(_, connection_id, _)| connection_id).collect()
}

/// A world in which every look-up fails.
async fn world_without_anything_to_look_up() -> World {
    let mut world = World::new().await;
    world.redeploy(|parts| parts.postgres = broken_postgres::unreachable());
    world.emulator.inject(|_| Fault::NotExecuted(Failure::Reset));
    world
}

/// A token of `user` that ends at this time, in seconds since 1970.
fn token_until(world: &World, user: &TestUser, exp: i64) -> String {
    let mut claims = world.issuer.claims(&user.subject, &user.user.handle);
    claims["exp"] = json!(exp);
    world.issuer.sign(&world.issuer.header(), &claims).unwrap()
}

#[tokio::test]
async fn a_connection_has_the_offered_protocol_and_belongs_to_the_device() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let answer = Handshake::of(&world, &alice, DEVICE).answer(&world).await;
    assert_eq!(brief(&answer), opened());
    assert_eq!(answer["headers"]["sec-websocket-protocol"], "cruddur.v1");
    let [row] = &world.rows()[..] else { panic!("not one row") };
    assert_eq!(row["pk"]["S"], RowKind::Connection.partition(alice.user.uuid));
    assert_eq!(row["connected_at"]["N"], "1795339800000");
    let end = 1_795_339_800 + 60 * 60;
    assert_eq!(connections(&world), [(DEVICE.to_owned(), "ABC=".to_owned(), end)]);
}

#[tokio::test]
async fn the_offer_may_be_spread_and_its_order_and_unknown_entries_do_not_matter() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let (device, bearer) = (format!("device.{}", DEVICE.to_uppercase()), format!("bearer.{}", alice.token));
    for (headers, protocol) in [
        (vec![("Sec-WebSocket-Protocol", format!("{bearer},{device},cruddur.v1"))], json!("cruddur.v1")),
        (vec![("sec-websocket-protocol", format!(" ,x,\t{bearer} , {device}, chat"))], json!(null)),
        (
            vec![
                ("Sec-WebSocket-Protocol", "cruddur.v2, cruddur.v1".to_owned()),
                ("Sec-WebSocket-Protocol", device.clone()),
                ("SEC-WEBSOCKET-PROTOCOL", bearer),
            ],
            json!("cruddur.v1"),
        ),
        (
            vec![("Sec-WebSocket-Protocol", device), ("Authorization", format!("bearer {}", alice.token))],
            json!(null),
        ),
    ] {
        let handshake = Handshake { headers, ..Handshake::offering(&world, "") };
        let answer = handshake.answer(&world).await;
        assert_eq!(brief(&answer), opened(), "{:?}", handshake.headers);
        assert_eq!(answer["headers"]["sec-websocket-protocol"], protocol, "{:?}", handshake.headers);
        assert_eq!(connections(&world)[0].0, DEVICE);
    }
}

#[tokio::test]
async fn a_token_comes_once() {
    let world = world_without_anything_to_look_up().await;
    let [alice, bob] = world.demo_users(["sunyoung", "scarlett"]);
    let of_alice = Handshake::of(&world, &alice, DEVICE);
    let bearer = |user: &TestUser| format!("Bearer {}", user.token);
    let token = format!("bearer.{}", alice.token);
    for (name, handshake) in [
        ("both spellings", of_alice.clone().with("Authorization", bearer(&alice))),
        ("both spellings, two users", of_alice.clone().with("Authorization", bearer(&bob))),
        ("both spellings, one empty", of_alice.clone().with("authorization", "")),
        ("two entries", of_alice.clone().with("Sec-WebSocket-Protocol", token.clone())),
        (
            "two entries in one header",
            Handshake::offering(&world, format!("device.{DEVICE}, {token}, {token}")),
        ),
        ("an empty entry too", Handshake::offering(&world, format!("device.{DEVICE}, bearer., {token}"))),
        (
            "two headers",
            Handshake::offering(&world, format!("device.{DEVICE}"))
                .with("Authorization", bearer(&alice))
                .with("authorization", bearer(&alice)),
        ),
    ] {
        assert_eq!(handshake.brief(&world).await, unauthenticated(), "{name}");
    }
    assert!(world.emulator.take_calls().is_empty());
}

#[tokio::test]
async fn exactly_one_device_is_offered_as_a_uuid() {
    let world = world_without_anything_to_look_up().await;
    let alice = world.demo_user("sunyoung");
    let token = format!("bearer.{}", alice.token);
    for devices in [
        String::new(),
        "device.".to_owned(),
        "device.x".to_owned(),
        format!("Device.{DEVICE}"),
        format!("device.{}", DEVICE.replace('-', "")),
        format!("device.{{{DEVICE}}}"),
        format!("device.{DEVICE}0"),
        format!("device. {DEVICE}"),
        format!("device.{DEVICE}, device.{DEVICE}"),
        format!("device.{DEVICE}, device.x"),
    ] {
        let handshake = Handshake::offering(&world, format!("cruddur.v1, {devices}, {token}"));
        assert_eq!(handshake.brief(&world).await, refused(422, "device_invalid"), "{devices:?}");
    }
    let twice =
        Handshake::of(&world, &alice, DEVICE).with("Sec-WebSocket-Protocol", format!("device.{DEVICE}"));
    assert_eq!(twice.brief(&world).await, refused(422, "device_invalid"));
    assert!(world.emulator.take_calls().is_empty());
}

#[tokio::test]
async fn the_token_is_checked_before_the_device_and_the_device_before_the_user() {
    let mut world = World::new().await;
    let (alice, ghost) = (world.demo_user("sunyoung"), world.unprovisioned_user());
    assert_eq!(Handshake::offering(&world, offer("x", "a.b.c")).brief(&world).await, unauthenticated());
    assert_eq!(Handshake::offering(&world, "").brief(&world).await, unauthenticated());
    assert_eq!(Handshake::of(&world, &ghost, "x").brief(&world).await, refused(422, "device_invalid"));
    assert_eq!(
        Handshake::of(&world, &ghost, DEVICE).brief(&world).await,
        refused(403, "user_not_provisioned")
    );
    // API Gateway always sends both.
    for missing in ["connectionId", "connectedAt"] {
        let mut event = Handshake::of(&world, &alice, DEVICE).event();
        event["requestContext"][missing] = json!(null);
        assert_eq!(brief(&invoke(&world, &event).await), refused(500, "internal_error"));
    }
    assert!(world.emulator.take_calls().is_empty());
    assert!(world.rows().is_empty());

    for (failure, status, code) in [
        (Failure::Reset, 503, "unavailable"),
        (Failure::Status(400, "ProvisionedThroughputExceededException"), 503, "unavailable"),
        (Failure::Status(400, "AccessDeniedException"), 500, "internal_error"),
    ] {
        for operation in ["PutItem", "Query"] {
            world.emulator.inject(move |call| match &*call.operation {
                failing if failing == operation => Fault::NotExecuted(failure),
                _ => Fault::None,
            });
            let answer = Handshake::of(&world, &alice, DEVICE).brief(&world).await;
            assert_eq!(answer, refused(status, code), "{operation}");
        }
    }
    world.emulator.inject(|_| Fault::None);
    for (postgres, status, code) in [
        (broken_postgres::unreachable(), 503, "unavailable"),
        (broken_postgres::refusing(), 500, "internal_error"),
    ] {
        world.redeploy(|parts| parts.postgres = postgres);
        assert_eq!(Handshake::of(&world, &alice, DEVICE).brief(&world).await, refused(status, code));
    }
}

#[tokio::test]
async fn the_latest_connection_of_a_device_stays_in_whatever_order_they_arrive() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let first = Handshake::of(&world, &alice, DEVICE).named("first");
    let second = first.clone().named("second").later(1);
    let outdated = || refused(409, "connection_outdated");
    assert_eq!(second.brief(&world).await, opened());
    let rows = world.rows();
    assert_eq!(first.brief(&world).await, outdated());
    // Two in one millisecond: the first to arrive stays.
    assert_eq!(second.clone().named("third").brief(&world).await, outdated());
    // The answer to the first attempt was lost.
    assert_eq!(second.brief(&world).await, opened());
    assert_eq!(world.rows(), rows);
    assert_eq!(second.clone().named("fourth").later(1).brief(&world).await, opened());
    assert_eq!(connection_ids(&world), ["fourth"]);
    // Another user may use the same uuid.
    let of_bob = Handshake::of(&world, &bob, DEVICE).named("of bob");
    assert_eq!(of_bob.brief(&world).await, opened());
    assert_eq!(connection_ids(&world).len(), 2);
}

#[tokio::test]
async fn a_connection_ends_with_its_token_and_after_115_minutes_at_the_latest() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let now = world.clock.clock().now().timestamp();
    let longest = 115 * 60;
    for (exp, end) in [
        (now + 1, now + 1),
        (now + 60, now + 60),
        (now + longest - 1, now + longest - 1),
        (now + longest, now + longest),
        (now + longest + 1, now + longest),
        (now + 24 * 60 * 60, now + longest),
        (i64::MAX, now + longest),
    ] {
        let token = token_until(&world, &alice, exp);
        let handshake = Handshake::offering(&world, offer(DEVICE, &token));
        assert_eq!(handshake.brief(&world).await, opened());
        assert_eq!(connections(&world)[0].2, end, "{}", exp - now);
    }
    // Counted from the acceptance by API Gateway, not from the function's clock.
    let token = token_until(&world, &alice, i64::MAX);
    let accepted_later = Handshake::offering(&world, offer(DEVICE, &token)).later(5);
    assert_eq!(accepted_later.brief(&world).await, opened());
    assert_eq!(connections(&world)[0].2, now + longest + 5);
}

#[tokio::test]
async fn a_token_past_its_end_opens_no_connection_though_requests_have_a_leeway() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let now = world.clock.clock().now().timestamp();
    for (ago, of_socket, of_request) in [(-1, 200, 200), (0, 401, 200), (59, 401, 200), (60, 401, 401)] {
        let token = token_until(&world, &alice, now - ago);
        let handshake = Handshake::offering(&world, offer(DEVICE, &token));
        assert_eq!(handshake.brief(&world).await.0, of_socket, "{ago} s after its end");
        let alice = TestUser { token, ..alice.clone() };
        assert_eq!(world.get(&alice, "/api/me").await.status.as_u16(), of_request, "{ago} s after its end");
    }
}

#[tokio::test]
async fn beyond_twenty_devices_the_oldest_connection_is_deleted() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let device = |number: usize| format!("0195b5a0-0000-7000-8000-{:012}", 50 - number);
    assert_eq!(MAX_DEVICES, 20);
    Handshake::of(&world, &bob, DEVICE).named("of bob").answer(&world).await;
    let mut expected = vec!["of bob".to_owned()];
    for number in 0..25 {
        world.clock.advance(TimeDelta::seconds(1));
        let name = format!("{number:02}");
        let handshake = Handshake::of(&world, &alice, &device(number)).named(&name);
        assert_eq!(handshake.brief(&world).await, opened());
        expected.push(name);
        if expected.len() > 1 + MAX_DEVICES {
            expected.remove(1);
        }
        let mut stored = connection_ids(&world);
        stored.sort_by_key(|name| (name != "of bob", name.clone()));
        assert_eq!(stored, expected);
    }
    // A device that connects again is not one more.
    world.clock.advance(TimeDelta::seconds(1));
    let again = Handshake::of(&world, &alice, &device(7)).named("again");
    assert_eq!(again.brief(&world).await, opened());
    assert_eq!(connection_ids(&world).len(), 1 + MAX_DEVICES);
    assert!(connection_ids(&world).contains(&"again".to_owned()));
    assert!(!connection_ids(&world).contains(&"07".to_owned()));
}

#[tokio::test]
async fn simultaneous_openings_of_many_devices_leave_the_newest_ones() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let openings = (0..30).map(|number| {
        let device = format!("0195b5a0-0000-7000-8000-{number:012}");
        Handshake::of(&world, &alice, &device).named(&format!("{number:02}")).later(number)
    });
    let openings = openings.collect::<Vec<_>>();
    for answer in join_all(openings.iter().map(|opening| opening.brief(&world))).await {
        assert_eq!(answer, opened());
    }
    // Openings that do not see each other may leave more; the next one deletes them.
    let last = Handshake::of(&world, &alice, DEVICE).named("30").later(30);
    assert_eq!(last.brief(&world).await, opened());
    let mut stored = connection_ids(&world);
    stored.sort();
    assert_eq!(stored, (11..=30).map(|number| format!("{number:02}")).collect::<Vec<_>>());
}

/// The status, the selected protocol and the body with which the local gateway answers a handshake.
async fn handshake(world: &World, headers: &[(&str, &str)]) -> (u16, Option<String>, String) {
    let connect = world.functions[WEBSOCKET_CONNECT].clone();
    let api = WebSocketApi::new(connect, WEBSOCKET_ROUTES, Limits::default()).unwrap();
    let request = Request::builder()
        .method(Method::GET)
        .uri("/ws")
        .header("host", "127.0.0.1:4567")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = api.router().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let protocol = response.headers().get("sec-websocket-protocol");
    let protocol = protocol.map(|value| value.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(response.into_body(), 1_024).await.unwrap();
    (status, protocol, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_gateway_answers_a_refused_handshake_with_the_functions_status() {
    let mut world = World::new().await;
    let (alice, ghost) = (world.user("alice").await, world.unprovisioned_user());
    let authorization = format!("Bearer {}", alice.token);
    // Another one: two connections of a device in one millisecond would be refused.
    let device = "cruddur.v1, device.0195b5a0-0000-7000-8000-0000000000df";
    let changed = alice.token.replacen('.', ".x", 1);
    let protocol = "sec-websocket-protocol";
    for (headers, expected) in [
        (vec![(protocol, &*offer(DEVICE, &alice.token))], (101, Some("cruddur.v1"), "")),
        (vec![(protocol, device), ("authorization", &*authorization)], (101, Some("cruddur.v1"), "")),
        (vec![], (401, None, "{}")),
        (vec![(protocol, device)], (401, None, "{}")),
        (vec![(protocol, &*offer(DEVICE, &changed))], (401, None, "{}")),
        (
            vec![(protocol, &*offer(DEVICE, &alice.token)), ("authorization", &*authorization)],
            (401, None, "{}"),
        ),
        (vec![(protocol, &*offer(DEVICE, &ghost.token))], (403, None, "[\"user_not_provisioned\"]")),
        (vec![(protocol, &*offer("x", &alice.token))], (422, None, "[\"device_invalid\"]")),
        (
            vec![(protocol, device), (protocol, &*offer(DEVICE, &alice.token))],
            (422, None, "[\"device_invalid\"]"),
        ),
    ] {
        let (status, selected, body) = handshake(&world, &headers).await;
        assert_eq!((status, selected.as_deref(), &*body), expected, "{headers:?}");
    }
    world.redeploy(|parts| parts.postgres = broken_postgres::unreachable());
    let answer = handshake(&world, &[(protocol, &offer(DEVICE, &alice.token))]).await;
    assert_eq!(answer, (503, None, "[\"unavailable\"]".to_owned()));
}

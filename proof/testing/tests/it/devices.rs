//! Devices with open sockets, and the sign-out on all of them (design, section 3).

use chrono::TimeDelta;
use cruddur::{
    connection::MAX_USER_AGENT_BYTES,
    table::{ConnectionRow, Key},
};
use http::Method;
use serde_json::{Value, json};
use testing::{Failure, Fault, World};
use uuid::Uuid;

use crate::open_connection::{DEVICE, Handshake, opened, unauthenticated};

const OTHER_DEVICE: &str = "0195b5a0-0000-7000-8000-0000000000df";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

#[tokio::test]
async fn the_devices_with_an_open_socket_are_listed_latest_first() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let open = async |handshake: Handshake| assert_eq!(handshake.brief(&world).await, opened());
    open(Handshake::of(&world, &bob, "0195b5a0-0000-7000-8000-0000000000dd")).await;
    open(Handshake::of(&world, &alice, DEVICE).with("User-Agent", FIREFOX)).await;
    open(Handshake::of(&world, &alice, OTHER_DEVICE).later(1)).await;
    let devices = async || world.get(&alice, "/api/me/devices").await.ok();
    let (first, second) = (
        json!({"device_uuid": OTHER_DEVICE, "connected_at": "2026-11-22T09:30:01.000000Z"}),
        json!({"device_uuid": DEVICE, "connected_at": "2026-11-22T09:30:00.000000Z", "user_agent": FIREFOX}),
    );
    assert_eq!(devices().await, json!([first, second]));

    open(Handshake::of(&world, &alice, DEVICE).later(2).with("User-Agent", "x".repeat(8_000))).await;
    let named = devices().await[0]["user_agent"].as_str().map(str::len);
    assert_eq!(named, Some(MAX_USER_AGENT_BYTES));
    open(Handshake::of(&world, &alice, DEVICE).later(3).with("User-Agent", "Fire\u{fb01}ox")).await;
    assert_eq!(devices().await[0]["user_agent"], Value::Null);

    world.clock.advance(TimeDelta::hours(1));
    let again = world.renewed(&alice);
    assert_eq!(world.get(&again, "/api/me/devices").await.ok(), json!([]));
}

#[tokio::test]
async fn a_sign_out_ends_all_sign_ins_and_connections() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    for user in [&alice, &bob] {
        assert_eq!(Handshake::of(&world, user, DEVICE).brief(&world).await, opened());
    }
    // More than there should be, and than a read for pushes has.
    for device_uuid in (0..60).map(Uuid::from_u128) {
        let key = Key::Connection { user_uuid: alice.user.uuid, device_uuid };
        let row = ConnectionRow {
            pk: key.pk(),
            sk: device_uuid,
            connection_id: "ABC=".to_owned(),
            connected_at: 0,
            expires_at: i64::MAX,
            user_agent: None,
        };
        world.table().put_new(&row).await.unwrap();
    }
    let answer = world.ask(&alice, Method::DELETE, "/api/me/devices", &Value::Null).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (204, ""));
    let [row] = &world.rows()[..] else { panic!("{:?}", world.rows()) };
    assert!(row["pk"]["S"].as_str().unwrap().contains(&bob.user.uuid.to_string()));
    for path in ["/api/me", "/api/me/devices", "/api/message_groups", "/api/unread"] {
        let answer = world.get(&alice, path).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(world.get(&bob, path).await.status, 200);
    }
    // This function has cached the user before the sign-out.
    assert_eq!(Handshake::of(&world, &alice, DEVICE).brief(&world).await, unauthenticated());
    assert_eq!(world.rows().len(), 1);
    // PostgreSQL has the time of the sign-out.
    world.clock.advance(TimeDelta::days(36_500));
    let again = world.renewed(&alice);
    world.get(&again, "/api/me").await.ok();
    assert_eq!(Handshake::of(&world, &again, DEVICE).brief(&world).await, opened());
}

#[tokio::test]
async fn a_sign_out_that_fails_can_be_repeated() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    assert_eq!(Handshake::of(&world, &alice, DEVICE).brief(&world).await, opened());
    world.emulator.inject(|_| Fault::NotExecuted(Failure::Status(500, "InternalServerError")));
    let sign_out = async || world.ask(&alice, Method::DELETE, "/api/me/devices", &Value::Null).await.status;
    assert_eq!(sign_out().await, 503);
    world.emulator.inject(|_| Fault::None);
    assert_eq!(sign_out().await, 204);
    assert_eq!(sign_out().await, 401);
    assert_eq!(world.rows(), Vec::<Value>::new());
}

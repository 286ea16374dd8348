//! `GET /api/me`

use testing::World;

#[tokio::test]
async fn callers_see_their_own_uuid_and_names() {
    let world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    let _ = world.emulator.take_calls();
    insta::assert_debug_snapshot!(world.get(&sunyoung, "/api/me").await, @r#"
    200
    content-type: application/json
    {"uuid":"0195b5a0-0000-7000-8000-000000000001","handle":"sunyoung","display_name":"Sunyoung Lee","read_receipts":true,"messages_from":"everyone"}
    "#);
    assert!(world.emulator.take_calls().is_empty());
}

#[tokio::test]
async fn the_handle_is_that_of_the_row_and_not_that_of_the_token() {
    let mut world = World::new().await;
    let alice = world.user("alice").await;
    let mut alice_as_wished = alice.clone();
    alice_as_wished.token = world.issuer.access_token(&alice.subject, "the-handle-she-wished-for").unwrap();
    world.redeploy(|_| ());
    let shown = world.get(&alice_as_wished, "/api/me").await.ok();
    assert_eq!(shown["handle"], alice.user.handle);
}

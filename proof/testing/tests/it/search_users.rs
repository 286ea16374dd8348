//! `GET /api/users`

use cruddur::user::User;
use serde_json::{Value, json};
use testing::{TestUser, World};
use uuid::Uuid;

/// Creates a user with these names.
async fn user(world: &World, handle: &str, display_name: &str) -> TestUser {
    let uuid = Uuid::new_v4();
    let user = User { uuid, handle: handle.to_owned(), display_name: display_name.to_owned() };
    world.enter(user, &format!("search-{uuid}")).await
}

/// The handles that `prefix`, percent-encoded, finds for `caller`.
async fn found(world: &World, caller: &TestUser, prefix: &str) -> Vec<String> {
    let users = world.get(caller, &format!("/api/users?prefix={prefix}")).await.ok();
    let handle = |user: &Value| user["handle"].as_str().unwrap().to_owned();
    users.as_array().unwrap().iter().map(handle).collect()
}

#[tokio::test]
async fn users_are_found_by_the_beginning_of_handle_or_name() {
    let world = World::new().await;
    let caller = user(&world, "wren.1", "Wren Caller").await;
    let other = user(&world, "other.1", "Wren Other").await;
    let _ = world.emulator.take_calls();
    // The caller's own names begin with it, too.
    let shown = world.get(&caller, "/api/users?prefix=wren").await.ok();
    assert_eq!(shown, json!([other.user]));
    for prefix in ["%20WREN+o", "@Other.1", "other.1"] {
        assert_eq!(found(&world, &caller, prefix).await, ["other.1"], "{prefix}");
    }
    assert_eq!(found(&world, &caller, "ren").await, [""; 0]);
    assert!(world.emulator.take_calls().is_empty());
}

#[tokio::test]
async fn those_found_by_handle_come_first() {
    let world = World::new().await;
    let caller = world.user("searcher").await;
    for (handle, name) in
        [("xq-2", "Zed"), ("XQ-1", "Xq Both"), ("a-xq", "xq Élise"), ("b-xq", "XQ Ébène"), ("c-xq", "Axq")]
    {
        user(&world, handle, name).await;
    }
    assert_eq!(found(&world, &caller, "xq").await, ["XQ-1", "xq-2", "b-xq", "a-xq"]);
    assert_eq!(found(&world, &caller, "Xq%20").await, ["XQ-1", "xq-2", "b-xq", "a-xq"]);
    assert_eq!(found(&world, &caller, "xq%20b").await, ["XQ-1"]);
    assert_eq!(found(&world, &caller, "xq%20%C3%A9").await, ["b-xq", "a-xq"]);
    // An `@` belongs to handles only.
    assert_eq!(found(&world, &caller, "%40xq").await, ["XQ-1", "xq-2"]);
}

#[tokio::test]
async fn at_most_twenty_are_found() {
    let world = World::new().await;
    let caller = world.user("searcher").await;
    let mut handles = Vec::new();
    for number in 0..25 {
        let handle = format!("many.{number:02}");
        user(&world, &handle, "Many Names").await;
        handles.push(handle);
    }
    assert_eq!(found(&world, &caller, "many").await, handles[..20]);
}

#[tokio::test]
async fn patterns_and_quotes_mean_themselves() {
    let world = World::new().await;
    let caller = world.user("searcher").await;
    user(&world, "pattern_1", "100% 'quoted' \\ name").await;
    assert_eq!(found(&world, &caller, "pattern_").await, ["pattern_1"]);
    for prefix in ["%25", "_attern", "patternX", "pattern%25", "'", "%5C"] {
        assert_eq!(found(&world, &caller, prefix).await, [""; 0], "{prefix}");
    }
    for prefix in ["100%25", "100%25%20'", "100%25%20'quoted'%20%5C"] {
        assert_eq!(found(&world, &caller, prefix).await, ["pattern_1"], "{prefix}");
    }
}

#[tokio::test]
async fn a_prefix_is_required() {
    let world = World::new().await;
    let caller = world.user("searcher").await;
    let too_long = format!("?prefix={}", "a".repeat(65));
    for query in ["", "?prefix=", "?prefix=%20", "?prefix=@", "?prefix=a%00", &too_long] {
        let answer = world.get(&caller, &format!("/api/users{query}")).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (422, r#"["prefix_invalid"]"#), "{query}");
    }
}

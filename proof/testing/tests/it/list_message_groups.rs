//! `GET /api/message_groups`

use chrono::TimeDelta;
use cruddur::table::Partition;
use serde_json::json;
use testing::{Answer, World, world::TABLE};

const PATH: &str = "/api/message_groups";

#[tokio::test]
async fn a_new_user_has_no_groups() {
    let world = World::new().await;
    let sunyoung = world.demo_user("sunyoung");
    insta::assert_debug_snapshot!(world.get(&sunyoung, PATH).await, @r#"
    200
    content-type: application/json
    []
    "#);
}

#[tokio::test]
async fn groups_are_listed_newest_first_with_the_names_of_the_other_member() {
    let world = World::new().await;
    let [sunyoung, scarlett, andrew] = world.demo_users(["sunyoung", "scarlett", "andrew"]);
    world.send(&andrew, &sunyoung, "Welcome!").await;
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&sunyoung, &scarlett, "Have you seen Andrew?").await;
    insta::assert_debug_snapshot!(world.get(&sunyoung, PATH).await, @r#"
    200
    content-type: application/json
    [{"uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5","user_uuid":"0195b5a0-0000-7000-8000-000000000002","display_name":"Scarlett Ho","handle":"scarlett","message":"Have you seen Andrew?","created_at":"2026-11-22T09:30:01.000000Z","version":1,"from_me":true,"unread_count":0},{"uuid":"a38d0d8e-e39d-513b-a594-dd90214de59f","user_uuid":"0195b5a0-0000-7000-8000-000000000003","display_name":"Andrew Brown","handle":"andrew","message":"Welcome!","created_at":"2026-11-22T09:30:00.000000Z","version":1,"from_me":false,"unread_count":1}]
    "#);
}

#[tokio::test]
async fn a_moved_group_stands_at_its_newest_message_in_both_inboxes() {
    let world = World::new().await;
    let [sunyoung, scarlett, andrew] = world.demo_users(["sunyoung", "scarlett", "andrew"]);
    world.send(&sunyoung, &scarlett, "one").await;
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&sunyoung, &andrew, "two").await;
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&scarlett, &sunyoung, "three").await;
    world.deliver_all().await;
    insta::assert_debug_snapshot!(world.get(&sunyoung, PATH).await, @r#"
    200
    content-type: application/json
    [{"uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5","user_uuid":"0195b5a0-0000-7000-8000-000000000002","display_name":"Scarlett Ho","handle":"scarlett","message":"three","created_at":"2026-11-22T09:30:02.000000Z","version":1,"from_me":false,"unread_count":1},{"uuid":"a38d0d8e-e39d-513b-a594-dd90214de59f","user_uuid":"0195b5a0-0000-7000-8000-000000000003","display_name":"Andrew Brown","handle":"andrew","message":"two","created_at":"2026-11-22T09:30:01.000000Z","version":1,"from_me":true,"unread_count":0}]
    "#);
    insta::assert_debug_snapshot!(world.get(&scarlett, PATH).await, @r#"
    200
    content-type: application/json
    [{"uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5","user_uuid":"0195b5a0-0000-7000-8000-000000000001","display_name":"Sunyoung Lee","handle":"sunyoung","message":"three","created_at":"2026-11-22T09:30:02.000000Z","version":1,"from_me":true,"unread_count":0}]
    "#);
}

#[tokio::test]
async fn a_page_that_is_not_the_last_links_to_the_next() {
    let world = World::new().await;
    let [sunyoung, scarlett, andrew] = world.demo_users(["sunyoung", "scarlett", "andrew"]);
    world.send(&sunyoung, &scarlett, "one").await;
    world.clock.advance(TimeDelta::seconds(1));
    world.send(&sunyoung, &andrew, "two").await;
    let first = world.get(&sunyoung, &format!("{PATH}?limit=1")).await;
    insta::assert_debug_snapshot!(first, @r#"
    200
    content-type: application/json
    link: </api/message_groups?limit=1&cursor=MjAyNi0xMS0yMlQwOTozMDowMS4wMDAwMDBaIzAxYTIwMjk3LTUxYTgtNzY0Ni05YWYzLTAzYmI1ODNkYjBlMQ>; rel="next"
    [{"uuid":"a38d0d8e-e39d-513b-a594-dd90214de59f","user_uuid":"0195b5a0-0000-7000-8000-000000000003","display_name":"Andrew Brown","handle":"andrew","message":"two","created_at":"2026-11-22T09:30:01.000000Z","version":1,"from_me":true,"unread_count":0}]
    "#);
    let second = world.get(&sunyoung, first.next_page().unwrap()).await;
    insta::assert_debug_snapshot!(second, @r#"
    200
    content-type: application/json
    [{"uuid":"4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5","user_uuid":"0195b5a0-0000-7000-8000-000000000002","display_name":"Scarlett Ho","handle":"scarlett","message":"one","created_at":"2026-11-22T09:30:00.000000Z","version":1,"from_me":true,"unread_count":0}]
    "#);
}

#[tokio::test]
async fn any_number_of_malformed_rows_is_skipped() {
    let world = World::new().await;
    let [sunyoung, scarlett, andrew] = world.demo_users(["sunyoung", "scarlett", "andrew"]);
    world.send(&sunyoung, &scarlett, "one").await;
    world.clock.advance(TimeDelta::minutes(1));
    world.send(&sunyoung, &andrew, "two").await;
    // Between the two, and more than are read at once.
    for number in 0..1_030 {
        let row = json!({
            "pk": {"S": Partition::Inbox(sunyoung.user.uuid).to_string()},
            "sk": {"S": format!("2026-11-22T09:30:30.{number:06}+00:00")},
            "message_group_uuid": {"S": "8c0f4f8e-6d0c-4a55-9e2e-3f2b8b0d7c11"},
            "message": {"S": "of the old system"},
        });
        let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": row}));
    }
    let texts = |answer: &Answer| {
        let groups = answer.ok();
        let groups = groups.as_array().unwrap().iter();
        groups.map(|group| group["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = world.get(&sunyoung, PATH).await;
    assert_eq!((texts(&all), all.next_page()), (vec!["two".to_owned(), "one".to_owned()], None));
    let first = world.get(&sunyoung, &format!("{PATH}?limit=1")).await;
    assert_eq!(texts(&first), ["two"]);
    let second = world.get(&sunyoung, first.next_page().unwrap()).await;
    assert_eq!((texts(&second), second.next_page()), (vec!["one".to_owned()], None));
}

//! `GET /api/messages/{message_group_uuid}`

use testing::World;

/// Group of `sunyoung` and `scarlett`.
const PATH: &str = "/api/messages/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5";

#[tokio::test]
async fn messages_are_listed_oldest_to_newest_with_the_names_of_their_senders() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    world.send(&sunyoung, &scarlett, "Shall we meet at noon?").await;
    world.send(&scarlett, &sunyoung, "Noon it is.").await;
    let answer = world.get(&sunyoung, PATH).await;
    insta::assert_debug_snapshot!(answer, @r#"
    200
    content-type: application/json
    [{"uuid":"01a20297-4dc0-71be-91b6-cdbd33a83dfe","user_uuid":"0195b5a0-0000-7000-8000-000000000001","display_name":"Sunyoung Lee","handle":"sunyoung","message":"Shall we meet at noon?","created_at":"2026-11-22T09:30:00.000000Z","version":1},{"uuid":"01a20297-4dc0-7646-9af3-03bb583db0e1","user_uuid":"0195b5a0-0000-7000-8000-000000000002","display_name":"Scarlett Ho","handle":"scarlett","message":"Noon it is.","created_at":"2026-11-22T09:30:00.000001Z","version":1}]
    "#);
    assert_eq!(world.get(&scarlett, PATH).await.brief(), answer.brief());
}

#[tokio::test]
async fn a_page_ends_at_its_cursor_and_links_to_the_older_one() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    for text in ["one", "two", "three"] {
        world.send(&sunyoung, &scarlett, text).await;
    }
    let newest = world.get(&sunyoung, &format!("{PATH}?limit=2")).await;
    insta::assert_debug_snapshot!(newest, @r#"
    200
    content-type: application/json
    link: </api/messages/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5?limit=2&cursor=MjAyNi0xMS0yMlQwOTozMDowMC4wMDAwMDFaIzAxYTIwMjk3LTRkYzAtNzY0Ni05YWYzLTAzYmI1ODNkYjBlMQ>; rel="next"
    [{"uuid":"01a20297-4dc0-7646-9af3-03bb583db0e1","user_uuid":"0195b5a0-0000-7000-8000-000000000001","display_name":"Sunyoung Lee","handle":"sunyoung","message":"two","created_at":"2026-11-22T09:30:00.000001Z","version":1},{"uuid":"01a20297-4dc0-79a6-b722-7d617a027a35","user_uuid":"0195b5a0-0000-7000-8000-000000000001","display_name":"Sunyoung Lee","handle":"sunyoung","message":"three","created_at":"2026-11-22T09:30:00.000002Z","version":1}]
    "#);
    let oldest = world.get(&sunyoung, newest.next_page().unwrap()).await;
    insta::assert_debug_snapshot!(oldest, @r#"
    200
    content-type: application/json
    [{"uuid":"01a20297-4dc0-71be-91b6-cdbd33a83dfe","user_uuid":"0195b5a0-0000-7000-8000-000000000001","display_name":"Sunyoung Lee","handle":"sunyoung","message":"one","created_at":"2026-11-22T09:30:00.000000Z","version":1}]
    "#);
}

#[tokio::test]
async fn a_group_is_named_by_36_characters_in_any_case() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    world.send(&sunyoung, &scarlett, "hello").await;
    let answer = world.get(&sunyoung, PATH).await;
    for path in [
        "/api/messages/4B1F7246-1B2E-59B0-A27F-6165B5E2B4C5",
        "/api/messages/4b1f7246-1b2e-59b0-a27f-6165b5e2b4C5",
        "/api/messages/%34b1f7246%2D1b2e-59b0-a27f-6165b5e2b4c5",
    ] {
        assert_eq!(world.get(&sunyoung, path).await.brief(), (200, &*answer.body), "{path}");
    }
    for (uuid, code) in [
        ("%20", "message_group_uuid_blank"),
        ("%E3%80%80", "message_group_uuid_blank"),
        ("4b1f72461b2e59b0a27f6165b5e2b4c5", "message_group_uuid_invalid"),
        ("%7B4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5%7D", "message_group_uuid_invalid"),
        ("urn:uuid:4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5", "message_group_uuid_invalid"),
        ("4b1f7246-1b2e-59b0-a27f-6165b5e2b4c", "message_group_uuid_invalid"),
        ("4b1f7246-1b2e-59b0-a27f-6165b5e2b4c50", "message_group_uuid_invalid"),
        ("4b1f7246-1b2e-59b0-a27f-6165b5e2b4cg", "message_group_uuid_invalid"),
        ("4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5%20", "message_group_uuid_invalid"),
        ("%FF", "message_group_uuid_invalid"),
    ] {
        let answer = world.get(&sunyoung, &format!("/api/messages/{uuid}")).await;
        assert_eq!(answer.brief(), (422, &*format!("[\"{code}\"]")), "{uuid}");
    }
}

#[tokio::test]
async fn the_link_to_the_next_page_repeats_the_path() {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    world.send(&sunyoung, &scarlett, "one").await;
    world.send(&sunyoung, &scarlett, "two").await;
    let upper = "/api/messages/4B1F7246-1B2E-59B0-A27F-6165B5E2B4C5";
    let answer = world.get(&sunyoung, &format!("{upper}?limit=1")).await;
    let next = answer.next_page().unwrap();
    assert_eq!(next.split_once('=').unwrap().0, format!("{upper}?limit"));
    assert_eq!(world.get(&sunyoung, next).await.ok()[0]["message"], "one");
}

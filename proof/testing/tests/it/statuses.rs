//! Responses that all routes have in common.

use axum::body::Body;
use cruddur::table::Key;
use http::{Method, Request};
use serde_json::json;
use testing::{Answer, Failure, Fault, TestUser, World, broken_postgres, world::TABLE};

/// Group of `sunyoung` and `scarlett`.
const GROUP: &str = "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5";

const MESSAGE: &str = "0195b5a0-0000-7000-8000-000000000001";

const TIME: &str = "2026-11-22T09:30:00.000000Z";

/// A request to each path that requires a token and the table; for `POST /api/messages`, one with a group and one with a
/// handle.
fn requests(authorization: Option<&str>) -> Vec<Request<Body>> {
    let to_group = json!({"message_group_uuid": GROUP, "message": "hello"});
    let to_handle = json!({"handle": "scarlett", "message": "hello"});
    let requests = [
        (Method::GET, "/api/message_groups".to_owned(), Body::empty()),
        (Method::GET, format!("/api/messages/{GROUP}"), Body::empty()),
        (Method::POST, "/api/messages".to_owned(), Body::from(to_group.to_string())),
        (Method::POST, "/api/messages".to_owned(), Body::from(to_handle.to_string())),
        (Method::GET, "/api/events".to_owned(), Body::empty()),
        (Method::GET, "/api/unread".to_owned(), Body::empty()),
        (Method::GET, format!("/api/message_groups/{GROUP}"), Body::empty()),
        (Method::PUT, format!("/api/message_groups/{GROUP}/read"), Body::from("{}")),
        (Method::DELETE, format!("/api/messages/{GROUP}/{MESSAGE}?created_at={TIME}"), Body::empty()),
        (
            Method::PUT,
            format!("/api/messages/{GROUP}/{MESSAGE}/reactions/%F0%9F%91%8D?created_at={TIME}"),
            Body::empty(),
        ),
    ];
    let build = |(method, path, body)| {
        let request = Request::builder().method(method).uri(path);
        let request =
            authorization.iter().fold(request, |request, value| request.header("authorization", *value));
        request.body(body).unwrap()
    };
    requests.into_iter().map(build).collect()
}

/// Responses to [`requests`].
async fn ask(world: &World, authorization: Option<&str>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for request in requests(authorization) {
        answers.push(world.request(request).await);
    }
    answers
}

/// Response to `GET /api/me`, which needs PostgreSQL and no table.
async fn ask_for_me(world: &World, authorization: Option<&str>) -> Answer {
    let request = Request::builder().uri("/api/me");
    let request =
        authorization.iter().fold(request, |request, value| request.header("authorization", *value));
    world.request(request.body(Body::empty()).unwrap()).await
}

/// Responses to [`requests`] as `user`.
async fn ask_as(world: &World, user: &TestUser) -> Vec<Answer> {
    ask(world, Some(&format!("Bearer {}", user.token))).await
}

/// Returns the response, which must be the same for all.
#[track_caller]
fn same(answers: Vec<Answer>) -> Answer {
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(format!("{answer:?}"), format!("{:?}", answers[0]), "answer {index}");
    }
    answers.into_iter().next().unwrap()
}

/// A world in which `sunyoung` has a conversation with `scarlett`; and `sunyoung`.
async fn conversation() -> (World, TestUser) {
    let world = World::new().await;
    let [sunyoung, scarlett] = world.demo_users(["sunyoung", "scarlett"]);
    world.send(&sunyoung, &scarlett, "hello").await;
    (world, sunyoung)
}

#[tokio::test]
async fn without_a_good_token_every_route_but_show_user_answers_401() {
    let (world, sunyoung) = conversation().await;
    let rows = world.rows();
    let _ = world.emulator.take_calls();
    let bare = &*sunyoung.token;
    let cut = format!("Bearer {}", &bare[..bare.len() - 2]);
    let mut answers = Vec::new();
    for authorization in [None, Some(""), Some("Bearer"), Some("Bearer x.y.z"), Some(bare), Some(&*cut)] {
        answers.extend(ask(&world, authorization).await);
        answers.push(ask_for_me(&world, authorization).await);
    }
    insta::assert_debug_snapshot!(same(answers), @r#"
    401
    content-type: application/json
    www-authenticate: Bearer error="invalid_token"
    {}
    "#);
    assert!(world.emulator.take_calls().is_empty());
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn without_a_row_in_users_every_route_but_show_user_answers_403() {
    let (world, _) = conversation().await;
    let rows = world.rows();
    let _ = world.emulator.take_calls();
    let ghost = world.unprovisioned_user();
    let mut answers = ask_as(&world, &ghost).await;
    answers.push(world.get(&ghost, "/api/me").await);
    insta::assert_debug_snapshot!(same(answers), @r#"
    403
    content-type: application/json
    ["user_not_provisioned"]
    "#);
    assert!(world.emulator.take_calls().is_empty());
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn without_dynamodb_every_route_that_needs_it_answers_503() {
    let (world, sunyoung) = conversation().await;
    let mut answers = Vec::new();
    for failure in [
        Failure::Reset,
        Failure::Status(500, "InternalServerError"),
        Failure::Status(400, "ProvisionedThroughputExceededException"),
    ] {
        world.emulator.inject(move |_| Fault::NotExecuted(failure));
        answers.extend(ask_as(&world, &sunyoung).await);
    }
    insta::assert_debug_snapshot!(same(answers), @r#"
    503
    content-type: application/json
    retry-after: 1
    ["unavailable"]
    "#);
}

#[tokio::test]
async fn a_route_needs_each_of_its_reads() {
    let (world, sunyoung) = conversation().await;
    for operation in ["GetItem", "Query"] {
        world.emulator.inject(move |call| match &*call.operation {
            failing if failing == operation => Fault::NotExecuted(Failure::Reset),
            _ => Fault::None,
        });
        // The inbox and the end of the log are read by a single query.
        for answer in &ask_as(&world, &sunyoung).await[1..4] {
            assert_eq!(answer.brief(), (503, "[\"unavailable\"]"), "{operation}");
        }
    }
}

#[tokio::test]
async fn without_postgresql_every_route_answers_503() {
    let (mut world, sunyoung) = conversation().await;
    let rows = world.rows();
    let mut answers = Vec::new();
    for postgres in [
        broken_postgres::unreachable(),
        // A pooler that does not reach the server.
        broken_postgres::refusing_with("08P01", "server login has been failing, try again later"),
    ] {
        world.redeploy(|parts| parts.postgres = postgres);
        answers.extend(ask_as(&world, &sunyoung).await);
        answers.push(world.get(&sunyoung, "/api/me").await);
        answers.push(world.get_anonymously("/api/users/@sunyoung/short").await);
    }
    insta::assert_debug_snapshot!(same(answers), @r#"
    503
    content-type: application/json
    retry-after: 1
    ["unavailable"]
    "#);
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn dynamodb_errors_are_an_opaque_500_on_every_route_that_needs_it() {
    let (world, sunyoung) = conversation().await;
    let mut answers = Vec::new();
    for failure in
        [Failure::Status(400, "AccessDeniedException"), Failure::Status(400, "ResourceNotFoundException")]
    {
        world.emulator.inject(move |_| Fault::NotExecuted(failure));
        answers.extend(ask_as(&world, &sunyoung).await);
    }
    insta::assert_debug_snapshot!(same(answers), @r#"
    500
    content-type: application/json
    ["internal_error"]
    "#);
}

#[tokio::test]
async fn a_missing_database_is_an_opaque_500_on_every_route() {
    let (mut world, sunyoung) = conversation().await;
    world.redeploy(|parts| parts.postgres = broken_postgres::refusing());
    let mut answers = ask_as(&world, &sunyoung).await;
    answers.push(world.get(&sunyoung, "/api/me").await);
    answers.push(world.get_anonymously("/api/users/@sunyoung/short").await);
    insta::assert_debug_snapshot!(same(answers), @r#"
    500
    content-type: application/json
    ["internal_error"]
    "#);
}

#[tokio::test]
async fn a_malformed_message_or_membership_is_an_internal_error_and_a_malformed_inbox_row_is_skipped() {
    let newest = "2026-11-22T10:00:00.000000Z#0195b5a0-0000-7000-8000-0000000000ff".parse().unwrap();
    let group = GROUP.parse().unwrap();
    let (world, sunyoung) = conversation().await;
    let ok = "200";
    let error = "500\ncontent-type: application/json\n[\"internal_error\"]";
    for (key, expected) in [
        (Key::Inbox { user_uuid: sunyoung.user.uuid, sk: newest }, [ok, ok, ok, ok, ok]),
        (Key::Message { group_uuid: group, sk: newest }, [ok, error, ok, ok, ok]),
        (Key::Membership(group), [ok, error, error, error, ok]),
    ] {
        let row = json!({"pk": {"S": key.pk()}, "sk": {"S": key.sk()}, "password": {"S": "secret"}});
        let _ = world.emulator.call("PutItem", json!({"TableName": TABLE, "Item": row}));
        let answers = ask_as(&world, &sunyoung).await;
        for (index, (answer, expected)) in answers.iter().zip(expected).enumerate() {
            let shown = format!("{answer:?}");
            assert!(
                shown == expected || expected == ok && shown.starts_with(ok),
                "{key:?}, {index}: {shown}"
            );
        }
    }
}

//! Warm-up before a function's first event.

use std::sync::Arc;

use cruddur::{
    auth::Verifier,
    dynamodb::{CallLimits, client},
    event_log::EventLog,
    message::Messages,
    message_group::Inbox,
    postgres::{DatabaseServer, Postgres},
    start::App as _,
    table::{RowKind, Table},
    user::Users,
    warm_up,
};
use local::deployment::{FUNCTIONS, Parts, sdk_of};
use testing::{Fault, World, broken_postgres};
use tokio::{
    net::TcpListener,
    time::{Instant, pause},
};
use uuid::Uuid;

fn verifier(parts: &Parts) -> Verifier {
    Verifier::new(&parts.tokens, parts.tokens.key_set(|_| None).unwrap(), parts.clock.clone())
}

fn users(parts: &Parts) -> Users {
    Users::new(Arc::clone(&parts.postgres))
}

/// The table with the rights of `function`.
fn table(parts: &Parts, function: &'static str) -> Table {
    Table::new(client(&sdk_of(function, &parts.sdk), CallLimits::READ), &parts.table)
}

fn messages(parts: &Parts, function: &'static str) -> Messages {
    Messages::new(table(parts, function), parts.clock.clone(), parts.random.clone(), None)
}

fn list_messages(parts: &Parts) -> list_messages::App {
    list_messages::App {
        verifier: verifier(parts),
        users: users(parts),
        messages: messages(parts, "list-messages"),
    }
}

/// The calls since the last check: operation and kind of row. `None` is the index. A call that a policy refuses fails
/// the test when its world is dropped.
fn calls(world: &World) -> Vec<(String, Option<RowKind>)> {
    let calls = world.emulator.take_calls().into_iter().map(|call| {
        let partition =
            ["/Key/pk/S", "/ExpressionAttributeValues/:pk/S", "/ExpressionAttributeValues/:group/S"]
                .iter()
                .find_map(|place| call.request.pointer(place)?.as_str())
                .unwrap();
        assert!(partition.ends_with(&Uuid::nil().to_string()), "{partition}");
        (call.operation, RowKind::of_partition(partition))
    });
    let mut calls = calls.collect::<Vec<_>>();
    calls.sort();
    calls
}

fn get(kind: RowKind) -> (String, Option<RowKind>) {
    ("GetItem".to_owned(), Some(kind))
}

fn query(kind: Option<RowKind>) -> (String, Option<RowKind>) {
    ("Query".to_owned(), kind)
}

#[tokio::test]
async fn each_function_makes_its_first_calls_for_the_nil_uuid() {
    let world = World::new().await;
    let parts = &world.parts;
    let _ = world.emulator.take_calls();

    list_messages(parts).warm_up().await;
    assert_eq!(calls(&world), [get(RowKind::Membership), get(RowKind::MemberState)]);

    let groups = list_message_groups::App {
        verifier: verifier(parts),
        users: users(parts),
        inbox: Inbox::new(table(parts, "list-message-groups"), parts.random.clone()),
    };
    groups.warm_up().await;
    assert_eq!(calls(&world), [query(Some(RowKind::Inbox))]);

    let create = create_message::App {
        verifier: verifier(parts),
        users: users(parts),
        messages: messages(parts, "create-message"),
    };
    create.warm_up().await;
    assert_eq!(calls(&world), [get(RowKind::Membership), query(Some(RowKind::Message))]);

    let stream = stream_handler::App {
        inbox: Inbox::new(table(parts, "stream-handler"), parts.random.clone()),
        log: EventLog::new(table(parts, "stream-handler"), parts.clock.clone(), parts.random.clone()),
        push: None,
        clock: parts.clock.clone(),
    };
    stream.warm_up().await;
    assert_eq!(calls(&world), [get(RowKind::Membership), query(None)]);
}

#[tokio::test]
async fn a_function_starts_although_dynamodb_refuses() {
    let world = World::new().await;
    let app = list_messages(&world.parts);
    world.emulator.inject(|_| Fault::NotExecuted(testing::Failure::Status(400, "AccessDeniedException")));
    app.warm_up().await;
    // The first failure cancels the other call.
    assert_eq!(calls(&world), [get(RowKind::Membership)]);
}

const HEALTH_CHECK: &str = r#"{"health_check": true}"#;

#[tokio::test]
async fn each_function_is_healthy_with_all_its_dependencies() {
    let world = World::new().await;
    let _ = world.emulator.take_calls();
    for function in FUNCTIONS {
        let answer = world.functions[function.name].invoke(HEALTH_CHECK.to_owned()).await;
        assert_eq!(answer.unwrap(), r#"{"healthy":true}"#, "{}", function.name);
    }
    let membership = || get(RowKind::Membership);
    assert_eq!(
        calls(&world),
        [
            membership(),
            membership(),
            membership(),
            membership(),
            membership(),
            membership(),
            membership(),
            membership(),
            membership(),
            membership(),
            membership(),
            get(RowKind::MemberState),
            get(RowKind::MemberState),
            get(RowKind::Block),
            query(None),
            query(Some(RowKind::Message)),
            query(Some(RowKind::Inbox)),
            query(Some(RowKind::Inbox)),
            query(Some(RowKind::Inbox)),
            query(Some(RowKind::Request)),
            query(Some(RowKind::EventLog)),
            query(Some(RowKind::Connection)),
            query(Some(RowKind::Connection)),
            query(Some(RowKind::Connection)),
            query(Some(RowKind::Block)),
            query(Some(RowKind::Block)),
        ]
    );
}

#[tokio::test]
async fn an_unhealthy_function_names_each_dependency_that_it_cannot_use() {
    let mut world = World::new().await;
    world.redeploy(|parts| {
        parts.postgres = broken_postgres::refusing();
        parts.tokens.key_set = Some("https://127.0.0.1:1/jwks.json".to_owned());
    });
    world.emulator.inject(|_| Fault::NotExecuted(testing::Failure::Status(400, "AccessDeniedException")));
    for (function, dependencies) in [
        ("list-message-groups", "the key set, PostgreSQL, DynamoDB"),
        ("list-messages", "the key set, PostgreSQL, DynamoDB"),
        ("create-message", "the key set, PostgreSQL, DynamoDB"),
        ("show-user", "PostgreSQL"),
        ("show-me", "the key set, PostgreSQL"),
        ("search-users", "the key set, PostgreSQL"),
        ("block-user", "the key set, PostgreSQL, DynamoDB"),
        ("update-message-group", "the key set, PostgreSQL, DynamoDB"),
        ("create-report", "the key set, PostgreSQL, DynamoDB"),
        ("export-me", "the key set, PostgreSQL, DynamoDB"),
        ("list-devices", "the key set, PostgreSQL, DynamoDB"),
        ("sign-out", "the key set, PostgreSQL, DynamoDB"),
        ("stream-handler", "DynamoDB"),
        ("post-confirmation", "PostgreSQL"),
    ] {
        let error = world.functions[function].invoke(HEALTH_CHECK.to_owned()).await.unwrap_err();
        let expected = format!("the function failed: can't use {dependencies}; the log has the causes");
        assert_eq!(error.to_string(), expected, "{function}");
    }
}

/// A check that outlasts the function would not name the dependency.
#[tokio::test]
async fn a_health_check_of_silent_dependencies_ends_within_the_shortest_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("postgresql://cruddur@{}/cruddur", listener.local_addr().unwrap());
    let mut world = World::new().await;
    let silent: DatabaseServer = silent.parse().unwrap();
    world.redeploy(|parts| parts.postgres = Arc::new(Postgres::new(silent)));
    let function = &world.functions["post-confirmation"];
    pause();
    let begin = Instant::now();
    let error = function.invoke(HEALTH_CHECK.to_owned()).await.unwrap_err();
    assert_eq!(error.to_string(), "the function failed: can't use PostgreSQL; the log has the causes");
    assert!(begin.elapsed() < function.timeout(), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_start_waits_two_seconds_at_most() {
    pause();
    let begin = Instant::now();
    warm_up::within_limit(std::future::pending()).await;
    assert_eq!(begin.elapsed().as_secs(), 2);
}

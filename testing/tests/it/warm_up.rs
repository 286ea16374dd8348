//! What functions do before their first event.

use std::sync::Arc;

use cruddur::{
    auth::Verifier,
    dynamodb::{CallLimits, Table, client},
    user::Users,
    warm_up,
};
use local::deployment::{Parts, sdk_of};
use testing::{Fate, World};
use tokio::time::{Instant, pause};

fn verifier(parts: &Parts) -> Verifier {
    Verifier::new(&parts.tokens, parts.tokens.key_set().unwrap(), parts.clock.clone())
}

fn users(parts: &Parts) -> Users {
    Users::new(Arc::clone(&parts.postgres))
}

/// The table with the rights of `function`.
fn table(parts: &Parts, function: &'static str) -> Table {
    Table::new(client(&sdk_of(function, &parts.sdk), CallLimits::READ), &parts.table)
}

fn list_messages(parts: &Parts) -> list_messages::App {
    list_messages::App {
        verifier: verifier(parts),
        users: users(parts),
        table: table(parts, "list-messages"),
    }
}

/// What was called since the last look, with the partition that it named. (A call that a policy refuses fails the test
/// when its world ends.)
fn calls(world: &World) -> Vec<(String, String)> {
    let calls = world.emulator.take_calls().into_iter().map(|call| {
        let request = &call.request;
        let pk = request.pointer("/Key/pk/S").or_else(|| request.pointer("/ExpressionAttributeValues/:pk/S"));
        (call.operation, pk.unwrap().as_str().unwrap().to_owned())
    });
    calls.collect()
}

fn nobodys(operation: &str, partition: &str) -> (String, String) {
    (operation.to_owned(), format!("{partition}#00000000-0000-0000-0000-000000000000"))
}

#[tokio::test]
async fn each_function_makes_as_many_calls_as_it_begins_with_which_it_may_make_about_nobody() {
    let world = World::new().await;
    let parts = &world.parts;
    let _ = world.emulator.take_calls();

    list_messages(parts).warm_up().await;
    assert_eq!(calls(&world), [nobodys("GetItem", "MEM"), nobodys("GetItem", "MEM")]);

    let groups = list_message_groups::App {
        verifier: verifier(parts),
        users: users(parts),
        table: table(parts, "list-message-groups"),
    };
    groups.warm_up().await;
    assert_eq!(calls(&world), [nobodys("Query", "GRP")]);

    let create = create_message::App {
        verifier: verifier(parts),
        users: users(parts),
        table: table(parts, "create-message"),
        send_limit: None,
        clock: parts.clock.clone(),
        random: parts.random.clone(),
    };
    create.warm_up().await;
    assert_eq!(calls(&world), [nobodys("GetItem", "MEM"), nobodys("GetItem", "MEM")]);

    let stream = stream_handler::App {
        table: table(parts, "stream-handler"),
        clock: parts.clock.clone(),
        random: parts.random.clone(),
    };
    stream.warm_up().await;
    assert_eq!(calls(&world), [nobodys("GetItem", "MEM"), nobodys("GetItem", "MEM")]);
}

#[tokio::test]
async fn a_function_starts_though_dynamodb_refuses() {
    let world = World::new().await;
    let app = list_messages(&world.parts);
    world.emulator.judge(|_| Fate::Refused(testing::Failure::Status(400, "AccessDeniedException")));
    app.warm_up().await;
    assert_eq!(calls(&world), [nobodys("GetItem", "MEM"), nobodys("GetItem", "MEM")]);
}

#[tokio::test]
async fn a_start_waits_for_two_seconds_at_most() {
    pause();
    let begin = Instant::now();
    warm_up::within_limit(std::future::pending::<()>()).await;
    assert_eq!(begin.elapsed().as_secs(), 2);
}

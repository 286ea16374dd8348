//! Wires the function `list-messages` to the Lambda runtime.

use std::convert::Infallible;

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::environment,
    dynamodb::{CallLimits, Table},
    log,
    message_group::KnownMembers,
    user::Users,
};
use lambda_http::{Error, run, service_fn};
use list_messages::{App, handler};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let app = App {
        verifier: Verifier::from_lookup(environment, Clock::system())?,
        users: Users::from_lookup(environment)?,
        table: Table::from_lookup(environment, CallLimits::READ)?,
        members: KnownMembers::default(),
    };
    app.warm_up().await;
    run(service_fn(|request| async { Ok::<_, Infallible>(handler(&app, request).await) })).await
}

//! Wires the function `list-message-groups` to the Lambda runtime.

use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::environment,
    dynamodb::{CallLimits, Table},
    event, log,
    user::Users,
};
use lambda_http::Error;
use list_message_groups::{App, handler};
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
    };
    app.warm_up().await;
    event::run(|request| handler(&app, request)).await
}

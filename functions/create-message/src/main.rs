//! Wires the function `create-message` to the Lambda runtime.

use create_message::{App, handler};
use cruddur::{
    auth::Verifier,
    clock::Clock,
    config::environment,
    dynamodb::{CallLimits, Table},
    event, log,
    message_group::KnownMembers,
    random::Random,
    send_limit::SendLimit,
    user::Users,
};
use lambda_http::Error;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let app = App {
        verifier: Verifier::from_lookup(environment, Clock::system())?,
        users: Users::from_lookup(environment)?,
        table: Table::from_lookup(environment, CallLimits::WRITE)?,
        members: KnownMembers::default(),
        send_limit: SendLimit::from_lookup(environment)?,
        clock: Clock::system(),
        random: Random::system(),
    };
    app.warm_up().await;
    event::run(|request| handler(&app, request)).await
}

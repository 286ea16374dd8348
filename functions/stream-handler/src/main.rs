//! Wires the function `stream-handler` to the Lambda runtime.

use std::convert::Infallible;

use cruddur::{
    clock::Clock,
    config::environment,
    dynamodb::{CallLimits, Table},
    log,
    random::Random,
};
use lambda_runtime::{Error, run, service_fn};
use mimalloc::MiMalloc;
use stream_handler::{App, handler};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let app = App {
        table: Table::from_lookup(environment, CallLimits::WRITE)?,
        clock: Clock::system(),
        random: Random::system(),
    };
    app.warm_up().await;
    run(service_fn(|event| async { Ok::<_, Infallible>(handler(&app, event).await) })).await
}

//! Wires the function `show-me` to the Lambda runtime.

use std::convert::Infallible;

use cruddur::{auth::Verifier, clock::Clock, config::environment, log, user::Users};
use lambda_http::{Error, run, service_fn};
use mimalloc::MiMalloc;
use show_me::{App, handler};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let app = App {
        verifier: Verifier::from_lookup(environment, Clock::system())?,
        users: Users::from_lookup(environment)?,
    };
    app.warm_up().await;
    run(service_fn(|request| async { Ok::<_, Infallible>(handler(&app, request).await) })).await
}

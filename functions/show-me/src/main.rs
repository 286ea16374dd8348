//! Wires the function `show-me` to the Lambda runtime.

use cruddur::{auth::Verifier, clock::Clock, config::environment, event, log, user::Users};
use lambda_http::Error;
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
    event::run(|request| handler(&app, request)).await
}

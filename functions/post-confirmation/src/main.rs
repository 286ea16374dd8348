//! Wires the function `post-confirmation` to the Lambda runtime.

use std::convert::Infallible;

use cruddur::{config::environment, log, user::Users};
use lambda_runtime::{Error, run, service_fn};
use mimalloc::MiMalloc;
use post_confirmation::{App, handler};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let app = App { users: Users::from_lookup(environment)? };
    app.warm_up().await;
    run(service_fn(|event| async { Ok::<_, Infallible>(handler(&app, event).await) })).await
}

//! Wires the function `show-user` to the Lambda runtime.

use cruddur::{config::environment, event, log, user::Users};
use lambda_http::Error;
use mimalloc::MiMalloc;
use show_user::{App, handler};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let app = App { users: Users::from_lookup(environment)? };
    app.warm_up().await;
    event::run(|request| handler(&app, request)).await
}

//! Starts the function `check-release`.

use check_release::handler;
use cruddur::start::{Error, serve_events};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_events(handler).await
}

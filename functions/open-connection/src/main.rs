//! Starts the function `open-connection`.

use cruddur::start::{Error, serve_events};
use mimalloc::MiMalloc;
use open_connection::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_events(handler).await
}

//! Starts the function `stream-handler`.

use cruddur::start::{Error, serve_events};
use mimalloc::MiMalloc;
use stream_handler::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_events(handler).await
}

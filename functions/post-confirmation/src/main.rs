//! Starts the function `post-confirmation`.

use cruddur::start::{Error, serve_events};
use mimalloc::MiMalloc;
use post_confirmation::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_events(handler).await
}

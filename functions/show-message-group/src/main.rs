//! Starts the function `show-message-group`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use show_message_group::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

//! Starts the function `show-message-group`.

use cruddur::start::{Error, serve};
use show_message_group::handler;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

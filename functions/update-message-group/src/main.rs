//! Starts the function `update-message-group`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use update_message_group::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

//! Starts the function `erase-accounts`.

use cruddur::start::{Error, serve_events};
use erase_accounts::handler;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve_events(handler).await
}

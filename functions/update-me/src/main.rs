//! Starts the function `update-me`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use update_me::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

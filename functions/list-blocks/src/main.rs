//! Starts the function `list-blocks`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use list_blocks::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

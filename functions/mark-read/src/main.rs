//! Starts the function `mark-read`.

use cruddur::start::{Error, serve};
use mark_read::handler;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

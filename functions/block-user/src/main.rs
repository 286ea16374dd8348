//! Starts the function `block-user`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use block_user::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

//! Starts the function `sign-out`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use sign_out::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

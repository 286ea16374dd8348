//! Starts the function `show-user`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use show_user::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

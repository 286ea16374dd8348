//! Starts the function `count-unread`.

use cruddur::start::{Error, serve};
use count_unread::handler;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

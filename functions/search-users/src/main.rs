//! Starts the function `search-users`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use search_users::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

//! Starts the function `react-to-message`.

use cruddur::start::{Error, serve};
use mimalloc::MiMalloc;
use react_to_message::handler;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(handler).await
}

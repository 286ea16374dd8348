//! A minimal function behind the API: the baseline for all other figures.

use std::convert::Infallible;

use lambda_http::{Error, Request, run, service_fn};

#[expect(clippy::disallowed_methods, reason = "the reference is the library as it is")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(|_: Request| async { Ok::<_, Infallible>("hello, world") })).await
}

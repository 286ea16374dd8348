//! Start-up of a function: configuration, connections, and the Lambda runtime.

use std::convert::Infallible;

pub use lambda_http::Error;
use lambda_http::{
    Body, LambdaEvent, Request, Response,
    lambda_runtime::{run, service_fn},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    config::{ConfigError, Lookup, environment},
    event, log, warm_up,
};

/// The clients and settings of a function. Created once per execution environment; the handler borrows them.
pub trait App: Sized {
    /// Reads the configuration. Fails if a variable is missing or malformed.
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError>;

    /// Opens all connections that the first event needs, concurrently. Logs failures.
    fn connect(&self) -> impl Future<Output = ()>;

    /// [`Self::connect`] with a time limit.
    fn warm_up(&self) -> impl Future<Output = ()> {
        warm_up::within_limit(self.connect())
    }
}

/// Runs the function of a route.
pub async fn serve<A: App>(handler: impl AsyncFn(&A, Request) -> Response<Body>) -> Result<(), Error> {
    let app = start::<A>().await?;
    event::run(async |request| handler(&app, request).await).await
}

/// Runs a function that handles events other than requests.
pub async fn serve_events<A, E, R>(handler: impl AsyncFn(&A, LambdaEvent<E>) -> R) -> Result<(), Error>
where
    A: App,
    E: DeserializeOwned,
    R: Serialize,
{
    let app = start::<A>().await?;
    run(service_fn(async |event| Ok::<_, Infallible>(handler(&app, event).await))).await
}

async fn start<A: App>() -> Result<A, ConfigError> {
    log::init(environment);
    let app = A::from_lookup(environment)?;
    app.warm_up().await;
    Ok(app)
}

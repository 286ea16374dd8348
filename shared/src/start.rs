//! Start-up of a function: configuration, connections, and the Lambda runtime.

pub use lambda_http::Error;
use lambda_http::{
    Body, LambdaEvent, Request, Response,
    lambda_runtime::{run, service_fn},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    config::{ConfigError, Lookup, environment},
    event::{self, Event},
    health::{self, Answer, Incoming, Unhealthy},
    log,
    warm_up::{self, Failure},
};

/// The clients and settings of a function. Created once per execution environment; the handler borrows them.
pub trait App: Sized {
    /// Reads the configuration. Fails if a variable is missing or malformed.
    fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError>;

    /// Opens all connections that the first event needs, concurrently. Returns the dependencies that fail.
    fn connect(&self) -> impl Future<Output = Vec<Failure>> + Send;

    /// [`Self::connect`] with a time limit. Logs failures.
    fn warm_up(&self) -> impl Future<Output = ()> {
        warm_up::within_limit(self.connect())
    }
}

/// Runs the function of a route. `handler` serves one request at a time.
pub async fn serve<A: App>(handler: impl AsyncFn(&A, Request) -> Response<Body>) -> Result<(), Error> {
    serve_events(async |app, event: LambdaEvent<Event>| {
        event::result(handler(app, event.payload.into()).await)
    })
    .await
}

/// Runs a function that handles events other than requests.
pub async fn serve_events<A, E, R>(handler: impl AsyncFn(&A, LambdaEvent<E>) -> R) -> Result<(), Error>
where
    A: App,
    E: DeserializeOwned,
    R: Serialize,
{
    let app = start::<A>().await?;
    run(service_fn(async |event| answer(&app, event, |event| handler(&app, event)).await)).await
}

/// Answers an event with `handler`, or checks the app's health. Fails if the app is not healthy.
pub async fn answer<A: App, E, R>(
    app: &A,
    event: LambdaEvent<Incoming<E>>,
    handler: impl AsyncFnOnce(LambdaEvent<E>) -> R,
) -> Result<Answer<R>, Unhealthy> {
    let LambdaEvent { payload, context, .. } = event;
    // Boxed: otherwise the futures exceed the compiler's limit on nested types.
    match payload {
        Incoming::Event(payload) => {
            Ok(Answer::Event(Box::pin(handler(LambdaEvent::new(payload, context))).await))
        }
        Incoming::HealthCheck => Box::pin(health::check(app.connect())).await,
    }
}

async fn start<A: App>() -> Result<A, ConfigError> {
    log::init(environment);
    let app = A::from_lookup(environment)?;
    app.warm_up().await;
    Ok(app)
}

//! A function as the local stack invokes it. Event and answer are JSON texts, converted by the same
//! deserializers and adapters as behind the Lambda runtime API.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use cruddur::{
    clock::Clock,
    event::{self, Event},
    health::Incoming,
    random::Random,
    start::{self, App},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use lambda_http::{IntoResponse, Request};
use lambda_runtime::{Context, LambdaEvent, layers::trace::request_span};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::Instrument as _;

/// A deployed function. Cheap to clone.
///
/// It serves concurrent invocations, like all execution environments of a deployed function together.
#[derive(Clone)]
pub struct Function {
    name: &'static str,
    timeout: Duration,
    clock: Clock,
    random: Random,
    invoke: Arc<Invoke>,
}

type Invoke = dyn Fn(String, Context) -> BoxFuture<'static, Result<String, InvocationError>> + Send + Sync;

/// A failed invocation. API Gateway responds with 500 or 503; an event source mapping retries.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// The event can't be deserialized, or the handler returned an error or panicked.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The timeout passed. The invocation was stopped midway, as in Lambda.
    #[error("the function timed out after {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl InvocationError {
    fn failed(cause: impl fmt::Display) -> Self {
        Self::Failed(cause.to_string())
    }
}

impl Function {
    /// A function with its app. `handler` answers the events that are not health checks.
    pub fn with_app<A, E, R, F>(
        name: &'static str,
        timeout: Duration,
        app: A,
        handler: impl Fn(Arc<A>, LambdaEvent<E>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        A: App + Send + Sync + 'static,
        F: Future<Output = R> + Send + 'static,
        E: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
    {
        let app = Arc::new(app);
        Self::event(name, timeout, move |event: LambdaEvent<Incoming<E>>| {
            let (app, handler) = (Arc::clone(&app), handler.clone());
            async move { start::answer(&*app, event, |event| handler(Arc::clone(&app), event)).await }
        })
    }

    /// A function behind an HTTP API, without an app.
    pub fn http<R, F, A>(name: &'static str, timeout: Duration, handler: F) -> Self
    where
        F: Fn(Request) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = R> + Send + 'static,
        R: IntoResponse + Send + Sync + 'static,
    {
        Self::new(name, timeout, move |payload, _context| {
            let handler = handler.clone();
            async move {
                let event: Event = serde_json::from_str(&payload).map_err(InvocationError::failed)?;
                let response = handler(event.into()).await.into_response().await;
                serde_json::to_string(&event::result(response)).map_err(InvocationError::failed)
            }
            .boxed()
        })
    }

    /// A function behind a trigger, without an app. `handler` is the argument of `lambda_runtime::run` in its `main`.
    pub fn event<E, R, X, F, A>(name: &'static str, timeout: Duration, handler: F) -> Self
    where
        F: Fn(LambdaEvent<E>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<R, X>> + Send + 'static,
        E: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        X: fmt::Display + Send + 'static,
    {
        Self::new(name, timeout, move |payload, context| {
            let handler = handler.clone();
            async move {
                let event = serde_json::from_str(&payload).map_err(InvocationError::failed)?;
                let answer =
                    handler(LambdaEvent::new(event, context)).await.map_err(InvocationError::failed)?;
                serde_json::to_string(&answer).map_err(InvocationError::failed)
            }
            .boxed()
        })
    }

    /// A function that runs elsewhere. `invoke` sends the event's JSON text there and returns the answer's.
    pub fn remote<F, A>(name: &'static str, timeout: Duration, invoke: F) -> Self
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = Result<String, InvocationError>> + Send + 'static,
    {
        Self::new(name, timeout, move |payload, _context| invoke(payload).boxed())
    }

    fn new(
        name: &'static str,
        timeout: Duration,
        invoke: impl Fn(String, Context) -> BoxFuture<'static, Result<String, InvocationError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { name, timeout, clock: Clock::system(), random: Random::system(), invoke: Arc::new(invoke) }
    }

    /// Sets the clock from which the deadlines of invocations are computed.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The function's name, as in the template.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The time limit of an invocation.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Invokes the function once, in its own task. The invocation continues if the caller is dropped, and is
    /// stopped at its timeout.
    pub async fn invoke(&self, payload: String) -> Result<String, InvocationError> {
        let now = self.clock.now();
        let mut context = Context::default();
        context.request_id = self.random.uuid_v7(now).to_string();
        context.deadline = u64::try_from((now + self.timeout).timestamp_millis()).unwrap_or(u64::MAX);
        let span = request_span(&context);
        let invocation = tokio::time::timeout(self.timeout, (self.invoke)(payload, context)).instrument(span);
        match tokio::spawn(invocation).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_elapsed)) => Err(InvocationError::TimedOut(self.timeout)),
            Err(panic) => Err(InvocationError::failed(panic)),
        }
    }
}

/// Removes the fields that are null. AWS omits them from events.
pub(crate) fn without_nulls(mut event: Value) -> Value {
    if let Some(fields) = event.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    event
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_remote_function_receives_the_event_unchanged() {
        let echo =
            Function::remote(
                "echo",
                Duration::from_secs(30),
                |event| async move { Ok(format!("got {event}")) },
            );
        assert_eq!(echo.invoke(r#"{"a": 1}"#.to_owned()).await.unwrap(), r#"got {"a": 1}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_remote_function_times_out() {
        let silent = Function::remote("silent", Duration::from_secs(30), |_| std::future::pending());
        let error = silent.invoke("{}".to_owned()).await.unwrap_err();
        assert_eq!(error.to_string(), "the function timed out after 30 s");
    }
}

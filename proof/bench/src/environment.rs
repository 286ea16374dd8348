//! An execution environment: a function's process behind Lambda's runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::{future::ready, io, time::Duration};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use cruddur::clock::Clock;
use dynamodb_fake::HttpServer;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use uuid::Uuid;

use crate::{Run, cases::Case, process::Process};

/// The time limit of each request, which is also the function's timeout.
const LIMIT: Duration = Duration::from_mins(1);

pub(crate) struct Environment {
    pub process: Process,
    /// The times to the first request for an event.
    pub init: Times,
    requests: mpsc::Receiver<ApiRequest>,
    /// The response to the process's pending request for an event.
    next: Option<oneshot::Sender<Response<Full<Bytes>>>>,
    _server: HttpServer,
}

#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub wall_ms: f64,
    pub cpu_ms: f64,
}

/// A request of the process to the runtime API, which waits for its response.
struct ApiRequest {
    received: Instant,
    path: String,
    body: Bytes,
    response: oneshot::Sender<Response<Full<Bytes>>>,
}

impl Environment {
    /// Starts the function of `case` with a whole processor.
    pub(crate) async fn start(run: &Run, case: &Case) -> Result<Self> {
        let (sender, mut requests) = mpsc::channel(1);
        let accept = |stream| ready(Ok(stream));
        let server = HttpServer::start(accept, move |request| forward(request, sender.clone())).await?;
        let mut variables = run.services.variables.clone();
        variables.push(("AWS_LAMBDA_RUNTIME_API", server.address().to_string()));
        variables.push(("AWS_LAMBDA_FUNCTION_NAME", case.function.to_owned()));
        let begin = Instant::now();
        let process = Process::start(&run.binary(case), variables, &run.processors)?;
        let next = receive(&mut requests, "/next").await;
        let next = next.with_context(|| format!("{} does not start", case.function))?;
        let init = Times { wall_ms: ms(next.received - begin), cpu_ms: process.cpu_ms()? };
        Ok(Self { process, init, requests, next: Some(next.response), _server: server })
    }

    /// Invokes the function. Wall time ends with the answer, CPU time with the request for the next event.
    /// Returns an error if the answer is an error, which would make the figures meaningless.
    pub(crate) async fn invoke(&mut self, event: Bytes) -> Result<Times> {
        let deadline = (Clock::system().now() + LIMIT).timestamp_millis();
        let event = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", Uuid::new_v4().to_string())
            .header("lambda-runtime-deadline-ms", deadline)
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-central-1:123456789012:function:bench",
            )
            .header(
                "lambda-runtime-trace-id",
                "Root=1-695b9427-73a7ade8d4be30984c62ab4d;Parent=53995c3f42cd8ad8;Sampled=0",
            )
            .body(Full::from(event))?;
        let next = self.next.take().context("the function is not ready")?;
        let (begin, cpu_before) = (Instant::now(), self.process.cpu_ms()?);
        // If the process has ended, the next request doesn't arrive.
        let _ = next.send(event);
        let answer = receive(&mut self.requests, "/response").await?;
        let _ = answer.response.send(Response::default());
        self.next = Some(receive(&mut self.requests, "/next").await?.response);
        check(&answer.body)?;
        Ok(Times { wall_ms: ms(answer.received - begin), cpu_ms: self.process.cpu_ms()? - cpu_before })
    }
}

/// Forwards a request of the process and waits for the response.
async fn forward(
    request: Request<Incoming>,
    requests: mpsc::Sender<ApiRequest>,
) -> io::Result<Response<Full<Bytes>>> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let (response, receiver) = oneshot::channel();
    let request = ApiRequest { received: Instant::now(), path, body, response };
    requests.send(request).await.map_err(|_| io::ErrorKind::ConnectionAborted)?;
    receiver.await.map_err(io::Error::other)
}

/// Waits for a request whose path ends with `end`. Any other request reports a failure of the function.
async fn receive(requests: &mut mpsc::Receiver<ApiRequest>, end: &str) -> Result<ApiRequest> {
    let request = timeout(LIMIT, requests.recv()).await.context("no request from the function")?;
    let request = request.context("the runtime API has stopped")?;
    if !request.path.ends_with(end) {
        bail!("unexpected request to {}: {}", request.path, String::from_utf8_lossy(&request.body));
    }
    Ok(request)
}

fn check(answer: &Bytes) -> Result<()> {
    let answer: Value = serde_json::from_slice(answer)?;
    let status = answer["statusCode"].as_u64();
    let failures = answer["batchItemFailures"].as_array();
    if status.is_some_and(|status| status != 200) || failures.is_some_and(|failures| !failures.is_empty()) {
        bail!("the function has answered {answer}");
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

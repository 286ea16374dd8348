//! Lambda's side of a function: the runtime API of one execution environment
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::{io, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use cruddur::clock::Clock;
use dynamodb_fake::HttpServer;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, timeout},
};

/// Time limit for each step of an environment.
const PATIENCE: Duration = Duration::from_mins(1);

/// The deadline passed to the function.
const DEADLINE: Duration = Duration::from_mins(1);

/// The runtime API of one environment, stopped on drop.
pub struct RuntimeApi {
    address: String,
    events: mpsc::Sender<Bytes>,
    signs: mpsc::Receiver<Sign>,
    _server: HttpServer,
}

/// A request from the environment.
enum Sign {
    /// Requests the next event. The environment is ready and can be frozen.
    Ready(Instant),
    /// Sends an answer.
    Answer(Instant, Bytes),
    /// Reports a failure.
    Failure(String),
}

#[derive(Clone)]
struct Desk {
    events: Arc<Mutex<mpsc::Receiver<Bytes>>>,
    signs: mpsc::Sender<Sign>,
}

impl RuntimeApi {
    /// Starts the API on a free port of the loopback interface.
    pub async fn start() -> Result<Self> {
        let (events, events_at_desk) = mpsc::channel(1);
        let (signs_at_desk, signs) = mpsc::channel(4);
        let desk = Desk { events: Arc::new(Mutex::new(events_at_desk)), signs: signs_at_desk };
        let accept = |stream| async { Ok(stream) };
        let server = HttpServer::start(accept, move |request| desk.clone().serve(request)).await?;
        Ok(Self { address: server.address().to_string(), events, signs, _server: server })
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the environment is ready. Returns the time of its request.
    pub async fn ready(&mut self) -> Result<Instant> {
        match self.sign().await? {
            Sign::Ready(at) => Ok(at),
            Sign::Answer(..) => bail!("an answer before there was an event"),
            Sign::Failure(failure) => bail!("the function failed: {failure}"),
        }
    }

    /// Sends an event to a ready environment. Returns the time to the answer, and the answer.
    pub async fn invoke(&mut self, event: &Bytes) -> Result<(Duration, Bytes)> {
        let begin = Instant::now();
        self.events.send(event.clone()).await?;
        match self.sign().await? {
            Sign::Answer(at, answer) => Ok((at - begin, answer)),
            Sign::Ready(_) => bail!("the function asks for another event before it has answered"),
            Sign::Failure(failure) => bail!("the function failed: {failure}"),
        }
    }

    async fn sign(&mut self) -> Result<Sign> {
        let sign = timeout(PATIENCE, self.signs.recv()).await.context("the function is silent")?;
        sign.context("the runtime API is gone")
    }
}

impl Desk {
    async fn serve(self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let Ok(body) = request.into_body().collect().await else { return Ok(empty(StatusCode::BAD_REQUEST)) };
        let body = body.to_bytes();
        let end = path.rsplit('/').next().unwrap_or_default();
        Ok(match (method, end) {
            (Method::GET, "next") => {
                let ready = Sign::Ready(Instant::now());
                let _ = self.signs.send(ready).await;
                match self.events.lock().await.recv().await {
                    Some(event) => next(event),
                    None => empty(StatusCode::GONE),
                }
            }
            (Method::POST, "response") => {
                let _ = self.signs.send(Sign::Answer(Instant::now(), body)).await;
                empty(StatusCode::ACCEPTED)
            }
            (Method::POST, "error") => {
                let _ = self.signs.send(Sign::Failure(String::from_utf8_lossy(&body).into_owned())).await;
                empty(StatusCode::ACCEPTED)
            }
            _ => empty(StatusCode::NOT_FOUND),
        })
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn next(event: Bytes) -> Response<Full<Bytes>> {
    let deadline = Clock::system().now() + DEADLINE;
    let mut response = Response::new(Full::from(event));
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", uuid::Uuid::new_v4().to_string()),
        ("lambda-runtime-deadline-ms", deadline.timestamp_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:bench".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-695b9427-73a7ade8d4be30984c62ab4d;Parent=53995c3f42cd8ad8;Sampled=0".to_owned(),
        ),
    ];
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

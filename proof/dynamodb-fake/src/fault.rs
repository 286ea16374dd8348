//! Faults of a call, and the failures that callers see.

use std::{convert::Infallible, future::pending, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use serde_json::json;

/// The body of a response.
pub type Body = BoxBody<Bytes, Infallible>;

/// A fault injected into a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is executed and answered.
    None,
    /// The call is executed and answered after a delay.
    Slow(Duration),
    /// The call is not executed.
    NotExecuted(Failure),
    /// The call is executed, but its response is lost.
    Lost(Failure),
    /// The call fails immediately and is executed after a delay.
    Late(Failure, Duration),
}

/// A failure as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A status with a DynamoDB error code.
    Status(u16, &'static str),
    /// A canceled transaction, with a reason for each action.
    Canceled(&'static [&'static str]),
    /// A connection reset.
    Reset,
    /// No response: the SDK's timeout ends the attempt.
    Silence,
    /// A response whose body never ends: the SDK's timeout ends the attempt.
    Stall,
}

impl Failure {
    /// The HTTP response. An error resets the connection.
    pub async fn response(self) -> io::Result<Response<Body>> {
        match self {
            Self::Status(status, code) => Ok(respond(status, error_body(code))),
            Self::Canceled(reasons) => {
                let reasons = reasons.iter().map(|code| json!({"Code": code})).collect::<Vec<_>>();
                let body = json!({
                    "__type": error_type("TransactionCanceledException"),
                    "Message": "injected",
                    "CancellationReasons": reasons,
                });
                Ok(respond(400, body.to_string()))
            }
            Self::Reset => Err(io::Error::new(io::ErrorKind::ConnectionReset, "injected connection reset")),
            Self::Silence => pending().await,
            Self::Stall => {
                let trailers = pending::<Option<Result<HeaderMap, Infallible>>>();
                Ok(Response::new(Full::new(Bytes::from_static(b"{")).with_trailers(trailers).boxed()))
            }
        }
    }
}

pub(crate) fn respond(status: u16, body: String) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    response.body(Full::from(body).boxed()).unwrap()
}

pub(crate) fn error_body(code: &str) -> String {
    json!({"__type": error_type(code), "message": "injected"}).to_string()
}

fn error_type(code: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{code}")
}

//! What DynamoDB says over HTTP, in the same process: an embedded one's answers, and failures on order.

use std::{convert::Infallible, future::pending};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::ConnectorError};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use http::HeaderMap;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

/// Carries a call out.
pub fn dispatch(database: &Database, operation: &str, request: Value) -> Result<Value, DynoxideError> {
    macro_rules! operations {
        ($($name:literal => $method:ident),* $(,)?) => {
            match operation {
                $($name => {
                    let request = serde_json::from_value(request).unwrap();
                    serde_json::to_value(database.$method(request)?).unwrap()
                })*
                _ => panic!("{operation} is not among the operations that tests know"),
            }
        };
    }
    Ok(operations! {
        "BatchGetItem" => batch_get_item,
        "CreateTable" => create_table,
        "DeleteItem" => delete_item,
        "DescribeTable" => describe_table,
        "DescribeTimeToLive" => describe_time_to_live,
        "GetItem" => get_item,
        "PutItem" => put_item,
        "Query" => query,
        "Scan" => scan,
        "TransactWriteItems" => transact_write_items,
        "UpdateItem" => update_item,
        "UpdateTable" => update_table,
        "UpdateTimeToLive" => update_time_to_live,
    })
}

/// A failure with an error code of DynamoDB.
#[must_use]
pub fn failure(status: u16, code: &str) -> HttpResponse {
    response(status, json!({"__type": error_type(code), "message": "on order"}).to_string())
}

/// A transaction that was cancelled for these reasons, one for each action.
#[must_use]
pub fn cancelled(reasons: &[&str]) -> HttpResponse {
    let reasons = reasons.iter().map(|code| json!({"Code": code})).collect::<Vec<_>>();
    let body = json!({
        "__type": error_type("TransactionCanceledException"),
        "Message": "on order",
        "CancellationReasons": reasons,
    });
    response(400, body.to_string())
}

/// The connection breaks.
#[must_use]
pub fn reset() -> ConnectorError {
    ConnectorError::io("connection reset on order".into())
}

/// An answer that begins, and of which no more comes.
#[must_use]
pub fn stalled() -> HttpResponse {
    let end = pending::<Option<Result<HeaderMap, Infallible>>>();
    let body = Full::new(Bytes::from_static(b"{")).with_trailers(end);
    let response = http::Response::builder().status(200).body(SdkBody::from_body_1_x(body)).unwrap();
    HttpResponse::try_from(response).unwrap()
}

/// An answer of any kind.
#[must_use]
pub fn response(status: u16, body: String) -> HttpResponse {
    let response = http::Response::builder().status(status).body(SdkBody::from(body)).unwrap();
    HttpResponse::try_from(response).unwrap()
}

fn error_type(code: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{code}")
}

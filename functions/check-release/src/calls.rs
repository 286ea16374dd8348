//! Signed calls to Lambda and `CloudFormation`.
//!
//! The SDK's crate for Lambda would enable event streams in the SDK crates of every function, and four calls need none of
//! it.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use cruddur::{
    config::Lookup,
    error::Cause,
    signed_call::{Signer, request},
};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

/// Time limit of a call. A cold start takes up to 10 s, and a health check 4 s.
const LIMIT: Duration = Duration::from_secs(20);

/// Pauses before the repetitions of a call.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The maximum size of an answer in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// The services' URLs, without a trailing slash.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(crate) lambda: String,
    pub(crate) cloudformation: String,
}

impl Endpoints {
    /// The region's endpoints, unless the SDKs' variables name others.
    pub(crate) fn from_lookup(region: &str, lookup: impl Lookup) -> Self {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = |service: &str, variable: &str| {
            let url = lookup(variable).or_else(|| lookup("AWS_ENDPOINT_URL"));
            let url = url.unwrap_or_else(|| format!("https://{service}.{region}.{suffix}"));
            url.trim_end_matches('/').to_owned()
        };
        Self {
            lambda: endpoint("lambda", "AWS_ENDPOINT_URL_LAMBDA"),
            cloudformation: endpoint("cloudformation", "AWS_ENDPOINT_URL_CLOUDFORMATION"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Service {
    Lambda,
    CloudFormation,
}

/// A call to a service.
#[derive(Debug)]
pub(crate) struct Call {
    service: Service,
    method: &'static str,
    path: String,
    content_type: &'static str,
    body: String,
}

impl Call {
    pub(crate) fn get(path: String) -> Self {
        Self { service: Service::Lambda, method: "GET", path, content_type: JSON, body: String::new() }
    }

    pub(crate) fn post(path: String, body: &str) -> Self {
        Self { method: "POST", body: body.to_owned(), ..Self::get(path) }
    }

    /// Describes the stack with this ARN.
    pub(crate) fn describe_stack(stack: &str) -> Self {
        let stack = stack.replace(':', "%3A").replace('/', "%2F");
        Self {
            service: Service::CloudFormation,
            content_type: "application/x-www-form-urlencoded",
            ..Self::post(
                "/".to_owned(),
                &format!("Action=DescribeStacks&Version=2010-05-15&StackName={stack}"),
            )
        }
    }
}

const JSON: &str = "application/json";

/// The answer to a call that succeeded.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The invoked function failed.
    pub(crate) is_function_error: bool,
    pub(crate) body: String,
}

/// An error of AWS.
#[derive(Default, Deserialize)]
struct ErrorDocument {
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// The error of a call. It has no URL: that of an answer to `CloudFormation` is a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The request could not be created.
    #[error("the request is malformed")]
    Unsent(#[source] Cause),
    /// There was no answer.
    #[error("no answer")]
    Unreachable(#[source] Cause),
    /// The service refused the call.
    #[error("{message} (status {status})")]
    Refused { status: u16, message: String },
}

impl CallError {
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Returns `true` if the same call may succeed later. Besides throttling and faults of the service: a new role's
    /// policy takes effect after seconds (403), and the function may still be changing (409).
    fn is_transient(&self) -> bool {
        match self {
            Self::Unsent(_) => false,
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => matches!(status, 403 | 409 | 429 | 500..),
        }
    }
}

/// A client with the function's credentials.
#[derive(Debug)]
pub(crate) struct Calls {
    signer: Signer,
    endpoints: Endpoints,
    connector: SharedHttpConnector,
}

impl Calls {
    pub(crate) fn new(signer: Signer, endpoints: Endpoints, connector: SharedHttpConnector) -> Self {
        Self { signer, endpoints, connector }
    }

    /// Sends a call, and repeats it for about 15 s if it fails and may succeed later.
    pub(crate) async fn call(&self, call: Call) -> Result<Reply, CallError> {
        repeat(async || self.send(self.signed(&call).map_err(CallError::Unsent)?).await).await
    }

    /// Uploads `body` to `url`, whose query signs the upload. The signature allows no content type.
    pub(crate) async fn put(&self, url: &str, body: String) -> Result<(), CallError> {
        repeat(async || self.send(request("PUT", url, &body).map_err(CallError::Unsent)?).await)
            .await
            .map(drop)
    }

    async fn send(&self, request: HttpRequest) -> Result<Reply, CallError> {
        let exchange = async {
            let answer = self.connector.call(request).await?;
            let status = answer.status();
            let is_function_error = answer.headers().get("x-amz-function-error").is_some();
            let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await?.to_bytes();
            Ok((status, is_function_error, String::from_utf8_lossy(&body).into_owned()))
        };
        let answered = timeout(LIMIT, exchange).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
        let (status, is_function_error, body) = answered.map_err(CallError::Unreachable)?;
        if status.is_success() {
            return Ok(Reply { is_function_error, body });
        }
        let ErrorDocument { message } = serde_json::from_str(&body).unwrap_or_default();
        let message = message.unwrap_or_else(|| "no reason given".to_owned());
        Err(CallError::Refused { status: status.as_u16(), message })
    }

    fn signed(&self, call: &Call) -> Result<HttpRequest, Cause> {
        let (name, endpoint) = match call.service {
            Service::Lambda => ("lambda", &self.endpoints.lambda),
            Service::CloudFormation => ("cloudformation", &self.endpoints.cloudformation),
        };
        let url = format!("{endpoint}{}", call.path);
        let mut request = request(call.method, &url, &call.body)?;
        request.headers_mut().insert("content-type", call.content_type);
        self.signer.sign(name, &mut request, &call.body)?;
        Ok(request)
    }
}

async fn repeat(call: impl AsyncFn() -> Result<Reply, CallError>) -> Result<Reply, CallError> {
    for pause in PAUSES {
        match call().await {
            Err(error) if error.is_transient() => sleep(pause).await,
            result => return result,
        }
    }
    call().await
}

//! Signed calls to AWS services without their SDK crates.
//!
//! A dozen calls to four services. Their SDK crates would enable event streams, checksums and request compression, and
//! with these features every other SDK crate would be compiled again, for the functions' tests as well.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::client::identity::Identity;
use backon::BackoffBuilder as _;
use cruddur::{clock::Clock, config::environment, error::Chain};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use reqwest::{Client, redirect};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{http_client, output::printable, retry::AWS_CALLS};

const LIMIT: Duration = Duration::from_secs(15);

/// The time limit of an upload.
const UPLOAD_LIMIT: Duration = Duration::from_mins(10);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// The service's name in host names.
    host: &'static str,
    /// The SDKs' variable for another endpoint.
    variable: &'static str,
    limit: Duration,
}

pub(crate) const CLOUDWATCH: Service =
    Service { host: "monitoring", variable: "AWS_ENDPOINT_URL_CLOUDWATCH", limit: LIMIT };
pub(crate) const LAMBDA: Service =
    Service { host: "lambda", variable: "AWS_ENDPOINT_URL_LAMBDA", limit: LIMIT };
pub(crate) const S3: Service =
    Service { host: S3_HOST, variable: "AWS_ENDPOINT_URL_S3", limit: UPLOAD_LIMIT };
pub(crate) const SQS: Service = Service { host: "sqs", variable: "AWS_ENDPOINT_URL_SQS", limit: LIMIT };

const S3_HOST: &str = "s3";

/// A client with the account's credentials.
#[derive(Debug)]
pub(crate) struct Calls {
    client: Client,
    region: String,
    credentials: SharedCredentialsProvider,
    /// An endpoint instead of AWS.
    endpoint: Option<String>,
}

/// An AWS error document.
#[derive(Debug, Deserialize)]
struct ErrorDocument {
    #[serde(rename = "__type")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

impl Calls {
    pub(crate) fn new(sdk: &SdkConfig) -> Result<Self> {
        let client = http_client::for_url(sdk.endpoint_url().unwrap_or_default());
        let client = client.redirect(redirect::Policy::none()).build()?;
        let region = sdk.region().context("no AWS region is set")?.to_string();
        let credentials = sdk.credentials_provider().context("there are no AWS credentials")?;
        Ok(Self { client, region, credentials, endpoint: sdk.endpoint_url().map(str::to_owned) })
    }

    /// Calls `target`, such as `AmazonSQS.GetQueueAttributes`.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        service: Service,
        target: &'static str,
        body: &Value,
    ) -> Result<T> {
        let mut request = Request::new(body.to_string());
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        headers.insert("x-amz-target", HeaderValue::from_static(target));
        *request.method_mut() = Method::POST;
        self.call(service, "/", &request).await
    }

    /// Sends the method, headers and body of `request` to the encoded `path`, and parses the response.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        service: Service,
        path: &str,
        request: &Request<String>,
    ) -> Result<T> {
        let url = format!("{}{path}", self.endpoint(service));
        let answer = self.send(service, &url, request).await;
        let answer = answer.and_then(|(status, text)| parse(status, &text));
        answer.with_context(|| format!("{} in {}", service.host, self.region))
    }

    /// Sends a request to `url` of a service, with retries. Returns the response's status and body.
    pub(crate) async fn send<B: AsRef<[u8]>>(
        &self,
        service: Service,
        url: &str,
        request: &Request<B>,
    ) -> Result<(StatusCode, String)> {
        let mut waits = AWS_CALLS.build();
        loop {
            let answer = self.send_once(service, url, request).await;
            let is_transient = answer
                .as_ref()
                .is_ok_and(|(status, text)| status.is_server_error() || text.contains("Throttl"));
            match waits.next().filter(|_| is_transient) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return answer,
            }
        }
    }

    async fn send_once<B: AsRef<[u8]>>(
        &self,
        service: Service,
        url: &str,
        request: &Request<B>,
    ) -> Result<(StatusCode, String)> {
        let signed = self.signature(service, url, request).await?;
        let signed_request = self.client.request(request.method().clone(), url).timeout(service.limit);
        let signed_request = signed_request.headers(request.headers().clone()).headers(signed);
        let answer = signed_request.body(request.body().as_ref().to_vec()).send().await;
        let answer = answer.map_err(|error| anyhow!("can't be reached ({})", Chain(&error.without_url())))?;
        let status = answer.status();
        let text = answer
            .text()
            .await
            .map_err(|error| anyhow!("the response was incomplete ({})", Chain(&error.without_url())))?;
        Ok((status, text))
    }

    async fn signature<B: AsRef<[u8]>>(
        &self,
        service: Service,
        url: &str,
        request: &Request<B>,
    ) -> Result<HeaderMap> {
        let identity: Identity = self.credentials.provide_credentials().await?.into();
        let mut settings = SigningSettings::default();
        if service.host == S3_HOST {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service.host)
            .time(Clock::system().now().into())
            .settings(settings)
            .build()?;
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body().as_ref());
        let signable = SignableRequest::new(request.method().as_str(), url, headers, body)?;
        let (instructions, _) = sign(signable, &params.into())?.into_parts();
        let signed = instructions.headers().map(|(name, value)| {
            let mut value = HeaderValue::try_from(value)?;
            value.set_sensitive(true);
            Ok((HeaderName::try_from(name)?, value))
        });
        signed.collect()
    }

    /// The URL of a bucket without a trailing slash.
    pub(crate) fn bucket_url(&self, bucket: &str) -> String {
        let endpoint = self.endpoint(S3);
        match endpoint.strip_prefix("https://s3.") {
            // Certificates for virtual hosts cover one label.
            Some(rest) if !bucket.contains('.') => format!("https://{bucket}.s3.{rest}"),
            _ => format!("{endpoint}/{bucket}"),
        }
    }

    /// The endpoint without a trailing slash.
    fn endpoint(&self, service: Service) -> String {
        let variable = environment(service.variable);
        if let Some(url) = variable.or_else(|| self.endpoint.clone()) {
            return url.trim_end_matches('/').to_owned();
        }
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{}.{}.{suffix}", service.host, self.region)
    }
}

/// The name of a function in its ARN, or in that of a version or an alias.
pub(crate) fn function_name(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
}

fn parse<T: DeserializeOwned>(status: StatusCode, text: &str) -> Result<T> {
    if status.is_success() {
        return serde_json::from_str(text).context("unexpected response");
    }
    let Ok(ErrorDocument { kind, message }) = serde_json::from_str(text) else {
        bail!(
            "unexpected {status} response (not an AWS error document); is a proxy intercepting the request?"
        );
    };
    // `com.amazon.coral.service#AccessDeniedException`
    let kind = kind.unwrap_or_else(|| status.to_string());
    let kind = kind.rsplit('#').next().unwrap_or_default();
    bail!("{} ({})", printable(&message.unwrap_or_else(|| "no reason given".to_owned())), printable(kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_aws_error_is_shown_by_its_message() {
        let text =
            json!({"__type": "com.amazon#AccessDeniedException", "Message": "not allowed"}).to_string();
        let error = parse::<Value>(StatusCode::FORBIDDEN, &text).unwrap_err();
        assert_eq!(error.to_string(), "not allowed (AccessDeniedException)");
    }

    #[test]
    fn a_response_that_is_not_of_aws_is_reported() {
        let error = parse::<Value>(StatusCode::BAD_GATEWAY, "<html>").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unexpected 502 Bad Gateway response (not an AWS error document); is a proxy intercepting the request?"
        );
    }
}

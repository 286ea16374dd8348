//! An HTTP client without TLS: stacks under test run on this machine.

use anyhow::{Context as _, Result};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy, client::legacy::connect::HttpConnector, rt::TokioExecutor};
use serde_json::Value;
use tokio::time::timeout;

use super::PATIENCE;
use crate::Answer;

pub type Body = Full<axum::body::Bytes>;

/// A client with a connection pool. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(legacy::Client<HttpConnector, Body>);

impl Client {
    #[must_use]
    pub fn new() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends any request.
    pub async fn request(&self, request: Request<Body>) -> Result<Answer> {
        let what = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let (parts, body) = self.0.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            let body = String::from_utf8(body.to_vec())?;
            anyhow::Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        let answer = timeout(PATIENCE, exchange).await;
        answer.map_err(anyhow::Error::from).flatten().with_context(|| format!("no answer to {what}"))
    }

    /// `GET url`
    pub async fn get(&self, url: &str) -> Result<Answer> {
        self.request(Request::get(url).body(Body::default())?).await
    }

    /// `POST url` with a JSON body.
    pub async fn post(&self, url: &str, body: &Value) -> Result<Answer> {
        let body = Body::from(body.to_string());
        self.request(Request::post(url).header("content-type", "application/json").body(body)?).await
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

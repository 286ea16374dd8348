//! An HTTP client for stacks on this machine.

use anyhow::{Context as _, Result};
use reqwest::RequestBuilder;
use serde_json::Value;
use testing::Answer;

use crate::PATIENCE;

/// A client with a connection pool. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

impl Client {
    /// Creates a client that ignores the environment's proxies.
    pub fn new() -> Result<Self> {
        Ok(Self(reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?))
    }

    /// Sends any request.
    pub async fn request(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Result<Answer> {
        let request = self.0.request(method.parse()?, url).body(body.into());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request).await.with_context(|| format!("no answer to {method} {url}"))
    }

    /// `GET url`
    pub async fn get(&self, url: &str) -> Result<Answer> {
        self.request("GET", url, &[], "").await
    }

    /// `POST url` with a JSON body.
    pub async fn post(&self, url: &str, body: &Value) -> Result<Answer> {
        self.request("POST", url, &[("content-type", "application/json")], body.to_string()).await
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = String::from_utf8(response.bytes().await?.to_vec())?;
    Ok(Answer { status, headers, body })
}

//! A client of the API that returns responses unchanged.

use std::time::Duration;

use anyhow::Result;
use cruddur::{error::Chain, user::Handle};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::report::Problem;
use crate::{http_client, output::cut};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// API Gateway's time limit for a function.
const RESPONSE_LIMIT: Duration = Duration::from_secs(30);

const BODY_COLUMNS: usize = 100;

#[derive(Clone, Debug)]
pub(super) struct Api {
    client: Client,
    /// The URL without a trailing slash.
    pub(super) url: String,
}

#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Api {
    pub(super) fn new(url: String) -> Result<Self> {
        // No token is sent to a redirect's target.
        let client = http_client::for_url(&url).redirect(redirect::Policy::none());
        let client = client.connect_timeout(CONNECT_LIMIT).timeout(RESPONSE_LIMIT).build()?;
        Ok(Self { client, url })
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(super) async fn get(&self, path: &str, token: &HeaderValue) -> Result<Reply, Problem> {
        self.send(self.request(Method::GET, path), Some(token)).await
    }

    /// The handle of the token's user in the database. Returns `None` if the API does not answer with it.
    pub(super) async fn own_handle(&self, token: &HeaderValue) -> Option<Handle> {
        let answer = self.get("/api/me", token).await.ok()?.json::<Value>()?;
        answer.get("handle")?.as_str()?.parse().ok()
    }

    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        token: Option<&HeaderValue>,
    ) -> Result<Reply, Problem> {
        let request = match token {
            Some(token) => request.header(header::AUTHORIZATION, token),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.unreachable(error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(|error| self.unreachable(error))?.to_vec();
        Ok(Reply { status, headers, body })
    }

    fn unreachable(&self, error: reqwest::Error) -> Problem {
        let url = &self.url;
        if error.is_timeout() {
            let seen = format!("{url} did not respond in time");
            return Problem::new(
                seen,
                "check the API's URL (--url sets it), and whether it is reachable from here",
            );
        }
        let cause = error.without_url();
        let seen = format!("{url} can't be reached ({})", Chain(&cause));
        Problem::new(seen, "check the API's URL (--url sets it), and whether it is running")
    }
}

impl Reply {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Fails unless the response has this status.
    pub(super) fn expect(self, status: StatusCode) -> Result<Self, Problem> {
        if self.status == status { Ok(self) } else { Err(self.unexpected(&status.as_u16().to_string())) }
    }

    /// The problem of a response that is not `wanted`.
    pub(super) fn unexpected(&self, wanted: &str) -> Problem {
        Problem::new(format!("unexpected response {}, expected {wanted}", self.shown()), self.advice())
    }

    pub(super) fn shown(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let text = format!("{} {}", self.status.as_u16(), cut(body.trim(), BODY_COLUMNS));
        text.trim_end().to_owned()
    }

    fn advice(&self) -> String {
        let body = self.json::<Value>();
        let code = body.as_ref().and_then(|body| body.get(0)).and_then(Value::as_str);
        let message = body.as_ref().and_then(|body| body.get("message")).and_then(Value::as_str);
        let request_id = self.header("apigw-requestid").or_else(|| self.header("x-amzn-requestid"));
        let request_id = request_id.map(|id| format!(" (request {})", cut(id, 60))).unwrap_or_default();
        match (self.status.as_u16(), code, message) {
            (401, ..) => "the token has expired, or is of another pool or client than the API's; see the function's log"
                .to_owned(),
            (403, Some("user_not_provisioned"), _) => {
                "the token is valid, but its user is not in the database of users; check that the function \
                 post-confirmation is the pool's trigger, and run `cruddur cognito sync-user-ids --create --target aws`"
                    .to_owned()
            }
            (404, None, Some(_)) => "the API has no such route; check that --url includes the stage".to_owned(),
            (429, ..) => "the API is throttled; wait a moment, or raise the limit".to_owned(),
            (503, Some("unavailable"), _) => format!(
                "the function can't reach PostgreSQL, DynamoDB or the key set; see its log{request_id}"
            ),
            (500 | 502 | 503 | 504, None, Some(_)) => format!(
                "the function fails to start or times out, or the API may not invoke it; see the function's log, which \
                 names missing and malformed variables{request_id}"
            ),
            (500..=599, ..) => format!("see the function's log{request_id}"),
            _ => "check --url, and which version of the functions is deployed".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("apigw-requestid", HeaderValue::from_static("abc="));
        Reply { status, headers, body: body.as_bytes().to_vec() }.advice()
    }

    #[test]
    fn advice_distinguishes_responses_of_the_gateway_and_of_functions() {
        assert!(advice(500, r#"["internal_error"]"#).ends_with("log (request abc=)"));
        assert!(advice(500, r#"{"message": "Internal Server Error"}"#).contains("fails to start"));
        assert!(advice(503, r#"["unavailable"]"#).contains("PostgreSQL"));
        assert!(advice(404, r#"{"message": "Not Found"}"#).contains("no such route"));
        assert!(advice(200, "<html>").contains("--url"));
    }
}

//! The API, asked as a client would ask it. Unlike a client, this one wants to see every answer as it is.

use std::time::Duration;

use anyhow::Result;
use cruddur::error::Chain;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::check::Problem;
use crate::{context::Context, output::cut};

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long an answer may take: as long as API Gateway waits for a function.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Columns of a body that is shown.
const BODY_COLUMNS: usize = 100;

/// The API.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: Client,
    url: String,
}

/// Who asks. It is never shown.
#[derive(Clone, Debug)]
pub(super) struct Token(HeaderValue);

/// Whatever came back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Token {
    /// None where `text` can't be in a header.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut header = HeaderValue::try_from(format!("Bearer {}", text.trim())).ok()?;
        header.set_sensitive(true);
        Some(Self(header))
    }
}

impl Api {
    pub(super) fn new(context: &Context, url: String) -> Result<Self> {
        // What redirects is not the API, and no token goes there.
        let client = context.http_client().redirect(redirect::Policy::none());
        let client = client.connect_timeout(CONNECT_LIMIT).timeout(ANSWER_LIMIT).build()?;
        Ok(Self { client, url })
    }

    /// Where it is, without a slash at its end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(super) async fn get(&self, path: &str, token: &Token) -> Result<Answer, Problem> {
        self.send(self.request(Method::GET, path), Some(token)).await
    }

    /// Posts `body` with an idempotency key.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &Value,
        key: &str,
        token: &Token,
    ) -> Result<Answer, Problem> {
        let request = self.request(Method::POST, path).header("idempotency-key", key).json(body);
        self.send(request, Some(token)).await
    }

    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        token: Option<&Token>,
    ) -> Result<Answer, Problem> {
        let request = match token {
            Some(Token(token)) => request.header(header::AUTHORIZATION, token),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.unreachable(error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(|error| self.unreachable(error))?.to_vec();
        Ok(Answer { status, headers, body })
    }

    fn unreachable(&self, error: reqwest::Error) -> Problem {
        let url = &self.url;
        if error.is_timeout() {
            let seen = format!("{url} gives no answer in time");
            return Problem::new(seen, "is it the right --url, and is it reachable from here?");
        }
        let cause = error.without_url();
        let seen = format!("{url} can't be reached ({})", Chain(&cause));
        Problem::new(seen, "is it the right --url, and is it running?")
    }
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Fails unless the status is this one.
    pub(super) fn expect(self, status: StatusCode) -> Result<Self, Problem> {
        if self.status == status { Ok(self) } else { Err(self.unexpected(&status.as_u16().to_string())) }
    }

    /// What is wrong with an answer that is not `wanted`.
    pub(super) fn unexpected(&self, wanted: &str) -> Problem {
        Problem::new(format!("it answers {}, and not {wanted}", self.shown()), self.advice())
    }

    /// Status and body.
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
            (401, ..) => "the API takes tokens of another pool or another client, or this one has expired; the \
                          function's log says which"
                .to_owned(),
            (403, Some("user_not_provisioned"), _) => {
                "the token is good, but its user is not in the database of users: is the function post-confirmation \
                 the pool's trigger? `cruddur cognito sync-user-ids --create` enters who is missing"
                    .to_owned()
            }
            (404, None, Some(_)) => "the API has no such route: is the --url whole, with its stage?".to_owned(),
            (429, ..) => "the API is throttled: wait a moment, or raise the limit".to_owned(),
            (503, Some("unavailable"), _) => format!(
                "the function can't reach PostgreSQL, DynamoDB or the key set; its log says which, and why\
                 {request_id}"
            ),
            (500 | 502 | 503 | 504, None, Some(_)) => format!(
                "the function does not start, or takes too long, or the API may not invoke it: the function's log \
                 names a variable that is missing or malformed{request_id}"
            ),
            (500..=599, ..) => format!("the function's log says why{request_id}"),
            _ => "is it the right --url, and is this version of the functions deployed there?".to_owned(),
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
        Answer { status, headers, body: body.as_bytes().to_vec() }.advice()
    }

    #[test]
    fn the_advice_tells_the_gateway_s_answers_from_the_functions() {
        assert!(advice(500, r#"["internal_error"]"#).ends_with("log says why (request abc=)"));
        assert!(advice(500, r#"{"message": "Internal Server Error"}"#).contains("does not start"));
        assert!(advice(503, r#"["unavailable"]"#).contains("PostgreSQL"));
        assert!(advice(404, r#"{"message": "Not Found"}"#).contains("no such route"));
        assert!(advice(200, "<html>").contains("--url"));
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", Token::new("secret").unwrap()).contains("secret"));
    }
}

//! The API as its clients see it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use cruddur::{clock::Clock, config::environment, timestamp::Timestamp, user::Handle};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::refusal::Refusal;
use crate::{context::Context, output::printable};

/// The variable with an access token. (A flag would show it to whoever lists processes.)
const TOKEN_VARIABLE: &str = "CRUDDUR_TOKEN";

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long an answer may take. (Functions answer within a second, unless they have to wait for something.)
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The longest wait for the API, also if `Retry-After` asks for more: a person at a terminal gives up sooner.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Rows on the API's largest page.
const LARGEST_PAGE: u32 = 100;

/// A message with its sender, or a message group with its other member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) uuid: Uuid,
    pub(super) user_uuid: Uuid,
    pub(super) display_name: String,
    pub(super) handle: String,
    pub(super) message: String,
    pub(super) created_at: Timestamp,
}

/// A user as the API shows them.
#[derive(Clone, Copy, Debug, Deserialize)]
struct UserRow {
    uuid: Uuid,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    /// Path and query of the next one.
    pub(super) next: Option<String>,
}

/// Why a request was not answered as it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// Nobody knows what has become of it: no answer, or one that says so. The same request may succeed.
    #[error("{cause}")]
    Unavailable {
        /// What is wrong.
        cause: String,
        /// How long to wait at least.
        retry_after: Duration,
    },
    /// It came too early, and nothing was done about it.
    #[error("{cause}")]
    TooEarly {
        /// What is wrong.
        cause: String,
        /// How long to wait at least.
        retry_after: Duration,
    },
    /// The API says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is no answer of the API's.
    #[error("what {0} answers is not the API's: is it the right --url?")]
    NotTheApi(Url),
}

/// The API for one user.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    url: Url,
    authorization: HeaderValue,
    /// Whose token can be made anew when it has expired.
    renewable: Option<Renewable>,
}

#[derive(Debug)]
struct Renewable {
    context: Context,
    handle: Handle,
}

/// A token of the local stack, with everything it says about it.
pub(crate) async fn token(context: &Context, handle: &Handle) -> Result<Value> {
    if context.is_aws() {
        bail!(
            "only the local stack makes tokens: for AWS, sign in and put the access token into the variable \
             {TOKEN_VARIABLE}"
        );
    }
    let url = context.api_url()?;
    let request =
        client(context)?.post(format!("{url}/local/token")).json(&json!({"handle": handle.canonical()}));
    let answer =
        request.send().await.map_err(|error| TokenError::Unreachable(no_local_stack(&url, &error)))?;
    let status = answer.status();
    if status.is_success() {
        return answer.json().await.map_err(|_| TokenError::NoLocalStack(url).into());
    }
    // The stack says why; another server does not.
    let said = answer.json::<Value>().await.ok();
    let message = said.as_ref().and_then(|said| said.get("message")).and_then(Value::as_str).map(printable);
    Err(match (status, message) {
        (StatusCode::NOT_FOUND, Some(message)) if message.contains("handle") => {
            TokenError::UnknownHandle { url, handle: handle.canonical().to_owned() }
        }
        (StatusCode::INTERNAL_SERVER_ERROR | StatusCode::SERVICE_UNAVAILABLE, Some(message)) => {
            TokenError::Failed { url, status, message }
        }
        _ => TokenError::NoLocalStack(url),
    }
    .into())
}

/// Why the local stack makes no token, with what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// Nothing answers.
    #[error("{0}")]
    Unreachable(String),
    /// The response is not a local stack's.
    #[error("what {0} answers is not a local stack's: is it the right --url?")]
    NoLocalStack(String),
    /// No user has the handle.
    #[error("no user of {url} has the handle @{handle}: {url}/local/users lists them")]
    UnknownHandle {
        /// The stack.
        url: String,
        /// The handle.
        handle: String,
    },
    /// The stack can't make one at the moment.
    #[error("{url} makes no token at the moment ({}: {message}): try again; what `cargo run` prints says more", .status.as_u16())]
    Failed {
        /// The stack.
        url: String,
        /// The answer's status.
        status: StatusCode,
        /// The cause, in the stack's words.
        message: String,
    },
}

/// Advice for a local stack that does not respond.
fn no_local_stack(url: &str, error: &reqwest::Error) -> String {
    if error.is_connect() {
        format!("no local stack answers at {url}: start it with `cargo run`, or say where it is (--url)")
    } else {
        format!("{url} gives no answer in time: is the machine busy, or is it no local stack? Try again")
    }
}

impl Api {
    /// The API as the user `handle` of the local stack, or as whom the variable says.
    pub(super) async fn connect(context: &Context, handle: Option<&Handle>) -> Result<Self> {
        let url: Url = context.api_url()?.parse().context("--url can't be used")?;
        let (authorization, renewable) = if let Some(handle) = handle {
            let renewable = Renewable { context: context.clone(), handle: handle.clone() };
            (renewable.authorization().await?, Some(renewable))
        } else {
            let token = environment(TOKEN_VARIABLE);
            let token = token.filter(|token| !token.is_empty()).with_context(|| {
                format!(
                    "say who you are: --as HANDLE with the local stack, or an access token in the variable \
                     {TOKEN_VARIABLE}"
                )
            })?;
            (bearer(&token).with_context(|| format!("what is in {TOKEN_VARIABLE} is no token"))?, None)
        };
        Ok(Self { client: client(context)?, url, authorization, renewable })
    }

    /// The first rows of a list that goes on over pages, as it gives them.
    pub(super) async fn rows(&mut self, path: &str, limit: u32) -> Result<Vec<Row>> {
        let pages = self.pages(path, limit).await?;
        let mut rows = pages.into_iter().flatten().collect::<Vec<_>>();
        rows.truncate(usize::try_from(limit)?);
        Ok(rows)
    }

    /// The newest messages of a conversation, oldest first. Pages come newest first, and each is oldest first.
    pub(super) async fn messages(&mut self, path: &str, limit: u32) -> Result<Vec<Row>> {
        let pages = self.pages(path, limit).await?;
        let mut rows = pages.into_iter().rev().flatten().collect::<Vec<_>>();
        rows.drain(..rows.len().saturating_sub(usize::try_from(limit)?));
        Ok(rows)
    }

    /// As many pages as `limit` rows take.
    async fn pages(&mut self, path: &str, limit: u32) -> Result<Vec<Vec<Row>>> {
        let mut pages = Vec::new();
        let mut left = limit;
        let mut next = Some(format!("{path}?limit={}", limit.min(LARGEST_PAGE)));
        while let Some(path) = next.filter(|_| left > 0) {
            let page = self.page(&path).await?;
            left = left.saturating_sub(u32::try_from(page.rows.len())?);
            pages.push(page.rows);
            next = page.next;
        }
        Ok(pages)
    }

    /// One page of a list.
    pub(super) async fn page(&mut self, path: &str) -> Result<Page, ApiError> {
        let url = self.join(path)?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        let link = answer.headers().get(header::LINK).and_then(|link| link.to_str().ok()).and_then(next);
        let rows = answer.json().await.map_err(|_| ApiError::NotTheApi(url))?;
        Ok(Page { rows, next: link })
    }

    /// The uuid of the user who has `handle` now.
    pub(super) async fn user_uuid(&mut self, handle: &Handle) -> Result<Uuid, ApiError> {
        let url = self.join(&format!("/api/users/@{}/short", handle.canonical()))?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        let user: UserRow = answer.json().await.map_err(|_| ApiError::NotTheApi(url))?;
        Ok(user.uuid)
    }

    /// Posts a message with an idempotency key.
    pub(super) async fn post<T: for<'a> Deserialize<'a>>(
        &mut self,
        body: &impl Serialize,
        key: &str,
    ) -> Result<T, ApiError> {
        let url = self.join("/api/messages")?;
        let answer =
            self.send(|client| client.post(url.clone()).header("idempotency-key", key).json(body)).await?;
        // An answer that breaks off is as good as none.
        let body = answer.text().await.map_err(|error| unavailable(&url, &error))?;
        serde_json::from_str(&body).map_err(|_| ApiError::NotTheApi(url))
    }

    /// The good answer to a request. A token that has expired is made anew, once, where that can be.
    async fn send(&mut self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Response, ApiError> {
        let mut answer = self.send_once(&request).await?;
        if answer.status() == StatusCode::UNAUTHORIZED
            && let Some(renewable) = &self.renewable
            && let Ok(authorization) = renewable.authorization().await
        {
            self.authorization = authorization;
            answer = self.send_once(&request).await?;
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let retry_after = retry_after(answer.headers(), Clock::system().now());
        let refusal = Refusal::new(status, &answer.text().await.unwrap_or_default());
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                Err(ApiError::Unavailable { cause: refusal.to_string(), retry_after })
            }
            StatusCode::TOO_MANY_REQUESTS => {
                Err(ApiError::TooEarly { cause: refusal.to_string(), retry_after })
            }
            _ => Err(refusal.into()),
        }
    }

    async fn send_once(&self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Response, ApiError> {
        let request = request(&self.client).header(header::AUTHORIZATION, self.authorization.clone());
        request.send().await.map_err(|error| unavailable(&self.url, &error))
    }

    /// `path` of the API, or one that a `Link` names: that one begins at the root of the host.
    fn join(&self, path: &str) -> Result<Url, ApiError> {
        let base = self.url.path().trim_end_matches('/');
        let is_whole = !base.is_empty() && path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        let path = if is_whole { path.to_owned() } else { format!("{base}{path}") };
        // The token goes to no other host, whatever a link says.
        let url = self.url.join(&path).ok().filter(|url| url.origin() == self.url.origin());
        url.ok_or_else(|| ApiError::NotTheApi(self.url.clone()))
    }
}

impl Renewable {
    async fn authorization(&self) -> Result<HeaderValue> {
        let answer = token(&self.context, &self.handle).await?;
        let token = answer.get("access_token").and_then(Value::as_str).and_then(bearer);
        token.context("the local stack's answer has no access_token")
    }
}

fn client(context: &Context) -> Result<Client> {
    Ok(context.http_client().connect_timeout(CONNECT_LIMIT).timeout(ANSWER_LIMIT).build()?)
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn unavailable(url: &Url, error: &reqwest::Error) -> ApiError {
    let cause = if error.is_timeout() {
        format!("{url} gives no answer in time")
    } else if error.is_connect() {
        format!("{url} can't be reached: is it the right --url, and is it running?")
    } else {
        format!("the connection to {url} breaks")
    };
    ApiError::Unavailable { cause, retry_after: Duration::ZERO }
}

/// How long `Retry-After` says to wait, at most [`LONGEST_RETRY_AFTER`]: seconds of any size, or the time until a date.
/// Zero if the header is absent or malformed, or the date has passed.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Duration {
    let value = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number beyond u64 is longer than any limit.
        value.parse().map_or(Duration::MAX, Duration::from_secs)
    } else {
        let date = DateTime::parse_from_rfc2822(value).ok();
        date.and_then(|date| (date.to_utc() - now).to_std().ok()).unwrap_or_default()
    };
    wait.min(LONGEST_RETRY_AFTER)
}

/// Path and query of `<…>; rel="next"`.
fn next(link: &str) -> Option<String> {
    let (path, rest) = link.strip_prefix('<')?.split_once('>')?;
    (rest.contains("rel=\"next\"") && path.starts_with('/')).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(url: &str) -> Api {
        let authorization = bearer("token").unwrap();
        Api { client: Client::new(), url: url.parse().unwrap(), authorization, renewable: None }
    }

    #[test]
    fn a_link_to_the_next_page_is_followed_below_a_stage_too() {
        let link = next("</prod/api/message_groups?limit=1&cursor=abc>; rel=\"next\"").unwrap();
        let api = api("https://api.example.com/prod");
        assert_eq!(
            api.join(&link).unwrap().as_str(),
            "https://api.example.com/prod/api/message_groups?limit=1&cursor=abc"
        );
        assert_eq!(
            api.join("/api/message_groups").unwrap().as_str(),
            "https://api.example.com/prod/api/message_groups"
        );
    }

    #[test]
    fn a_link_to_another_host_is_none() {
        assert_eq!(next("<https://evil.example/api>; rel=\"next\""), None);
        for link in ["//evil.example/api", "/\\evil.example/api"] {
            let joined = api("http://127.0.0.1:4567").join(link);
            assert!(matches!(joined, Err(ApiError::NotTheApi(_))), "{link}: {joined:?}");
        }
    }

    #[test]
    fn a_wait_of_any_length_is_one_that_a_person_waits() {
        let now = "2026-11-22T09:30:00Z".parse().unwrap();
        for (value, seconds) in [
            ("0", 0),
            ("2", 2),
            (" 2 ", 2),
            ("60", 60),
            ("61", 60),
            ("2147484", 60),
            ("4294967296", 60),
            ("9223372036854775807", 60),
            ("18446744073709551616", 60),
            ("999999999999999999999999999999999999", 60),
            ("-1", 0),
            ("1.5", 0),
            ("", 0),
            ("soon", 0),
            ("Sun, 22 Nov 2026 09:30:05 GMT", 5),
            ("Sun, 22 Nov 2026 09:29:55 GMT", 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 60),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(value))]);
            assert_eq!(retry_after(&headers, now), Duration::from_secs(seconds), "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), Duration::ZERO);
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", api("http://127.0.0.1")).contains("token"), "a header may be logged");
    }
}

//! A client of the API.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use cruddur::{
    clock::Clock, config::environment, event_log::EventCursor, report::Reason, timestamp::Timestamp,
    user::Handle,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::refusal::Refusal;
use crate::{
    advice::advised,
    context::Context,
    http_client,
    listing::local_time,
    login::{Identity, Login},
    output::printable,
};

/// The variable with an access token. A flag would show the token in process lists.
const TOKEN_VARIABLE: &str = "CRUDDUR_TOKEN";

/// The variable with a user of the local stack.
const USER_VARIABLE: &str = "CRUDDUR_AS";

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

const RESPONSE_LIMIT: Duration = Duration::from_secs(10);

/// The upper limit for `Retry-After`, for a person at a terminal.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// The API's limit for a page.
const LARGEST_PAGE: u32 = 100;

/// The type of events about read markers.
pub(super) const READ: &str = "read";

/// A message with its sender, or a message group with its other member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) uuid: Uuid,
    pub(super) user_uuid: Uuid,
    pub(super) display_name: String,
    pub(super) handle: String,
    pub(super) message: String,
    pub(super) created_at: Timestamp,
    /// The number of writes to the message, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) edited_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deleted_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reactions: Vec<Reaction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<ReplyTo>,
    /// The caller sent the group's newest message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from_me: Option<bool>,
    /// Unread messages of the group, at most 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unread_count: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reaction {
    pub(super) emoji: String,
    pub(super) user_uuids: Vec<Uuid>,
}

/// The message that another one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplyTo {
    pub(super) uuid: Uuid,
    pub(super) created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user_uuid: Option<Uuid>,
    /// `None` outside of lists, and if the message is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

/// A user in a list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Person {
    pub(super) handle: String,
    pub(super) display_name: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A device with an open socket.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Device {
    #[serde(rename = "device_uuid")]
    pub(super) uuid: Uuid,
    pub(super) connected_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user_agent: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct ReportRow {
    uuid: Uuid,
}

#[derive(Debug, Deserialize)]
struct UserRow {
    uuid: Uuid,
}

#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    /// Path and query of the next one.
    pub(super) next: Option<String>,
}

/// An event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) number: u64,
    /// The place after the event's log row.
    pub(super) cursor: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) message_group_uuid: Uuid,
    pub(super) at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) message_uuids: Vec<Uuid>,
    /// Fields of other types of events.
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// The read marker of an event `read`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct ReadMarker {
    pub(super) user_uuid: Uuid,
    pub(super) last_read_at: Option<Timestamp>,
}

impl Event {
    /// The marker of an event about one.
    pub(super) fn read(&self) -> Option<ReadMarker> {
        let marker = Value::Object(self.rest.clone());
        if self.kind == READ { serde_json::from_value(marker).ok() } else { None }
    }
}

#[derive(Clone, Debug)]
pub(super) struct EventPage {
    /// Oldest first. Empty at the end of the log.
    pub(super) events: Vec<Event>,
    /// The place after them.
    pub(super) next: EventCursor,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// No response, a 503 or a 429. A retry may succeed.
    #[error("{cause}")]
    Unavailable {
        cause: String,
        tip: Option<&'static str>,
        /// The minimum wait.
        retry_after: Duration,
        /// The request may have been executed.
        in_doubt: bool,
    },
    /// An error response.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Events after a cursor may be missing.
    #[error("the cursor has expired")]
    CursorExpired,
    /// The response is not the API's.
    #[error("unexpected response from {0}")]
    NotTheApi(Url),
}

impl ApiError {
    pub(super) fn tip(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable { tip, .. } => *tip,
            Self::Refused(refusal) => refusal.tip,
            Self::CursorExpired => None,
            Self::NotTheApi(_) => Some("check that the URL is the API's"),
        }
    }
}

/// The API for one user.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    url: Url,
    authorization: HeaderValue,
    /// The user of the local stack whose expired token is renewed.
    renewable: Option<(Context, Handle)>,
}

/// Requests a token from the local stack. Returns the whole response.
pub(super) async fn token(context: &Context, handle: &Handle) -> Result<Value> {
    if context.is_aws() {
        return Err(advised(
            "only the local stack issues tokens",
            format!("for AWS, sign in and set {TOKEN_VARIABLE} to the access token"),
        ));
    }
    let url = context.stack_url()?;
    issue_token(&client(&url)?, &url, handle).await.map_err(|error| {
        let tip = match &error {
            TokenError::NoConnection(_) => "start it with `cargo run`, or use --url".to_owned(),
            TokenError::Timeout(_) => "try again, or check --url".to_owned(),
            TokenError::NoLocalStack(_) => "check --url".to_owned(),
            TokenError::UnknownHandle { .. } => format!("see {url}/local/users"),
            TokenError::Failed { .. } => "try again, or see the output of `cargo run`".to_owned(),
        };
        advised(error.to_string(), tip)
    })
}

/// Requests a token from the local stack at `url`.
pub(crate) async fn issue_token(client: &Client, url: &str, handle: &Handle) -> Result<Value, TokenError> {
    let request = client.post(format!("{url}/local/token")).json(&json!({"handle": handle.canonical()}));
    let url = url.to_owned();
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => return Err(TokenError::NoConnection(url)),
        Err(_) => return Err(TokenError::Timeout(url)),
    };
    let status = answer.status();
    if status.is_success() {
        return answer.json().await.map_err(|_| TokenError::NoLocalStack(url));
    }
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
    })
}

/// Why the local stack issued no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("no local stack at {0}")]
    NoConnection(String),
    #[error("{0} did not respond in time")]
    Timeout(String),
    /// The response is not a local stack's.
    #[error("the server at {0} is not a local stack")]
    NoLocalStack(String),
    /// No user has the handle.
    #[error("no user of {url} has the handle @{handle}")]
    UnknownHandle { url: String, handle: String },
    /// The stack failed.
    #[error("{url} failed to issue a token ({}: {message})", .status.as_u16())]
    Failed { url: String, status: StatusCode, message: String },
}

impl Api {
    /// Connects as the user `handle` of the local stack, or as that of a variable or of the stored sign-in.
    pub(super) async fn connect(context: &Context, handle: Option<&Handle>) -> Result<Self> {
        let handle = match handle {
            Some(handle) => Some(handle.clone()),
            None => user_variable(context)?,
        };
        if let Some(handle) = handle {
            return Self::of_user(context, &context.stack_url()?, &handle).await;
        }
        let url = context.api_url()?;
        if let Some(token) = environment(TOKEN_VARIABLE) {
            let authorization = bearer(&token);
            return Self::new(
                &url,
                authorization.with_context(|| format!("{TOKEN_VARIABLE} is not a token"))?,
            );
        }
        // A token or handle of another API is of no use here.
        let Some(login) = Login::stored()?.filter(|login| login.url == url) else {
            return Err(advised(
                format!("no user of {url} is given"),
                format!("use `cruddur login` or --as @HANDLE, or set {TOKEN_VARIABLE} to an access token"),
            ));
        };
        let api = Self::of_login(context, &login).await?;
        if let Some(end) = api.token_expires_at().filter(|end| *end <= Clock::system().now()) {
            return Err(advised(
                format!("the token of `cruddur login` expired at {}", local_time(end)),
                "sign in, and run `cruddur login --with-token` again",
            ));
        }
        Ok(api)
    }

    /// Connects as the user of a sign-in.
    pub(super) async fn of_login(context: &Context, login: &Login) -> Result<Self> {
        match &login.identity {
            Identity::Handle(handle) => Self::of_user(context, &login.url, &handle.parse()?).await,
            Identity::Token(token) => Self::new(&login.url, bearer(token).context("this is not a token")?),
        }
    }

    async fn of_user(context: &Context, url: &str, handle: &Handle) -> Result<Self> {
        let api = Self::new(url, authorization(context, handle).await?)?;
        Ok(Self { renewable: Some((context.clone(), handle.clone())), ..api })
    }

    fn new(url: &str, authorization: HeaderValue) -> Result<Self> {
        let client = client(url)?;
        Ok(Self { client, url: url.parse().context("invalid URL")?, authorization, renewable: None })
    }

    /// Reads the first rows of a list.
    pub(super) async fn rows(&mut self, path: &str, limit: u32) -> Result<Vec<Row>> {
        let pages = self.pages(path, limit).await?;
        let mut rows = pages.into_iter().flatten().collect::<Vec<_>>();
        rows.truncate(usize::try_from(limit)?);
        Ok(rows)
    }

    /// Reads the newest messages of a conversation, oldest first. Pages come newest first, and each is oldest first.
    pub(super) async fn messages(&mut self, path: &str, limit: u32) -> Result<Vec<Row>> {
        let pages = self.pages(path, limit).await?;
        let mut rows = pages.into_iter().rev().flatten().collect::<Vec<_>>();
        rows.drain(..rows.len().saturating_sub(usize::try_from(limit)?));
        Ok(rows)
    }

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

    pub(super) async fn page(&mut self, path: &str) -> Result<Page, ApiError> {
        let url = self.join(path)?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        let next = next_page(&answer);
        Ok(Page { rows: json_of(answer, url).await?, next })
    }

    /// Reads messages of a conversation by UUID. Leaves out those that no longer exist.
    pub(super) async fn messages_with(
        &mut self,
        group_uuid: Uuid,
        wanted: &BTreeSet<Uuid>,
    ) -> Result<Vec<Row>, ApiError> {
        // A UUID of version 7 is not later than its message. Older pages don't have it.
        let oldest = wanted.iter().map(created_by).min().flatten();
        let mut found = Vec::new();
        let mut next = Some(format!("/api/messages/{group_uuid}?limit={LARGEST_PAGE}"));
        while let Some(path) = next.filter(|_| found.len() < wanted.len()) {
            let page = match self.page(&path).await {
                Ok(page) => page,
                Err(ApiError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => break,
                Err(error) => return Err(error),
            };
            let is_older = page.rows.first().is_some_and(|row| Some(row.created_at.to_utc()) < oldest);
            next = page.next.filter(|_| !is_older);
            found.extend(page.rows.into_iter().filter(|row| wanted.contains(&row.uuid)));
        }
        Ok(found)
    }

    /// Reads the events after a cursor, or the end of the log.
    pub(super) async fn events(&mut self, after: Option<EventCursor>) -> Result<EventPage, ApiError> {
        let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
        let url = self.join(&format!("/api/events{query}"))?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        let link = answer.headers().get(header::LINK).and_then(|link| link.to_str().ok()).and_then(next);
        let next = link.as_deref().and_then(cursor_in).ok_or_else(|| ApiError::NotTheApi(url.clone()))?;
        Ok(EventPage { events: json_of(answer, url).await?, next })
    }

    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The header with the access token.
    pub(super) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }

    /// The end of the access token. `None` if it is not a JWT.
    pub(super) fn token_expires_at(&self) -> Option<DateTime<Utc>> {
        let token = self.authorization.to_str().ok()?;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims = serde_json::from_slice::<Value>(&claims).ok()?;
        DateTime::from_timestamp(claims.get("exp")?.as_i64()?, 0)
    }

    /// Requests a new token for a user of the local stack. Returns `false` on failure, or if the token was given.
    pub(super) async fn renew_token(&mut self) -> bool {
        let Some((context, handle)) = &self.renewable else { return false };
        let Ok(authorization) = authorization(context, handle).await else { return false };
        self.authorization = authorization;
        true
    }

    /// The UUID of the current owner of `handle`.
    pub(super) async fn user_uuid(&mut self, handle: &Handle) -> Result<Uuid, ApiError> {
        let url = self.join(&format!("/api/users/@{}/short", handle.canonical()))?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        let user: UserRow = json_of(answer, url).await?;
        Ok(user.uuid)
    }

    /// The caller's UUID.
    pub(super) async fn caller(&mut self) -> Result<Uuid, ApiError> {
        let url = self.join("/api/me")?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        let user: UserRow = json_of(answer, url).await?;
        Ok(user.uuid)
    }

    /// Users whose handle or display name begins with `prefix`.
    pub(super) async fn search(&mut self, prefix: &str) -> Result<Vec<Person>, ApiError> {
        let mut url = self.join("/api/users")?;
        url.query_pairs_mut().append_pair("prefix", prefix);
        let answer = self.send(|client| client.get(url.clone())).await?;
        json_of(answer, url).await
    }

    /// Begins or ends a block of the caller.
    pub(super) async fn block(&mut self, user_uuid: Uuid, method: Method) -> Result<(), ApiError> {
        let url = self.join(&format!("/api/blocks/{user_uuid}"))?;
        self.send(|client| client.request(method.clone(), url.clone())).await?;
        Ok(())
    }

    /// The users whom the caller blocks.
    pub(super) async fn blocks(&mut self) -> Result<Vec<Person>, ApiError> {
        let mut people = Vec::new();
        let mut path = Some("/api/blocks?limit=100".to_owned());
        while let Some(next_path) = path {
            let url = self.join(&next_path)?;
            let answer = self.send(|client| client.get(url.clone())).await?;
            path = next_page(&answer);
            people.extend(json_of::<Vec<Person>>(answer, url).await?);
        }
        Ok(people)
    }

    /// A page of the caller's export, and the path of the next one.
    pub(super) async fn export(&mut self, path: &str) -> Result<(Vec<Value>, Option<String>), ApiError> {
        let url = self.join(path)?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        let next = next_page(&answer);
        let body = answer.text().await.map_err(|error| unavailable(&url, &error))?;
        let lines = body.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        Ok((lines.map_err(|_| ApiError::NotTheApi(url))?, next))
    }

    /// The caller.
    pub(super) async fn me(&mut self) -> Result<Person, ApiError> {
        let url = self.join("/api/me")?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        json_of(answer, url).await
    }

    /// The caller's devices with an open socket.
    pub(super) async fn devices(&mut self) -> Result<Vec<Device>, ApiError> {
        let url = self.join("/api/me/devices")?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        json_of(answer, url).await
    }

    /// Ends all sign-ins of the caller.
    pub(super) async fn sign_out(&mut self) -> Result<(), ApiError> {
        let url = self.join("/api/me/devices")?;
        self.send(|client| client.delete(url.clone())).await?;
        Ok(())
    }

    /// Erases the caller's account.
    pub(super) async fn erase_me(&mut self) -> Result<(), ApiError> {
        let url = self.join("/api/me")?;
        self.send(|client| client.delete(url.clone())).await?;
        Ok(())
    }

    /// One of the caller's groups.
    pub(super) async fn group(&mut self, group_uuid: Uuid) -> Result<Row, ApiError> {
        let url = self.join(&format!("/api/message_groups/{group_uuid}"))?;
        let answer = self.send(|client| client.get(url.clone())).await?;
        json_of(answer, url).await
    }

    /// Changes the caller's settings of a group.
    pub(super) async fn change_settings(
        &mut self,
        group_uuid: Uuid,
        settings: &Value,
    ) -> Result<(), ApiError> {
        let url = self.join(&format!("/api/message_groups/{group_uuid}"))?;
        self.send(|client| client.patch(url.clone()).json(settings)).await?;
        Ok(())
    }

    /// Changes settings of the caller.
    pub(super) async fn change_me(&mut self, settings: &Value) -> Result<(), ApiError> {
        let url = self.join("/api/me")?;
        self.send(|client| client.patch(url.clone()).json(settings)).await?;
        Ok(())
    }

    /// Accepts or declines a request.
    pub(super) async fn answer_request(&mut self, group_uuid: Uuid, method: Method) -> Result<(), ApiError> {
        let url = self.join(&format!("/api/message_requests/{group_uuid}"))?;
        self.send(|client| client.request(method.clone(), url.clone())).await?;
        Ok(())
    }

    /// Reports a message. Returns the report's UUID.
    pub(super) async fn report(
        &mut self,
        group_uuid: Uuid,
        message: &Row,
        reason: Reason,
    ) -> Result<Uuid, ApiError> {
        let url = self.join("/api/reports")?;
        let body = json!({
            "message_group_uuid": group_uuid,
            "message_uuid": message.uuid,
            "created_at": message.created_at,
            "reason": reason.as_str(),
        });
        let answer = self.send(|client| client.post(url.clone()).json(&body)).await?;
        let report: ReportRow = json_of(answer, url).await?;
        Ok(report.uuid)
    }

    /// Marks the messages of a group as read, up to this one.
    pub(super) async fn mark_read(&mut self, group_uuid: Uuid, message: &Row) -> Result<(), ApiError> {
        let url = self.join(&format!("/api/message_groups/{group_uuid}/read"))?;
        let body = json!({"message_uuid": message.uuid, "created_at": message.created_at});
        self.send(|client| client.put(url.clone()).json(&body)).await?;
        Ok(())
    }

    /// Replaces the text of a message.
    pub(super) async fn edit(
        &mut self,
        group_uuid: Uuid,
        message: &Row,
        text: &str,
    ) -> Result<Row, ApiError> {
        let url = self.join(&format!("/api/messages/{group_uuid}/{}", message.uuid))?;
        let body = json!({"message": text, "created_at": message.created_at});
        let answer = self.send(|client| client.put(url.clone()).json(&body)).await?;
        json_of(answer, url).await
    }

    /// Deletes a message.
    pub(super) async fn delete(&mut self, group_uuid: Uuid, message: &Row) -> Result<(), ApiError> {
        let Row { uuid, created_at, .. } = message;
        let url = self.join(&format!("/api/messages/{group_uuid}/{uuid}?created_at={created_at}"))?;
        self.send(|client| client.delete(url.clone())).await?;
        Ok(())
    }

    /// Adds or removes a reaction of the caller.
    pub(super) async fn react(
        &mut self,
        group_uuid: Uuid,
        message: &Row,
        emoji: &str,
        method: Method,
    ) -> Result<(), ApiError> {
        let Row { uuid, created_at, .. } = message;
        let emoji = utf8_percent_encode(emoji, NON_ALPHANUMERIC);
        let path = format!("/api/messages/{group_uuid}/{uuid}/reactions/{emoji}?created_at={created_at}");
        let url = self.join(&path)?;
        self.send(|client| client.request(method.clone(), url.clone())).await?;
        Ok(())
    }

    /// Posts a message with an idempotency key.
    pub(super) async fn post<T: DeserializeOwned>(
        &mut self,
        body: &impl Serialize,
        key: &str,
    ) -> Result<T, ApiError> {
        let url = self.join("/api/messages")?;
        let answer =
            self.send(|client| client.post(url.clone()).header("idempotency-key", key).json(body)).await?;
        json_of(answer, url).await
    }

    /// Sends a request. Renews an expired token once if possible.
    async fn send(&mut self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Response, ApiError> {
        let mut answer = self.send_once(&request).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.renew_token().await {
            answer = self.send_once(&request).await?;
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        if status == StatusCode::GONE {
            return Err(ApiError::CursorExpired);
        }
        let retry_after = retry_after(answer.headers(), Clock::system().now());
        let refusal = Refusal::new(status, &answer.text().await.unwrap_or_default());
        let in_doubt = status == StatusCode::SERVICE_UNAVAILABLE;
        if in_doubt || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(ApiError::Unavailable {
                cause: refusal.to_string(),
                tip: refusal.tip,
                retry_after,
                in_doubt,
            });
        }
        Err(refusal.into())
    }

    async fn send_once(&self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Response, ApiError> {
        let request = request(&self.client).header(header::AUTHORIZATION, self.authorization.clone());
        request.send().await.map_err(|error| unavailable(&self.url, &error))
    }

    /// Resolves a path of the API, or a path in a `Link`, which includes the API's base path.
    fn join(&self, path: &str) -> Result<Url, ApiError> {
        let base = self.url.path().trim_end_matches('/');
        let is_whole = !base.is_empty() && path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        let path = if is_whole { path.to_owned() } else { format!("{base}{path}") };
        // Tokens are sent to no other host.
        let url = self.url.join(&path).ok().filter(|url| url.origin() == self.url.origin());
        url.ok_or_else(|| ApiError::NotTheApi(self.url.clone()))
    }
}

/// The user in the variable, which counts only for the local stack.
fn user_variable(context: &Context) -> Result<Option<Handle>> {
    let handle = environment(USER_VARIABLE).filter(|_| !context.is_aws());
    let handle = handle.map(|handle| handle.parse()).transpose();
    handle.context(USER_VARIABLE)
}

async fn authorization(context: &Context, handle: &Handle) -> Result<HeaderValue> {
    let answer = token(context, handle).await?;
    access_token(&answer).and_then(bearer).context("the local stack's response has no access_token")
}

pub(crate) fn access_token(answer: &Value) -> Option<&str> {
    answer.get("access_token").and_then(Value::as_str)
}

pub(crate) fn client(url: &str) -> Result<Client> {
    Ok(http_client::for_url(url).connect_timeout(CONNECT_LIMIT).timeout(RESPONSE_LIMIT).build()?)
}

/// The header of an access token. Its value is never shown. Returns `None` if the token is not a valid header value.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {}", token.trim())).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Parses the body. An incomplete one leaves the outcome unknown.
async fn json_of<T: DeserializeOwned>(answer: Response, url: Url) -> Result<T, ApiError> {
    let body = answer.text().await.map_err(|error| unavailable(&url, &error))?;
    serde_json::from_str(&body).map_err(|_| ApiError::NotTheApi(url))
}

fn unavailable(url: &Url, error: &reqwest::Error) -> ApiError {
    let (cause, tip) = if error.is_timeout() {
        (format!("{url} did not respond in time"), None)
    } else if error.is_connect() {
        (format!("{url} can't be reached"), Some("check the URL, and whether the API is running"))
    } else {
        (format!("the connection to {url} was lost"), None)
    };
    ApiError::Unavailable { cause, tip, retry_after: Duration::ZERO, in_doubt: true }
}

/// The wait of `Retry-After`, up to [`LONGEST_RETRY_AFTER`]: seconds, or the time until a date.
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

/// Path and query of the next page.
fn next_page(answer: &Response) -> Option<String> {
    answer.headers().get(header::LINK).and_then(|link| link.to_str().ok()).and_then(next)
}

/// Path and query of `<…>; rel="next"`.
fn next(link: &str) -> Option<String> {
    let (path, rest) = link.strip_prefix('<')?.split_once('>')?;
    (rest.contains("rel=\"next\"") && path.starts_with('/')).then(|| path.to_owned())
}

/// The time in a UUID of version 7. `None` for other versions.
fn created_by(uuid: &Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanoseconds) = uuid.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

/// The cursor in the link to the next events.
fn cursor_in(path: &str) -> Option<EventCursor> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|parameter| parameter.strip_prefix("after="))?.parse().ok()
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
    fn a_link_to_another_host_is_rejected() {
        assert_eq!(next("<https://evil.example/api>; rel=\"next\""), None);
        for link in ["//evil.example/api", "/\\evil.example/api"] {
            let joined = api("http://127.0.0.1:4567").join(link);
            assert!(matches!(joined, Err(ApiError::NotTheApi(_))), "{link}: {joined:?}");
        }
    }

    #[test]
    fn a_wait_of_any_length_is_limited() {
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

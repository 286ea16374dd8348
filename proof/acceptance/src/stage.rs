//! The stack under test and its users.

use std::{future::Future, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use testing::Answer;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::client::IntoClientRequest as _};
use uuid::Uuid;

use crate::{
    Client, PATIENCE,
    expect::{array, equal, has, ok, string},
};

/// Addresses of the stack under test.
#[derive(Clone, Debug)]
pub struct Target {
    /// Origin of `/api`, such as `http://127.0.0.1:4567`.
    pub api: String,
    /// Origin of `/local/users` and `/local/token`, which a local stack serves.
    pub tokens: String,
}

/// A user of the stack, with a token.
#[derive(Clone, Debug)]
pub struct Person {
    pub uuid: String,
    pub handle: String,
    pub display_name: String,
    pub token: String,
}

/// The socket of a device.
pub type Socket = WebSocketStream<TcpStream>;

/// A reachable stack and six of its users.
#[derive(Clone, Debug)]
pub struct Stage {
    pub client: Client,
    pub people: [Person; 6],
    api: String,
    tokens: String,
}

impl Stage {
    /// Reads six users of the stack and gets a token for each.
    pub async fn new(target: &Target) -> Result<Self> {
        let client = Client::new()?;
        let users = ok("the users", &client.get(&format!("{}/local/users", target.tokens)).await?)?;
        let mut people = Vec::new();
        // Exactly the users with fixed handles: others may have signed up.
        for handle in ["sunyoung", "scarlett", "andrew", "bayko", "lore", "mock"] {
            let user = array("the users", &users)?.iter().find(|user| user["handle"] == handle);
            let user = user.with_context(|| format!("there is no user {handle}: {users}"))?;
            let url = format!("{}/local/token", target.tokens);
            let token = ok("a token", &client.post(&url, &json!({"handle": handle})).await?)?;
            let field = |name| string("a user", user, name).map(str::to_owned);
            people.push(Person {
                uuid: field("uuid")?,
                handle: field("handle")?,
                display_name: field("display_name")?,
                token: string("a token", &token, "access_token")?.to_owned(),
            });
        }
        let Ok(people) = people.try_into() else { bail!("not six users") };
        Ok(Self { client, people, api: target.api.clone(), tokens: target.tokens.clone() })
    }

    /// Sends a request to the API, as `person` or without a token.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Result<Answer> {
        self.client.request(method, &format!("{}{path}", self.api), headers, body).await
    }

    /// `GET path` as `person`.
    pub async fn get(&self, person: &Person, path: &str) -> Result<Answer> {
        let authorization = format!("Bearer {}", person.token);
        self.request("GET", path, &[("authorization", &authorization)], "").await
    }

    /// A request as `person`, with a JSON body unless it is null.
    pub async fn send_json(&self, person: &Person, method: &str, path: &str, body: &Value) -> Result<Answer> {
        let authorization = format!("Bearer {}", person.token);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.request(method, path, &[("authorization", &authorization)], body).await
    }

    /// `POST /api/messages` as `person`.
    pub async fn post(&self, person: &Person, body: &Value) -> Result<Answer> {
        self.post_with(person, &[], body.to_string()).await
    }

    /// `POST /api/messages` as `person`, with extra headers and any body.
    pub async fn post_with(
        &self,
        person: &Person,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Result<Answer> {
        let authorization = format!("Bearer {}", person.token);
        let mut all = vec![("authorization", &*authorization), ("content-type", "application/json")];
        all.extend(headers);
        self.request("POST", "/api/messages", &all, body).await
    }

    /// Sends `text` from `sender` to the handle of `receiver`. Returns the response.
    pub async fn send(&self, sender: &Person, receiver: &Person, text: &str) -> Result<Value> {
        let body = json!({"handle": receiver.handle, "message": text});
        ok("a message to a handle", &self.post(sender, &body).await?)
    }

    /// Sends `text` from `sender` to a group. Returns the response.
    pub async fn reply(&self, sender: &Person, group_uuid: &str, text: &str) -> Result<Value> {
        let body = json!({"message_group_uuid": group_uuid, "message": text});
        ok("a message to a group", &self.post(sender, &body).await?)
    }

    /// Uuid of the group of two. `a` sends a message to make sure that it exists.
    pub async fn group(&self, a: &Person, b: &Person) -> Result<String> {
        let sent = self.send(a, b, &unique("Hello")).await?;
        Ok(string("a sent message", &sent, "message_group_uuid")?.to_owned())
    }

    /// The whole inbox, newest first.
    pub async fn inbox(&self, person: &Person) -> Result<Vec<Value>> {
        Ok(self.pages(person, "/api/message_groups?limit=100").await?.concat())
    }

    /// All messages of a group, oldest to newest.
    pub async fn messages(&self, person: &Person, group_uuid: &str) -> Result<Vec<Value>> {
        let mut pages = self.pages(person, &format!("/api/messages/{group_uuid}?limit=100")).await?;
        pages.reverse();
        Ok(pages.concat())
    }

    /// All pages from `path` on, following `Link`.
    pub async fn pages(&self, person: &Person, path: &str) -> Result<Vec<Vec<Value>>> {
        let mut pages = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let answer = self.get(person, &path).await?;
            pages.push(array(&path, &ok(&path, &answer)?)?.to_owned());
            next = answer.next_page().map(str::to_owned);
            if next.is_none() {
                equal(&format!("{path}: link"), &answer.header("link"), &None::<&str>)?;
            }
        }
        Ok(pages)
    }

    /// Opens the socket of a new device of `person`, on a local stack.
    pub async fn open_socket(&self, person: &Person) -> Result<Socket> {
        let health =
            ok("the stack's health", &self.client.get(&format!("{}/local/health", self.tokens)).await?)?;
        let mut request = string("the stack's health", &health, "websocket_url")?.into_client_request()?;
        let offer = format!("cruddur.v1, device.{}, bearer.{}", Uuid::new_v4(), person.token);
        request.headers_mut().insert("sec-websocket-protocol", offer.parse()?);
        let authority = request.uri().authority().context("no host in the URL")?.to_string();
        let (socket, _) = client_async(request, TcpStream::connect(authority).await?).await?;
        Ok(socket)
    }

    /// Waits until the inbox of `person` shows `newest`, a message of the group of `person` and `other`, exactly
    /// once. Fails if it ever shows the group twice. The group may be absent for a moment, while its row moves.
    pub async fn inbox_shows(
        &self,
        person: &Person,
        other: &Person,
        group_uuid: &str,
        newest: &Value,
        text: &str,
    ) -> Result<()> {
        let expected = json!({
            "uuid": group_uuid,
            "user_uuid": other.uuid,
            "display_name": other.display_name,
            "handle": other.handle,
            "message": text,
            "created_at": newest.get("created_at"),
        });
        let what = format!("{}'s inbox", person.handle);
        eventually(|| async {
            let mut rows = self.inbox(person).await?;
            rows.retain(|row| row["uuid"] == group_uuid);
            if rows.len() > 1 {
                return Ok(Err(anyhow::anyhow!("{what} shows a group twice: {rows:?}")));
            }
            let Some(row) = rows.first() else { anyhow::bail!("{what} lacks the group") };
            has(&what, row, &expected).map(Ok)
        })
        .await?
    }
}

/// Retries `attempt` until it succeeds. Returns its last error if [`PATIENCE`] runs out.
pub async fn eventually<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() > PATIENCE => {
                return Err(error.context(format!("still so after {} s", PATIENCE.as_secs())));
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// `text` with a unique suffix.
#[must_use]
pub fn unique(text: &str) -> String {
    format!("{text} {}", Uuid::new_v4().simple())
}

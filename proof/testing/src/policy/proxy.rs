//! IAM as a proxy in front of a DynamoDB reached over HTTP.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{Iam, Refusal};
use crate::conversation::{Client, client::Body};

/// A proxy that forwards calls allowed by the policies of `template.yaml`. Stops on drop.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    iam: Arc<Mutex<Iam>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Door {
    upstream: String,
    iam: Arc<Mutex<Iam>>,
    client: Client,
}

impl Proxy {
    /// Starts a proxy for the DynamoDB at `upstream`, on any port.
    pub async fn start(upstream: &str) -> Self {
        let iam = Arc::new(Mutex::new(Iam::of_template()));
        let door = Door { upstream: upstream.to_owned(), iam: Arc::clone(&iam), client: Client::new() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(door);
        let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { url, iam, server }
    }

    /// Value for `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Functions that called.
    #[must_use]
    pub fn judged(&self) -> BTreeSet<String> {
        self.iam.lock().unwrap().judged().clone()
    }

    /// Takes the refused calls.
    #[must_use]
    pub fn take_refusals(&self) -> Vec<Refusal> {
        self.iam.lock().unwrap().take_refusals()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(door): State<Door>, mut headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = text("x-amz-target").rsplit('.').next().unwrap_or_default();
    let judged = match serde_json::from_slice::<Value>(&body) {
        Ok(request) => door.iam.lock().unwrap().judge(text("x-amz-user-agent"), operation, &request),
        // The SDK sends no such request.
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    if let Err(refusal) = judged {
        let status = StatusCode::from_u16(Refusal::STATUS).unwrap();
        return (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], refusal.body())
            .into_response();
    }
    // The client sets these itself.
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let mut request = http::Request::post(&door.upstream).body(Body::from(body)).unwrap();
    *request.headers_mut() = headers;
    match door.client.request(request).await {
        Ok(mut answer) => {
            answer.headers.remove(header::TRANSFER_ENCODING);
            (answer.status, answer.headers, answer.body).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

//! Load on the local stack: clients that each wait for a response before the next request.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::{
    client::{legacy, legacy::connect::HttpConnector},
    rt::TokioExecutor,
};
use local::{
    options::{Engines, Options},
    stack::Stack,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    figures::{median, ms, percentile},
    measure::count_of,
};

/// The results of a load.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Load {
    /// The kind of request.
    pub request: &'static str,
    /// Number of clients.
    pub clients: u32,
    /// Responses per second.
    pub per_second: f64,
    /// Median time.
    pub p50_ms: f64,
    /// 99th percentile of the time.
    pub p99_ms: f64,
}

/// The numbers of clients.
pub const CLIENTS: [u32; 5] = [1, 4, 16, 64, 256];

type Client = legacy::Client<HttpConnector, Full<Bytes>>;

/// Runs all loads, each for `time`.
pub async fn throughput(time: Duration) -> Result<Vec<Load>> {
    let stack = Stack::start(&Options::ephemeral(), &Engines::from_lookup(|_| None)?, |_| ()).await?;
    let client: Client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let body = json!({"handle": "sunyoung"}).to_string();
    let request = Request::post(format!("{}/local/token", stack.url())).body(Full::from(body))?;
    let token: Value = serde_json::from_slice(&ask(&client, request).await?)?;
    let bearer = format!("Bearer {}", token["access_token"].as_str().context("no token")?);
    let get =
        |path: &str| Request::get(format!("{}{path}", stack.url())).header(header::AUTHORIZATION, &bearer);
    let groups: Value =
        serde_json::from_slice(&ask(&client, get("/api/message_groups").body(Full::default())?).await?)?;
    let group = groups[0]["uuid"].as_str().context("no group")?.to_owned();
    let send = json!({"message": "Once more", "message_group_uuid": group}).to_string();

    let mut loads = Vec::new();
    for name in ["list-message-groups", "list-messages", "create-message"] {
        for clients in CLIENTS {
            let request = || match name {
                "list-message-groups" => get("/api/message_groups").body(Full::default()),
                "list-messages" => get(&format!("/api/messages/{group}")).body(Full::default()),
                _ => Request::post(format!("{}/api/messages", stack.url()))
                    .header(header::AUTHORIZATION, &bearer)
                    .body(Full::from(send.clone())),
            };
            let begin = Instant::now();
            let mut tasks = Vec::new();
            for _ in 0..clients {
                let (client, request) = (client.clone(), request()?);
                tasks.push(tokio::spawn(async move {
                    let mut walls = Vec::new();
                    while begin.elapsed() < time {
                        let asked = Instant::now();
                        ask(&client, request.clone()).await?;
                        walls.push(ms(asked.elapsed()));
                    }
                    anyhow::Ok(walls)
                }));
            }
            let mut walls = Vec::new();
            for task in tasks {
                walls.extend(task.await??);
            }
            let per_second = count_of(u64::try_from(walls.len())?) / begin.elapsed().as_secs_f64();
            let (p50_ms, p99_ms) = (median(&walls), percentile(&walls, 99));
            loads.push(Load { request: name, clients, per_second, p50_ms, p99_ms });
        }
    }
    stack.stop().await?;
    Ok(loads)
}

async fn ask(client: &Client, request: Request<Full<Bytes>>) -> Result<Bytes> {
    let what = request.uri().clone();
    let answer = client.request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status != StatusCode::OK {
        bail!("{what}: {status} {}", String::from_utf8_lossy(&body));
    }
    Ok(body)
}

//! `cognito jwks`: the keys that the pool's tokens are signed with.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use cruddur::{auth::key_set::KeySet, error::Chain};
use reqwest::{Client, StatusCode, redirect};
use serde_json::Value;

use super::pool::UserPool;
use crate::context::Context;

pub(super) const AFTER_HELP: &str = "\
After a rotation of the keys, functions that were given them have to be deployed anew.

Example:
  COGNITO_JWKS=$(cruddur cognito jwks --user-pool eu-central-1_AbCdEfGhI)";

/// How long the answer may take.
const FETCH_LIMIT: Duration = Duration::from_secs(10);

/// Bytes in a key set at most, as for the functions.
const MAX_BYTES: usize = 64 * 1024;

/// Prints the key set, which can be used.
pub(super) async fn run(context: &Context, pool: &UserPool) -> Result<()> {
    let url = pool.key_set_url();
    let text = fetch(&url).await?;
    KeySet::inline(&text)
        .map_err(|error| anyhow!("{url} answers with no key set ({error}): is something in between?"))?;
    let keys: Value = serde_json::from_str(&text).with_context(|| format!("{url} answers with no JSON"))?;
    context.output.json(&keys)
}

async fn fetch(url: &str) -> Result<String> {
    let unreachable = |error: reqwest::Error| {
        anyhow!("{url} can't be reached ({}): is the region right?", Chain(&error.without_url()))
    };
    // The functions follow no redirect either: where the keys are is configured, not told.
    let client = Client::builder().redirect(redirect::Policy::none()).timeout(FETCH_LIMIT);
    let client = client.build().map_err(unreachable)?;
    let mut answer = client.get(url).send().await.map_err(unreachable)?;
    if answer.status() != StatusCode::OK {
        bail!("{url} answers {}: check the pool's id", answer.status());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            bail!("{url} answers with more than a key set: is something in between?");
        }
    }
    String::from_utf8(body).map_err(|_| anyhow!("{url} answers with no text: is something in between?"))
}

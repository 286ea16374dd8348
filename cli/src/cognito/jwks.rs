//! `cognito jwks`: the pool's key set.

use std::time::Duration;

use anyhow::{Context as _, Result};
use cruddur::{auth::key_set::KeySet, error::Chain};
use reqwest::{StatusCode, redirect};
use serde_json::Value;

use super::pool::UserPool;
use crate::{advice::advised, context::Context, http_client};

pub(super) const AFTER_HELP: &str = "\
After a rotation of the keys, functions with COGNITO_JWKS have to be deployed again.

Example:
  COGNITO_JWKS=$(cruddur cognito jwks --user-pool eu-central-1_AbCdEfGhI)";

const FETCH_LIMIT: Duration = Duration::from_secs(10);

/// The functions' size limit.
const MAX_BYTES: usize = 64 * 1024;

/// Prints the key set after validation.
pub(super) async fn run(context: &Context, pool: &UserPool) -> Result<()> {
    let url = pool.key_set_url();
    let text = fetch(&url).await?;
    KeySet::inline(&text).map_err(|error| {
        advised(
            format!("the response of {url} is not a key set ({error})"),
            "is a proxy intercepting the request?",
        )
    })?;
    let keys: Value =
        serde_json::from_str(&text).with_context(|| format!("the response of {url} is not JSON"))?;
    context.output.json(&keys)
}

async fn fetch(url: &str) -> Result<String> {
    let unreachable = |error: reqwest::Error| {
        advised(format!("{url} can't be reached ({})", Chain(&error.without_url())), "check the region")
    };
    // Like the functions, follows no redirects: the URL of keys is configuration.
    let client = http_client::for_url(url).redirect(redirect::Policy::none()).timeout(FETCH_LIMIT);
    let client = client.build().map_err(unreachable)?;
    let mut answer = client.get(url).send().await.map_err(unreachable)?;
    if answer.status() != StatusCode::OK {
        return Err(advised(format!("{url} returned {}", answer.status()), "check the pool's id"));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            return Err(advised(
                format!("the response of {url} is too large for a key set"),
                "is a proxy intercepting the request?",
            ));
        }
    }
    String::from_utf8(body).map_err(|_| {
        advised(format!("the response of {url} is not UTF-8"), "is a proxy intercepting the request?")
    })
}

//! The cost of verifying an access token with a cached key.

use anyhow::{Result, bail};
use cruddur::{
    auth::{Verifier, key_set::KeySet},
    clock::Clock,
    config::TokenConfig,
};
use http::{HeaderMap, HeaderValue, header};
use tokio::time::Instant;

use crate::{
    figures::{median, ms},
    stage::{ISSUER, key_set, sample},
};

/// Milliseconds per verification: the median of `rounds` averages. Measured in this process on one thread,
/// which never waits, so wall time is CPU time.
pub async fn verification(rounds: u32) -> Result<f64> {
    const EACH: u32 = 200;
    let event = sample("list-message-groups/first-page")?;
    let mut headers = HeaderMap::new();
    let bearer = event["headers"]["authorization"].as_str().unwrap_or_default();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(bearer)?);
    let key_set = String::from_utf8(key_set()?)?;
    let config = TokenConfig {
        issuer: ISSUER.to_owned(),
        client_ids: vec!["cruddur-local-client".to_owned()],
        key_set: Some(key_set.clone()),
    };
    let verifier = Verifier::new(&config, KeySet::inline(&key_set)?, Clock::system());
    let mut averages = Vec::new();
    for _ in 0..rounds {
        let begin = Instant::now();
        for _ in 0..EACH {
            if verifier.authenticate(&headers).await.is_err() {
                bail!("the sample events' token is refused");
            }
        }
        averages.push(ms(begin.elapsed()) / f64::from(EACH));
    }
    Ok(median(&averages))
}

//! User pools and their users.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_cognitoidentityprovider::{Client, config, error::ProvideErrorMetadata as _, types::UserType};
use clap::Args;
use cruddur::config::environment;
use serde::Serialize;

use crate::{
    advice::advised,
    context::{Context, aws_error, check_http_url},
    http_client,
    output::progress,
};

/// Cognito's limit for a page.
const PAGE: i32 = 60;

/// Attempts of a throttled call. Cognito allows about thirty of these calls a second for a pool.
const ATTEMPTS: u32 = 8;

const FIRST_BACKOFF: Duration = Duration::from_millis(150);

const MAX_BACKOFF: Duration = Duration::from_secs(2);

const ATTEMPT_LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Options {
    /// The user pool [default: `AWS_COGNITO_USER_POOL_ID`]
    #[arg(long, value_name = "ID")]
    pub user_pool: Option<String>,

    /// Cognito's URL, such as a test server's [default: AWS]
    #[arg(long, value_name = "URL")]
    pub cognito_url: Option<String>,
}

/// A user pool, which may not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPool {
    pub(crate) id: String,
    pub(crate) region: String,
    /// Cognito's URL without a trailing slash; `None` for AWS.
    url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolUser {
    /// `preferred_username`, chosen by the user. It may not be a handle, and is not unique.
    pub handle: Option<String>,
    /// Unique and permanent.
    pub sub: String,
    /// Such as `CONFIRMED` or `UNCONFIRMED`.
    pub status: String,
    pub enabled: bool,
    pub name: Option<String>,
    pub email: Option<String>,
    pub email_verified: bool,
}

impl Options {
    /// Returns the pool, or an error if none is given.
    pub fn required(&self, context: &Context) -> Result<UserPool> {
        self.configured(context)?.context("set --user-pool or AWS_COGNITO_USER_POOL_ID")
    }

    /// Returns the pool if one is given.
    pub fn configured(&self, context: &Context) -> Result<Option<UserPool>> {
        let variable = || environment("AWS_COGNITO_USER_POOL_ID");
        let (source, id) = match &self.user_pool {
            Some(id) => ("--user-pool", Some(id.clone())),
            None => ("AWS_COGNITO_USER_POOL_ID", variable()),
        };
        let Some(id) = id else { return Ok(None) };
        let Some(region) = region(&id) else {
            bail!("{source}: not a user pool id such as eu-central-1_AbCdEfGhI");
        };
        if let Some(url) = &self.cognito_url {
            check_http_url("--cognito-url", url)?;
        }
        Ok(Some(UserPool {
            region: context.global.region.as_deref().unwrap_or(region).to_owned(),
            url: self.cognito_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
            id,
        }))
    }
}

/// The region in a pool's id.
fn region(pool_id: &str) -> Option<&str> {
    let (region, id) = pool_id.split_once('_')?;
    let region_fits = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let id_fits = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!region.is_empty() && !id.is_empty() && region_fits && id_fits).then_some(region)
}

impl UserPool {
    /// The URL of the pool's key set.
    #[must_use]
    pub fn key_set_url(&self) -> String {
        let Self { id, region, url } = self;
        let server = url.clone().unwrap_or_else(|| format!("https://cognito-idp.{region}.amazonaws.com"));
        format!("{server}/{id}/.well-known/jwks.json")
    }

    pub async fn users(&self) -> Result<Vec<PoolUser>> {
        let client = self.client().await;
        let bar = progress("reading the user pool", None);
        let mut users = Vec::new();
        let mut pages = client.list_users().user_pool_id(&self.id).limit(PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                if error.code() == Some("ResourceNotFoundException") {
                    let place = self.place();
                    return advised(
                        format!("{place} has no user pool {}", self.id),
                        "check its id and account",
                    );
                }
                aws_error(&self.place(), &error)
            })?;
            for user in page.users() {
                users.push(PoolUser::from_answer(user)?);
            }
            bar.set_position(users.len() as u64);
        }
        bar.finish_and_clear();
        Ok(users)
    }

    /// Deletes the user with a `sub`, if there is one.
    pub(crate) async fn delete_user(&self, client: &Client, sub: &str) -> Result<()> {
        match client.admin_delete_user().user_pool_id(&self.id).username(sub).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("UserNotFoundException") => Ok(()),
            Err(error) => Err(aws_error(&self.place(), &error)),
        }
    }

    pub(crate) async fn client(&self) -> Client {
        let sdk = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client::for_sdk());
        let sdk = sdk.region(Region::new(self.region.clone())).load().await;
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_LIMIT).build();
        // Bounded, so that a wrong address fails within seconds.
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_BACKOFF)
            .with_max_backoff(MAX_BACKOFF);
        let mut config = config::Builder::from(&sdk).retry_config(retries).timeout_config(timeouts);
        if let Some(url) = &self.url {
            config = config.endpoint_url(url);
        }
        Client::from_conf(config.build())
    }

    /// Cognito's location, for messages.
    pub(crate) fn place(&self) -> String {
        match &self.url {
            Some(url) => format!("Cognito at {url}"),
            None => format!("Cognito in {}", self.region),
        }
    }
}

impl PoolUser {
    fn from_answer(user: &UserType) -> Result<Self> {
        let attribute = |name| {
            let attribute = user.attributes().iter().find(|attribute| attribute.name() == name);
            attribute
                .and_then(|attribute| attribute.value())
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
        };
        Ok(Self {
            handle: attribute("preferred_username"),
            sub: attribute("sub").context("Cognito lists a user without a sub")?,
            status: user.user_status().map_or("UNKNOWN", |status| status.as_str()).to_owned(),
            enabled: user.enabled(),
            name: attribute("name"),
            email: attribute("email"),
            email_verified: attribute("email_verified").as_deref() == Some("true"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_id_starts_with_its_region() {
        for (id, expected) in [
            ("eu-central-1_AbCdEfGhI", Some("eu-central-1")),
            ("local_1x2y3z", Some("local")),
            ("_AbC", None),
            ("eu-central-1_", None),
            ("eu-central-1", None),
            ("eu-central-1_a/../b", None),
            ("example.com/#_AbC", None),
        ] {
            assert_eq!(region(id), expected, "{id}");
        }
    }

    #[test]
    fn the_key_set_is_at_the_pool_s_url() {
        let pool = |url: Option<&str>| UserPool {
            id: "eu-central-1_AbC".to_owned(),
            region: "eu-central-1".to_owned(),
            url: url.map(str::to_owned),
        };
        assert_eq!(
            pool(None).key_set_url(),
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC/.well-known/jwks.json"
        );
        assert_eq!(
            pool(Some("http://127.0.0.1:5000")).key_set_url(),
            "http://127.0.0.1:5000/eu-central-1_AbC/.well-known/jwks.json"
        );
    }
}

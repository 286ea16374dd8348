//! A user pool, and its users.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_cognitoidentityprovider::{Client, config, error::ProvideErrorMetadata as _, types::UserType};
use clap::Args;
use cruddur::config::environment;
use serde::Serialize;

use crate::{
    context::{Context, aws_error, check_http_url},
    output::progress,
};

/// Users on a page: the most that Cognito gives.
const PAGE: i32 = 60;

/// Tries of a call that is throttled. Cognito allows a pool some thirty of these calls a second, of whoever makes
/// them.
const TRIES: u32 = 8;

/// The first pause between tries at most; the next are twice as long each.
const FIRST_PAUSE: Duration = Duration::from_millis(150);

/// A pause between tries at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a try may take.
const TRY_LIMIT: Duration = Duration::from_secs(20);

/// Which pool.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Options {
    /// The user pool: by default the variable `AWS_COGNITO_USER_POOL_ID`
    #[arg(long, value_name = "ID")]
    pub user_pool: Option<String>,

    /// Cognito in place of AWS's own, such as a test server's
    #[arg(long, value_name = "URL")]
    pub cognito_url: Option<String>,
}

/// A user pool, which need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPool {
    id: String,
    region: String,
    /// Where Cognito is, unless in AWS; without a slash at its end.
    url: Option<String>,
}

/// A user of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolUser {
    /// `preferred_username`, as the user has chosen it: it need not be anybody's handle, and several users may have
    /// the same.
    pub handle: Option<String>,
    /// The `sub`, unique and for ever.
    pub sub: String,
    /// Such as `CONFIRMED` or `UNCONFIRMED`.
    pub status: String,
    /// Whether the user may sign in.
    pub enabled: bool,
    /// `name`
    pub name: Option<String>,
    /// `email`
    pub email: Option<String>,
    /// Whether the user has proved that the address is theirs.
    pub email_verified: bool,
}

impl Options {
    /// The pool, which has to be named.
    pub fn required(&self, context: &Context) -> Result<UserPool> {
        self.configured(context)?.context("name the user pool: --user-pool, or AWS_COGNITO_USER_POOL_ID")
    }

    /// The pool, where one is named.
    pub fn configured(&self, context: &Context) -> Result<Option<UserPool>> {
        let variable = || environment("AWS_COGNITO_USER_POOL_ID");
        let (source, id) = match &self.user_pool {
            Some(id) => ("--user-pool", Some(id.clone())),
            None => ("AWS_COGNITO_USER_POOL_ID", variable()),
        };
        let Some(id) = id else { return Ok(None) };
        let Some(region) = region(&id) else {
            bail!("{source}: not a region and an id with _ between, such as eu-central-1_AbCdEfGhI");
        };
        if let Some(url) = &self.cognito_url {
            check_http_url("--cognito-url", url)?;
        }
        Ok(Some(UserPool {
            region: context.region().unwrap_or(region).to_owned(),
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
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its region.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Where its key set is.
    #[must_use]
    pub fn key_set_url(&self) -> String {
        let Self { id, region, url } = self;
        let server = url.clone().unwrap_or_else(|| format!("https://cognito-idp.{region}.amazonaws.com"));
        format!("{server}/{id}/.well-known/jwks.json")
    }

    /// Every user of it.
    pub async fn users(&self, context: &Context) -> Result<Vec<PoolUser>> {
        let client = self.client(context).await;
        let bar = progress("reading the user pool", None);
        let (mut users, mut token) = (Vec::new(), None);
        loop {
            let page =
                client.list_users().user_pool_id(&self.id).limit(PAGE).set_pagination_token(token).send();
            let page = page.await.map_err(|error| {
                if error.code() == Some("ResourceNotFoundException") {
                    let place = self.place();
                    return anyhow!(
                        "{place} has no user pool {}: check its id, and whose account it is",
                        self.id
                    );
                }
                aws_error(&self.place(), &error)
            })?;
            for user in page.users() {
                users.push(PoolUser::from_answer(user)?);
            }
            bar.set_position(users.len() as u64);
            token = page.pagination_token().map(str::to_owned);
            if token.is_none() {
                bar.finish_and_clear();
                return Ok(users);
            }
        }
    }

    /// A client for it.
    pub(crate) async fn client(&self, context: &Context) -> Client {
        let sdk = context.aws_config_in(&self.region).await;
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(TRY_LIMIT).build();
        // Whoever waits is a person at a terminal: an address that is wrong is to be told within seconds.
        let retries = RetryConfig::standard()
            .with_max_attempts(TRIES)
            .with_initial_backoff(FIRST_PAUSE)
            .with_max_backoff(LONGEST_PAUSE);
        let mut config = config::Builder::from(&sdk).retry_config(retries).timeout_config(timeouts);
        if let Some(url) = &self.url {
            config = config.endpoint_url(url);
        }
        Client::from_conf(config.build())
    }

    /// For people: where Cognito is.
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
    fn a_pools_id_begins_with_its_region() {
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
    fn the_key_set_is_where_the_pool_is() {
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

//! Publishing and checking a version.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::sleep;

use crate::calls::{Call, CallError, Calls, Reply};

/// The alias that has the traffic.
const LIVE: &str = "live";

/// The time between two looks at a version that is not ready.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The answer of a function that can use all its dependencies but the key set ([`cruddur::health::Unhealthy`]).
const NO_KEYS: &str = "can't use the key set;";

/// The number of checks of a version before it counts as unhealthy. With the pauses, they cover the seconds in which a
/// new role's policy takes effect.
const CHECKS: usize = 3;

/// The time between two checks of a version.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// A failure to release a version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseError {
    /// The name does not fit into a path.
    #[error("not a function's name")]
    NotAName,
    /// A call failed.
    #[error("can't {action}")]
    Call {
        action: &'static str,
        #[source]
        error: CallError,
    },
    /// Lambda's answer has no version, or one that is not a number.
    #[error("Lambda's answer has no version")]
    NoVersion,
    /// Lambda could not create the version's environment.
    #[error("version {version} is not usable: {reason}")]
    Failed { version: u64, reason: String },
    /// The check failed.
    #[error("version {version} is unhealthy: {reason}")]
    Unhealthy { version: u64, reason: String },
    /// The time limit passed.
    #[error("not checked within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// A version, as Lambda describes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Configuration {
    version: String,
    state: String,
    state_reason: String,
}

/// An alias, as Lambda describes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Alias {
    function_version: String,
}

/// The answer to an invocation: of a healthy function, or an error document.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Health {
    healthy: bool,
    error_message: Option<String>,
}

/// The first 300 characters of `text`.
pub(crate) fn first_characters(text: &str) -> String {
    text.chars().take(300).collect()
}

impl Calls {
    /// Returns `true` if `CloudFormation` is rolling the stack back, and `false` if that is unknown.
    pub(crate) async fn is_rollback(&self, stack: &str) -> bool {
        match self.call(Call::describe_stack(stack)).await {
            // The answer is XML; the stack's own status is the only element of this name.
            Ok(reply) => reply.body.split("<StackStatus>").nth(1).is_some_and(|rest| {
                rest.split('<').next().is_some_and(|status| status.contains("ROLLBACK_IN_PROGRESS"))
            }),
            Err(error) => {
                tracing::warn!(cause = %cruddur::error::Chain(&error), "can't read the stack's status");
                false
            }
        }
    }

    /// Publishes a version of `function`, and checks it if it is newer than the one with the traffic. Lambda returns the
    /// newest version if nothing has changed since. A rollback is not checked: going back must always be possible, and
    /// Lambda gives the old code and settings a new number.
    pub(crate) async fn release(&self, function: &str, is_rollback: bool) -> Result<u64, ReleaseError> {
        if !function.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(ReleaseError::NotAName);
        }
        let path = |rest: &str| format!("/2015-03-31/functions/{function}/{rest}");

        let reply = self.call(Call::post(path("versions"), "{}")).await;
        let Configuration { version, .. } = parse(&reply.map_err(failed_to("publish a version"))?);
        let version: u64 = version.parse().map_err(|_| ReleaseError::NoVersion)?;

        let live = match self.call(Call::get(path(&format!("aliases/{LIVE}")))).await {
            Ok(reply) => parse::<Alias>(&reply).function_version.parse().ok(),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(failed_to("read the alias")(error)),
        };

        self.wait_until_ready(&path(&format!("configuration?Qualifier={version}")), version).await?;
        let is_newer = live.is_none_or(|live| version > live);
        if is_newer && !is_rollback {
            let path = path(&format!("invocations?Qualifier={version}"));
            match self.check(&path, version).await {
                // A pool that the same deployment creates has no key set yet that `CognitoJwks` could name.
                Err(ReleaseError::Unhealthy { reason, .. })
                    if live.is_none() && reason.starts_with(NO_KEYS) =>
                {
                    tracing::warn!(function, version, "the first version can't use the key set");
                }
                checked => checked?,
            }
        }
        tracing::info!(function, version, is_newer, is_rollback, "released a version");
        Ok(version)
    }

    async fn wait_until_ready(&self, path: &str, version: u64) -> Result<(), ReleaseError> {
        loop {
            let reply = self.call(Call::get(path.to_owned())).await;
            let Configuration { state, state_reason, .. } =
                parse(&reply.map_err(failed_to("read the version"))?);
            match &*state {
                "Pending" => sleep(POLL_INTERVAL).await,
                "Failed" => return Err(ReleaseError::Failed { version, reason: state_reason }),
                // An `Inactive` version becomes active when it is invoked.
                _ => return Ok(()),
            }
        }
    }

    async fn check(&self, path: &str, version: u64) -> Result<(), ReleaseError> {
        let mut checks_left = CHECKS;
        loop {
            let call = Call::post(path.to_owned(), r#"{"health_check":true}"#);
            let reply = self.call(call).await.map_err(failed_to("invoke the version"))?;
            let Some(reason) = problem(&reply) else { return Ok(()) };
            checks_left -= 1;
            if checks_left == 0 {
                return Err(ReleaseError::Unhealthy { version, reason });
            }
            tracing::info!(cause = reason, path, "unhealthy; checking again");
            sleep(CHECK_INTERVAL).await;
        }
    }
}

fn failed_to(action: &'static str) -> impl Fn(CallError) -> ReleaseError {
    move |error| ReleaseError::Call { action, error }
}

/// An answer of another form counts as empty.
fn parse<T: DeserializeOwned + Default>(reply: &Reply) -> T {
    serde_json::from_str(&reply.body).unwrap_or_default()
}

/// Describes the answer of an unhealthy function. Returns `None` for a healthy one.
fn problem(reply: &Reply) -> Option<String> {
    let Health { healthy, error_message } = parse(reply);
    if reply.is_function_error {
        let message = error_message.unwrap_or_else(|| "the invocation failed without a message".to_owned());
        Some(first_characters(&message))
    } else if healthy {
        None
    } else {
        Some("the function does not answer health checks".to_owned())
    }
}

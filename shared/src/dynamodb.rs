//! DynamoDB clients with explicit time limits and counted request units.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, identity::IdentityCache, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::{Client, config::StalledStreamProtectionConfig};

use crate::{
    config::{AwsConfig, ConfigError, Endpoint, Lookup},
    error::{Dependency, Error},
    https,
};

pub use self::meter::{Meter, Units};

mod meter;

/// Time limits of calls, the SDK's retries included. The SDK has none by default.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    attempt: Duration,
    operation: Duration,
    attempts: u32,
}

impl CallLimits {
    /// Routes that only read.
    pub const READ: Self =
        Self { attempt: Duration::from_millis(800), operation: Duration::from_millis(2_500), attempts: 3 };
    /// Functions that write: shorter limits would leave more writes with an unknown outcome.
    pub const WRITE: Self =
        Self { attempt: Duration::from_secs(2), operation: Duration::from_secs(8), attempts: 3 };
    /// Admin commands, which scan whole tables and may be throttled for long.
    pub const ADMIN: Self =
        Self { attempt: Duration::from_secs(10), operation: Duration::from_mins(1), attempts: 10 };

    const CONNECT: Duration = Duration::from_millis(500);
    const FIRST_BACKOFF: Duration = Duration::from_millis(30);
}

/// The time limit of a write with its retries. The key set (3 s) and the users (7 s) come before. The sum is below the
/// functions' timeout.
const TIME_LIMIT: Duration = Duration::from_secs(14);

/// Runs a write with its retries. Fails with [`Error::Unavailable`] at the time limit.
pub(crate) async fn within_time_limit<T>(write: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let limited = tokio::time::timeout(TIME_LIMIT, write).await;
    limited.unwrap_or_else(|elapsed| Err(Error::unavailable(Dependency::DynamoDb, elapsed)))
}

/// The SDK's configuration from the environment. Does not use the SDK's default provider chain: its file and IMDS
/// providers are useless in Lambda and slow cold starts.
pub(crate) fn sdk_config(lookup: impl Lookup) -> Result<SdkConfig, ConfigError> {
    let AwsConfig { region, credentials } = AwsConfig::from_lookup(lookup)?;
    let Endpoint { url, fips, dual_stack } = Endpoint::from_lookup(lookup);
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(https::dynamodb_client(&region, url.as_deref(), lookup))
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // Credentials never change during an execution environment's life.
        .identity_cache(IdentityCache::no_cache())
        .use_fips(fips)
        .use_dual_stack(dual_stack);
    Ok(match url {
        Some(url) => sdk.endpoint_url(url).build(),
        None => sdk.build(),
    })
}

/// Creates a client with `limits`. The current invocation counts the request units of its calls.
#[must_use]
pub fn client(sdk: &SdkConfig, limits: CallLimits) -> Client {
    metered_client(sdk, limits, &Meter::default())
}

/// Creates a client with `limits`. `meter` and the current invocation count the request units of its calls.
#[must_use]
pub fn metered_client(sdk: &SdkConfig, limits: CallLimits, meter: &Meter) -> Client {
    Client::from_conf(config(sdk, limits).interceptor(meter.clone()).build())
}

fn config(sdk: &SdkConfig, limits: CallLimits) -> aws_sdk_dynamodb::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CallLimits::CONNECT)
        .operation_attempt_timeout(limits.attempt)
        .operation_timeout(limits.operation)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(limits.attempts)
        .with_initial_backoff(CallLimits::FIRST_BACKOFF);
    aws_sdk_dynamodb::config::Builder::from(sdk)
        .timeout_config(timeouts)
        .retry_config(retries)
        // The attempt's time limit includes reading the answer, so no stream can stall longer.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

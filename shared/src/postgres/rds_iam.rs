//! IAM authentication for RDS: a token for each connection instead of a stored password.

use std::{error::Error as StdError, fmt::Write as _, iter, time::Duration};

use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error::CredentialsError,
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4::SigningParams,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::clock::Clock;

/// Characters that a signature does not escape.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The lifetime of a token: the longest that RDS accepts. RDS checks the token only while connecting.
const LIFETIME: Duration = Duration::from_mins(15);

/// Signs tokens, which RDS and RDS Proxy accept as passwords. The signing role needs `rds-db:connect`.
///
/// A token is a signed GET request that is never sent, as in the RDS SDK's module `auth_token`. Signing needs no
/// network.
#[derive(Clone, Debug)]
pub struct RdsIam {
    region: String,
    credentials: SharedCredentialsProvider,
    clock: Clock,
}

/// The error of signing a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No provider has credentials. The source, a long list of providers, is dropped.
    #[error("no AWS credentials")]
    NoCredentials,
    /// The provider of credentials failed.
    #[error("failed to load AWS credentials")]
    Credentials(#[source] CredentialsError),
    /// The values do not form a valid request.
    #[error("failed to sign the token request")]
    Signing(#[source] Box<dyn StdError + Send + Sync>),
}

impl From<CredentialsError> for TokenError {
    fn from(error: CredentialsError) -> Self {
        match error {
            CredentialsError::CredentialsNotLoaded(_) => Self::NoCredentials,
            error => Self::Credentials(error),
        }
    }
}

impl TokenError {
    fn signing(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Signing(Box::new(error))
    }
}

impl RdsIam {
    /// Creates a signer for servers in `region`. Each token is signed with the provider's current credentials.
    pub fn new(
        region: impl Into<String>,
        credentials: impl ProvideCredentials + 'static,
        clock: Clock,
    ) -> Self {
        Self { region: region.into(), credentials: SharedCredentialsProvider::new(credentials), clock }
    }

    /// Signs a token for `user` at `host`, both as in the URL.
    pub(super) async fn token(&self, host: &str, port: u16, user: &str) -> Result<String, TokenError> {
        let identity = self.credentials.provide_credentials().await?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(LIFETIME);
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("rds-db")
            .time(self.clock.now().into())
            .settings(settings)
            .build()
            .map_err(TokenError::signing)?
            .into();

        let user = utf8_percent_encode(user, UNRESERVED);
        let mut token = format!("{host}:{port}/?Action=connect&DBUser={user}");
        let url = format!("https://{token}");
        let request = SignableRequest::new("GET", url, iter::empty(), SignableBody::empty());
        let signed = sign(request.map_err(TokenError::signing)?, &params).map_err(TokenError::signing)?;
        for (name, value) in signed.output().params() {
            // Writing to a `String` cannot fail.
            let _ = write!(token, "&{name}={}", utf8_percent_encode(value, UNRESERVED));
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_credential_types::Credentials;
    use chrono::DateTime;

    use super::*;

    fn signer(region: &str, key: &str, secret: &str, session: Option<&str>, now: &'static str) -> RdsIam {
        let credentials = Credentials::new(key, secret, session.map(str::to_owned), None, "test");
        let now = DateTime::parse_from_rfc3339(now).unwrap().to_utc();
        RdsIam::new(region, credentials, Clock::from_fn(move || now))
    }

    /// The token in the tests of aws-sdk-rds 1.100.0, `src/auth_token.rs`.
    #[tokio::test]
    async fn tokens_equal_those_of_the_rds_sdk() {
        let signer = signer("us-east-1", "akid", "secret", None, "2024-08-26T22:00:00Z");
        let token = signer.token("prod-instance.us-east-1.rds.amazonaws.com", 3306, "peccy").await.unwrap();
        assert_eq!(
            token,
            "prod-instance.us-east-1.rds.amazonaws.com:3306/?Action=connect&DBUser=peccy\
             &X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=akid%2F20240826%2Fus-east-1%2Frds-db%2Faws4_request\
             &X-Amz-Date=20240826T220000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=dd0cba843009474347af724090233265628ace491ea17ce3eb3da098b983ad89"
        );
    }

    /// The parameters of a token, without their order.
    fn parts(token: &str) -> BTreeSet<&str> {
        token.split('&').collect()
    }

    /// The results of `generate_db_auth_token` in botocore 1.44.5, for the credentials of a role and for a user name
    /// full of reserved characters.
    #[tokio::test]
    async fn tokens_equal_those_of_botocore() {
        const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        const SESSION: &str = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJH+token=";
        const NOW: &str = "2026-11-22T09:30:00.999Z";
        let signer = |session| signer("eu-central-1", "AKIDEXAMPLE", SECRET, session, NOW);
        let host = "cruddur.cluster-abc123def456.eu-central-1.rds.amazonaws.com";
        assert_eq!(
            parts(&signer(Some(SESSION)).token(host, 5432, "cruddur_functions").await.unwrap()),
            parts(
                "cruddur.cluster-abc123def456.eu-central-1.rds.amazonaws.com:5432/?Action=connect\
             &DBUser=cruddur_functions&X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu-central-1%2Frds-db%2Faws4_request\
             &X-Amz-Date=20261122T093000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
             &X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEaCXVzLWVhc3QtMSJH%2Btoken%3D\
             &X-Amz-Signature=7e8c873be776a0eec91cb25ea8f92ec5bd549e9abebb3bb0bbc9da0be29d01a8"
            )
        );
        let host = "cruddur.abc123def456.eu-central-1.rds.amazonaws.com";
        assert_eq!(
            signer(None).token(host, 6432, "a user+&=%/é").await.unwrap(),
            "cruddur.abc123def456.eu-central-1.rds.amazonaws.com:6432/?Action=connect\
             &DBUser=a%20user%2B%26%3D%25%2F%C3%A9&X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu-central-1%2Frds-db%2Faws4_request\
             &X-Amz-Date=20261122T093000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=32fc60e0e5307647507119836bb2781357617c31343c3019a9b23e8841c87f70"
        );
    }

    #[tokio::test]
    async fn an_invalid_host_is_an_error() {
        let signer = signer("eu-central-1", "AKIDEXAMPLE", "secret", None, "2026-11-22T09:30:00Z");
        let error = signer.token("no host", 5432, "me").await.unwrap_err();
        assert_eq!(error.to_string(), "failed to sign the token request");
    }
}

//! Deletion of users from a Cognito user pool.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    auth::Subject,
    clock::Clock,
    config::{AwsConfig, ConfigError, Lookup, UserPoolConfig},
    error::{Cause, Dependency, Error},
    https,
    signed_call::{Signer, request},
};

/// Time limit of a call.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Maximum size of an answer, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// A user pool.
#[derive(Debug)]
pub struct UserPool {
    config: UserPoolConfig,
    signer: Signer,
    connector: SharedHttpConnector,
}

/// An error of Cognito.
#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "__type")]
    name: String,
}

impl UserPool {
    /// Creates the configured pool. Returns `None` if the functions may not delete its users.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Option<Self>, ConfigError> {
        let AwsConfig { region, credentials } = AwsConfig::from_lookup(lookup)?;
        let Some(config) = UserPoolConfig::from_lookup(lookup, &region) else { return Ok(None) };
        let connector = https::connector(&config.url, lookup);
        Ok(Some(Self { signer: Signer::new(region, credentials, Clock::system()), connector, config }))
    }

    /// Deletes a user. Succeeds if there is none with this `sub`.
    pub async fn delete(&self, subject: &Subject) -> Result<(), Error> {
        let deleted = timeout(CALL_LIMIT, self.admin_delete_user(subject)).await;
        let deleted = deleted.unwrap_or_else(|elapsed| Err(elapsed.into()));
        deleted.map_err(|cause| Error::unavailable(Dependency::Cognito, cause))
    }

    async fn admin_delete_user(&self, subject: &Subject) -> Result<(), Cause> {
        // A `sub` is accepted in place of a name.
        let body = json!({"UserPoolId": self.config.id, "Username": subject.as_str()}).to_string();
        let mut request = request("POST", &self.config.url, &body)?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/x-amz-json-1.1");
        headers.insert("x-amz-target", "AWSCognitoIdentityProviderService.AdminDeleteUser");
        self.signer.sign("cognito-idp", &mut request, &body)?;
        let answer = self.connector.call(request).await?;
        let status = answer.status().as_u16();
        if status == 200 {
            return Ok(());
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await?.to_bytes();
        match serde_json::from_slice::<Failure>(&body) {
            // A name may have a namespace in front.
            Ok(Failure { name }) if name.ends_with("UserNotFoundException") => Ok(()),
            Ok(Failure { name }) => Err(format!("status {status}, {name}").into()),
            Err(_) => Err(format!("status {status}").into()),
        }
    }
}

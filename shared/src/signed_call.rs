//! Calls to AWS's services without their SDK crates: requests signed with Signature Version 4.

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::client::{identity::Identity, orchestrator::HttpRequest};
use aws_smithy_types::body::SdkBody;

use crate::{clock::Clock, error::Cause};

/// Signs requests with a function's credentials.
#[derive(Debug)]
pub struct Signer {
    region: String,
    identity: Identity,
    clock: Clock,
}

impl Signer {
    /// Creates a signer for services in `region`.
    #[must_use]
    pub fn new(region: String, credentials: Credentials, clock: Clock) -> Self {
        Self { region, identity: credentials.into(), clock }
    }

    /// Signs a request to `service`, the name in the signature. `body` is the request's body.
    pub fn sign(&self, service: &str, request: &mut HttpRequest, body: &str) -> Result<(), Cause> {
        let params = SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(service)
            .time(self.clock.now().into())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signable = SignableRequest::new(
            request.method(),
            request.uri(),
            request.headers().iter(),
            SignableBody::Bytes(body.as_bytes()),
        )?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        for (name, value) in instructions.headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }
}

/// Creates an unsigned request.
pub fn request(method: &str, url: &str, body: &str) -> Result<HttpRequest, Cause> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method)?;
    request.set_uri(url)?;
    Ok(request)
}

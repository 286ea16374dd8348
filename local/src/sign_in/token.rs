//! The token endpoint (RFC 6749) and the revocation endpoint (RFC 7009).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cruddur::error::{Chain, Error};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::{SignIn, user_of_sub};
use crate::issuer::{CLIENT_ID, PoolUser, RefreshToken};

/// The parameters of both endpoints.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    grant_type: Option<String>,
    client_id: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    token: Option<String>,
}

/// An error response, by RFC 6749, section 5.2, and RFC 7009, section 2.2.1.
#[derive(Debug)]
struct OauthError {
    status: StatusCode,
    /// The error's code.
    error: &'static str,
    description: String,
}

fn oauth_error(error: &'static str, description: impl Into<String>) -> OauthError {
    OauthError { status: StatusCode::BAD_REQUEST, error, description: description.into() }
}

fn invalid_grant(description: &'static str) -> OauthError {
    oauth_error("invalid_grant", description)
}

/// `POST …/token`
pub(super) async fn token(
    State(sign_in): State<Arc<SignIn>>,
    request: Result<Form<Request>, FormRejection>,
) -> Response {
    let result = async { sign_in.tokens(&parse(request)?).await };
    result.await.unwrap_or_else(IntoResponse::into_response)
}

/// `POST …/revoke`: ends the session of a refresh token.
pub(super) async fn revoke(
    State(sign_in): State<Arc<SignIn>>,
    request: Result<Form<Request>, FormRejection>,
) -> Response {
    let result = async { sign_in.revoke(&parse(request)?).await };
    match result.await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => error.into_response(),
    }
}

fn parse(request: Result<Form<Request>, FormRejection>) -> Result<Request, OauthError> {
    let Form(request) = request.map_err(|rejection| oauth_error("invalid_request", rejection.body_text()))?;
    if request.client_id.as_deref() != Some(CLIENT_ID) {
        return Err(oauth_error("invalid_client", "client_id is not cruddur-local-client"));
    }
    Ok(request)
}

fn required<'a>(value: Option<&'a String>, name: &str) -> Result<&'a str, OauthError> {
    value.map(String::as_str).ok_or_else(|| oauth_error("invalid_request", format!("{name} is missing")))
}

impl SignIn {
    async fn tokens(&self, request: &Request) -> Result<Response, OauthError> {
        match required(request.grant_type.as_ref(), "grant_type")? {
            "authorization_code" => self.of_code(request).await,
            "refresh_token" => self.of_refresh_token(request).await,
            _ => Err(oauth_error(
                "unsupported_grant_type",
                "grant_type is neither authorization_code nor refresh_token",
            )),
        }
    }

    async fn of_code(&self, request: &Request) -> Result<Response, OauthError> {
        let code = required(request.code.as_ref(), "code")?;
        let now = self.issuer.now();
        let grant = self
            .codes
            .take(code, now)
            .ok_or_else(|| invalid_grant("the code is unknown, used, or older than five minutes"))?;
        if !grant.code_challenge.is_empty() {
            let verifier = required(request.code_verifier.as_ref(), "code_verifier")?;
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            if challenge != grant.code_challenge {
                return Err(invalid_grant("the code_verifier is not that of the code"));
            }
        }
        if request.redirect_uri.as_deref() != Some(&*grant.redirect_uri) {
            return Err(invalid_grant("the redirect_uri is not that of the code"));
        }
        let session = self.issuer.begin_session(&grant.user.sub);
        let refresh_token = self.sessions.begin(session, now).await.map_err(Error::internal)?;
        self.answer(&grant.user, &refresh_token, grant.nonce.as_deref())
    }

    async fn of_refresh_token(&self, request: &Request) -> Result<Response, OauthError> {
        let token = required(request.refresh_token.as_ref(), "refresh_token")?;
        let token = self
            .issuer
            .read_refresh_token(token)
            .ok_or_else(|| invalid_grant("the refresh token is invalid or has expired"))?;
        // Read before the token is used, so that the client keeps it while PostgreSQL is unavailable.
        let user = user_of_sub(&self.postgres, &token.session.sub).await?;
        let user = user.ok_or_else(|| invalid_grant("the user doesn't exist any more"))?;
        let next = self.sessions.rotate(token, self.issuer.now()).await.map_err(Error::internal)?;
        let next = next.ok_or_else(|| invalid_grant("the session has ended"))?;
        self.answer(&user, &next, None)
    }

    fn answer(
        &self,
        user: &PoolUser,
        refresh_token: &RefreshToken,
        nonce: Option<&str>,
    ) -> Result<Response, OauthError> {
        let session = &refresh_token.session;
        let tokens = json!({
            "access_token": self.issuer.access_token_of(session).map_err(Error::internal)?,
            "id_token": self.issuer.id_token(user, session, nonce).map_err(Error::internal)?,
            "refresh_token": self.issuer.refresh_token(refresh_token).map_err(Error::internal)?,
            "token_type": "Bearer",
            "expires_in": self.issuer.token_lifetime().as_secs(),
        });
        Ok((not_stored(), Json(tokens)).into_response())
    }

    async fn revoke(&self, request: &Request) -> Result<(), OauthError> {
        let token = required(request.token.as_ref(), "token")?;
        match self.issuer.read_refresh_token(token) {
            Some(token) => Ok(self.sessions.end(&token.session).await.map_err(Error::internal)?),
            // Access tokens stay valid until they expire: the functions never ask the issuer.
            None if self.issuer.is_access_or_id_token(token) => {
                Err(oauth_error("unsupported_token_type", "only refresh tokens can be revoked"))
            }
            // An invalid token needs no revocation.
            None => Ok(()),
        }
    }
}

/// The headers of RFC 6749, sections 5.1 and 5.2.
fn not_stored() -> [(HeaderName, &'static str); 2] {
    [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")]
}

impl From<Error> for OauthError {
    fn from(error: Error) -> Self {
        let cause = Chain(&error).to_string();
        tracing::error!(cause, "no token was issued");
        let (status, error, description) = match error {
            // A retry may succeed.
            Error::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", cause),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "the cause is in the output of the local stack".to_owned(),
            ),
        };
        Self { status, error, description }
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": self.error, "error_description": self.description}));
        let mut response = (self.status, not_stored(), body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

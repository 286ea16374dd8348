//! The token endpoint (RFC 6749) and the revocation endpoint (RFC 7009).

use std::{borrow::Cow, io, sync::Arc};

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
use crate::issuer::{CLIENT_ID, KeyError, PoolUser, RefreshToken};

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

/// The errors of RFC 6749, section 5.2, and RFC 7009, section 2.2.1, and two server errors.
#[derive(Debug)]
enum Refusal {
    InvalidRequest(Cow<'static, str>),
    InvalidClient,
    InvalidGrant(&'static str),
    UnsupportedGrantType,
    UnsupportedTokenType,
    /// A retry may succeed.
    TemporarilyUnavailable(String),
    ServerError,
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
        Err(refusal) => refusal.into_response(),
    }
}

fn parse(request: Result<Form<Request>, FormRejection>) -> Result<Request, Refusal> {
    let Form(request) = request.map_err(|rejection| Refusal::InvalidRequest(rejection.body_text().into()))?;
    if request.client_id.as_deref() != Some(CLIENT_ID) {
        return Err(Refusal::InvalidClient);
    }
    Ok(request)
}

fn required<'a>(value: Option<&'a String>, name: &str) -> Result<&'a str, Refusal> {
    value.map(String::as_str).ok_or_else(|| Refusal::InvalidRequest(format!("{name} is missing").into()))
}

impl SignIn {
    async fn tokens(&self, request: &Request) -> Result<Response, Refusal> {
        match required(request.grant_type.as_ref(), "grant_type")? {
            "authorization_code" => self.of_code(request).await,
            "refresh_token" => self.of_refresh_token(request).await,
            _ => Err(Refusal::UnsupportedGrantType),
        }
    }

    async fn of_code(&self, request: &Request) -> Result<Response, Refusal> {
        let code = required(request.code.as_ref(), "code")?;
        let verifier = required(request.code_verifier.as_ref(), "code_verifier")?;
        let now = self.issuer.now();
        let grant = self
            .codes
            .take(code, now)
            .ok_or(Refusal::InvalidGrant("the code is unknown, used, or older than five minutes"))?;
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        if challenge != grant.code_challenge {
            return Err(Refusal::InvalidGrant("the code_verifier is not that of the code"));
        }
        if request.redirect_uri.as_deref() != Some(&*grant.redirect_uri) {
            return Err(Refusal::InvalidGrant("the redirect_uri is not that of the code"));
        }
        let session = self.issuer.begin_session(&grant.user.sub);
        let refresh_token = self.sessions.begin(session, now).await?;
        self.answer(&grant.user, &refresh_token, grant.nonce.as_deref())
    }

    async fn of_refresh_token(&self, request: &Request) -> Result<Response, Refusal> {
        let token = required(request.refresh_token.as_ref(), "refresh_token")?;
        let token = self
            .issuer
            .read_refresh_token(token)
            .ok_or(Refusal::InvalidGrant("the token is not good here"))?;
        // Read before the token is used, so that the client keeps it while PostgreSQL is unavailable.
        let user = user_of_sub(&self.postgres, &token.session.sub).await?;
        let user = user.ok_or(Refusal::InvalidGrant("the user is gone"))?;
        let next = self.sessions.rotate(token, self.issuer.now()).await?;
        let next = next.ok_or(Refusal::InvalidGrant("the session has ended"))?;
        self.answer(&user, &next, None)
    }

    fn answer(
        &self,
        user: &PoolUser,
        refresh_token: &RefreshToken,
        nonce: Option<&str>,
    ) -> Result<Response, Refusal> {
        let session = &refresh_token.session;
        let tokens = json!({
            "access_token": self.issuer.access_token_of(session)?,
            "id_token": self.issuer.id_token(user, session, nonce)?,
            "refresh_token": self.issuer.refresh_token(refresh_token)?,
            "token_type": "Bearer",
            "expires_in": self.issuer.token_lifetime().as_secs(),
        });
        Ok((not_stored(), Json(tokens)).into_response())
    }

    async fn revoke(&self, request: &Request) -> Result<(), Refusal> {
        let token = required(request.token.as_ref(), "token")?;
        match self.issuer.read_refresh_token(token) {
            Some(token) => Ok(self.sessions.end(&token.session).await?),
            // Access tokens stay valid until they expire: the functions never ask the issuer.
            None if self.issuer.is_access_or_id_token(token) => Err(Refusal::UnsupportedTokenType),
            // An invalid token needs no revocation.
            None => Ok(()),
        }
    }
}

/// The headers of RFC 6749, sections 5.1 and 5.2.
fn not_stored() -> [(HeaderName, &'static str); 2] {
    [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")]
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::error!(cause = %Chain(&error), "no token was issued");
        match error {
            Error::Unavailable { .. } => Self::TemporarilyUnavailable(Chain(&error).to_string()),
            _ => Self::ServerError,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Error::internal(error).into()
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Error::internal(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::InvalidRequest(problem) => (StatusCode::BAD_REQUEST, "invalid_request", problem),
            Self::InvalidClient => {
                (StatusCode::BAD_REQUEST, "invalid_client", "client_id is not cruddur-local-client".into())
            }
            Self::InvalidGrant(problem) => (StatusCode::BAD_REQUEST, "invalid_grant", problem.into()),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "grant_type is neither authorization_code nor refresh_token".into(),
            ),
            Self::UnsupportedTokenType => (
                StatusCode::BAD_REQUEST,
                "unsupported_token_type",
                "only refresh tokens can be revoked".into(),
            ),
            Self::TemporarilyUnavailable(cause) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", cause.into())
            }
            Self::ServerError => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "the cause is in the output of the local stack".into(),
            ),
        };
        let body = Json(json!({"error": error, "error_description": description}));
        let mut response = (status, not_stored(), body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

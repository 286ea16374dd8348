//! The token endpoint: tokens for a code, or for a refresh token.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Form, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use cruddur::error::Chain;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::{SignIn, user_of_sub};
use crate::issuer::{CLIENT_ID, SignedIn, TOKEN_LIFETIME};

/// What the client brings.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    grant_type: Option<String>,
    client_id: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
}

/// Why there are no tokens, as RFC 6749 names it (section 5.2).
#[derive(Clone, Copy, Debug)]
enum Refusal {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    ServerError,
}

/// `POST …/token`
pub(super) async fn token(State(sign_in): State<Arc<SignIn>>, Form(request): Form<Request>) -> Response {
    match sign_in.tokens(&request).await {
        Ok(tokens) => tokens,
        Err(refusal) => refusal.into_response(),
    }
}

impl SignIn {
    async fn tokens(&self, request: &Request) -> Result<Response, Refusal> {
        if request.client_id.as_deref() != Some(CLIENT_ID) {
            return Err(Refusal::InvalidClient);
        }
        match request.grant_type.as_deref() {
            Some("authorization_code") => self.of_code(request),
            Some("refresh_token") => self.of_refresh_token(request).await,
            Some(_) => Err(Refusal::UnsupportedGrantType),
            None => Err(Refusal::InvalidRequest),
        }
    }

    fn of_code(&self, request: &Request) -> Result<Response, Refusal> {
        let code = request.code.as_deref().ok_or(Refusal::InvalidRequest)?;
        let verifier = request.code_verifier.as_deref().ok_or(Refusal::InvalidRequest)?;
        let grant = self.codes.take(code, self.issuer.now()).ok_or(Refusal::InvalidGrant)?;
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let same_client = challenge == grant.code_challenge;
        if !same_client || request.redirect_uri.as_deref() != Some(&*grant.redirect_uri) {
            return Err(Refusal::InvalidGrant);
        }
        let refresh_token = self.issuer.refresh_token(&grant.user.sub).map_err(Refusal::fault)?;
        self.answer(&grant.user, grant.nonce.as_deref(), Some(refresh_token))
    }

    /// New access and id tokens with the names as they are now. As with Cognito, the refresh token stays.
    async fn of_refresh_token(&self, request: &Request) -> Result<Response, Refusal> {
        let token = request.refresh_token.as_deref().ok_or(Refusal::InvalidRequest)?;
        let sub = self.issuer.subject_of_refresh_token(token).ok_or(Refusal::InvalidGrant)?;
        let user = user_of_sub(&self.postgres, &sub).await.map_err(Refusal::fault)?;
        self.answer(&user.ok_or(Refusal::InvalidGrant)?, None, None)
    }

    fn answer(
        &self,
        user: &SignedIn,
        nonce: Option<&str>,
        refresh_token: Option<String>,
    ) -> Result<Response, Refusal> {
        let mut tokens = json!({
            "access_token": self.issuer.access_token(&user.sub, &user.handle).map_err(Refusal::fault)?,
            "id_token": self.issuer.id_token(user, nonce).map_err(Refusal::fault)?,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME.as_secs(),
        });
        if let (Some(refresh_token), Some(tokens)) = (refresh_token, tokens.as_object_mut()) {
            tokens.insert("refresh_token".to_owned(), refresh_token.into());
        }
        Ok(([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response())
    }
}

impl Refusal {
    fn fault(error: impl std::error::Error + 'static) -> Self {
        tracing::error!(cause = %Chain(&error), "no token was given");
        Self::ServerError
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidClient => (StatusCode::BAD_REQUEST, "invalid_client"),
            Self::InvalidGrant => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({"error": error}))).into_response()
    }
}

//! Signing in at the local stack: what Cognito's hosted pages are to the web client. OpenID Connect, authorization code
//! with PKCE; instead of a password there is a page with the users to pick from.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cruddur::{error::Error, postgres::Postgres, user::Handle};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use tokio_postgres::types::Type;

use self::codes::Codes;
use crate::issuer::{ISSUER_PATH, Issuer, KEY_SET_PATH, SignedIn};

mod authorize;
mod codes;
mod logout;
mod page;
#[cfg(test)]
mod tests;
mod token;

/// What the endpoints work with.
#[derive(Debug)]
struct SignIn {
    postgres: Arc<Postgres>,
    issuer: Arc<Issuer>,
    codes: Codes,
}

/// The router of the endpoints, all of them below [`ISSUER_PATH`].
pub(crate) fn router(postgres: Arc<Postgres>, issuer: Arc<Issuer>) -> Router {
    let path = |path: &str| format!("{ISSUER_PATH}{path}");
    Router::new()
        .route(&path("/.well-known/openid-configuration"), get(discovery))
        .route(&path("/authorize"), get(authorize::show).post(authorize::pick))
        .route(&path("/token"), post(token::token))
        .route(&path("/logout"), get(logout::logout))
        .with_state(Arc::new(SignIn { postgres, issuer, codes: Codes::default() }))
}

/// Where everything is, at the address that was asked: a page behind a development server's proxy stays there.
async fn discovery(State(sign_in): State<Arc<SignIn>>, headers: HeaderMap) -> Response {
    let issuer = sign_in.issuer.url();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let base = host
        .map(|host| format!("http://{host}{ISSUER_PATH}"))
        .filter(|url| is_of_this_machine(url))
        .unwrap_or_else(|| issuer.to_owned());
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "end_session_endpoint": format!("{base}/logout"),
        "jwks_uri": format!("{base}{KEY_SET_PATH}"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "preferred_username", "name"],
    }))
    .into_response()
}

/// Whether a URL leads to a page on this machine: nobody else is given a code.
fn is_of_this_machine(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    plain
        && uri.scheme_str() == Some("http")
        && matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// `url` with further parameters.
fn with_parameters(url: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{}", query.finish())
}

fn redirect(url: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, url), (header::CACHE_CONTROL, "no-store")]).into_response()
}

/// The user with this handle.
pub(crate) async fn user_of_handle(postgres: &Postgres, handle: &Handle) -> Result<Option<SignedIn>, Error> {
    user(postgres, Some(handle.canonical()), None).await
}

/// The user with this sub.
async fn user_of_sub(postgres: &Postgres, sub: &str) -> Result<Option<SignedIn>, Error> {
    user(postgres, None, Some(sub)).await
}

async fn user(
    postgres: &Postgres,
    handle: Option<&str>,
    sub: Option<&str>,
) -> Result<Option<SignedIn>, Error> {
    let statement = include_str!("../../sql/users/of_cognito_user.sql");
    let rows = postgres.query(statement, &[(&handle, Type::TEXT), (&sub, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(SignedIn {
        sub: row.try_get("cognito_user_id").map_err(Error::internal)?,
        handle: row.try_get("handle").map_err(Error::internal)?,
        display_name: row.try_get("display_name").map_err(Error::internal)?,
    }))
}

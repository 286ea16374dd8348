//! The local sign-in, in place of Cognito's hosted pages. OpenID Connect, authorization code flow with PKCE;
//! a page to pick a user replaces the password.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cruddur::{error::Error, postgres::Postgres, user::Handle};
use http::{HeaderMap, StatusCode, header};
use seed::demo::LOCAL_USERS;
use serde_json::json;
use tokio_postgres::types::Type;

use self::codes::Codes;
pub(crate) use self::sessions::Sessions;
use crate::{
    guard::AllowedHosts,
    issuer::{ISSUER_PATH, Issuer, KEY_SET_PATH, PoolUser},
};

mod authorize;
mod codes;
mod logout;
mod page;
mod sessions;
#[cfg(test)]
mod tests;
mod token;

/// The endpoints' shared state.
#[derive(Debug)]
struct SignIn {
    postgres: Arc<Postgres>,
    issuer: Arc<Issuer>,
    codes: Codes,
    sessions: Sessions,
    allowed_hosts: AllowedHosts,
}

/// The endpoints' router. All paths start with [`ISSUER_PATH`].
pub(crate) fn router(
    postgres: Arc<Postgres>,
    issuer: Arc<Issuer>,
    sessions: Sessions,
    allowed_hosts: AllowedHosts,
) -> Router {
    let path = |path: &str| format!("{ISSUER_PATH}{path}");
    Router::new()
        .route(&path("/.well-known/openid-configuration"), get(discovery))
        .route(&path("/authorize"), get(authorize::show).post(authorize::pick))
        .route(&path("/token"), post(token::token))
        .route(&path("/revoke"), post(token::revoke))
        .route(&path("/logout"), get(logout::logout))
        .with_state(Arc::new(SignIn { postgres, issuer, codes: Codes::default(), sessions, allowed_hosts }))
}

/// The discovery document. Its URLs use the requested host, so that a page behind a proxy or a development server
/// stays there.
async fn discovery(State(sign_in): State<Arc<SignIn>>, headers: HeaderMap) -> Response {
    let issuer = sign_in.issuer.url();
    let base = sign_in.allowed_hosts.base_url(&headers);
    let base = base.map_or_else(|| issuer.to_owned(), |base| base + ISSUER_PATH);
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "revocation_endpoint": format!("{base}/revoke"),
        "end_session_endpoint": format!("{base}/logout"),
        "jwks_uri": format!("{base}{KEY_SET_PATH}"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "preferred_username", "name"],
    }))
    .into_response()
}

/// Appends parameters to `url`.
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

/// Finds the pool's user by the handle in `users`.
pub(crate) async fn user_of_handle(postgres: &Postgres, handle: &Handle) -> Result<Option<PoolUser>, Error> {
    user(postgres, Some(handle.canonical()), None).await
}

/// Finds the pool's user by `sub`. Returns `None` if `users` has no such row.
async fn user_of_sub(postgres: &Postgres, sub: &str) -> Result<Option<PoolUser>, Error> {
    user(postgres, None, Some(sub)).await
}

async fn user(
    postgres: &Postgres,
    handle: Option<&str>,
    sub: Option<&str>,
) -> Result<Option<PoolUser>, Error> {
    let statement = include_str!("../../sql/users/of_cognito_user.sql");
    let rows = postgres.query(statement, &[(&handle, Type::TEXT), (&sub, Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let sub: String = row.try_get("cognito_user_id").map_err(Error::internal)?;
    // As in Cognito, a change to the row doesn't change the pool.
    if let Some(demo) = LOCAL_USERS.iter().find(|demo| demo.cognito_user_id.to_string() == sub) {
        let preferred_username = demo.preferred_username.map(str::to_owned);
        return Ok(Some(PoolUser { sub, preferred_username, name: demo.name.to_owned() }));
    }
    // Load-test and imported users are not in the list: their row holds the attributes of the sign-up.
    Ok(Some(PoolUser {
        sub,
        preferred_username: row.try_get("handle").map_err(Error::internal)?,
        name: row.try_get("display_name").map_err(Error::internal)?,
    }))
}

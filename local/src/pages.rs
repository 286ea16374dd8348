//! Local-only paths below `/local`, except those of the sign-in. They are not part of the API and have no
//! CORS.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cruddur::{
    error::{Chain, Error},
    postgres::Postgres,
    user::{Handle, User},
};
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    guard::AllowedHosts,
    issuer::{ISSUER_PATH, Issuer, KEY_SET_PATH},
    sign_in::user_of_handle,
};

#[derive(Clone, Debug)]
struct Local {
    postgres: Arc<Postgres>,
    issuer: Arc<Issuer>,
}

/// The router. `health` has the URLs and names of the stack's parts, for tools that work on a running stack.
/// `websocket` has the hosts of the WebSocket API; `None` if there is none.
pub(crate) fn router(
    health: Value,
    websocket: Option<AllowedHosts>,
    postgres: Arc<Postgres>,
    issuer: Arc<Issuer>,
) -> Router {
    let health = move |headers: HeaderMap| async move {
        let websocket_url = websocket.and_then(|hosts| hosts.websocket_url(&headers));
        Json(with_websocket_url(health, websocket_url))
    };
    Router::new()
        // Checks no part: the server starts only after all of them are up.
        .route("/local/health", get(health))
        .route("/local/users", get(users))
        .route("/local/token", post(token))
        .route(&format!("{ISSUER_PATH}{KEY_SET_PATH}"), get(key_set))
        .with_state(Local { postgres, issuer })
}

/// Adds the field `websocket_url` to a JSON object.
pub(crate) fn with_websocket_url(mut object: Value, url: Option<String>) -> Value {
    if let (Some(fields), Some(url)) = (object.as_object_mut(), url) {
        fields.insert("websocket_url".to_owned(), url.into());
    }
    object
}

async fn users(State(local): State<Local>) -> Response {
    let listed = async {
        let rows = local.postgres.query(include_str!("../../sql/users/list.sql"), &[]).await?;
        rows.iter().map(User::from_row).collect::<Result<Vec<_>, _>>()
    };
    listed.await.map_or_else(|error| failed(&error), |users| Json(users).into_response())
}

/// The issuer's key, and the key that signed the sample events.
async fn key_set(State(local): State<Local>) -> Response {
    let mut key_set = local.issuer.key_set();
    match serde_json::from_str::<JwkSet>(include_str!("../../events/key-set.json")) {
        Ok(samples) => key_set.keys.extend(samples.keys),
        Err(error) => tracing::error!(%error, "events/key-set.json is not a key set"),
    }
    Json(key_set).into_response()
}

#[derive(Deserialize)]
struct TokenRequest {
    handle: String,
}

async fn token(State(local): State<Local>, body: Bytes) -> Response {
    let Ok(TokenRequest { handle }) = serde_json::from_slice(&body) else {
        return error_response(StatusCode::BAD_REQUEST, "the body must be {\"handle\": \"…\"}");
    };
    let issued = async {
        let Ok(handle) = handle.parse::<Handle>() else { return Ok(None) };
        let Some(user) = user_of_handle(&local.postgres, &handle).await? else { return Ok(None) };
        local.issuer.access_token(&user.sub, &user.sub).map(Some).map_err(Error::internal)
    };
    match issued.await {
        Ok(Some(token)) => Json(json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": local.issuer.token_lifetime().as_secs(),
        }))
        .into_response(),
        Ok(None) => {
            error_response(StatusCode::NOT_FOUND, "no user has this handle; GET /local/users lists all users")
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &Error) -> Response {
    let cause = Chain(error).to_string();
    tracing::error!(cause, "a local path failed");
    match error {
        Error::Unavailable { .. } => {
            let response = error_response(StatusCode::SERVICE_UNAVAILABLE, &format!("{cause}; try again"));
            ([(header::RETRY_AFTER, "1")], response).into_response()
        }
        _ => error_response(StatusCode::INTERNAL_SERVER_ERROR, &cause),
    }
}

fn error_response(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use cruddur::{clock::Clock, postgres::DatabaseServer, random::Random};
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::issuer::SigningKey;

    #[tokio::test]
    async fn while_postgres_is_unavailable_the_response_is_503_with_the_cause() {
        // Nothing listens on the port of the discard protocol.
        let server: DatabaseServer = "postgresql://me@127.0.0.1:9/cruddur".parse().unwrap();
        let key = SigningKey::generate().unwrap();
        let issuer = Arc::new(Issuer::new("http://localhost", key, Clock::system(), Random::system()));
        let router = router(Value::Null, None, Arc::new(Postgres::new(server)), issuer);
        let token = Request::post("/local/token").body(Body::from(r#"{"handle": "sunyoung"}"#));
        for request in [token, Request::get("/local/users").body(Body::empty())] {
            let response = router.clone().oneshot(request.unwrap()).await.unwrap();
            assert_eq!(
                (response.status(), &response.headers()["retry-after"]),
                (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
            );
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let message = body["message"].as_str().unwrap();
            assert!(
                message.starts_with("PostgreSQL can't be reached: ") && message.ends_with("; try again"),
                "{message}"
            );
        }
    }
}

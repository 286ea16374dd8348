//! Local-only paths below `/local`, except those of the sign-in. They are not part of the API and have no
//! CORS.

use std::sync::Arc;

use crate::{
    issuer::{ISSUER_PATH, Issuer, KEY_SET_PATH},
    sign_in::user_of_handle,
};
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
use http::{StatusCode, header};
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The URLs and names of the stack's parts, for tools that work on a running stack.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Places {
    #[serde(rename = "url")]
    pub(crate) api: String,
    #[serde(rename = "dynamodb_url")]
    pub(crate) dynamodb: String,
    /// The embedded PostgreSQL. The URL of an external one may contain a password, so it is only in
    /// `DATABASE_URL`.
    #[serde(rename = "database_url")]
    pub(crate) database: Option<String>,
    pub(crate) table: String,
    /// The region of requests to DynamoDB.
    pub(crate) region: String,
}

#[derive(Clone, Debug)]
struct Local {
    places: Places,
    postgres: Arc<Postgres>,
    issuer: Arc<Issuer>,
}

pub(crate) fn router(places: Places, postgres: Arc<Postgres>, issuer: Arc<Issuer>) -> Router {
    Router::new()
        .route("/local/health", get(health))
        .route("/local/users", get(users))
        .route("/local/token", post(token))
        .route(&format!("{ISSUER_PATH}{KEY_SET_PATH}"), get(key_set))
        .with_state(Local { places, postgres, issuer })
}

/// Checks no part: the server starts only after all of them are up.
async fn health(State(local): State<Local>) -> Json<Health> {
    Json(Health { status: "ok", places: local.places })
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(flatten)]
    places: Places,
}

async fn users(State(local): State<Local>) -> Response {
    let listed = async {
        let rows = local.postgres.query(include_str!("../../sql/users/list.sql"), &[]).await?;
        rows.iter().map(User::from_row).collect::<Result<Vec<_>, _>>()
    };
    answer(listed.await.map(Json))
}

/// The issuer's key, and the key that signed the sample events.
async fn key_set(State(local): State<Local>) -> Response {
    let mut key_set = local.issuer.key_set();
    match serde_json::from_str::<JwkSet>(include_str!("../../events/key-set.json")) {
        Ok(samples) => key_set.keys.extend(samples.keys),
        Err(error) => tracing::error!(%error, "events/key-set.json is no key set"),
    }
    Json(key_set).into_response()
}

#[derive(Deserialize)]
struct TokenRequest {
    handle: String,
}

async fn token(State(local): State<Local>, body: Bytes) -> Response {
    let Ok(TokenRequest { handle }) = serde_json::from_slice(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "the body has to be {\"handle\": \"…\"}");
    };
    let Ok(handle) = handle.parse::<Handle>() else { return unknown_handle() };
    match user_of_handle(&local.postgres, &handle).await {
        Ok(Some(user)) => match local.issuer.access_token(&user.sub, &user.sub) {
            Ok(token) => Json(json!({
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": local.issuer.token_lifetime().as_secs(),
            }))
            .into_response(),
            Err(error) => answer::<()>(Err(Error::internal(error))),
        },
        Ok(None) => unknown_handle(),
        Err(error) => answer::<()>(Err(error)),
    }
}

fn unknown_handle() -> Response {
    refuse(StatusCode::NOT_FOUND, "no user has this handle; GET /local/users lists those there are")
}

fn answer<T: IntoResponse>(result: Result<T, Error>) -> Response {
    match result {
        Ok(body) => body.into_response(),
        Err(error) => {
            let cause = Chain(&error).to_string();
            tracing::error!(%cause, "a local path failed");
            match error {
                Error::Unavailable { .. } => {
                    let refusal = refuse(StatusCode::SERVICE_UNAVAILABLE, &format!("{cause}; try again"));
                    ([(header::RETRY_AFTER, "1")], refusal).into_response()
                }
                _ => refuse(StatusCode::INTERNAL_SERVER_ERROR, &cause),
            }
        }
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use cruddur::{clock::Clock, postgres::DatabaseServer, random::Random};
    use http::Request;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::issuer::SigningKey;

    #[tokio::test]
    async fn while_postgres_is_away_the_answer_is_503_with_the_cause() {
        // Nothing listens on the port of the discard protocol.
        let server: DatabaseServer = "postgresql://me@127.0.0.1:9/cruddur".parse().unwrap();
        let places = Places {
            api: String::new(),
            dynamodb: String::new(),
            database: None,
            table: String::new(),
            region: String::new(),
        };
        let key = SigningKey::generate().unwrap();
        let issuer = Arc::new(Issuer::at_port(4567, key, Clock::system(), Random::system()));
        let router = router(places, Arc::new(Postgres::new(server)), issuer);
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

//! A user pool whose users and failures the test decides about.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::machine::{Run, command};

/// Its id.
pub(super) const POOL: &str = "eu-central-1_AbCdEfGhI";

/// A running Cognito with one pool.
#[derive(Clone, Debug)]
pub(super) struct Cognito {
    pub(super) url: String,
    pub(super) pool: Arc<Pool>,
}

#[derive(Debug, Default)]
pub(super) struct Pool {
    users: Mutex<Vec<Value>>,
    /// Status and code of the failures of the next calls.
    failures: Mutex<Vec<(StatusCode, &'static str)>>,
    pub(super) calls: AtomicUsize,
    /// The response at the key set's URL; `None` is a 404.
    pub(super) key_set: Mutex<Option<String>>,
}

impl Cognito {
    pub(super) async fn start(users: Vec<Value>) -> Self {
        let pool = Arc::new(Pool { users: Mutex::new(users), ..Pool::default() });
        let router = Router::new()
            .route("/", post(list_users))
            .route("/proxy/", post(async || (StatusCode::BAD_GATEWAY, "<html>Something in between</html>")))
            .route("/{pool}/.well-known/jwks.json", get(key_set))
            .with_state(Arc::clone(&pool));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, pool }
    }

    pub(super) fn fail(&self, times: usize, status: u16, code: &'static str) {
        let failure = (StatusCode::from_u16(status).unwrap(), code);
        self.pool.failures.lock().unwrap().extend(vec![failure; times]);
    }

    pub(super) fn set_users(&self, users: Vec<Value>) {
        *self.pool.users.lock().unwrap() = users;
    }

    /// Runs the command with this pool.
    pub(super) async fn cruddur(&self, arguments: &[&str]) -> Run {
        let pool = ["--cognito-url", &self.url, "--user-pool", POOL];
        self.cruddur_with(&[arguments, &pool].concat(), true).await
    }

    pub(super) async fn cruddur_with(&self, arguments: &[&str], credentials: bool) -> Run {
        let mut command = command(arguments);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        if credentials {
            command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        }
        let output = command.output().await.unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap().replace(&self.url, "[cognito]"),
        }
    }
}

/// At most three users a page, so that the tests turn pages.
async fn list_users(
    State(pool): State<Arc<Pool>>,
    headers: HeaderMap,
    // Not as JSON, since it comes as application/x-amz-json-1.1.
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let request: Value = serde_json::from_slice(&body).unwrap();
    pool.calls.fetch_add(1, Ordering::Relaxed);
    assert_eq!(headers["x-amz-target"], "AWSCognitoIdentityProviderService.ListUsers");
    assert!(headers["authorization"].to_str().unwrap().contains("/eu-central-1/cognito-idp/"));
    assert_eq!(request["Limit"], 60);
    let failure = pool.failures.lock().unwrap().pop();
    if let Some((status, code)) = failure {
        return (status, Json(json!({"__type": code, "message": "in words"})));
    }
    if request["UserPoolId"] != POOL {
        let answer = json!({"__type": "ResourceNotFoundException", "message": "User pool does not exist."});
        return (StatusCode::BAD_REQUEST, Json(answer));
    }
    let users = pool.users.lock().unwrap();
    let start = request["PaginationToken"].as_str().map_or(0, |token| token.parse::<usize>().unwrap());
    let end = users.len().min(start + 3);
    let mut answer = json!({"Users": users[start..end]});
    if end < users.len() {
        answer["PaginationToken"] = end.to_string().into();
    }
    (StatusCode::OK, Json(answer))
}

async fn key_set(State(pool): State<Arc<Pool>>, Path(id): Path<String>) -> (StatusCode, String) {
    let key_set = pool.key_set.lock().unwrap().clone();
    match key_set {
        Some(key_set) if id == POOL => (StatusCode::OK, key_set),
        _ => (StatusCode::NOT_FOUND, "no such pool".to_owned()),
    }
}

/// `CONFIRMED`, with this handle (none: empty) and a sub of this number.
pub(super) fn user(handle: &str, number: usize) -> Value {
    let mut attributes = vec![
        json!({"Name": "sub", "Value": sub(number)}),
        json!({"Name": "email", "Value": address(handle, number)}),
        json!({"Name": "email_verified", "Value": "true"}),
    ];
    if !handle.is_empty() {
        attributes.push(json!({"Name": "preferred_username", "Value": handle}));
        attributes.push(json!({"Name": "name", "Value": format!("Name of {handle}")}));
    }
    json!({"Username": sub(number), "Attributes": attributes, "Enabled": true, "UserStatus": "CONFIRMED"})
}

/// The address of the user with this handle, or with this number if the handle is empty.
fn address(handle: &str, number: usize) -> String {
    let name = if handle.is_empty() { number.to_string() } else { handle.to_lowercase() };
    format!("{name}@example.com")
}

pub(super) fn sub(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-00000000000a")
}

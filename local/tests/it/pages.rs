//! Local-only pages, and responses of the gateway itself.

use seed::demo::LOCAL_USERS;
use serde_json::{Value, json};
use testing::Answer;

use crate::stack::Stack;

/// The CORS headers of a response.
fn cors(answer: &Answer) -> Vec<(&str, &str)> {
    let mut headers = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| name.starts_with("access-control-"))
        .collect::<Vec<_>>();
    headers.sort_unstable();
    headers
}

#[tokio::test]
async fn the_stack_serves_paths_outside_the_api() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start(data.path()).await;
    health_has_the_urls_of_all_parts(&stack).await;
    tokens_are_issued_to_existing_users(&stack).await;
    the_index_names_the_api(&stack).await;
    unknown_paths_are_not_found(&stack).await;
    pages_of_this_machine_can_read_the_api(&stack).await;
    other_sites_can_use_no_port(&stack).await;
    local_paths_have_no_cors(&stack).await;
    stack.stop().await;
}

async fn health_has_the_urls_of_all_parts(stack: &Stack) {
    let health = Stack::client().get(&format!("{}/local/health", stack.url)).await.unwrap().ok();
    let shown = |name: &str| {
        let line = stack.welcome.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap().trim()
    };
    assert_eq!(shown("WebSocket  "), format!("{}/ws", stack.url.replacen("http", "ws", 1)));
    let expected = json!({
        "status": "ok",
        "url": stack.url,
        "dynamodb_url": shown("DynamoDB  "),
        "database_url": shown("PostgreSQL  "),
        "table": "cruddur-messages",
        "region": "us-east-1",
        "websocket_url": shown("WebSocket  "),
    });
    assert_eq!(health, expected);
    assert_eq!(shown("Users  "), LOCAL_USERS.map(|user| user.handle).join(", "));
}

async fn tokens_are_issued_to_existing_users(stack: &Stack) {
    let (client, url) = (Stack::client(), format!("{}/local/token", stack.url));
    for handle in ["sunyoung", "@sunyoung", "SUNYOUNG"] {
        let answer = client.post(&url, &json!({"handle": handle})).await.unwrap().ok();
        let fields = answer.as_object().unwrap().keys().collect::<Vec<_>>();
        assert_eq!(fields, ["access_token", "expires_in", "token_type"], "{handle}");
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
    }
    for (body, status) in [
        (json!({"handle": "nobody-at-all"}), 404),
        (json!({"handle": "two words"}), 404),
        (json!({"handle": ""}), 404),
        (json!({"handle": 1}), 400),
        (json!({}), 400),
        (json!([]), 400),
    ] {
        let answer = client.post(&url, &body).await.unwrap();
        assert_eq!(answer.status, status, "{body}");
        let refusal: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(refusal["message"].is_string(), "{body}: {refusal}");
    }
}

async fn the_index_names_the_api(stack: &Stack) {
    let index = Stack::client().get(&format!("{}/", stack.url)).await.unwrap();
    assert_eq!(index.status, 200);
    assert!(index.body.contains("has no web client") && index.body.contains("/api"), "{}", index.body);
}

async fn unknown_paths_are_not_found(stack: &Stack) {
    let stage = stack.stage().await;
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "/api/nothing"),
        ("GET", "/api/message_groups/"),
        ("PUT", "/api/messages"),
        ("GET", "/local/nothing"),
        ("GET", "/local/health/"),
    ] {
        let answer = stage.request(method, path, &[], "").await.unwrap();
        let given = (answer.status.as_u16(), &*answer.body, answer.header("content-type"));
        let expected = (404, r#"{"message":"Not Found"}"#, Some("application/json"));
        assert_eq!(given, expected, "{method} {path}");
    }
}

async fn pages_of_this_machine_can_read_the_api(stack: &Stack) {
    let stage = stack.stage().await;
    for origin in ["http://localhost:5173", "http://127.0.0.1:4567"] {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type,idempotency-key"),
        ];
        let preflight = stage.request("OPTIONS", "/api/messages", &headers, "").await.unwrap();
        assert_eq!(preflight.status, 204);
        let expected = [
            ("access-control-allow-headers", "authorization,content-type,idempotency-key"),
            ("access-control-allow-methods", "GET,POST,PUT,PATCH,DELETE"),
            ("access-control-allow-origin", origin),
            ("access-control-expose-headers", "link,retry-after"),
        ];
        assert_eq!(cors(&preflight), expected);
        for (path, status) in
            [("/api/users/@sunyoung/short", 200), ("/api/message_groups", 401), ("/api/nothing", 404)]
        {
            let answer = stage.request("GET", path, &[("origin", origin)], "").await.unwrap();
            assert_eq!(answer.status, status);
            assert_eq!(cors(&answer), expected[2..], "{path}");
            // The 404 is the gateway's own.
            let cached = answer.header("cache-control");
            assert_eq!(cached, (status != 404).then_some("no-store"), "{path}");
        }
    }
}

/// A page of another site has its own origin, or a name that resolves to this machine.
async fn other_sites_can_use_no_port(stack: &Stack) {
    let client = Stack::client();
    let health = client.get(&format!("{}/local/health", stack.url)).await.unwrap().ok();
    let dynamodb = health["dynamodb_url"].as_str().unwrap();
    let scan = [
        ("x-amz-target", "DynamoDB_20120810.Scan"),
        ("content-type", "application/x-amz-json-1.0"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=a/20261128/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=a",
        ),
        ("x-amz-date", "20261128T000000Z"),
    ];
    let scan = ("POST", dynamodb.to_owned() + "/", &scan[..], r#"{"TableName": "cruddur-messages"}"#);
    let api = |method, path: &str, body| (method, stack.url.clone() + path, &[][..], body);
    for (method, url, headers, body) in [
        api("GET", "/", ""),
        api("GET", "/local/users", ""),
        api("POST", "/local/token", r#"{"handle": "sunyoung"}"#),
        api("OPTIONS", "/api/messages", ""),
        api("GET", "/api/users/@sunyoung/short", ""),
        api("GET", "/local/issuer/.well-known/openid-configuration", ""),
        scan,
    ] {
        let send = async |name, value| {
            let headers = [headers, &[(name, value)]].concat();
            client.request(method, &url, &headers, body).await.unwrap()
        };
        let own = send("x-requested-with", "the same request of another program").await;
        assert!(own.status.is_success(), "{method} {url}: {own:?}");
        for (name, value) in
            [("origin", "https://evil.example"), ("origin", "null"), ("host", "evil.example:4567")]
        {
            let answer = send(name, value).await;
            assert_eq!(answer.status, 403, "{method} {url} with {name}: {value}");
            assert_eq!(cors(&answer), []);
        }
    }
}

async fn local_paths_have_no_cors(stack: &Stack) {
    let stage = stack.stage().await;
    let headers = [("origin", "http://localhost:5173"), ("access-control-request-method", "POST")];
    for (method, path) in [
        ("OPTIONS", "/local/token"),
        ("POST", "/local/token"),
        ("GET", "/local/users"),
        ("GET", "/local/health"),
        ("OPTIONS", "/local/nothing"),
        ("GET", "/local/issuer/.well-known/jwks.json"),
    ] {
        let answer = stage.request(method, path, &headers, r#"{"handle": "sunyoung"}"#).await.unwrap();
        assert_eq!(cors(&answer), [], "{method} {path}");
    }
}

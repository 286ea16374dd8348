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
async fn the_stack_answers_beside_the_api_as_well() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start(data.path()).await;
    health_tells_where_everything_is(&stack).await;
    tokens_are_for_the_users_there_are(&stack).await;
    the_index_says_where_the_api_is(&stack).await;
    what_no_route_has_is_not_found(&stack).await;
    a_page_of_this_machine_may_read_the_api(&stack).await;
    nothing_local_has_cors(&stack).await;
    stack.stop().await;
}

async fn health_tells_where_everything_is(stack: &Stack) {
    let health = Stack::client().get(&format!("{}/local/health", stack.url)).await.unwrap().ok();
    let said = |name: &str| {
        let line = stack.welcome.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap().trim()
    };
    let expected = json!({
        "status": "ok",
        "url": stack.url,
        "dynamodb_url": said("DynamoDB  "),
        "database_url": said("PostgreSQL  "),
        "table": "cruddur-messages",
        "region": "us-east-1",
    });
    assert_eq!(health, expected);
    assert_eq!(said("users  "), LOCAL_USERS.map(|user| user.handle).join(", "));
}

async fn tokens_are_for_the_users_there_are(stack: &Stack) {
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

async fn the_index_says_where_the_api_is(stack: &Stack) {
    let index = Stack::client().get(&format!("{}/", stack.url)).await.unwrap();
    assert_eq!(index.status, 200);
    assert!(index.body.contains("/api/message_groups"), "{}", index.body);
}

async fn what_no_route_has_is_not_found(stack: &Stack) {
    let stage = stack.stage().await;
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "/api"),
        ("GET", "/api/"),
        ("GET", "/api/nothing"),
        ("GET", "/api/message_groups/"),
        ("GET", "/api/messages"),
        ("GET", "/api/messages/"),
        ("GET", "/api/users/@sunyoung"),
        ("GET", "/api/users/@sunyoung/short/"),
        ("POST", "/api/messages/"),
        ("POST", "/api/message_groups"),
        ("PUT", "/api/messages"),
        ("DELETE", "/api/messages/0195b5a0-0000-7000-8000-000000000001"),
        ("GET", "/local/nothing"),
        ("GET", "/local/health/"),
    ] {
        let answer = stage.request(method, path, &[], "").await.unwrap();
        let given = (answer.status.as_u16(), &*answer.body, answer.header("content-type"));
        let expected = (404, r#"{"message":"Not Found"}"#, Some("application/json"));
        assert_eq!(given, expected, "{method} {path}");
    }
}

async fn a_page_of_this_machine_may_read_the_api(stack: &Stack) {
    let stage = stack.stage().await;
    for origin in ["http://localhost:5173", "http://127.0.0.1:4567"] {
        let asks = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type,idempotency-key"),
        ];
        let preflight = stage.request("OPTIONS", "/api/messages", &asks, "").await.unwrap();
        assert_eq!(preflight.status, 204);
        let expected = [
            ("access-control-allow-headers", "authorization,content-type,idempotency-key"),
            ("access-control-allow-methods", "GET,POST"),
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
        }
    }
    let foreign = [("origin", "https://example.com"), ("access-control-request-method", "POST")];
    let preflight = stage.request("OPTIONS", "/api/messages", &foreign, "").await.unwrap();
    assert_eq!(cors(&preflight), []);
}

async fn nothing_local_has_cors(stack: &Stack) {
    let stage = stack.stage().await;
    let asks = [("origin", "http://localhost:5173"), ("access-control-request-method", "POST")];
    for (method, path) in [
        ("OPTIONS", "/local/token"),
        ("POST", "/local/token"),
        ("GET", "/local/users"),
        ("GET", "/local/health"),
        ("OPTIONS", "/local/nothing"),
        ("GET", "/local/issuer/.well-known/jwks.json"),
    ] {
        let answer = stage.request(method, path, &asks, r#"{"handle": "sunyoung"}"#).await.unwrap();
        assert_eq!(cors(&answer), [], "{method} {path}");
    }
}

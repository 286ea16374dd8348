use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{Method, StatusCode};
use insta::assert_snapshot;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    machine::{Machine, Run, command, cruddur},
    redact::redact,
};

/// The response to a method and a path in place of the stack; `None` forwards the request.
type Answer = dyn Fn(&Method, &str) -> Option<(StatusCode, Value)> + Send + Sync;

/// A proxy of a stack that answers some requests itself.
#[derive(Clone)]
struct Proxy {
    stack: String,
    answer: Arc<Answer>,
    client: reqwest::Client,
}

impl Proxy {
    /// Returns its URL.
    async fn start(
        machine: &Machine,
        answer: impl Fn(&Method, &str) -> Option<(StatusCode, Value)> + Send + Sync + 'static,
    ) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let proxy = Self { stack: machine.stack().url().to_owned(), answer: Arc::new(answer), client };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(proxy);
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

async fn forward(State(proxy): State<Proxy>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some((status, body)) = (proxy.answer)(&parts.method, parts.uri.path()) {
        return (status, body.to_string()).into_response();
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut headers = parts.headers;
    headers.remove("host");
    let url = format!("{}{}", proxy.stack, parts.uri);
    let answer = proxy.client.request(parts.method, url).headers(headers).body(body).send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    *response.headers_mut().unwrap() = answer.headers().clone();
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}

/// Each check with what was seen, without what varies.
fn seen(run: &Run) -> String {
    let lines = run.stdout.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(summary) = line.get("summary") {
            return format!("{summary} [{}]", run.code);
        }
        let words = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let advice = line.get("advice").map(|advice| format!(" -> {}", advice.as_str().unwrap()));
        format!("{} {}: {}{}", words("result"), words("check"), words("seen"), advice.unwrap_or_default())
    });
    let lines = lines.map(|line| redact(&without_milliseconds(&line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// `answer 143 ms after` as `answer … ms after`.
fn without_milliseconds(line: &str) -> String {
    let words = line.split(' ').collect::<Vec<_>>();
    let word = |(index, word): (usize, &&str)| {
        let is_time = words.get(index + 1) == Some(&"ms") && word.parse::<u64>().is_ok();
        if is_time { "…".to_owned() } else { (*word).to_owned() }
    };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

/// Those lines that begin with `result`.
fn only(result: &str, seen: &str) -> String {
    seen.lines().filter(|line| line.starts_with(result)).collect::<Vec<_>>().join("\n")
}

async fn check(machine: &Machine, arguments: &[&str]) -> Run {
    machine.cruddur(&[&["deploy-check", "--output", "json"], arguments].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_works_passes_every_check_each_time() {
    let machine = Machine::start().await;
    let run = check(&machine, &["--origin", "http://localhost:5173"]).await;
    assert_snapshot!(seen(&run).replace(machine.stack().url(), "http://stack"));
    assert!(!format!("{run:?}").contains("eyJ"), "a token is shown: {run:?}");
    // The conversation is there now; what moves is its row.
    let run = machine.cruddur(&["deploy-check"]).await;
    let last = run.ok().lines().last().unwrap();
    assert_eq!(last, "24 ok, 0 with a hint, 0 failed, 1 skipped");
    let messages = machine.cruddur(&["read", "--as", "lore", "@mock", "--output", "json"]).await;
    let texts = messages.ok().lines().map(|line| {
        let message: Value = serde_json::from_str(line).unwrap();
        format!("{}: {}", message["handle"].as_str().unwrap(), message["message"].as_str().unwrap())
    });
    let both = [
        "lore: A message of cruddur deploy-check: is anybody there?",
        "mock: An answer of cruddur deploy-check: yes.",
    ];
    assert_eq!(texts.collect::<Vec<_>>(), [both, both].concat());
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_does_not_move_fails_with_advice() {
    let machine = Machine::start().await;
    let inbox = |_: &Method, path: &str| (path == "/api/message_groups").then(|| (StatusCode::OK, json!([])));
    let url = Proxy::start(&machine, inbox).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--timeout", "1", "--url", &url]).await;
    assert_snapshot!(only("failed both", &seen(&run)), @r#"failed both inboxes move: 1 s after the reply at <time>: the sender's inbox does not show it, the receiver's inbox does not show it -> check whether the stream mapping is enabled, stream-handler's log and the dead letters; `cruddur ddb doctor` lists rows that lag behind, and with --repair moves them"#);
    assert_eq!(run.code, 3);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_answers_500_fails_alone() {
    let machine = Machine::start().await;
    let broken = |_: &Method, path: &str| {
        let error = (StatusCode::INTERNAL_SERVER_ERROR, json!({"message": "Internal Server Error"}));
        path.starts_with("/api/users/").then_some(error)
    };
    let url = Proxy::start(&machine, broken).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--url", &url]).await;
    let seen = seen(&run);
    assert_snapshot!(only("failed", &seen), @r#"failed GET /api/users/@{handle}/short: unexpected response 500 {"message":"Internal Server Error"}, expected 404 ["user_not_found"] -> the function fails to start or times out, or the API may not invoke it; see the function's log, which names missing and malformed variables"#);
    assert_snapshot!(seen.lines().last().unwrap(), @r#"{"failed":1,"hint":0,"ok":23,"skipped":1} [3]"#);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_not_provisioned_fails_with_advice() {
    let machine = Machine::start().await;
    let unknown = |method: &Method, path: &str| {
        let error = (StatusCode::FORBIDDEN, json!(["user_not_provisioned"]));
        (method == Method::GET && path == "/api/message_groups").then_some(error)
    };
    let url = Proxy::start(&machine, unknown).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--url", &url]).await;
    let seen = seen(&run);
    assert_snapshot!(only("failed the sender's", &seen), @r#"failed the sender's token: unexpected response 403 ["user_not_provisioned"], expected 200 -> the token is valid, but its user is not in the database of users; check that the function post-confirmation is the pool's trigger, and run `cruddur cognito sync-user-ids --create --target aws`"#);
    assert_snapshot!(only("skipped", &seen), @r#"
    skipped CORS: requires --origin
    skipped a WebSocket: requires the sender's token
    skipped its heartbeat: requires a WebSocket
    skipped the end of the sender's events: requires the sender's token
    skipped a message by handle: requires the sender's token
    skipped the same request again: requires the sender's token
    skipped reading it: requires the sender's token
    skipped replying to it: requires the sender's token
    skipped both inboxes move: requires the sender's token
    skipped the reply in a frame: requires the sender's token
    skipped the reply as an event: requires the sender's token
    "#);
    assert_eq!(run.code, 3);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_is_refused_fails_with_advice() {
    let machine = Machine::start().await;
    let forbidden = |_: &Method, path: &str| {
        (path == "/ws").then(|| (StatusCode::FORBIDDEN, json!({"message": "Forbidden"})))
    };
    let url = Proxy::start(&machine, forbidden).await.replace("http://", "ws://");
    let run = check(&machine, &["--websocket-url", &format!("{url}/ws")]).await;
    let seen = seen(&run);
    assert_snapshot!(only("failed", &seen), @r#"
    failed a WebSocket without a token: unexpected response 403 {"message":"Forbidden"}, expected 401 -> check that the URL names the API's stage, and that the token's user is in the database of users; see open-connection's log
    failed a WebSocket: unexpected response 403 {"message":"Forbidden"}, expected 101 -> check that the URL names the API's stage, and that the token's user is in the database of users; see open-connection's log
    "#);
    assert_snapshot!(only("skipped", &seen), @r"
    skipped CORS: requires --origin
    skipped its heartbeat: requires a WebSocket
    skipped the reply in a frame: requires a WebSocket
    ");
    assert_eq!(run.code, 3);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_without_a_websocket_api_passes_every_other_check() {
    let machine = Machine::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let health = client.get(format!("{}/local/health", machine.stack().url())).send().await.unwrap();
    let mut health = health.json::<Value>().await.unwrap();
    assert!(health.as_object_mut().unwrap().remove("websocket_url").is_some());
    let without =
        move |_: &Method, path: &str| (path == "/local/health").then(|| (StatusCode::OK, health.clone()));
    let url = Proxy::start(&machine, without).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--url", &url]).await;
    assert_snapshot!(only("skipped", &seen(&run)), @r"
    skipped CORS: requires --origin
    skipped a WebSocket: the stack has no WebSocket API
    skipped the reply in a frame: requires a WebSocket
    ");
    assert_eq!(run.code, 0, "{run:?}");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_answers_without_a_token_fails() {
    let machine = Machine::start().await;
    let open = |_: &Method, path: &str| (path == "/api/message_groups").then(|| (StatusCode::OK, json!([])));
    let url = Proxy::start(&machine, open).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--timeout", "1", "--url", &url]).await;
    assert_snapshot!(only("failed GET", &seen(&run)), @r#"failed GET /api/message_groups: unexpected response 200 [], expected 401 without a token -> the API is open to everyone; disable it, and check for a proxy in front of it"#);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_not_allowed_fails() {
    let machine = Machine::start().await;
    let run = check(&machine, &["--origin", "https://cruddur.example"]).await;
    assert_snapshot!(only("failed", &seen(&run)), @r#"failed CORS of https://cruddur.example: pages may not call the API (403 pages of "https://cruddur.example" may not use this machine; cargo run -- --allow-host NAME allows …) -> add exactly this origin, without a trailing slash, to the template's AllowedOrigins"#);
    assert_eq!(run.code, 3);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_security_headers_fails() {
    let machine = Machine::start().await;
    let bare = |_: &Method, path: &str| (path == "/").then(|| (StatusCode::OK, json!({})));
    let (good, bare) = (machine.stack().url(), Proxy::start(&machine, bare).await);
    let run = check(&machine, &["--origin", good, "--origin", &bare]).await;
    let seen = seen(&run).replace(good, "http://good").replace(&bare, "http://bare");
    let pages = seen.lines().filter(|line| line.contains("page of")).collect::<Vec<_>>().join("\n");
    assert_snapshot!(pages, @r"
    ok page of http://good: the page has security headers
    failed page of http://bare: the page is sent without X-Frame-Options or frame-ancestors, X-Content-Type-Options -> add a response headers policy to its hosting, such as CloudFront's SecurityHeadersPolicy
    ");
    assert_eq!(run.code, 3);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stack_the_api_is_checked_by_its_url_and_tokens_alone() {
    let machine = Machine::start().await;
    let token = async |handle: &str| machine.cruddur(&["token", handle]).await.ok().trim_end().to_owned();
    let arguments = ["deploy-check", "--target", "aws", "--url", machine.stack().url(), "--receiver", "mock"];
    let output = command(&[&arguments[..], &["--output", "json"]].concat())
        .env("CRUDDUR_TOKEN_A", token("lore").await)
        .env("CRUDDUR_TOKEN_B", token("mock").await)
        .output()
        .await
        .unwrap();
    let run = Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    let seen = seen(&run);
    assert_snapshot!(only("skipped", &seen), @r#"
    skipped stack: requires --stack
    skipped table: requires --table
    skipped backups: requires --table
    skipped stream mapping: requires --table
    skipped sign-up trigger: requires --user-pool
    skipped CORS: requires --origin
    skipped a WebSocket: requires --stack or --websocket-url
    skipped the reply in a frame: requires a WebSocket
    skipped dead letters: requires the stack's output StreamDeadLetterQueueUrl
    skipped alarms: requires --stack
    skipped alarm topic: requires the stack's output AlarmTopicArn
    "#);
    assert_snapshot!(seen.lines().last().unwrap(), @r#"{"failed":0,"hint":0,"ok":17,"skipped":11} [0]"#);
    assert_eq!(run.stderr, "");
    machine.stop().await;
}

#[tokio::test]
async fn an_unreachable_api_fails_one_check_and_skips_the_others() {
    let run =
        cruddur(&["deploy-check", "--output", "json", "--target", "aws", "--url", "http://127.0.0.1:9"])
            .await;
    let seen = seen(&run);
    assert_snapshot!(seen.lines().find(|line| line.starts_with("failed")).unwrap(), @r#"failed API: http://127.0.0.1:9 can't be reached (error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)) -> check the API's URL (--url sets it), and whether it is running"#);
    assert_snapshot!(seen.lines().last().unwrap(), @r#"{"failed":1,"hint":0,"ok":0,"skipped":9} [3]"#);
}

#[tokio::test]
async fn an_impossible_check_is_an_error_with_its_reason() {
    let run = async |arguments: &[&str]| {
        let run = cruddur(&[&["deploy-check"], arguments].concat()).await;
        format!("{}{}[{}]", run.stdout, run.stderr, run.code)
    };
    assert_snapshot!(run(&["--url", "http://127.0.0.1:9"]).await, @r#"
    error: no local stack at http://127.0.0.1:9

      tip: start it with `cargo run`, use --url, or --dynamodb-url and --database-url, or add --target aws
    [1]
    "#);
    assert_snapshot!(run(&["--stack", "cruddur"]).await, @r#"
    error: --stack and --create-test-users are for AWS

      tip: add --target aws
    [1]
    "#);
    assert_snapshot!(run(&["--target", "aws"]).await, @r#"
    error: use --stack, or --url
    [1]
    "#);
}

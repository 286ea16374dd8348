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

/// What is answered in place of a stack; none: it answers itself.
type Answer = dyn Fn(&Method, &str) -> Option<(StatusCode, Value)> + Send + Sync;

/// What stands in front of a stack and answers some requests in its place; path and method decide which.
#[derive(Clone)]
struct Front {
    stack: String,
    answer: Arc<Answer>,
    client: reqwest::Client,
}

impl Front {
    /// Gives its URL.
    async fn start(
        machine: &Machine,
        answer: impl Fn(&Method, &str) -> Option<(StatusCode, Value)> + Send + Sync + 'static,
    ) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let front = Self { stack: machine.stack().url().to_owned(), answer: Arc::new(answer), client };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(front);
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

async fn pass_on(State(front): State<Front>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some((status, body)) = (front.answer)(&parts.method, parts.uri.path()) {
        return (status, body.to_string()).into_response();
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut headers = parts.headers;
    headers.remove("host");
    let url = format!("{}{}", front.stack, parts.uri);
    let answer = front.client.request(parts.method, url).headers(headers).body(body).send().await.unwrap();
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
    assert_eq!(last, "17 ok, 0 with a hint, 0 failed, 1 skipped");
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
async fn an_inbox_that_does_not_follow_fails_with_what_to_look_into() {
    let machine = Machine::start().await;
    let inbox = |_: &Method, path: &str| (path == "/api/message_groups").then(|| (StatusCode::OK, json!([])));
    let url = Front::start(&machine, inbox).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--timeout", "1", "--url", &url]).await;
    assert_snapshot!(only("failed both", &seen(&run)), @r#"failed both inboxes move: 1 s after the answer at <time>: the sender's inbox does not show it, the receiver's inbox does not show it -> is the stream mapping enabled? Look into stream-handler's log and the dead letters; then `cruddur ddb doctor` says which rows are behind, and with --repair moves them"#);
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
    let url = Front::start(&machine, broken).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--url", &url]).await;
    let seen = seen(&run);
    assert_snapshot!(only("failed", &seen), @r#"failed GET /api/users/@{handle}/short: it answers 500 {"message":"Internal Server Error"}, and not 404 ["user_not_found"] -> the function does not start, or takes too long, or the API may not invoke it: the function's log names a variable that is missing or malformed"#);
    assert_snapshot!(seen.lines().last().unwrap(), @r#"{"failed":1,"hint":0,"ok":16,"skipped":1} [3]"#);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_not_provisioned_fails_with_how_to_enter_them() {
    let machine = Machine::start().await;
    let unknown = |method: &Method, path: &str| {
        let error = (StatusCode::FORBIDDEN, json!(["user_not_provisioned"]));
        (method == Method::GET && path == "/api/message_groups").then_some(error)
    };
    let url = Front::start(&machine, unknown).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--url", &url]).await;
    let seen = seen(&run);
    assert_snapshot!(only("failed the sender's", &seen), @r#"failed the sender's token: it answers 403 ["user_not_provisioned"], and not 200 -> the token is good, but its user is not in the database of users: is the function post-confirmation the pool's trigger? `cruddur cognito sync-user-ids --create` enters who is missing"#);
    assert_snapshot!(only("skipped", &seen), @r#"
    skipped CORS: name the web client's origin with --origin
    skipped a message by handle: it takes the sender's token
    skipped the same request again: it takes the sender's token
    skipped reading it: it takes the sender's token
    skipped an answer to it: it takes the sender's token
    skipped both inboxes move: it takes the sender's token
    "#);
    assert_eq!(run.code, 3);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_answers_without_a_token_fails() {
    let machine = Machine::start().await;
    let open = |_: &Method, path: &str| (path == "/api/message_groups").then(|| (StatusCode::OK, json!([])));
    let url = Front::start(&machine, open).await;
    let run = cruddur(&["deploy-check", "--output", "json", "--timeout", "1", "--url", &url]).await;
    assert_snapshot!(only("failed GET", &seen(&run)), @r#"failed GET /api/message_groups: it answers 200 [], and not 401 without a token -> whoever asks is answered: take the API off the network, and look who stands between"#);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_not_allowed_fails() {
    let machine = Machine::start().await;
    let run = check(&machine, &["--origin", "https://cruddur.example"]).await;
    assert_snapshot!(only("failed", &seen(&run)), @r#"failed CORS of https://cruddur.example: a page of it may not call the API (204) -> name exactly this origin among the template's AllowedOrigins, without a slash at its end"#);
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
    skipped stack: name it with --stack
    skipped table: name the table with --table
    skipped backups: name the table with --table
    skipped stream mapping: name the table with --table
    skipped sign-up trigger: name the pool with --user-pool
    skipped CORS: name the web client's origin with --origin
    skipped dead letters: the stack has no output StreamDeadLetterQueueUrl, or none is named
    skipped alarms: name the stack with --stack
    skipped alarm topic: the stack has no output AlarmTopicArn, or none is named
    "#);
    assert_snapshot!(seen.lines().last().unwrap(), @r#"{"failed":0,"hint":0,"ok":14,"skipped":9} [0]"#);
    assert_eq!(run.stderr, "");
    machine.stop().await;
}

#[tokio::test]
async fn an_api_that_is_not_there_fails_in_every_check() {
    let run =
        cruddur(&["deploy-check", "--output", "json", "--target", "aws", "--url", "http://127.0.0.1:9"])
            .await;
    let seen = seen(&run);
    assert_snapshot!(seen.lines().find(|line| line.starts_with("failed")).unwrap(), @r#"failed API: http://127.0.0.1:9 can't be reached (error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)) -> is it the right --url, and is it running?"#);
    assert_snapshot!(seen.lines().last().unwrap(), @r#"{"failed":1,"hint":0,"ok":0,"skipped":9} [3]"#);
}

#[tokio::test]
async fn what_can_t_be_checked_is_an_error_that_says_why() {
    let run = async |arguments: &[&str]| {
        let run = cruddur(&[&["deploy-check"], arguments].concat()).await;
        format!("{}{}[{}]", run.stdout, run.stderr, run.code)
    };
    assert_snapshot!(run(&["--url", "http://127.0.0.1:9"]).await, @r#"
    error: no local stack answers at http://127.0.0.1:9: start it with `cargo run`, say where it is (--url), name the engines (--dynamodb-url, --database-url), or say --target aws
    [1]
    "#);
    assert_snapshot!(run(&["--stack", "cruddur"]).await, @r#"
    error: --stack and --create-test-users are for AWS: add --target aws
    [1]
    "#);
    assert_snapshot!(run(&["--target", "aws"]).await, @r#"
    error: name the deployment with --stack, or its API with --url
    [1]
    "#);
}

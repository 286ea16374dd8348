//! Tests of the API over HTTP, with functions that echo their event or fail.

use std::{net::SocketAddr, time::Duration};

use axum::extract::ConnectInfo;
use chrono::DateTime;
use lambda_http::{
    RequestExt as _, RequestPayloadExt as _,
    tower::{Service as _, ServiceExt as _},
};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use super::*;
use crate::function::Function;

const SECOND: Duration = Duration::from_secs(1);

/// Returns the event as the answer.
fn echo() -> Function {
    Function::event("echo", SECOND, |event: LambdaEvent<Value>| async move {
        let headers = json!({"content-type": "application/json", "vary": "accept"});
        Ok::<_, String>(json!({"statusCode": 200, "headers": headers, "body": event.payload.to_string()}))
    })
}

/// Returns `answer` for every event.
fn answering(answer: Value) -> Function {
    Function::event("answering", SECOND, move |_: LambdaEvent<Value>| {
        let answer = answer.clone();
        async move { Ok::<_, String>(answer) }
    })
}

fn failing() -> Function {
    Function::event("failing", SECOND, |_: LambdaEvent<Value>| async { Err::<(), _>("no luck") })
}

fn sleeping() -> Function {
    Function::event("sleeping", Duration::from_millis(5), |_: LambdaEvent<Value>| async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        Ok::<_, String>(())
    })
}

fn routes() -> Vec<Route> {
    let error = json!({"statusCode": 422, "headers": {"access-control-allow-origin": "*"}, "body": "[]"});
    vec![
        Route::new("GET /api/messages/{message_group_uuid}", echo()),
        Route::new("POST /api/messages", echo()),
        Route::new("GET /api/users/{handle}/short", echo()),
        Route::new("GET /api/unprocessable", answering(error)),
        Route::new("GET /api/failing", failing()),
        Route::new("GET /api/sleeping", sleeping()),
        Route::new("GET /api/malformed", answering(json!({"statusCode": "200"}))),
        Route::new("GET /outside", echo()),
    ]
}

/// A router with a fixed clock and fixed random numbers.
fn router() -> Router {
    let now = DateTime::from_timestamp_millis(1_783_711_145_766).unwrap();
    let gateway = Gateway {
        routes: Routes::new(routes()).unwrap(),
        allowed_hosts: AllowedHosts::loopback(),
        clock: Clock::from_fn(move || now),
        random: Random::from_fn(|bytes| bytes.fill(0xab)),
    };
    gateway.into_router()
}

async fn send(request: http::request::Builder, body: impl Into<Body>) -> (u16, HeaderMap, String) {
    let response = router().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// The event that `echo` received.
async fn event(request: http::request::Builder, body: impl Into<Body>) -> Value {
    let (status, _, body) = send(request, body).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn get(target: &str) -> http::request::Builder {
    Request::get(target)
}

fn post(target: &str) -> http::request::Builder {
    Request::post(target)
}

async fn own_response_to(request: http::request::Builder, body: impl Into<Body>) -> (u16, String) {
    let (status, headers, body) = send(request, body).await;
    assert_eq!(headers["content-type"], "application/json");
    (status, body)
}

#[tokio::test]
async fn a_request_becomes_an_event_of_format_2() {
    let request = post("/api/messages?limit=2&tag=a&tag=b%20c&empty=")
        .header("Host", "127.0.0.1:4567")
        .header("User-Agent", "curl/8.7.1")
        .header("Authorization", "Bearer token")
        .header("Content-Type", "application/json")
        .header("Cookie", "session=abc123; theme=dark")
        .header("X-Probe", "first")
        .header("X-Probe", "second")
        .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 9], 50_000))));

    let event = event(request, r#"{"message":"λ"}"#).await;

    let expected = json!({
        "version": "2.0",
        "routeKey": "POST /api/messages",
        "rawPath": "/api/messages",
        "rawQueryString": "limit=2&tag=a&tag=b%20c&empty=",
        "cookies": ["session=abc123", "theme=dark"],
        "headers": {
            "authorization": "Bearer token",
            "content-length": "16",
            "content-type": "application/json",
            "host": "127.0.0.1:4567",
            "user-agent": "curl/8.7.1",
            "x-amzn-trace-id": "Root=1-6a5145a9-abababababababababababab",
            "x-forwarded-for": "127.0.0.9",
            "x-forwarded-port": "4567",
            "x-forwarded-proto": "http",
            "x-probe": "first,second",
        },
        "queryStringParameters": {"empty": "", "limit": "2", "tag": "a,b c"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/api/messages",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.9",
                "userAgent": "curl/8.7.1",
            },
            "requestId": "q6urq6urq6urq6s=",
            "routeKey": "POST /api/messages",
            "stage": "$default",
            "time": "10/Jul/2026:19:19:05 +0000",
            "timeEpoch": 1_783_711_145_766_i64,
        },
        "body": "{\"message\":\"λ\"}",
        "isBase64Encoded": false,
    });
    assert_eq!(event, expected);
}

#[tokio::test]
async fn a_bare_request_becomes_an_event_without_the_optional_fields() {
    let event = event(get("/api/users/%40andrew%20%CE%BB/short"), "").await;

    let expected = json!({
        "version": "2.0",
        "routeKey": "GET /api/users/{handle}/short",
        "rawPath": "/api/users/@andrew λ/short",
        "rawQueryString": "",
        "headers": {
            "content-length": "0",
            "x-amzn-trace-id": "Root=1-6a5145a9-abababababababababababab",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "80",
            "x-forwarded-proto": "http",
        },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": "GET",
                "path": "/api/users/@andrew λ/short",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "",
            },
            "requestId": "q6urq6urq6urq6s=",
            "routeKey": "GET /api/users/{handle}/short",
            "stage": "$default",
            "time": "10/Jul/2026:19:19:05 +0000",
            "timeEpoch": 1_783_711_145_766_i64,
        },
        "pathParameters": {"handle": "@andrew λ"},
        "isBase64Encoded": false,
    });
    assert_eq!(event, expected);
}

#[tokio::test]
async fn a_binary_body_arrives_as_base64() {
    let event = event(post("/api/messages").header("content-type", "image/png"), vec![0xff, 0x00]).await;
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
}

#[tokio::test]
async fn forwarding_headers_of_the_client_are_not_trusted() {
    let request = get("/api/messages/1")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x-forwarded-proto", ":::")
        .header("x-forwarded-port", "1");
    let event = event(request, "").await;
    let headers = &event["headers"];
    assert_eq!(headers["x-forwarded-for"], "10.0.0.1, 127.0.0.1");
    assert_eq!((&headers["x-forwarded-proto"], &headers["x-forwarded-port"]), (&json!("http"), &json!("80")));
}

#[tokio::test]
async fn a_function_reads_the_event() {
    let function = Function::http("http", SECOND, |request: lambda_http::Request| async move {
        format!(
            "{:?} {:?} {:?} {:?}",
            request.raw_http_path(),
            request.path_parameters().first("handle"),
            request.query_string_parameters().first("limit"),
            request.payload::<Value>().ok().flatten(),
        )
    });
    let gateway = Gateway::new(vec![Route::new("POST /api/users/{handle}/short", function)]).unwrap();
    let request = post("/api/users/@a%3Fb%23/short?limit=%31")
        .header("host", "localhost:4567")
        .header("content-type", "application/json")
        .body(Body::from("[1]"))
        .unwrap();

    let response = gateway.into_router().oneshot(request).await.unwrap();

    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(
        (parts.status, parts.headers["content-type"].as_bytes()),
        (StatusCode::OK, &b"text/plain; charset=utf-8"[..])
    );
    assert_eq!(
        str::from_utf8(&body).unwrap(),
        r#""/api/users/@a?b#/short" Some("@a?b#") Some("1") Some(Array [Number(1)])"#
    );
}

#[tokio::test]
async fn an_unknown_path_method_or_trailing_slash_is_not_found() {
    let not_found = (404, r#"{"message":"Not Found"}"#.to_owned());
    for request in [
        get("/"),
        get("/api"),
        get("/api/"),
        get("/api/messages"),
        get("/api/messages/"),
        get("/api/messages/1/"),
        get("/api/messages/1/2"),
        get("//api/messages/1"),
        post("/api/messages/1"),
        Request::put("/api/messages"),
        Request::delete("/api/messages/1"),
        Request::options("/outside"),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(own_response_to(request, "").await, not_found, "{shown}");
    }
}

#[tokio::test]
async fn a_request_has_at_most_one_host_which_is_well_formed() {
    let bad_request = (400, r#"{"message":"Bad Request"}"#.to_owned());
    for host in ["", "a b", "x|y", "a,b", "me@127.0.0.1", "127.0.0.1:port", "127.0.0.1/", "\u{e4}"] {
        let request = get("/api/messages/1").header("host", host.as_bytes());
        assert_eq!(own_response_to(request, "").await, bad_request, "{host:?}");
    }
    let twice = get("/api/messages/1").header("host", "127.0.0.1").header("host", "127.0.0.1");
    assert_eq!(own_response_to(twice, "").await, bad_request);
    for host in ["127.0.0.1", "127.0.0.1:4567", "localhost", "[::1]:4567", "xn--a", "api.example"] {
        assert_eq!(send(get("/api/messages/1").header("host", host), "").await.0, 200, "{host}");
    }
}

#[tokio::test]
async fn head_is_not_found_on_a_get_route() {
    assert_eq!(send(Request::head("/api/messages/1"), "").await.0, 404);
}

#[tokio::test]
async fn a_failed_invocation_and_a_malformed_answer_are_internal_errors() {
    let internal = (500, r#"{"message":"Internal Server Error"}"#.to_owned());
    assert_eq!(own_response_to(get("/api/failing"), "").await, internal);
    assert_eq!(own_response_to(get("/api/malformed"), "").await, internal);
}

#[tokio::test]
async fn a_timeout_is_service_unavailable() {
    let expected = (503, r#"{"message":"Service Unavailable"}"#.to_owned());
    assert_eq!(own_response_to(get("/api/sleeping"), "").await, expected);
}

#[tokio::test]
async fn a_body_over_10_mb_is_too_large() {
    let expected = (413, r#"{"message":"Request Entity Too Large"}"#.to_owned());
    assert_eq!(own_response_to(post("/api/messages"), vec![b'x'; MAX_BODY + 1]).await, expected);
}

#[tokio::test]
async fn an_event_over_6_mb_is_too_large() {
    let request = post("/api/messages").header("content-type", "text/plain");
    let expected = (413, r#"{"message":"Request Entity Too Large"}"#.to_owned());
    assert_eq!(own_response_to(request, vec![b'x'; MAX_PAYLOAD]).await, expected);
}

#[tokio::test]
async fn request_line_and_headers_have_10240_bytes() {
    let line = "GET /api/messages/1 HTTP/1.1".len();
    let of_size = |size: usize| get("/api/messages/1").header("x", "v".repeat(size - line));
    let expected = (431, r#"{"message":"Request Header Fields Too Large"}"#.to_owned());
    assert_eq!(own_response_to(of_size(MAX_HEADERS + 1), "").await, expected);
    assert_eq!(send(of_size(MAX_HEADERS), "").await.0, 200);
}

#[tokio::test]
async fn every_response_carries_the_request_id() {
    for request in [get("/api/messages/1"), get("/nowhere"), Request::options("/api/messages")] {
        let (_, headers, _) = send(request, "").await;
        assert_eq!(headers["apigw-requestid"], "q6urq6urq6urq6s=");
    }
}

/// The CORS headers of a response, and `vary`.
fn cors(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let mut pairs: Vec<_> =
        pairs.filter(|(name, _)| name.starts_with("access-control-") || *name == "vary").collect();
    pairs.sort_unstable();
    pairs
}

fn preflight(target: &str, origin: &str) -> http::request::Builder {
    Request::options(target).header("origin", origin).header("access-control-request-method", "POST")
}

#[tokio::test]
async fn a_preflight_of_any_api_path_is_answered() {
    for target in ["/api/messages", "/api/nowhere", "/api/failing", "/api"] {
        let (status, headers, body) = send(preflight(target, "http://localhost:5173"), "").await;
        assert_eq!((status, body.as_str()), (204, ""), "{target}");
        let expected = [
            ("access-control-allow-headers", "authorization,content-type,idempotency-key"),
            ("access-control-allow-methods", "GET,POST,PUT,PATCH,DELETE"),
            ("access-control-allow-origin", "http://localhost:5173"),
            ("access-control-expose-headers", "link,retry-after"),
            ("vary", "origin"),
        ];
        assert_eq!(cors(&headers), expected, "{target}");
    }
}

#[tokio::test]
async fn a_preflight_without_an_allowed_origin_and_a_method_gets_no_permission() {
    let foreign = preflight("/api/messages", "http://example.com");
    let (status, headers, _) = send(foreign, "").await;
    assert_eq!((status, cors(&headers)), (204, vec![("vary", "origin")]));

    let (status, headers, _) = send(Request::options("/api/messages"), "").await;
    assert_eq!((status, cors(&headers)), (204, vec![]));

    let without_method = Request::options("/api/messages").header("origin", "http://localhost");
    let (status, headers, _) = send(without_method, "").await;
    assert_eq!((status, cors(&headers)), (204, vec![("vary", "origin")]));
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_can_read_answers_and_errors() {
    for (target, expected) in [
        ("/api/messages/1", 200),
        ("/api/unprocessable", 422),
        ("/api/nowhere", 404),
        ("/api/failing", 500),
        ("/api/sleeping", 503),
    ] {
        let request = get(target).header("origin", "http://127.0.0.1:4567");
        let (status, headers, _) = send(request, "").await;
        assert_eq!(status, expected, "{target}");
        assert_eq!(headers["access-control-allow-origin"], "http://127.0.0.1:4567", "{target}");
        assert_eq!(headers["access-control-expose-headers"], "link,retry-after", "{target}");
    }
}

#[tokio::test]
async fn other_origins_and_requests_without_one_get_no_cors_headers() {
    let foreign = get("/api/unprocessable").header("origin", "https://example.com");
    assert_eq!(cors(&send(foreign, "").await.1), [("vary", "origin")]);
    assert_eq!(cors(&send(get("/api/unprocessable"), "").await.1), []);
}

#[tokio::test]
async fn vary_is_added_to_that_of_the_function() {
    let request = get("/api/messages/1").header("origin", "https://example.com");
    assert_eq!(cors(&send(request, "").await.1), [("vary", "accept"), ("vary", "origin")]);
}

#[tokio::test]
async fn paths_outside_the_api_have_no_cors() {
    for target in ["/outside", "/local/token", "/apis"] {
        let request = get(target).header("origin", "http://localhost:5173");
        let (_, headers, _) = send(request, "").await;
        assert!(!headers.contains_key("access-control-allow-origin"), "{target}");
    }
}

#[tokio::test]
async fn the_api_is_the_fallback_of_another_router() {
    let pages = Router::new().route("/local/health", axum::routing::get(async || "well"));
    let mut service = pages.merge(Gateway::new(routes()).unwrap().into_router());
    let mut status =
        async |target| service.call(get(target).body(Body::empty()).unwrap()).await.unwrap().status();
    assert_eq!(status("/local/health").await, StatusCode::OK);
    assert_eq!(status("/api/messages/1").await, StatusCode::OK);
    assert_eq!(status("/local/nowhere").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn over_tcp_the_source_address_is_the_client() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });

    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = "POST /api/messages HTTP/1.1\r\nhost: localhost:4567\r\nconnection: close\r\n\
                   transfer-encoding: chunked\r\ncontent-type: text/plain\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();

    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert_eq!(head.lines().next(), Some("HTTP/1.1 200 OK"));
    let event: Value = serde_json::from_str(body).unwrap();
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(event["body"], "hi");
    let mut headers: Vec<_> = event["headers"].as_object().unwrap().keys().collect();
    headers.sort_unstable();
    let expected = [
        "content-length",
        "content-type",
        "host",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    ];
    assert_eq!(headers, expected);
}

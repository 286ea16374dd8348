//! Tests of the handshake and the management over HTTP, and of connections over memory in virtual time.

use std::{
    future::ready,
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU8, Ordering},
};

use axum::extract::ConnectInfo;
use bytes::Bytes;
use chrono::DateTime;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, request::Builder};
use http_body_util::BodyExt as _;
use lambda_runtime::LambdaEvent;
use tokio::{
    io::DuplexStream,
    join,
    time::{Instant, sleep},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};
use tower::ServiceExt as _;

use super::{connection::SendError, *};
use crate::deployment::WEBSOCKET_ROUTES;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const PING: &str = r#"{"type":"ping"}"#;
const PONG: &str = r#"{"type":"pong"}"#;
const UNKNOWN: &str = r#"{"type":"error","codes":["message_unknown"]}"#;

fn answering(answer: Value) -> Function {
    Function::event("open-connection", SECOND, move |_: LambdaEvent<Value>| {
        let answer = answer.clone();
        async move { Ok::<_, String>(answer) }
    })
}

/// An API with a fixed clock. Each random number is filled with its ordinal number.
fn api(connect: Function) -> WebSocketApi {
    let now = DateTime::from_timestamp_millis(1_783_711_145_766).unwrap();
    let drawn = AtomicU8::new(0);
    WebSocketApi(Arc::new(Api {
        connect,
        routes: Routes::new(WEBSOCKET_ROUTES).unwrap(),
        limits: Limits::default(),
        connections: Connections::default(),
        clock: Clock::from_fn(move || now),
        random: Random::from_fn(move |bytes| bytes.fill(drawn.fetch_add(1, Ordering::Relaxed))),
    }))
}

fn accepting() -> WebSocketApi {
    api(answering(json!({"statusCode": 200})))
}

fn handshake(target: &str) -> Builder {
    Request::get(target)
        .header("host", "127.0.0.1:4567")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "WebSocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

async fn send(api: &WebSocketApi, request: Builder, body: impl Into<Body>) -> (u16, HeaderMap, String) {
    let response = api.router().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_handshake_becomes_a_connect_event() {
    // The rejection shows the event.
    let echo = Function::event("open-connection", SECOND, |event: LambdaEvent<Value>| async move {
        Ok::<_, String>(json!({"statusCode": 403, "body": event.payload.to_string()}))
    });
    let request = handshake("/ws?a=1&a=2&b=%2F")
        .header("sec-websocket-protocol", "cruddur.v1, bearer.token")
        .header("user-agent", "Mozilla/5.0")
        .header("x-probe", "first")
        .header("x-probe", "second")
        .header("x-forwarded-for", "10.0.0.1")
        .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 9], 50_000))));

    let (status, _, event) = send(&api(echo), request, "").await;

    let expected = json!({
        "headers": {
            "Host": "127.0.0.1:4567",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol": "cruddur.v1, bearer.token",
            "Sec-WebSocket-Version": "13",
            "User-Agent": "Mozilla/5.0",
            "X-Amzn-Trace-Id": "Root=1-6a5145a9-020202020202020202020202",
            "X-Forwarded-For": "10.0.0.1, 127.0.0.9",
            "X-Forwarded-Port": "4567",
            "X-Forwarded-Proto": "http",
            "X-Probe": "second",
        },
        "multiValueHeaders": {
            "Host": ["127.0.0.1:4567"],
            "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="],
            "Sec-WebSocket-Protocol": ["cruddur.v1, bearer.token"],
            "Sec-WebSocket-Version": ["13"],
            "User-Agent": ["Mozilla/5.0"],
            "X-Amzn-Trace-Id": ["Root=1-6a5145a9-020202020202020202020202"],
            "X-Forwarded-For": ["10.0.0.1, 127.0.0.9"],
            "X-Forwarded-Port": ["4567"],
            "X-Forwarded-Proto": ["http"],
            "X-Probe": ["first", "second"],
        },
        "queryStringParameters": {"a": "2", "b": "/"},
        "multiValueQueryStringParameters": {"a": ["1", "2"], "b": ["/"]},
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "extendedRequestId": "AQEBAQEBAQEBAQE=",
            "requestTime": "10/Jul/2026:19:19:05 +0000",
            "messageDirection": "IN",
            "stage": "ws",
            "connectedAt": 1_783_711_145_766_i64,
            "requestTimeEpoch": 1_783_711_145_766_i64,
            "identity": {"sourceIp": "127.0.0.9", "userAgent": "Mozilla/5.0"},
            "requestId": "AQEBAQEBAQEBAQE=",
            "domainName": "127.0.0.1",
            "connectionId": "AAAAAAAAAAAAAAA=",
            "apiId": "local",
        },
        "isBase64Encoded": false,
    });
    assert_eq!((status, serde_json::from_str::<Value>(&event).unwrap()), (403, expected));
}

#[tokio::test]
async fn the_function_answers_the_handshake() {
    let headers = json!({"Sec-WebSocket-Protocol": "cruddur.v1", "Sec-WebSocket-Accept": "forged"});
    let accepting = api(answering(json!({"statusCode": 200, "headers": headers, "body": "dropped"})));
    let (status, headers, body) = send(&accepting, handshake("/ws"), "").await;
    assert_eq!((status, body.as_str()), (101, ""));
    assert_eq!(headers["sec-websocket-protocol"], "cruddur.v1");
    assert_eq!(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!headers.contains_key("content-type"));

    for status in [401, 403, 409, 422, 503] {
        let headers = json!({"Content-Type": "application/json", "Retry-After": "1"});
        let answer = json!({"statusCode": status, "headers": headers, "body": r#"["code"]"#});
        let (given, headers, body) = send(&api(answering(answer)), handshake("/ws"), "").await;
        assert_eq!((given, body.as_str()), (status, r#"["code"]"#));
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["retry-after"], "1");
    }
}

#[tokio::test]
async fn a_failed_function_is_a_bad_gateway() {
    let failing = Function::event("f", SECOND, |_: LambdaEvent<Value>| async { Err::<(), _>("no luck") });
    let sleeping = Function::event("f", Duration::from_millis(1), |_: LambdaEvent<Value>| async {
        std::future::pending::<Result<(), String>>().await
    });
    for connect in [failing, sleeping, answering(json!({})), answering(json!({"statusCode": "200"}))] {
        let (status, _, body) = send(&api(connect), handshake("/ws"), "").await;
        let expected = json!({
            "message": "Internal server error",
            "connectionId": "AAAAAAAAAAAAAAA=",
            "requestId": "AQEBAQEBAQEBAQE=",
        });
        assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (502, expected));
    }
}

#[tokio::test]
async fn other_requests_open_no_connection() {
    let uninvoked =
        api(Function::event("f", SECOND, |_: LambdaEvent<Value>| async { Err::<(), _>("invoked") }));
    let old = handshake("/ws").version(http::Version::HTTP_10);
    for request in [Request::get("/ws"), Request::post("/ws"), old] {
        let (status, headers, body) = send(&uninvoked, request, "").await;
        assert_eq!((status, body.as_str()), (426, r#"{"message":"Upgrade Required"}"#));
        assert_eq!(headers["upgrade"], "websocket");
        assert_eq!(headers["sec-websocket-version"], "13");
    }
    let mut malformed_key = handshake("/ws");
    malformed_key.headers_mut().unwrap().insert("sec-websocket-key", HeaderValue::from_static("a key"));
    let mut without_key = handshake("/ws");
    without_key.headers_mut().unwrap().remove("sec-websocket-key");
    for request in [malformed_key, without_key] {
        let (status, _, body) = send(&uninvoked, request, "").await;
        assert_eq!((status, body.as_str()), (400, r#"{"message":"Bad Request"}"#));
    }
}

#[test]
fn routes_are_a_field_of_the_body_with_a_default() {
    let error = |selection_expression, answers| {
        Routes::new(MockRoutes { selection_expression, answers }).unwrap_err().to_string()
    };
    assert_eq!(
        error("$request.header.x", &[("$default", "")]),
        "the route selection expression `$request.header.x` is not a field of the body"
    );
    assert_eq!(error("$request.body.a.b", &[]), "the field `a.b` is not at the top of the message");
    assert_eq!(error("$request.body.type", &[("ping", "")]), "no route is `$default`");
}

/// Opens a connection over a stream that holds `buffer` bytes. The client rejects frames larger than 32 KB.
async fn connect(api: &WebSocketApi, id: &str, buffer: usize) -> WebSocketStream<DuplexStream> {
    let (server, client) = tokio::io::duplex(buffer);
    let (parts, ()) = Request::new(()).into_parts();
    let details = Details::new(&parts, api.0.clock.now());
    api.0.connections.add(id.to_owned(), details, ready(Ok::<_, io::Error>(server)), &api.0);
    let config = WebSocketConfig::default().max_frame_size(Some(32 * 1024));
    WebSocketStream::from_raw_socket(client, Role::Client, Some(config)).await
}

/// A text frame with `length` bytes.
fn frame(data: Data, length: usize, is_last: bool) -> Message {
    Message::Frame(Frame::message(vec![b'x'; length], OpCode::Data(data), is_last))
}

async fn received(client: &mut WebSocketStream<DuplexStream>) -> String {
    client.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

/// The frame with which the server closes the connection. Other frames before it are skipped.
async fn closed(client: &mut WebSocketStream<DuplexStream>) -> (u16, String) {
    while let Some(Ok(message)) = client.next().await {
        if let Message::Close(Some(CloseFrame { code, reason })) = message {
            assert!(client.next().await.is_none());
            return (code.into(), reason.to_string());
        }
    }
    panic!("the connection ended without a close frame");
}

fn post(api: &WebSocketApi, id: &str, text: &'static str) -> Result<(), SendError> {
    api.0.connections.send(id, Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn the_type_of_a_message_selects_the_route() {
    let api = accepting();
    let mut client = connect(&api, "a", 1024).await;
    for (message, answer) in [
        (PING, PONG),
        (r#" { "type" : "ping", "more": 1 } "#, PONG),
        (r#"{"type":"Ping"}"#, UNKNOWN),
        (r#"{"type":"$connect"}"#, UNKNOWN),
        (r#"{"type":["ping"]}"#, UNKNOWN),
        (r#"["ping"]"#, UNKNOWN),
        ("ping", UNKNOWN),
        ("", UNKNOWN),
    ] {
        client.send(Message::text(message)).await.unwrap();
        assert_eq!(received(&mut client).await, answer, "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let api = accepting();
    let mut client = connect(&api, "a", 1024).await;
    let start = Instant::now();
    // Messages in both directions count.
    sleep(9 * MINUTE).await;
    client.send(Message::text(PING)).await.unwrap();
    assert_eq!(received(&mut client).await, PONG);
    sleep(9 * MINUTE).await;
    post(&api, "a", "event").unwrap();
    assert_eq!(received(&mut client).await, "event");
    // Control frames do not.
    sleep(9 * MINUTE).await;
    client.send(Message::Ping(Bytes::new())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong(Bytes::new()));
    assert_eq!(closed(&mut client).await, (1001, "Going away".to_owned()));
    assert_eq!(start.elapsed().as_secs(), 28 * 60);
    assert_eq!(post(&api, "a", "late"), Err(SendError::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_after_two_hours() {
    let api = accepting();
    let mut client = connect(&api, "a", 1024).await;
    let start = Instant::now();
    for _ in 0..17 {
        sleep(7 * MINUTE).await;
        client.send(Message::text(PING)).await.unwrap();
        assert_eq!(received(&mut client).await, PONG);
    }
    assert_eq!(closed(&mut client).await, (1001, "Going away".to_owned()));
    assert_eq!(start.elapsed().as_secs(), 2 * 60 * 60);
}

#[tokio::test]
async fn messages_and_frames_have_a_maximum_size() {
    const FRAME: usize = 32 * 1024;
    let api = accepting();
    let mut client = connect(&api, "a", 1024).await;
    client.send(frame(Data::Text, FRAME, true)).await.unwrap();
    assert_eq!(received(&mut client).await, UNKNOWN);
    for data in [Data::Text, Data::Continue, Data::Continue] {
        client.send(frame(data, FRAME, false)).await.unwrap();
    }
    client.send(frame(Data::Continue, FRAME, true)).await.unwrap();
    assert_eq!(received(&mut client).await, UNKNOWN);
    for data in [Data::Text, Data::Continue, Data::Continue, Data::Continue] {
        client.send(frame(data, FRAME, false)).await.unwrap();
    }
    client.send(frame(Data::Continue, 1, true)).await.unwrap();
    assert_eq!(closed(&mut client).await.0, 1009);

    let mut client = connect(&api, "b", 1024).await;
    client.send(frame(Data::Text, FRAME + 1, true)).await.unwrap();
    assert_eq!(closed(&mut client).await.0, 1009);
}

#[tokio::test]
async fn malformed_frames_close_the_connection() {
    let api = accepting();
    for (message, code) in [
        (Message::Binary(Bytes::from_static(b"binary")), 1003),
        (Message::Frame(Frame::message(&b"\xff"[..], OpCode::Data(Data::Text), true)), 1007),
        (frame(Data::Continue, 1, true), 1002),
    ] {
        let mut client = connect(&api, "a", 1024).await;
        client.send(message).await.unwrap();
        assert_eq!(closed(&mut client).await.0, code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_delays_no_other() {
    let api = accepting();
    let slow = connect(&api, "slow", 64).await;
    let mut other = connect(&api, "other", 64).await;
    let text = "a text that is longer than what the stream of the slow client holds";
    for _ in 0..64 {
        post(&api, "slow", text).unwrap();
    }
    assert_eq!(post(&api, "slow", text), Err(SendError::LimitExceeded));
    post(&api, "other", "event").unwrap();
    assert_eq!(received(&mut other).await, "event");
    // After 30 s the connection is dropped.
    sleep(MINUTE).await;
    assert_eq!(post(&api, "slow", text), Err(SendError::Gone));
    drop(slow);
}

#[tokio::test]
async fn a_connection_ends_with_its_client() {
    let api = accepting();
    let gone = async || {
        while post(&api, "a", "event").is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let lost = connect(&api, "a", 1024).await;
    drop(lost);
    gone().await;

    let mut leaving = connect(&api, "a", 1024).await;
    leaving.close(None).await.unwrap();
    assert_eq!(leaving.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(leaving.next().await.is_none());
    gone().await;
}

#[tokio::test]
async fn a_stopping_stack_closes_connections() {
    let api = accepting();
    let mut client = connect(&api, "a", 1024).await;
    let ((), closed) = join!(api.stop(), closed(&mut client));
    assert_eq!(closed, (1001, "Going away".to_owned()));
}

#[tokio::test]
async fn a_post_sends_a_message() {
    let api = accepting();
    let mut client = connect(&api, "a=b/c", 1024).await;
    for target in ["/ws/@connections/a=b%2Fc", "/ws/%40connections/a%3Db%2Fc"] {
        let (status, _, body) = send(&api, Request::post(target), "{\"event\": \"λ\"}").await;
        assert_eq!((status, body.as_str()), (200, ""));
        assert_eq!(received(&mut client).await, "{\"event\": \"λ\"}");
    }
    // The client rejects frames of more than 32 KB.
    let longest = "x".repeat(128 * 1024);
    let post = send(&api, Request::post("/ws/@connections/a=b%2Fc"), longest.clone());
    let ((status, ..), text) = join!(post, received(&mut client));
    assert_eq!((status, text), (200, longest));
}

/// Status, type and body of an error.
async fn error(api: &WebSocketApi, request: Builder, body: impl Into<Body>) -> (u16, String, String) {
    let (status, headers, body) = send(api, request, body).await;
    (status, headers["x-amzn-errortype"].to_str().unwrap().to_owned(), body)
}

#[tokio::test]
async fn messages_that_cannot_be_sent_are_rejected() {
    let api = accepting();
    let _client = connect(&api, "a", 64).await;
    let post = || Request::post("/ws/@connections/a");
    for (body, status, name) in [
        (vec![b'x'; 128 * 1024 + 1], 413, "PayloadTooLargeException"),
        (vec![0xff], 400, "BadRequestException"),
    ] {
        let (given, given_name, _) = error(&api, post(), body).await;
        assert_eq!((given, given_name.as_str()), (status, name));
    }
    while api.0.connections.send("a", Bytes::from_static(&[b'x'; 100])).is_ok() {}
    let (status, name, _) = error(&api, post(), "one more").await;
    assert_eq!((status, name.as_str()), (429, "LimitExceededException"));
}

#[tokio::test]
async fn a_get_shows_a_connection() {
    let api = accepting();
    let _client = connect(&api, "a", 64).await;
    let (status, _, body) = send(&api, Request::get("/ws/@connections/a"), "").await;
    let expected = json!({
        "connectedAt": "2026-07-10T19:19:05.766Z",
        "lastActiveAt": "2026-07-10T19:19:05.766Z",
        "identity": {"sourceIp": "127.0.0.1"},
    });
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (200, expected));
}

#[tokio::test]
async fn a_delete_closes_a_connection_after_its_messages() {
    let api = accepting();
    let mut client = connect(&api, "a", 64).await;
    post(&api, "a", "one").unwrap();
    post(&api, "a", "two").unwrap();
    let (status, _, body) = send(&api, Request::delete("/ws/@connections/a"), "").await;
    assert_eq!((status, body.as_str()), (204, ""));
    for request in [Request::get, Request::post, Request::delete] {
        let gone = error(&api, request("/ws/@connections/a"), "").await;
        assert_eq!(gone, (410, "GoneException".to_owned(), String::new()));
    }
    assert_eq!(
        (received(&mut client).await, received(&mut client).await),
        ("one".to_owned(), "two".to_owned())
    );
    assert_eq!(closed(&mut client).await, (1000, "Connection Closed Normally".to_owned()));
}

#[tokio::test]
async fn pages_cannot_manage_connections() {
    let api = accepting();
    let _client = connect(&api, "a", 64).await;
    for request in [Request::get, Request::post, Request::delete, Request::options] {
        for origin in ["http://127.0.0.1:4567", "null"] {
            let request = request("/ws/@connections/a").header("origin", origin);
            let (status, name, _) = error(&api, request, "event").await;
            assert_eq!((status, name.as_str()), (403, "ForbiddenException"));
        }
    }
    assert_eq!(send(&api, Request::get("/ws/@connections/a"), "").await.0, 200);
}

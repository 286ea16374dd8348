//! The WebSocket API of a running stack.

use std::time::Duration;

use acceptance::Person;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

use crate::stack::Stack;

const DEVICE: &str = "019ac5f2-9f00-7000-8000-000000000001";

type Socket = WebSocketStream<TcpStream>;

/// Opens a connection with additional headers. Returns the status if the handshake is refused.
async fn open(stack: &Stack, headers: &[(&str, &str)]) -> Result<Socket, u16> {
    let address = stack.url.strip_prefix("http://").unwrap();
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    for (name, value) in headers {
        let (name, value): (HeaderName, HeaderValue) = (name.parse().unwrap(), value.parse().unwrap());
        request.headers_mut().insert(name, value);
    }
    let stream = TcpStream::connect(address).await.unwrap();
    match client_async(request, stream).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], "cruddur.v1");
            Ok(socket)
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("no HTTP response: {error}"),
    }
}

/// The protocols that a page offers.
fn offer(person: &Person) -> String {
    format!("cruddur.v1, device.{DEVICE}, bearer.{}", person.token)
}

async fn open_as(stack: &Stack, person: &Person) -> Socket {
    open(stack, &[("sec-websocket-protocol", &offer(person))]).await.unwrap()
}

/// The next message.
async fn received(socket: &mut Socket) -> Value {
    serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap()
}

/// The next message that is not an event. The stack may still log and push the demo conversations.
async fn answered(socket: &mut Socket) -> Value {
    loop {
        let message = received(socket).await;
        if message["type"] != "events" {
            return message;
        }
    }
}

/// The code with which the stack closes the connection.
async fn close_code(socket: &mut Socket) -> u16 {
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(Some(CloseFrame { code, .. })) = message {
            return code.into();
        }
    }
    panic!("the connection ended without a close frame");
}

#[tokio::test]
async fn the_stack_serves_websockets() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start(data.path()).await;
    messages_are_answered(&stack).await;
    events_are_pushed(&stack).await;
    the_handshake_has_the_status_of_the_function(&stack).await;
    other_sites_open_no_connection(&stack).await;
    other_requests_are_told_to_upgrade(&stack).await;
    pages_manage_no_connection(&stack).await;
    connections_are_closed_by_a_stop(stack).await;
}

async fn messages_are_answered(stack: &Stack) {
    let [person, ..] = stack.stage().await.people;
    let mut socket = open_as(stack, &person).await;
    socket.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
    assert_eq!(answered(&mut socket).await, json!({"type": "pong"}));
    socket.send(Message::text("anything else")).await.unwrap();
    assert_eq!(answered(&mut socket).await, json!({"type": "error", "codes": ["message_unknown"]}));
}

async fn events_are_pushed(stack: &Stack) {
    let stage = stack.stage().await;
    let [sender, receiver, ..] = &stage.people;
    let mut socket = open_as(stack, receiver).await;
    // A push that takes too long is dropped.
    let frame = loop {
        let sent = stage.send(sender, receiver, "A push").await.unwrap();
        let of_group = async {
            loop {
                let frame = received(&mut socket).await;
                if frame["events"][0]["message_group_uuid"] == sent["message_group_uuid"] {
                    return frame;
                }
            }
        };
        if let Ok(frame) = timeout(Duration::from_secs(5), of_group).await {
            break frame;
        }
    };
    assert_eq!((&frame["type"], &frame["events"][0]["type"]), (&json!("events"), &json!("message")));
}

async fn the_handshake_has_the_status_of_the_function(stack: &Stack) {
    let [person, ..] = stack.stage().await.people;
    let refused = async |offer: &str| open(stack, &[("sec-websocket-protocol", offer)]).await.err();
    assert_eq!(refused(&format!("cruddur.v1, device.{DEVICE}")).await, Some(401));
    assert_eq!(refused(&format!("cruddur.v1, device.{DEVICE}, bearer.{}x", person.token)).await, Some(401));
    assert_eq!(refused(&format!("cruddur.v1, device.1, bearer.{}", person.token)).await, Some(422));
}

async fn other_sites_open_no_connection(stack: &Stack) {
    let [person, ..] = stack.stage().await.people;
    let offer = offer(&person);
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("host", "evil.example:4567")]
    {
        let refused = open(stack, &[("sec-websocket-protocol", &offer), (name, value)]).await;
        assert_eq!(refused.err(), Some(403), "{name}: {value}");
    }
    let own_page = [("sec-websocket-protocol", &*offer), ("origin", "http://localhost:5173")];
    open(stack, &own_page).await.unwrap();
}

async fn other_requests_are_told_to_upgrade(stack: &Stack) {
    let answer = Stack::client().get(&format!("{}/ws", stack.url)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("upgrade")), (426, Some("websocket")));
    assert_eq!(answer.body, r#"{"message":"Upgrade Required"}"#);
}

async fn pages_manage_no_connection(stack: &Stack) {
    let url = format!("{}/ws/@connections/AAAAAAAAAAAAAAA=", stack.url);
    for method in ["GET", "POST", "DELETE"] {
        let gone = Stack::client().request(method, &url, &[], "event").await.unwrap();
        assert_eq!((gone.status.as_u16(), gone.header("x-amzn-errortype")), (410, Some("GoneException")));
        let page = [("origin", "http://localhost:5173")];
        let refused = Stack::client().request(method, &url, &page, "event").await.unwrap();
        assert_eq!(refused.status.as_u16(), 403);
    }
}

async fn connections_are_closed_by_a_stop(stack: Stack) {
    let [person, ..] = stack.stage().await.people;
    let mut socket = open_as(&stack, &person).await;
    let ((), code) = tokio::join!(stack.stop(), close_code(&mut socket));
    assert_eq!(code, 1001);
}

#[tokio::test]
async fn flags_shorten_the_limits_of_a_connection() {
    let data = tempfile::tempdir().unwrap();
    let flags = ["--websocket-idle-timeout", "1", "--websocket-max-duration", "2"];
    let stack = Stack::start_with_flags(data.path(), &flags).await;
    let [silent, active, ..] = stack.stage().await.people;
    assert_eq!(close_code(&mut open_as(&stack, &silent).await).await, 1001);

    // Each answer leads to the next message, so that the connection is never idle.
    let mut socket = open_as(&stack, &active).await;
    let mut answers = 0;
    let code = loop {
        let _closing = socket.send(Message::text(r#"{"type":"ping"}"#)).await;
        match socket.next().await.unwrap().unwrap() {
            Message::Text(_) => answers += 1,
            Message::Close(Some(CloseFrame { code, .. })) => break u16::from(code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 1001);
    assert!(answers > 0);
    stack.stop().await;
}

#[tokio::test]
async fn a_stack_without_the_websocket_api_names_no_url() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start_with_flags(data.path(), &["--no-websocket"]).await;
    let health = Stack::client().get(&format!("{}/local/health", stack.url)).await.unwrap().ok();
    assert_eq!((&health["status"], health.get("websocket_url")), (&json!("ok"), None));
    for path in ["/ws", "/ws/@connections/a"] {
        let answer = Stack::client().get(&(stack.url.clone() + path)).await.unwrap();
        assert_eq!((answer.status.as_u16(), &*answer.body), (404, r#"{"message":"Not Found"}"#), "{path}");
    }
    // Messages are moved without pushes.
    let stage = stack.stage().await;
    let [sender, receiver, ..] = &stage.people;
    let sent = stage.send(sender, receiver, "Without sockets").await.unwrap();
    let group = sent["message_group_uuid"].as_str().unwrap();
    stage.inbox_shows(receiver, sender, group, &sent, "Without sockets").await.unwrap();
    stack.stop().await;
}

//! `watch`, and `read --follow`: events as they arrive.

#![cfg(unix)]

use std::{
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cruddur::event_log::{EventCursor, LogNumber};
use futures_util::{SinkExt as _, StreamExt as _};
use insta::assert_snapshot;
use local::options::Options;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines, copy_bidirectional},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, ChildStdout, Command},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
    },
};

use crate::{
    chat::{answer, canned_api},
    machine::{Machine, command, cruddur},
    redact::redact,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A command that runs until Ctrl-C.
struct Running {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: ChildStderr,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = child.stderr.take().unwrap();
        Self { child, stdout, stderr }
    }

    async fn line(&mut self) -> String {
        timeout(PATIENCE, self.stdout.next_line()).await.unwrap().unwrap().unwrap()
    }

    async fn json(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// Ends the command with Ctrl-C. Returns stderr. Nothing else may be on stdout.
    async fn interrupt(mut self) -> String {
        let interrupt = ["-INT", &self.child.id().unwrap().to_string()].map(str::to_owned);
        assert!(Command::new("kill").args(interrupt).status().await.unwrap().success());
        let mut said = String::new();
        timeout(PATIENCE, self.stderr.read_to_string(&mut said)).await.unwrap().unwrap();
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        assert_eq!((status.code(), self.stdout.next_line().await.unwrap()), (Some(0), None), "{said}");
        said
    }
}

/// A proxy in front of a stack that can cut sockets.
#[derive(Clone)]
struct Proxy {
    url: String,
    /// The number of requests for events.
    reads: Arc<AtomicUsize>,
    /// All sockets that were opened.
    sockets: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Proxy {
    async fn start(stack: &str) -> Self {
        let stack = stack.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Self { url, reads: Arc::default(), sockets: Arc::default() };
        let running = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let stack = TcpStream::connect(&stack).await.unwrap();
                let proxy = running.clone();
                tokio::spawn(async move { proxy.pass(client, stack).await });
            }
        });
        proxy
    }

    async fn pass(&self, mut client: TcpStream, mut stack: TcpStream) {
        let mut request = vec![0; 16 * 1024];
        let length = client.read(&mut request).await.unwrap_or(0);
        let (line, rest) =
            request[..length].split_at(request.iter().position(|byte| *byte == b'\n').unwrap() + 1);
        stack.write_all(line).await.unwrap();
        if line.starts_with(b"GET /ws ") {
            stack.write_all(rest).await.unwrap();
            let socket = tokio::spawn(async move { drop(copy_bidirectional(&mut client, &mut stack).await) });
            self.sockets.lock().unwrap().push(socket);
            return;
        }
        if line.starts_with(b"GET /api/events") {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        // Each connection carries one request.
        stack.write_all(b"connection: close\r\n").await.unwrap();
        stack.write_all(rest).await.unwrap();
        drop(copy_bidirectional(&mut client, &mut stack).await);
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    fn sockets(&self) -> usize {
        self.sockets.lock().unwrap().len()
    }

    fn cut(&self) {
        self.sockets.lock().unwrap().iter().for_each(JoinHandle::abort);
    }

    /// Waits until a WebSocket is open and the events before it are read.
    async fn wait_for(&self, sockets: usize, reads: usize) {
        let wait = async {
            while self.sockets() < sockets || self.reads() < reads {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap();
    }
}

async fn send(machine: &Machine, from: &str, to: &str, text: &str) -> Value {
    let run = machine.cruddur(&["send", "--as", from, to, text, "--output", "json"]).await;
    serde_json::from_str(run.ok()).unwrap()
}

/// The texts of the messages of an event.
fn texts(event: &Value) -> Vec<&str> {
    let messages = event["messages"].as_array().unwrap().iter();
    messages.map(|message| message["message"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_prints_each_event_once_whether_or_not_it_has_a_websocket_at_the_time() {
    let machine = Machine::start().await;
    let proxy = Proxy::start(machine.stack().url()).await;
    let watch = ["watch", "--as", "mock", "--url", &proxy.url, "--output", "json"];
    let mut watching = Running::start(command(&watch));
    proxy.wait_for(1, 2).await;
    let reads = proxy.reads();
    let mut last = Value::Null;
    for (from, to, text) in
        [("lore", "@mock", "one"), ("mock", "@lore", "two"), ("sunyoung", "@mock", "three")]
    {
        let sent = send(&machine, from, to, text).await;
        last = watching.json().await;
        assert_eq!((&last["type"], texts(&last)), (&json!("message"), vec![text]));
        assert_eq!(last["message_group_uuid"], sent["message_group_uuid"]);
        assert_eq!(last["message_uuids"], json!([sent["uuid"]]));
    }
    // All of them came in frames.
    assert_eq!((proxy.reads(), proxy.sockets()), (reads, 1));

    for round in 0..3 {
        proxy.cut();
        let text = format!("after cut {round}");
        send(&machine, "lore", "@mock", &text).await;
        last = watching.json().await;
        assert_eq!(texts(&last), [text]);
    }
    let said = watching.interrupt().await;
    assert_eq!(said, format!("to resume: --after {}\n", last["cursor"].as_str().unwrap()));

    for text in ["while nobody watched", "neither"] {
        send(&machine, "lore", "@mock", text).await;
    }
    let after = ["--after", last["cursor"].as_str().unwrap()];
    let mut resumed = Running::start(command(&[&watch[..], &after].concat()));
    for text in ["while nobody watched", "neither"] {
        assert_eq!(texts(&resumed.json().await), [text]);
    }
    resumed.interrupt().await;
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_deletions_reactions_and_markers_are_printed() {
    let machine = Machine::start().await;
    send(&machine, "lore", "@mock", "Helo").await;
    let mut watching = Running::start(command(&["watch", "--as", "lore", "--url", machine.stack().url()]));
    let read = ["read", "--as", "lore", "@mock", "--follow", "--url", machine.stack().url()];
    let mut following = Running::start(command(&read));
    assert_snapshot!(redact(&following.line().await), @"@lore  <local time>  Helo");
    // The watcher has started when it prints.
    let started = async {
        loop {
            send(&machine, "mock", "@lore", "ping").await;
            if timeout(Duration::from_secs(1), watching.line()).await.is_ok() {
                break;
            }
        }
    };
    started.await;
    while timeout(Duration::from_secs(1), watching.line()).await.is_ok() {}
    while timeout(Duration::from_secs(1), following.line()).await.is_ok() {}
    for (arguments, expected) in [
        (&["edit", "--as", "lore", "@mock", "Hello"][..], "@lore  <local time>  Hello (edited)"),
        (&["react", "--as", "mock", "@lore", "👋", "--message", "1"], ""),
        (&["delete", "--as", "lore", "@mock", "--yes"], "@lore  <local time>  (deleted)"),
        (&["read", "--as", "mock", "@lore"], "@mock  <local time>  (seen)"),
    ] {
        machine.cruddur(arguments).await.ok();
        for running in [&mut watching, &mut following] {
            let line = redact(&running.line().await);
            if expected.is_empty() {
                assert_eq!(line, "@mock  <local time>  ping [👋]");
            } else {
                assert_eq!(line, expected);
            }
        }
    }
    watching.interrupt().await;
    following.interrupt().await;
    // The follower has read everything.
    let inbox = machine.cruddur(&["inbox", "--as", "lore", "--output", "json"]).await;
    let newest: Value = serde_json::from_str(inbox.ok().lines().next().unwrap()).unwrap();
    assert_eq!(newest["unread_count"], 0, "{newest}");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_websocket_events_are_polled() {
    let machine = Machine::start_with(&Options { no_websocket: true, ..Options::ephemeral() }).await;
    let proxy = Proxy::start(machine.stack().url()).await;
    let mut watching = Running::start(command(&["watch", "--as", "mock", "--url", &proxy.url]));
    proxy.wait_for(0, 2).await;
    send(&machine, "lore", "@mock", "a\u{1b}[2Jb").await;
    assert_snapshot!(redact(&watching.line().await), @"@lore  <local time>  a�[2Jb");
    assert!(watching.interrupt().await.starts_with("to resume: --after "));
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_cursor_is_reported_and_new_events_follow() {
    let machine = Machine::start().await;
    let proxy = Proxy::start(machine.stack().url()).await;
    let expired = EventCursor { number: LogNumber::new(5), at: 1_000 }.to_string();
    let watch = ["watch", "--as", "mock", "--after", &expired, "--url", &proxy.url, "--output", "json"];
    let mut watching = Running::start(command(&watch));
    let missed = watching.json().await;
    assert_eq!(missed["type"], "missed");
    assert_ne!(missed["cursor"], expired);
    send(&machine, "lore", "@mock", "new").await;
    assert_eq!(texts(&watching.json().await), ["new"]);
    let said = watching.interrupt().await;
    let note = "the cursor has expired, so events may have been missed; continuing with new ones\n";
    assert!(said.starts_with(note), "{said}");

    let malformed = cruddur(&["watch", "--as", "mock", "--after", "here"]).await;
    assert_eq!(malformed.code, 2);
    assert!(
        malformed.stderr.starts_with("error: invalid value 'here' for '--after <CURSOR>'"),
        "{malformed:?}"
    );
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_replaced_before_its_token_ends() {
    let machine = Machine::start_with(&Options { access_token_lifetime: 5, ..Options::ephemeral() }).await;
    let proxy = Proxy::start(machine.stack().url()).await;
    let mut watching =
        Running::start(command(&["watch", "--as", "mock", "--url", &proxy.url, "--output", "json"]));
    for sockets in [1, 3, 5] {
        proxy.wait_for(sockets, 0).await;
        let text = format!("at connection {sockets}");
        send(&machine, "lore", "@mock", &text).await;
        assert_eq!(texts(&watching.json().await), [text]);
    }
    watching.interrupt().await;
    machine.stop().await;
}

/// The cursor of the row with this number.
fn cursor(number: u64) -> String {
    EventCursor { number: LogNumber::new(number), at: 1_795_339_800_000 }.to_string()
}

/// An event of a type that the command does not know.
fn event(number: u64) -> Value {
    json!({
        "number": number, "cursor": cursor(number), "type": "weather", "at": "2026-11-22T09:30:00.000000Z",
        "message_group_uuid": "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5", "degrees": 21,
    })
}

fn frame(number: u64) -> Message {
    let frame = json!({
        "type": "events", "number": number, "cursor": cursor(number), "events": [event(number)],
        "messages": [], "message_groups": [],
    });
    Message::text(frame.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_taken_in_order_and_gaps_are_read_from_the_log() {
    let page = |events: Value, next| {
        let link = format!("link: </stage/api/events?after={}&limit=100>; rel=\"next\"\r\n", cursor(next));
        answer("200 OK", &link, &events)
    };
    let (url, served) = canned_api(vec![
        ("GET /stage/api/events ", page(json!([]), 10)),
        // After the handshake.
        ("GET /stage/api/events?after=MTAt", page(json!([]), 10)),
        // The gap, and once more up to the end.
        ("GET /stage/api/events?after=MTEt", page(json!([event(12), event(13)]), 13)),
        ("GET /stage/api/events?after=MTMt", page(json!([]), 13)),
    ])
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let websocket = format!("ws://{}", listener.local_addr().unwrap());
    let watch = ["watch", "--url", &url, "--websocket-url", &websocket, "--output", "json"];
    let mut watch = command(&watch);
    watch.env("CRUDDUR_TOKEN", "secret");
    let mut watching = Running::start(watch);

    let (stream, _) = listener.accept().await.unwrap();
    let mut offered = None;
    #[expect(clippy::result_large_err, reason = "the type of the library's callback")]
    let accept = |request: &Request, mut response: Response| {
        let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        offered = Some((header("sec-websocket-protocol"), header("authorization")));
        response.headers_mut().insert("sec-websocket-protocol", "cruddur.v1".parse().unwrap());
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, accept).await.unwrap();
    let (Some(offer), Some(authorization)) = offered.unwrap() else { panic!("a header is missing") };
    assert!(offer.starts_with("cruddur.v1, device."), "{offer}");
    assert_eq!(authorization, "Bearer secret");

    let mut expected = 11;
    for (frames, lines) in [
        (vec![11], 1),
        // A frame again, and one after a gap.
        (vec![11, 13], 2),
        // One that was read from the log meanwhile, and the next.
        (vec![12, 14], 1),
        // Out of order.
        (vec![17, 15, 16], 3),
    ] {
        for number in frames {
            socket.send(frame(number)).await.unwrap();
        }
        for _ in 0..lines {
            let line = watching.json().await;
            assert_eq!((&line["number"], &line["degrees"]), (&json!(expected), &json!(21)));
            expected += 1;
        }
    }
    let said = watching.interrupt().await;
    assert_eq!(said, format!("to resume: --after {}\n", cursor(17)));
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn follow_shows_each_new_message_once() {
    let machine = Machine::start().await;
    let proxy = Proxy::start(machine.stack().url()).await;
    send(&machine, "lore", "@mock", "0").await;
    let follow = ["read", "--as", "mock", "@lore", "--follow", "--output", "json", "--url", &proxy.url];
    let mut following = Running::start(command(&follow));
    for number in 0..20 {
        if number > 0 {
            let (from, to) = if number % 2 == 0 { ("lore", "@mock") } else { ("mock", "@lore") };
            send(&machine, from, to, &number.to_string()).await;
        }
        // Another conversation's messages are not shown.
        if number % 7 == 3 {
            send(&machine, "sunyoung", "@mock", "elsewhere").await;
        }
        // Before, between or after the messages of a moment.
        if number % 3 == 1 {
            proxy.cut();
        }
    }
    for number in 0..20 {
        assert_eq!(following.json().await["message"], number.to_string());
    }
    // A busy machine may not answer a handshake in time.
    let said = following.interrupt().await;
    assert!(said.is_empty() || said.starts_with("no WebSocket"), "{said}");
    machine.stop().await;
}

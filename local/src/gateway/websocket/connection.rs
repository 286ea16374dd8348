//! Open connections: their registry, and the task that serves each.

use std::{
    collections::HashMap,
    fmt::Display,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use cruddur::clock::Clock;
use futures_util::{
    Sink, SinkExt as _, Stream, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use http::{header, request::Parts};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    select,
    sync::mpsc::{self, WeakSender, error::TrySendError},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::ProtocolError,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

use super::{Api, MAX_FRAME, MAX_MESSAGE};
use crate::gateway::event::{source_ip, value};

/// The number of messages that wait for a client which reads slowly. A further one is rejected.
const QUEUE: usize = 64;

/// The time limit for writing one message. A client that reads nothing for so long loses its connection.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// The time limit for the closing handshake.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Properties of a connection that do not change.
#[derive(Clone, Debug)]
pub(super) struct Details {
    pub(super) connected_at: DateTime<Utc>,
    pub(super) source_ip: IpAddr,
    pub(super) user_agent: String,
}

impl Details {
    pub(super) fn new(parts: &Parts, connected_at: DateTime<Utc>) -> Self {
        Self {
            connected_at,
            source_ip: source_ip(parts),
            user_agent: value(&parts.headers, &header::USER_AGENT),
        }
    }
}

/// A registered connection.
#[derive(Debug)]
struct Connection {
    /// Messages to the client. The connection is closed after the last of them, when this sender is dropped.
    queue: mpsc::Sender<Bytes>,
    details: Details,
    activity: Arc<Activity>,
}

/// The time of the last message in either direction.
#[derive(Debug)]
struct Activity {
    clock: Clock,
    last: Mutex<(Instant, DateTime<Utc>)>,
}

impl Activity {
    fn new(clock: Clock) -> Self {
        let now = (Instant::now(), clock.now());
        Self { clock, last: Mutex::new(now) }
    }

    fn record(&self) {
        *lock(&self.last) = (Instant::now(), self.clock.now());
    }

    /// Waits until the last message is `limit` ago.
    async fn idle(&self, limit: Duration) {
        loop {
            let end = lock(&self.last).0 + limit;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// A message that can't be sent to a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SendError {
    Gone,
    /// The queue is full.
    LimitExceeded,
}

/// The connections by id.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<HashMap<String, Connection>>,
    tasks: Mutex<JoinSet<()>>,
    is_stopping: AtomicBool,
}

impl Connections {
    /// Registers a connection, and serves it once the handshake is complete and `stream` ready.
    pub(super) fn add<S, E>(
        &self,
        id: String,
        details: Details,
        stream: impl Future<Output = Result<S, E>> + Send + 'static,
        api: &Arc<Api>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        E: Display + Send,
    {
        let (sender, queue) = mpsc::channel(QUEUE);
        let answers = sender.downgrade();
        let activity = Arc::new(Activity::new(api.clock.clone()));
        let connection = Connection { queue: sender, details, activity: Arc::clone(&activity) };
        lock(&self.open).insert(id.clone(), connection);
        let api = Arc::clone(api);
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let registered = Registered { api: &api, id: &id };
            match stream.await {
                Ok(stream) => {
                    let serving = Serving { api: &api, activity: &activity, queue, answers };
                    serving.run(stream, registered).await;
                }
                Err(error) => tracing::debug!(connection_id = id, %error, "the client left the handshake"),
            }
        });
    }

    /// Sends a text as one message.
    pub(super) fn send(&self, id: &str, text: Bytes) -> Result<(), SendError> {
        let open = lock(&self.open);
        let connection = open.get(id).ok_or(SendError::Gone)?;
        connection.queue.try_send(text).map_err(|error| match error {
            TrySendError::Full(_) => SendError::LimitExceeded,
            TrySendError::Closed(_) => SendError::Gone,
        })
    }

    /// The connection's properties and the time of its last message. `None` if it is unknown or closed.
    pub(super) fn show(&self, id: &str) -> Option<(Details, DateTime<Utc>)> {
        let open = lock(&self.open);
        let connection = open.get(id)?;
        Some((connection.details.clone(), lock(&connection.activity.last).1))
    }

    /// Closes a connection after the messages that wait for it. Returns `false` if it is unknown or closed.
    pub(super) fn close(&self, id: &str) -> bool {
        lock(&self.open).remove(id).is_some()
    }

    /// Closes all connections, and waits until they are closed.
    pub(super) async fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        lock(&self.open).clear();
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        let ended = async { while tasks.join_next().await.is_some() {} };
        // A client that doesn't read would delay the stop.
        if timeout(2 * CLOSE_LIMIT, ended).await.is_err() {
            tracing::warn!("some connections were still open");
        }
    }

    /// The frame that closes a connection which is no longer registered.
    fn farewell(&self) -> CloseFrame {
        if self.is_stopping.load(Ordering::Relaxed) { going_away() } else { normal() }
    }
}

/// Removes a connection from the registry when dropped.
struct Registered<'a> {
    api: &'a Api,
    id: &'a str,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.api.connections.close(self.id);
    }
}

/// A connection after its handshake.
struct Serving<'a> {
    api: &'a Api,
    activity: &'a Activity,
    queue: mpsc::Receiver<Bytes>,
    answers: WeakSender<Bytes>,
}

impl Serving<'_> {
    /// Serves the connection until one side closes it, it is lost, or a limit is reached.
    async fn run(self, stream: impl AsyncRead + AsyncWrite + Unpin, registered: Registered<'_>) {
        let Self { api, activity, queue, answers } = self;
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(4096)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_FRAME));
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        let (mut sink, mut stream) = socket.split();
        let farewell = select! {
            farewell = receive(&mut stream, api, activity, &answers) => farewell,
            farewell = send(&mut sink, queue, api, activity) => farewell,
            () = activity.idle(api.limits.idle) => Some(going_away()),
            () = sleep(api.limits.duration) => Some(going_away()),
        };
        // A closing connection is gone for senders.
        drop(registered);
        if let Some(farewell) = farewell
            && timeout(CLOSE_LIMIT, close(sink, stream, farewell)).await.is_err()
        {
            tracing::debug!("a client did not answer the close frame");
        }
    }
}

/// Answers the client's messages until the connection ends. Returns the frame to close it with, or `None` if the
/// client closed it or is lost.
async fn receive(
    stream: &mut (impl Stream<Item = Result<Message, Error>> + Unpin),
    api: &Api,
    activity: &Activity,
    answers: &WeakSender<Bytes>,
) -> Option<CloseFrame> {
    loop {
        match stream.next().await? {
            Ok(Message::Text(text)) => {
                activity.record();
                let answer = Bytes::from_static(api.routes.answer(&text).as_bytes());
                // Waits if the client sends without reading. Without a queue, the connection is being closed.
                if let Some(answers) = answers.upgrade() {
                    answers.send(answer).await.ok()?;
                }
            }
            Ok(Message::Binary(_)) => {
                return Some(frame(CloseCode::Unsupported, "Binary frames are not supported"));
            }
            // The library answers pings, and completes the client's close on the next read.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            Err(Error::Capacity(_)) => return Some(frame(CloseCode::Size, "Message too big")),
            Err(Error::Utf8(_)) => return Some(frame(CloseCode::Invalid, "Not UTF-8")),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return None,
            Err(Error::Protocol(_)) => return Some(frame(CloseCode::Protocol, "Protocol error")),
            Err(_) => return None,
        }
    }
}

/// Sends the queued messages until the connection is no longer registered. Returns the frame to close it with, or
/// `None` if the client is lost.
async fn send(
    sink: &mut (impl Sink<Message> + Unpin),
    mut queue: mpsc::Receiver<Bytes>,
    api: &Api,
    activity: &Activity,
) -> Option<CloseFrame> {
    while let Some(text) = queue.recv().await {
        timeout(WRITE_LIMIT, send_text(sink, text)).await.ok()?.ok()?;
        activity.record();
    }
    Some(api.connections.farewell())
}

/// Sends one message, in frames of the size that AWS allows.
async fn send_text<S: Sink<Message> + Unpin>(sink: &mut S, mut text: Bytes) -> Result<(), S::Error> {
    let mut data = Data::Text;
    loop {
        let payload = text.split_to(text.len().min(MAX_FRAME));
        let is_last = text.is_empty();
        sink.feed(Message::Frame(Frame::message(payload, OpCode::Data(data), is_last))).await?;
        if is_last {
            return sink.flush().await;
        }
        data = Data::Continue;
    }
}

/// Sends `farewell`, and waits until the client has closed the connection.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    sink: SplitSink<WebSocketStream<S>, Message>,
    stream: SplitStream<WebSocketStream<S>>,
    farewell: CloseFrame,
) {
    let Ok(mut socket) = sink.reunite(stream) else { return };
    if socket.close(Some(farewell)).await.is_err() {
        return;
    }
    // Ends with the client's close frame, or at once after an error in the client's frames.
    while let Some(Ok(_)) = socket.next().await {}
    let mut stream = socket.into_inner();
    // If unread bytes were dropped, TCP would reset the connection before the client has read the close frame.
    if stream.shutdown().await.is_ok() {
        let _lost = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
}

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

/// The close frame after `DELETE` (observed).
fn normal() -> CloseFrame {
    frame(CloseCode::Normal, "Connection Closed Normally")
}

/// The close frame at a time limit, and when the stack stops.
fn going_away() -> CloseFrame {
    frame(CloseCode::Away, "Going away")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

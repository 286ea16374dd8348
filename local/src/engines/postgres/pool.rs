//! A transaction pooler with one session, in front of the embedded PostgreSQL.
//!
//! The engine serves one connection at a time, and a new one costs about 150 ms. The pool answers each
//! client's startup message, and lends the session to one client at a time, for one transaction, in order of arrival. It
//! prefixes the names of prepared statements with the client's number, so that they do not collide. Settings (`SET`) last until another client gets the session. As with other transaction
//! poolers, clients cannot use advisory locks of the session, `LISTEN`, or `PREPARE` in SQL. No crate provides such a pooler.

#![expect(
    clippy::indexing_slicing,
    reason = "`MessageReader::next` returns whole messages, with their header of five bytes"
)]

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    sync::{self, Arc, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex, watch},
    task::JoinSet,
    time::timeout,
};

use super::backend::Backend;

/// Time limit for a client that holds the session in a transaction and sends nothing, or reads nothing.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// Maximum length of a message. PostgreSQL's own limit.
const MAX_LENGTH: usize = 1 << 30;

/// The `Sync` message. Ends a sequence of extended-query messages.
const SYNC: &[u8] = b"S\0\0\0\x04";

/// Codes that stand in place of the protocol's version in the first message.
const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// The engine with its session.
pub(super) struct Pool {
    backend: Backend,
    session: Option<Session>,
    /// The engine's answer to the start-up, which all clients get: parameters, key and readiness.
    welcome: Bytes,
}

impl Pool {
    /// Opens the session.
    pub(super) async fn open(mut backend: Backend) -> Result<Self> {
        let (session, welcome) = Session::open(&mut backend).await?;
        Ok(Self { backend, session: Some(session), welcome })
    }

    /// Serves clients until `stop` is true. Running statements finish; open transactions are rolled back.
    pub(super) async fn run(self, listener: TcpListener, mut stop: watch::Receiver<bool>) -> Backend {
        let welcome = self.welcome.clone();
        let pool = Arc::new(Mutex::new(self));
        let mut clients = JoinSet::new();
        for number in 0_u64.. {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                _ = clients.join_next(), if !clients.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            let (pool, welcome, stop) = (Arc::clone(&pool), welcome.clone(), stop.clone());
            clients.spawn(async move {
                let served = async { Client::new(accepted?.0, number, stop)?.serve(&pool, &welcome).await };
                if let Err(error) = served.await {
                    tracing::warn!(cause = format!("{error:#}"), "a connection to PostgreSQL has failed");
                }
            });
        }
        while clients.join_next().await.is_some() {}
        let Some(pool) = Arc::into_inner(pool) else { unreachable!("all clients have ended") };
        let Self { backend, session, .. } = pool.into_inner();
        if let Some(session) = session {
            session.close().await;
        }
        backend
    }

    /// Takes the session, or opens a new one. The caller puts it back only on success.
    async fn session(&mut self) -> Result<Session> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        if let Ok((session, _)) = Session::open(&mut self.backend).await {
            return Ok(session);
        }
        // The engine's server exits when its connection is cut.
        self.backend.restart().await?;
        Ok(Session::open(&mut self.backend).await?.0)
    }

    /// Lends the session for one transaction, which `first` begins. Returns `false` if the client has
    /// disconnected or must disconnect.
    async fn lend(&mut self, first: BytesMut, client: &mut Client) -> Result<bool> {
        let mut session = self.session().await?;
        if session.settings_of.is_some_and(|number| number != client.number) {
            session.request(&text_message(b'Q', b"RESET ALL")).await?;
            session.settings_of = None;
        }
        let stays = session.relay(first, client).await.context("the session has ended")?;
        self.session = Some(session);
        Ok(stays)
    }

    /// Closes prepared statements.
    async fn close(&mut self, statements: &[u8]) -> Result<()> {
        let mut session = self.session().await?;
        session.request(&[statements, SYNC].concat()).await?;
        self.session = Some(session);
        Ok(())
    }
}

/// Splits a byte stream into PostgreSQL messages.
struct MessageReader {
    stream: OwnedReadHalf,
    buffer: BytesMut,
}

impl MessageReader {
    fn new(stream: OwnedReadHalf) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// Reads the next message, header included. Returns `None` at the end of the stream. Cancel-safe.
    /// `length_at` is the offset of the length field: 0 for startup messages, which have no type byte, and 1 for all others.
    async fn next(&mut self, length_at: usize) -> io::Result<Option<BytesMut>> {
        loop {
            if let Some(mut length) = self.buffer.get(length_at..length_at + 4) {
                let length = length_at + length.get_u32() as usize;
                if !(length_at + 4..MAX_LENGTH).contains(&length) {
                    return Err(io::Error::new(ErrorKind::InvalidData, "not PostgreSQL's protocol"));
                }
                if self.buffer.len() >= length {
                    return Ok(Some(self.buffer.split_to(length)));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// The engine's side of the session.
struct Session {
    answers: MessageReader,
    requests: OwnedWriteHalf,
    /// The number of the client whose `SET` is in effect.
    settings_of: Option<u64>,
}

impl Session {
    /// Connects to the engine. Also returns the engine's answer to the start-up.
    async fn open(backend: &mut Backend) -> Result<(Self, Bytes)> {
        let (answers, mut requests) = backend.connect().await?.into_split();
        let mut answers = MessageReader::new(answers);
        let parameters = b"user\0postgres\0database\0postgres\0client_encoding\0UTF8\0\0";
        let mut start_up = BytesMut::new();
        start_up.put_u32(u32::try_from(parameters.len() + 8)?);
        start_up.put_u32(0x0003_0000);
        start_up.put_slice(parameters);
        requests.write_all(&start_up).await?;
        let mut welcome = BytesMut::new();
        loop {
            let message = answers.next(1).await?.context("the engine refuses a connection")?;
            welcome.extend_from_slice(&message);
            match message[0] {
                b'Z' => return Ok((Self { answers, requests, settings_of: None }, welcome.freeze())),
                b'E' => bail!("the engine refuses a connection: {}", String::from_utf8_lossy(&message[5..])),
                _ => {}
            }
        }
    }

    /// Relays messages in both directions until the engine is ready and no transaction is open. Returns `false` if the
    /// client has disconnected or must disconnect. Fails if the session ends.
    async fn relay(&mut self, first: BytesMut, client: &mut Client) -> io::Result<bool> {
        let Self { answers, requests, settings_of } = self;
        let Client { number, requests: from_client, answers: to_client, stop, names } = client;
        let exchange = sync::Mutex::new(Exchange::default());
        // The two directions run in one task, so neither waits for the lock.
        let exchange = || exchange.lock().unwrap_or_else(PoisonError::into_inner);
        let forward = async {
            let mut next = Some(first);
            while let Some(message) = next {
                exchange().request(message[0]);
                requests.write_all(&names.add_prefix(message)).await?;
                next = loop {
                    tokio::select! {
                        request = timeout(IDLE_LIMIT, from_client.next(1)) => match request {
                            Ok(request) => break request.ok().flatten().filter(|request| request[0] != b'X'),
                            Err(_) if exchange().unanswered == 0 => break None,
                            Err(_) => {}
                        },
                        _ = stop.wait_for(|stop| *stop) => break None,
                    }
                };
            }
            // The client has disconnected or must disconnect. `Sync` ends its extended-query sequence; `ROLLBACK` ends its
            // transaction.
            exchange().client_stays = false;
            if exchange().is_copying {
                // The engine would wait for the rest of the data.
                requests.shutdown().await?;
            } else {
                let mut end = BytesMut::from(SYNC);
                end.extend_from_slice(&text_message(b'Q', b"ROLLBACK"));
                b"SQ".iter().for_each(|kind| exchange().request(*kind));
                requests.write_all(&end).await?;
            }
            std::future::pending::<io::Result<Infallible>>().await
        };
        let answer = async {
            while !exchange().is_over() {
                let message = answers.next(1).await?.ok_or(ErrorKind::UnexpectedEof)?;
                match *message {
                    [b'Z', _, _, _, _, status] => exchange().ready(status),
                    [b'G', ..] => exchange().is_copying = true,
                    // `CommandComplete` with the tag `SET`.
                    [b'C', _, _, _, _, b'S', b'E', b'T', ..] => *settings_of = Some(*number),
                    _ => {}
                }
                // A client that has left, or does not read, misses its answer.
                let _ = timeout(IDLE_LIMIT, to_client.write_all(&message)).await;
            }
            Ok(exchange().client_stays)
        };
        tokio::select! {
            failure = forward => failure.map(|never| match never {}),
            over = answer => over,
        }
    }

    /// Sends one of the pool's own requests, and waits until the engine is ready again.
    async fn request(&mut self, request: &[u8]) -> io::Result<()> {
        self.requests.write_all(request).await?;
        while self.answers.next(1).await?.ok_or(ErrorKind::UnexpectedEof)?[0] != b'Z' {}
        Ok(())
    }

    /// Ends the session, and waits until the engine has closed it.
    async fn close(mut self) {
        let _ = self.requests.write_all(b"X\0\0\0\x04").await;
        let _ = self.requests.shutdown().await;
        while let Ok(Some(_)) = self.answers.next(1).await {}
    }
}

/// The state of an exchange with the engine.
struct Exchange {
    /// `false` once the client has disconnected or must disconnect.
    client_stays: bool,
    /// Requests whose `ReadyForQuery` is outstanding.
    unanswered: u32,
    /// `true` from an extended-query message until the next `Sync`.
    awaits_sync: bool,
    /// The transaction's status: `I` outside of one.
    status: u8,
    /// `true` while the engine waits for COPY data.
    is_copying: bool,
}

impl Default for Exchange {
    fn default() -> Self {
        // Busy until the first message.
        Self { client_stays: true, unanswered: 0, awaits_sync: true, status: b'I', is_copying: false }
    }
}

impl Exchange {
    fn request(&mut self, kind: u8) {
        match kind {
            // Query, Sync, FunctionCall.
            b'Q' | b'S' | b'F' => {
                self.unanswered += 1;
                self.awaits_sync = false;
            }
            // Bind, Close, Describe, Execute, Flush, Parse.
            b'B' | b'C' | b'D' | b'E' | b'H' | b'P' => self.awaits_sync = true,
            _ => {}
        }
    }

    fn ready(&mut self, status: u8) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.status = status;
        self.is_copying = false;
    }

    fn is_over(&self) -> bool {
        self.unanswered == 0 && !self.awaits_sync && self.status == b'I'
    }
}

/// A message of this kind with one string.
fn text_message(kind: u8, text: &[u8]) -> BytesMut {
    let mut message = BytesMut::from(&[kind, 0, 0, 0, 0][..]);
    message.put_slice(text);
    message.put_u8(0);
    set_length(&mut message);
    message
}

fn set_length(message: &mut BytesMut) {
    // Lengths are below `MAX_LENGTH`.
    let length = u32::try_from(message.len() - 1).unwrap_or(u32::MAX);
    message[1..5].copy_from_slice(&length.to_be_bytes());
}

/// The names of a client's prepared statements.
struct Names {
    prefix: Vec<u8>,
    prepared: Vec<Vec<u8>>,
}

impl Names {
    /// Adds the client's prefix to the name of a prepared statement.
    fn add_prefix(&mut self, message: BytesMut) -> BytesMut {
        let name_at = match (message[0], message.get(5)) {
            (b'P', _) => 5,
            // After the name of the portal.
            (b'B', _) => message[5..].iter().position(|byte| *byte == 0).map_or(message.len(), |end| 6 + end),
            (b'C' | b'D', Some(b'S')) => 6,
            _ => return message,
        };
        let Some(name) = message.get(name_at..).and_then(|rest| rest.split(|byte| *byte == 0).next()) else {
            return message;
        };
        if name.is_empty() {
            return message;
        }
        if message[0] == b'P' {
            self.prepared.push([&self.prefix, name].concat());
        }
        let mut prefixed = BytesMut::with_capacity(message.len() + self.prefix.len());
        prefixed.put_slice(&message[..name_at]);
        prefixed.put_slice(&self.prefix);
        prefixed.put_slice(&message[name_at..]);
        set_length(&mut prefixed);
        prefixed
    }

    /// Messages that close all statements. PostgreSQL accepts a second close of a statement.
    fn close_all(&self) -> Vec<u8> {
        self.prepared.iter().flat_map(|name| text_message(b'C', &[b"S", &**name].concat())).collect()
    }
}

struct Client {
    number: u64,
    requests: MessageReader,
    answers: OwnedWriteHalf,
    stop: watch::Receiver<bool>,
    names: Names,
}

impl Client {
    fn new(stream: TcpStream, number: u64, stop: watch::Receiver<bool>) -> Result<Self> {
        stream.set_nodelay(true)?;
        let (requests, answers) = stream.into_split();
        let names = Names { prefix: format!("{number}:").into_bytes(), prepared: Vec::new() };
        Ok(Self { number, requests: MessageReader::new(requests), answers, stop, names })
    }

    async fn serve(mut self, pool: &Mutex<Pool>, welcome: &[u8]) -> Result<()> {
        if !self.start_up(welcome).await? {
            return Ok(());
        }
        while let Some(request) = self.next().await? {
            let mut pool = pool.lock().await;
            // The client may have disconnected while it waited for the session.
            if self.has_left().await? {
                break;
            }
            if !pool.lend(request, &mut self).await? {
                break;
            }
        }
        match &*self.names.close_all() {
            [] => Ok(()),
            statements => pool.lock().await.close(statements).await,
        }
    }

    /// Answers the startup message. Returns `false` after a cancel request, if the client disconnects, or if the pool is
    /// stopping.
    async fn start_up(&mut self, welcome: &[u8]) -> Result<bool> {
        loop {
            let mut stop = self.stop.clone();
            let message = tokio::select! {
                message = self.requests.next(0) => message?,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            let Some(message) = message else { return Ok(false) };
            match message.get(4..8).map_or(0, |mut code| code.get_u32()) {
                CANCEL_REQUEST => return Ok(false),
                SSL_REQUEST | GSS_REQUEST => self.answers.write_all(b"N").await?,
                _ => break,
            }
        }
        self.answers.write_all(welcome).await?;
        Ok(true)
    }

    /// Reads the next request. Returns `None` if the client disconnects or the pool is stopping.
    async fn next(&mut self) -> Result<Option<BytesMut>> {
        let mut stop = self.stop.clone();
        let request = tokio::select! {
            request = self.requests.next(1) => request?,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        Ok(request.filter(|request| request[0] != b'X'))
    }

    async fn has_left(&self) -> io::Result<bool> {
        // While bytes are unread, only the socket's readiness shows that the client has closed it. The runtime updates
        // the readiness when this task yields.
        tokio::task::yield_now().await;
        let ready = self.answers.ready(Interest::READABLE | Interest::WRITABLE).await?;
        Ok(ready.is_read_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_statements_get_a_prefix() {
        for (before, after) in [
            (&b"P\0\0\0\x10s1\0SELECT\0\0\0"[..], &b"P\0\0\0\x127:s1\0SELECT\0\0\0"[..]),
            (b"B\0\0\0\x0c\0s1\0\0\0\0\0", b"B\0\0\0\x0e\x007:s1\0\0\0\0\0"),
            (b"D\0\0\0\x08Ss1\0", b"D\0\0\0\x0aS7:s1\0"),
            (b"C\0\0\0\x08Ss1\0", b"C\0\0\0\x0aS7:s1\0"),
            (b"P\0\0\0\x0e\0SELECT\0\0\0", b"P\0\0\0\x0e\0SELECT\0\0\0"),
            (b"D\0\0\0\x08Pp1\0", b"D\0\0\0\x08Pp1\0"),
            (b"Q\0\0\0\x0bs1\0s2\0\0", b"Q\0\0\0\x0bs1\0s2\0\0"),
            (b"B\0\0\0\x04", b"B\0\0\0\x04"),
        ] {
            let mut names = Names { prefix: b"7:".to_vec(), prepared: Vec::new() };
            assert_eq!(names.add_prefix(before.into()), after);
            let is_prepared = before[0] == b'P' && before != after;
            let close: &[u8] = if is_prepared { b"C\0\0\0\x0aS7:s1\0" } else { b"" };
            assert_eq!(names.close_all(), close);
        }
    }
}

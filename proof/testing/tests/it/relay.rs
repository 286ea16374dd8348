//! A TCP relay between a client and a server, which fails as networks and servers do.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinHandle,
};

/// A relay on its own port. Stops on drop.
pub(crate) struct Relay {
    address: SocketAddr,
    state: watch::Sender<State>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    /// Treatment of connections older than the last change.
    old: Old,
    generation: usize,
}

/// Treatment of new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Carried,
    /// Closed immediately.
    Closed,
    /// Accepted and never answered.
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    Closed,
    /// Open for the client, whose data is discarded.
    Silent,
    /// The client's next message is answered with these bytes, then the connection closes.
    Answered(&'static [u8]),
}

struct Shared {
    target: SocketAddr,
    delay: Duration,
    accepted: AtomicUsize,
    open: AtomicUsize,
    swallowed: Notify,
}

impl Relay {
    /// Starts a relay to `target`.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        Self::slow(target, Duration::ZERO).await
    }

    /// Starts a relay to `target` that delays each piece of the responses.
    pub(crate) async fn slow(target: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, watched) = watch::channel(State { mode: Mode::Carried, old: Old::Closed, generation: 0 });
        let shared = Arc::new(Shared {
            target,
            delay,
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            swallowed: Notify::new(),
        });
        let task = tokio::spawn(run(listener, Arc::clone(&shared), watched));
        Self { address, state, shared, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Number of open connections to the target.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Waits until a silent connection has received data.
    pub(crate) async fn swallowed(&self) {
        self.shared.swallowed.notified().await;
    }

    /// Closes every connection. New ones are relayed.
    pub(crate) fn cut(&self) {
        self.change(Mode::Carried, Old::Closed);
    }

    /// Closes every connection, and new ones immediately.
    pub(crate) fn go_down(&self) {
        self.change(Mode::Closed, Old::Closed);
    }

    /// Silences open connections. New ones are relayed.
    pub(crate) fn forget_connections(&self) {
        self.change(Mode::Carried, Old::Silent);
    }

    /// Silences open and new connections.
    pub(crate) fn fall_silent(&self) {
        self.change(Mode::Silent, Old::Silent);
    }

    /// Answers the next message on each open connection with these bytes and closes it. New connections are relayed.
    pub(crate) fn answer(&self, bytes: &'static [u8]) {
        self.change(Mode::Carried, Old::Answered(bytes));
    }

    /// Relays new connections again.
    pub(crate) fn come_back(&self) {
        self.change(Mode::Carried, Old::Closed);
    }

    fn change(&self, mode: Mode, old: Old) {
        self.state.send_modify(|state| *state = State { mode, old, generation: state.generation + 1 });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(listener: TcpListener, shared: Arc<Shared>, watched: watch::Receiver<State>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        let (shared, watched) = (Arc::clone(&shared), watched.clone());
        tokio::spawn(async move {
            // Either end may disconnect at any time.
            let _ = serve(client, &shared, watched).await;
        });
    }
}

async fn serve(
    mut client: TcpStream,
    shared: &Shared,
    mut watched: watch::Receiver<State>,
) -> io::Result<()> {
    let State { mode, generation, .. } = *watched.borrow();
    let changed = watched.wait_for(|state| state.generation != generation);
    match mode {
        Mode::Closed => return Ok(()),
        Mode::Silent => {
            swallow(&mut client, shared).await;
            let _ = changed.await;
            return Ok(());
        }
        Mode::Carried => {}
    }
    let old = {
        let mut server = TcpStream::connect(shared.target).await?;
        shared.open.fetch_add(1, Ordering::SeqCst);
        let old = tokio::select! {
            _ = carry(&mut client, &mut server, shared.delay) => None,
            changed = changed => Some(changed.map_or(Old::Closed, |state| state.old)),
        };
        shared.open.fetch_sub(1, Ordering::SeqCst);
        old
    };
    match old {
        None | Some(Old::Closed) => {}
        Some(Old::Silent) => {
            swallow(&mut client, shared).await;
            // Until the client closes the connection.
            let _ = client.read_to_end(&mut Vec::new()).await;
        }
        Some(Old::Answered(bytes)) => {
            // Any part of the message will do.
            let _length = client.read(&mut [0; 4096]).await?;
            client.write_all(bytes).await?;
        }
    }
    Ok(())
}

async fn carry(client: &mut TcpStream, server: &mut TcpStream, delay: Duration) -> io::Result<()> {
    if delay.is_zero() {
        return io::copy_bidirectional(client, server).await.map(|_| ());
    }
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_server.read(&mut buffer).await?;
            if length == 0 {
                return to_client.shutdown().await;
            }
            tokio::time::sleep(delay).await;
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    tokio::select! {
        copied = io::copy(&mut from_client, &mut to_server) => copied.map(|_| ()),
        result = answers => result,
    }
}

async fn swallow(client: &mut TcpStream, shared: &Shared) {
    if matches!(client.read(&mut [0; 4096]).await, Ok(1..)) {
        shared.swallowed.notify_one();
    }
}

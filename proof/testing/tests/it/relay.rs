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

/// A relay on a port of its own. It ends with the value.
pub(crate) struct Relay {
    address: SocketAddr,
    state: watch::Sender<State>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    /// What becomes of the connections that were there before it was last changed.
    old: Old,
    generation: usize,
}

/// What becomes of new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Carried,
    /// Closed as soon as they are there.
    Closed,
    /// Taken, and never answered.
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    Closed,
    /// Open for the client; what it says goes nowhere.
    Silent,
    /// The next that the client says is answered with these bytes and the end of the connection.
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
    /// A relay to `target`.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        Self::slow(target, Duration::ZERO).await
    }

    /// A relay to `target`, which holds up each piece of the answers for so long.
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

    /// Connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Connections to the target now.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Waits until something was said on a silent connection.
    pub(crate) async fn swallowed(&self) {
        self.shared.swallowed.notified().await;
    }

    /// Closes every connection; new ones are carried.
    pub(crate) fn cut(&self) {
        self.change(Mode::Carried, Old::Closed);
    }

    /// Closes every connection, and new ones as soon as they are there.
    pub(crate) fn go_down(&self) {
        self.change(Mode::Closed, Old::Closed);
    }

    /// The connections there are lead nowhere from now on; new ones are carried.
    pub(crate) fn forget_connections(&self) {
        self.change(Mode::Carried, Old::Silent);
    }

    /// All connections lead nowhere, and new ones as well.
    pub(crate) fn fall_silent(&self) {
        self.change(Mode::Silent, Old::Silent);
    }

    /// The connections there are get these bytes as their next and last answer; new ones are carried.
    pub(crate) fn answer(&self, bytes: &'static [u8]) {
        self.change(Mode::Carried, Old::Answered(bytes));
    }

    /// New connections are carried again.
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
            // Either end may go at any time.
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
            // Until the client has had enough.
            let _ = client.read_to_end(&mut Vec::new()).await;
        }
        Some(Old::Answered(bytes)) => {
            // Part of what it says is enough.
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

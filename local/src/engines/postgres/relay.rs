//! A byte relay between clients and the engine's server.
//!
//! The engine's server stops for good when a client's connection is reset, and its shutdown waits for
//! connected clients indefinitely. The relay turns every end of a client into an orderly close.

use std::{convert::Infallible, time::Duration};

use tokio::{
    io::{self, AsyncWriteExt as _, Interest},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};

use super::backend::Backend;

/// Time limit for a client's first bytes once its turn comes. Clients send before their turn.
const GREETING_LIMIT: Duration = Duration::from_secs(1);

/// Serves clients one after the other until `stop` is true.
pub(super) async fn run(
    listener: TcpListener,
    mut backend: Backend,
    mut stop: watch::Receiver<bool>,
) -> Backend {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return backend,
            accepted = listener.accept() => accepted,
        };
        let session = async {
            let (client, _) = accepted?;
            client.set_nodelay(true)?;
            if wants_to_talk(&client).await? {
                let server = backend.connect().await?;
                carry(client, server, &mut stop).await;
            }
            anyhow::Ok(())
        };
        if let Err(error) = session.await {
            tracing::warn!(cause = format!("{error:#}"), "a connection to PostgreSQL has failed");
        }
    }
}

/// Returns `true` if an accepted client is still connected and has sent bytes. A client that left while queued would
/// cost a backend; a silent one would block all others.
async fn wants_to_talk(client: &TcpStream) -> io::Result<bool> {
    let Ok(said) = timeout(GREETING_LIMIT, client.peek(&mut [0])).await else {
        return Ok(false);
    };
    if said? == 0 {
        return Ok(false);
    }
    // A close queued behind unread bytes shows only in the system's events. The short sleep lets the runtime
    // process them.
    sleep(Duration::from_millis(1)).await;
    Ok(!client.ready(Interest::READABLE).await?.is_read_closed())
}

/// Relays one connection until the server closes it.
async fn carry(mut client: TcpStream, mut server: TcpStream, stop: &mut watch::Receiver<bool>) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let requests = async {
        tokio::select! {
            _ = io::copy(&mut from_client, &mut to_server) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        // However the client disconnected, the server sees an end of stream and closes cleanly.
        let _ = to_server.shutdown().await;
        std::future::pending::<Infallible>().await
    };
    let answers = async {
        let _ = io::copy(&mut from_server, &mut to_client).await;
        // If the client has left, the rest of the server's output is discarded.
        let _ = io::copy(&mut from_server, &mut io::sink()).await;
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        _ = requests => {}
        () = answers => {}
    }
}

//! What stands between the clients and the engine's own server: it carries bytes and understands none.
//!
//! The engine's server ends for good when a client's connection is reset, and waits for a client for ever when it
//! is to stop. Here every end of a client becomes an orderly one.

use std::{convert::Infallible, time::Duration};

use tokio::{
    io::{self, AsyncWriteExt as _, Interest},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};

use super::backend::Backend;

/// How long a client whose turn it is may say nothing. Clients start to speak before it is their turn.
const GREETING_LIMIT: Duration = Duration::from_secs(1);

/// Serves one client after the other until `stop` is true.
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

/// Whether a client that was accepted is still there and speaks. One that gave up while it waited would only
/// cost a backend; one that says nothing would keep all others out.
async fn wants_to_talk(client: &TcpStream) -> io::Result<bool> {
    let Ok(said) = timeout(GREETING_LIMIT, client.peek(&mut [0])).await else {
        return Ok(false);
    };
    if said? == 0 {
        return Ok(false);
    }
    // The end of a client stands behind what it said. Only the system's events tell of it before that is read,
    // and a moment's sleep lets them in.
    sleep(Duration::from_millis(1)).await;
    Ok(!client.ready(Interest::READABLE).await?.is_read_closed())
}

/// Carries the bytes of one connection until the server has closed it.
async fn carry(mut client: TcpStream, mut server: TcpStream, stop: &mut watch::Receiver<bool>) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let requests = async {
        tokio::select! {
            _ = io::copy(&mut from_client, &mut to_server) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        // However the client went, the server sees the end of the stream and closes in good order.
        let _ = to_server.shutdown().await;
        std::future::pending::<Infallible>().await
    };
    let answers = async {
        let _ = io::copy(&mut from_server, &mut to_client).await;
        // The client may be gone before it had its answer; the server gets rid of it all the same.
        let _ = io::copy(&mut from_server, &mut io::sink()).await;
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        _ = requests => {}
        () = answers => {}
    }
}

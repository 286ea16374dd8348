//! What stands between the clients and the engine's own server: it carries bytes and understands none.
//!
//! The engine's server ends for good when a client's connection is reset, and waits for a client for ever when it
//! is to stop. Here every end of a client becomes an orderly one.

use std::convert::Infallible;

use tokio::{
    io::{self, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::backend::Backend;

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
            let server = backend.connect().await?;
            carry(client, server, &mut stop).await;
            anyhow::Ok(())
        };
        if let Err(error) = session.await {
            tracing::warn!(cause = format!("{error:#}"), "a connection to PostgreSQL has failed");
        }
    }
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

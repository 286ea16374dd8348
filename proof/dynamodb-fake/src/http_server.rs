//! An HTTP server on a free port of the loopback interface.

use std::{convert::Infallible, io, net::SocketAddr};

use http::{Request, Response};
use hyper::{
    body::{Body, Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running server, stopped on drop.
pub struct HttpServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Serves requests with `answer`. `accept` wraps each connection, for example in TLS. An error from
    /// `answer` closes the connection.
    pub async fn start<Accept, Accepted, Stream, Answer, Answered, B>(
        accept: Accept,
        answer: Answer,
    ) -> io::Result<Self>
    where
        Accept: Fn(TcpStream) -> Accepted + Send + 'static,
        Accepted: Future<Output = io::Result<Stream>> + Send + 'static,
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        Answer: Fn(Request<Incoming>) -> Answered + Clone + Send + 'static,
        Answered: Future<Output = io::Result<Response<B>>> + Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (accepted, answer) = (accept(stream), answer.clone());
                tokio::spawn(async move {
                    // A client that disconnects is not an error.
                    let Ok(stream) = accepted.await else { return };
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service_fn(answer))
                        .await;
                });
            }
        });
        Ok(Self { address, task })
    }

    /// The server's address, such as `127.0.0.1:40000`.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! HTTP on any port of the loopback interface: what the runtime API, DynamoDB and the key set have in common.

use std::{io, net::SocketAddr};

use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running server. It ends with the value.
pub struct HttpServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Answers with `answer` what comes over connections of which `accept` makes what they are: counted, or encrypted.
    pub async fn start<Accept, Accepted, Stream, Answer, Answered>(
        accept: Accept,
        answer: Answer,
    ) -> io::Result<Self>
    where
        Accept: Fn(TcpStream) -> Accepted + Send + 'static,
        Accepted: Future<Output = io::Result<Stream>> + Send + 'static,
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        Answer: Fn(Request<Incoming>) -> Answered + Clone + Send + 'static,
        Answered: Future<Output = io::Result<Response<Full<Bytes>>>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let (accepted, answer) = (accept(stream), answer.clone());
                tokio::spawn(async move {
                    // A client that goes away in the middle is none.
                    let Ok(stream) = accepted.await else { return };
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service_fn(answer))
                        .await;
                });
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens, such as `127.0.0.1:40000`.
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

//! The run's certificate authority, and TLS connections with byte counts.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::run::Trust;

/// The system's files of trusted authorities.
const SYSTEM: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A TLS acceptor for the server name 127.0.0.1.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Creates an authority and a server certificate. Writes the trusted authorities to `folder`, one
    /// [`Self::file`] for each [`Trust`].
    pub fn new(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &authority)?;

        let own = authority.pem();
        let system = SYSTEM.iter().find_map(|file| fs::read_to_string(file).ok());
        let system = system.context("this machine has no file with the authorities it trusts")?;
        fs::write(folder.join(Self::file(Trust::Authority)), &own)?;
        fs::write(folder.join(Self::file(Trust::System)), format!("{system}\n{own}"))?;

        let chain = vec![CertificateDer::from(certificate), CertificateDer::from(authority.der().to_vec())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// The name of the file with the trusted authorities: the run's own, or also the system's.
    #[must_use]
    pub const fn file(trust: Trust) -> &'static str {
        match trust {
            Trust::System => "system.pem",
            Trust::Authority => "authority.pem",
        }
    }

    /// Performs the handshake.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.acceptor.accept(stream).await
    }
}

/// The traffic of connections.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Number of opened connections.
    pub connections: AtomicU64,
    /// Received bytes, including the overhead of TLS and HTTP.
    pub received: AtomicU64,
    /// Sent bytes.
    pub sent: AtomicU64,
}

/// A connection that counts its bytes.
pub struct Counted {
    stream: TcpStream,
    traffic: Arc<Traffic>,
}

impl Counted {
    /// Counts one more connection.
    pub fn new(stream: TcpStream, traffic: Arc<Traffic>) -> Self {
        traffic.connections.fetch_add(1, Ordering::Relaxed);
        Self { stream, traffic }
    }
}

fn count(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        count(&self.traffic.received, buffer.filled().len() - before);
        Poll::Ready(result)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        count(&self.traffic.sent, *written.as_ref().unwrap_or(&0));
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

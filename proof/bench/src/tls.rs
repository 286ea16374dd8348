//! TLS in front of the functions' services.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Result, bail};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// A PostgreSQL client's request for TLS (PostgreSQL, "Message Formats", `SSLRequest`): its length and the
/// code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Creates a certificate for 127.0.0.1 and writes it to `file`, as the only authority that clients trust.
pub(crate) fn acceptor(file: &Path) -> Result<TlsAcceptor> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    fs::write(file, cert.pem())?;
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Adds TLS to the PostgreSQL at `port`. Returns the port with TLS.
pub(crate) async fn relay_to_postgres(tls: TlsAcceptor, port: u16) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port_with_tls = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // The client reports broken connections.
            tokio::spawn(relay(tls.clone(), client, port));
        }
    });
    Ok(port_with_tls)
}

async fn relay(tls: TlsAcceptor, mut client: TcpStream, port: u16) -> Result<()> {
    client.set_nodelay(true)?;
    let mut request = [0; SSL_REQUEST.len()];
    client.read_exact(&mut request).await?;
    if request != SSL_REQUEST {
        bail!("a client without TLS");
    }
    client.write_all(b"S").await?;
    let mut client = tls.accept(client).await?;
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

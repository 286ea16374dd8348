//! Unusable databases.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use cruddur::postgres::{DatabaseServer, Postgres};

/// A database that does not answer.
#[must_use]
pub fn unreachable() -> Arc<Postgres> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    at_port(port)
}

/// A server without the database: retrying does not help.
#[must_use]
pub fn refusing() -> Arc<Postgres> {
    refusing_with("3D000", "database \"cruddur\" does not exist")
}

/// A server, or a pooler in front of one, that refuses every connection with this SQLSTATE.
#[must_use]
pub fn refusing_with(state: &str, message: &str) -> Arc<Postgres> {
    fn refuse(mut stream: TcpStream, reason: &[u8]) -> io::Result<()> {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        stream.read_exact(&mut vec![0; length - 4])?;
        stream.write_all(b"E")?;
        stream.write_all(&u32::try_from(reason.len() + 4).unwrap().to_be_bytes())?;
        stream.write_all(reason)
    }
    let reason = format!("SFATAL\0VFATAL\0C{state}\0M{message}\0\0");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().try_for_each(|stream| refuse(stream?, reason.as_bytes())));
    at_port(port)
}

fn at_port(port: u16) -> Arc<Postgres> {
    let server = format!("postgresql://cruddur:secret@127.0.0.1:{port}/cruddur");
    let server: DatabaseServer = server.parse().unwrap();
    Arc::new(Postgres::new(server))
}

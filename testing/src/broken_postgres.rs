//! Databases that are of no use.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use cruddur::postgres::{DatabaseServer, Postgres};

/// A database that nobody answers for.
#[must_use]
pub fn unreachable() -> Arc<Postgres> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    at_port(port)
}

/// A database whose password is another one.
#[must_use]
pub fn refusing() -> Arc<Postgres> {
    fn refuse(mut stream: TcpStream) -> io::Result<()> {
        const REASON: &[u8] = b"SFATAL\0C28P01\0Mpassword authentication failed for user \"cruddur\"\0\0";
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        stream.read_exact(&mut vec![0; length - 4])?;
        stream.write_all(b"E")?;
        stream.write_all(&u32::try_from(REASON.len() + 4).unwrap().to_be_bytes())?;
        stream.write_all(REASON)
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().try_for_each(|stream| refuse(stream?)));
    at_port(port)
}

fn at_port(port: u16) -> Arc<Postgres> {
    let server = format!("postgresql://cruddur:secret@127.0.0.1:{port}/cruddur");
    let server: DatabaseServer = server.parse().unwrap();
    Arc::new(Postgres::new(server, true))
}

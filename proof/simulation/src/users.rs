//! A scripted PostgreSQL that knows the functions' statements and speaks the wire protocol over in-process
//! streams. Only the simulation uses it; all other tests use the real engine.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use cruddur::{
    postgres::{DatabaseServer, Postgres},
    user::User,
};
use dynamodb_fake::{Dice, FaultKind, Faults};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_postgres::types::Type;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Up,
    /// Failing in this way.
    Fails(FaultKind),
}

#[derive(Clone)]
pub struct Users {
    signed_up: Arc<Vec<SignedUp>>,
    health: Arc<Mutex<Health>>,
    faults: Faults,
    dice: Dice,
}

/// A user in the database, with the subject of their tokens.
#[derive(Clone, Debug)]
pub struct SignedUp {
    pub user: User,
    /// The `sub` of their tokens.
    pub subject: String,
}

impl Users {
    /// Creates a healthy database of `users`.
    #[must_use]
    pub fn new(users: Vec<SignedUp>, faults: Faults, dice: Dice) -> Self {
        Self { signed_up: Arc::new(users), health: Arc::default(), faults, dice }
    }

    pub fn set(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }

    /// Returns a client with its own connection.
    #[must_use]
    pub fn client(&self) -> Arc<Postgres> {
        let database = self.clone();
        Arc::new(Postgres::new(DatabaseServer::in_process(move || database.open())))
    }

    fn fails(&self, fault: FaultKind) -> bool {
        let fails = *self.health.lock().unwrap() == Health::Fails(fault);
        if fails {
            self.faults.count(fault);
        }
        fails
    }

    fn open(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(16 * 1024);
        // Dropping the other end closes the stream.
        if !self.fails(FaultKind::PostgresDown) {
            let database = self.clone();
            tokio::spawn(async move {
                // It usually ends because the client disconnects.
                let _ = database.serve(server).await;
            });
        }
        client
    }

    async fn serve(&self, mut stream: DuplexStream) -> io::Result<()> {
        let length = stream.read_u32().await?;
        read(&mut stream, length - 4).await?;
        let mut answer = BytesMut::new();
        message(&mut answer, b'R', |body| body.put_u32(0));
        ready(&mut answer);
        stream.write_all(&answer).await?;

        let (mut statement, mut parameters) = (String::new(), Vec::new());
        loop {
            let kind = stream.read_u8().await?;
            let length = stream.read_u32().await?;
            let mut body = read(&mut stream, length - 4).await?;
            match kind {
                b'P' => {
                    text(&mut body);
                    statement = text(&mut body);
                }
                b'B' => parameters = bound(&mut body),
                b'S' => {
                    if self.fails(FaultKind::PostgresSilent) {
                        return std::future::pending().await;
                    }
                    if self.fails(FaultKind::PostgresReset) {
                        return Ok(());
                    }
                    let slow = self.fails(FaultKind::PostgresSlow);
                    let (least, greatest) = if slow { (900, 2_200) } else { (0, 6) };
                    let time =
                        self.dice.duration(Duration::from_millis(least), Duration::from_millis(greatest));
                    tokio::time::sleep(time).await;
                    let mut answer = BytesMut::new();
                    if self.fails(FaultKind::PostgresShutDown) {
                        message(&mut answer, b'E', |body| {
                            body.put_slice(b"SFATAL\0C57P01\0Mterminating connection\0\0");
                        });
                        return stream.write_all(&answer).await;
                    }
                    self.answer(&statement, &parameters, &mut answer);
                    ready(&mut answer);
                    stream.write_all(&answer).await?;
                }
                b'X' => return Ok(()),
                // The statement alone determines the response.
                b'D' | b'E' => {}
                _ => return Err(io::Error::other("not a message of the extended query protocol")),
            }
        }
    }

    fn answer(&self, statement: &str, parameters: &[Bytes], answer: &mut BytesMut) {
        let by_subject = |subject: &Bytes| self.signed_up.iter().find(|user| user.subject == *subject);
        let by_handle = |handle: &Bytes| {
            self.signed_up.iter().find(|user| user.user.handle.as_bytes().eq_ignore_ascii_case(handle))
        };
        let by_uuid = |uuid: &[u8]| self.signed_up.iter().find(|user| user.user.uuid.as_bytes() == uuid);
        let names = |user: &User| {
            vec![
                Bytes::copy_from_slice(user.uuid.as_bytes()),
                Bytes::from(user.handle.clone()),
                Bytes::from(user.display_name.clone()),
            ]
        };
        let (columns, rows): (Vec<_>, Vec<_>) = match (statement, parameters) {
            (UUID, [subject]) => {
                let uuid = |user: &SignedUp| vec![Bytes::copy_from_slice(user.user.uuid.as_bytes())];
                (vec![("uuid", Type::UUID)], by_subject(subject).map(uuid).into_iter().collect())
            }
            (SENDER, [subject]) => {
                (NAMES.to_vec(), by_subject(subject).map(|user| names(&user.user)).into_iter().collect())
            }
            (WITH_HANDLE, [handle]) => {
                (NAMES.to_vec(), by_handle(handle).map(|user| names(&user.user)).into_iter().collect())
            }
            (WITH_UUIDS, [uuids]) => {
                let found = elements(uuids.clone()).into_iter().filter_map(|uuid| by_uuid(&uuid));
                (NAMES.to_vec(), found.map(|user| names(&user.user)).collect())
            }
            (SENDER_AND_RECEIVER | SENDER_AND_RECEIVER_BY_UUID, [subject, receiver]) => {
                let row = |kind: &'static str, user: &User| {
                    std::iter::once(Bytes::from_static(kind.as_bytes())).chain(names(user)).collect()
                };
                let senders = by_subject(subject).map(|user| row("sender", &user.user));
                let receiver =
                    if statement == SENDER_AND_RECEIVER { by_handle(receiver) } else { by_uuid(receiver) };
                let receivers = receiver.map(|user| row("receiver", &user.user));
                let columns = std::iter::once(("kind", Type::TEXT)).chain(NAMES).collect();
                (columns, senders.into_iter().chain(receivers).collect())
            }
            _ => panic!("a statement that the script does not know: {statement}"),
        };
        message(answer, b'1', |_| ());
        message(answer, b'2', |_| ());
        message(answer, b't', |body| body.put_u16(0));
        message(answer, b'T', |body| {
            body.put_u16(count(columns.len()));
            for (name, kind) in columns {
                body.put_slice(name.as_bytes());
                body.put_u8(0);
                body.put_u32(0);
                body.put_u16(0);
                body.put_u32(kind.oid());
                body.put_i16(-1);
                body.put_i32(-1);
                body.put_u16(1);
            }
        });
        for row in &rows {
            message(answer, b'D', |body| {
                body.put_u16(count(row.len()));
                for column in row {
                    body.put_u32(u32::from(count(column.len())));
                    body.put_slice(column);
                }
            });
        }
        message(answer, b'C', |body| body.put_slice(b"SELECT\0"));
    }
}

/// The columns of a user.
const NAMES: [(&str, Type); 3] = [("uuid", Type::UUID), ("handle", Type::TEXT), ("display_name", Type::TEXT)];

const UUID: &str = include_str!("../../../sql/users/uuid_from_cognito_user_id.sql");
const SENDER: &str = include_str!("../../../sql/users/from_cognito_user_id.sql");
const WITH_HANDLE: &str = include_str!("../../../sql/users/short.sql");
const WITH_UUIDS: &str = include_str!("../../../sql/users/with_uuids.sql");
const SENDER_AND_RECEIVER: &str = include_str!("../../../sql/users/create_message_users.sql");
const SENDER_AND_RECEIVER_BY_UUID: &str = include_str!("../../../sql/users/create_message_users_by_uuid.sql");

async fn read(stream: &mut DuplexStream, length: u32) -> io::Result<Bytes> {
    let mut body = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut body).await?;
    Ok(Bytes::from(body))
}

/// Reads a null-terminated text.
fn text(body: &mut Bytes) -> String {
    let end = body.iter().position(|byte| *byte == 0).unwrap();
    let text = String::from_utf8(body.split_to(end).to_vec()).unwrap();
    body.advance(1);
    text
}

/// Reads the parameters of a Bind message.
fn bound(body: &mut Bytes) -> Vec<Bytes> {
    text(body);
    text(body);
    for _ in 0..body.get_u16() {
        body.get_u16();
    }
    let parameters = body.get_u16();
    let parameter = |_| {
        let length = usize::try_from(body.get_u32()).unwrap();
        body.split_to(length)
    };
    (0..parameters).map(parameter).collect()
}

/// Reads the elements of a binary array. It consists of dimensions, flags, type, length, lower bound, and the
/// elements with their lengths.
fn elements(mut array: Bytes) -> Vec<Bytes> {
    assert_eq!(array.get_u32(), 1, "one dimension");
    array.advance(8);
    let length = array.get_u32();
    array.advance(4);
    let element = |_| {
        let length = usize::try_from(array.get_u32()).unwrap();
        array.split_to(length)
    };
    (0..length).map(element).collect()
}

fn message(answer: &mut BytesMut, kind: u8, body: impl FnOnce(&mut BytesMut)) {
    let mut content = BytesMut::new();
    body(&mut content);
    answer.put_u8(kind);
    answer.put_u32(u32::try_from(content.len() + 4).unwrap());
    answer.put_slice(&content);
}

fn ready(answer: &mut BytesMut) {
    message(answer, b'Z', |body| body.put_u8(b'I'));
}

fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap()
}

//! A scripted PostgreSQL that knows the functions' statements and speaks the wire protocol over in-process
//! streams. Only the simulation uses it; all other tests use the real engine.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use cruddur::{
    message_group::uuid_of_pair,
    postgres::{Driver, Postgres},
    user::{User, settings::MessagesFrom},
};
use dynamodb_fake::{Dice, FaultKind, Faults};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::Instant,
};
use tokio_postgres::{
    Config, NoTls,
    config::SslMode,
    types::{FromSql as _, Type},
};
use uuid::Uuid;

#[derive(Clone)]
pub(crate) struct Users {
    signed_up: Arc<Vec<SignedUp>>,
    receipts: Arc<Mutex<Receipts>>,
    /// The erased user, with the names of a deleted one.
    erased: Arc<OnceLock<User>>,
    /// The fault of all queries and connections, if any.
    fault: Arc<Mutex<Option<FaultKind>>>,
    faults: Faults,
    dice: Dice,
}

/// A user in the database, with the subject of their tokens.
#[derive(Clone, Debug)]
pub(crate) struct SignedUp {
    pub user: User,
    /// The `sub` of their tokens.
    pub subject: String,
    /// The user tells others at first what they have read.
    pub read_receipts: bool,
    /// The user never changes that.
    pub is_private: bool,
    /// Who may open a conversation with the user.
    pub messages_from: MessagesFrom,
}

/// The values of the setting `read_receipts` of each user, with the times since which they held.
type Receipts = BTreeMap<Uuid, Vec<(Instant, bool)>>;

/// A row of an answer.
#[derive(Clone, Copy)]
struct Found<'a> {
    kind: &'static str,
    user: &'a User,
    messages_from: MessagesFrom,
    read_receipts: bool,
}

impl Users {
    /// Creates a healthy database of `users`.
    pub(crate) fn new(users: Vec<SignedUp>, faults: Faults, dice: Dice) -> Self {
        let now = Instant::now();
        let receipts = users.iter().map(|user| (user.user.uuid, vec![(now, user.read_receipts)])).collect();
        let (signed_up, receipts) = (Arc::new(users), Arc::new(Mutex::new(receipts)));
        Self { signed_up, receipts, erased: Arc::default(), fault: Arc::default(), faults, dice }
    }

    /// Erases a user, who has the names of a deleted one from now on.
    pub(crate) fn erase(&self, deleted: User) {
        self.erased.set(deleted).unwrap();
    }

    /// Returns `true` if both users had read receipts on at some time since `since`.
    pub(crate) fn had_receipts(&self, a: Uuid, b: Uuid, since: Instant) -> bool {
        let receipts = self.receipts.lock().unwrap();
        let is_on = |user: Uuid, moment: Instant| {
            receipts[&user].iter().rev().find(|(from, _)| *from <= moment).is_some_and(|(_, is_on)| *is_on)
        };
        let changes = [a, b].into_iter().flat_map(|user| receipts[&user].iter().map(|(from, _)| *from));
        let mut moments = changes.filter(|from| *from > since).chain([since]);
        moments.any(|moment| is_on(a, moment) && is_on(b, moment))
    }

    /// The other member of a group.
    pub(crate) fn other_member(&self, group_uuid: Uuid, member: Uuid) -> Option<Uuid> {
        let mut users = self.signed_up.iter().map(|SignedUp { user, .. }| user.uuid);
        users.find(|other| uuid_of_pair(member, *other) == group_uuid)
    }

    /// Returns `true` if both users have read receipts on.
    pub(crate) fn have_receipts(&self, a: Uuid, b: Uuid) -> bool {
        self.has_receipts(a) && self.has_receipts(b)
    }

    fn has_receipts(&self, user: Uuid) -> bool {
        self.receipts.lock().unwrap()[&user].last().is_some_and(|(_, is_on)| *is_on)
    }

    /// Makes all queries and connections fail with `fault`, or none.
    pub(crate) fn set_fault(&self, fault: Option<FaultKind>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Returns a client with its own connection.
    pub(crate) fn client(&self) -> Arc<Postgres> {
        let database = self.clone();
        let connect = move || {
            let stream = database.open();
            async move {
                let mut config = Config::new();
                config.user("cruddur").ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect_raw(stream, NoTls).await?;
                Ok((client, Box::pin(connection) as Driver))
            }
        };
        Arc::new(Postgres::with_connect(connect))
    }

    fn fails(&self, fault: FaultKind) -> bool {
        let fails = *self.fault.lock().unwrap() == Some(fault);
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
        const COLUMNS: [(&str, Type); 7] = [
            ("kind", Type::TEXT),
            ("display_name", Type::TEXT),
            ("handle", Type::TEXT),
            ("uuid", Type::UUID),
            ("signed_out_at", Type::INT8),
            ("messages_from", Type::TEXT),
            ("read_receipts", Type::BOOL),
        ];
        let erased = self.erased.get();
        let is_erased = |user: &User| erased.is_some_and(|erased| erased.uuid == user.uuid);
        let find = |kind: &'static str, is_wanted: &dyn Fn(&SignedUp) -> bool| {
            let found = self.signed_up.iter().filter(|user| is_wanted(user));
            let found = found.map(|SignedUp { user, messages_from, .. }| Found {
                kind,
                user: erased.filter(|_| is_erased(user)).unwrap_or(user),
                messages_from: *messages_from,
                read_receipts: self.has_receipts(user.uuid),
            });
            found.collect::<Vec<_>>()
        };
        let sender = || find("sender", &|user| user.subject == parameters[0] && !is_erased(&user.user));
        let receiver = || {
            find("receiver", &|SignedUp { user, .. }| {
                !is_erased(user)
                    && (user.handle.as_bytes().eq_ignore_ascii_case(&parameters[1])
                        || user.uuid.as_bytes()[..] == parameters[1])
            })
        };
        let (columns, rows) = match statement {
            UUID => (&COLUMNS[3..5], sender()),
            SENDER => (&COLUMNS[1..5], sender()),
            SENDER_AND_RECEIVER | SENDER_AND_RECEIVER_BY_UUID => {
                (&COLUMNS[..6], [sender(), receiver()].concat())
            }
            WITH_UUIDS => {
                let uuids = Vec::<Uuid>::from_sql(&Type::UUID_ARRAY, &parameters[0]).unwrap();
                (&COLUMNS[1..4], find("user", &|user| uuids.contains(&user.user.uuid)))
            }
            READ_RECEIPTS => {
                let mut pair = find("user", &|user| {
                    parameters.iter().any(|uuid| *uuid == user.user.uuid.as_bytes()[..])
                });
                let are_on = pair.iter().all(|user| user.read_receipts);
                pair.truncate(1);
                pair[0].read_receipts = are_on;
                (&COLUMNS[6..], pair)
            }
            UPDATE => {
                // A parameter without bytes is null.
                if let ([user], [value]) = (&sender()[..], &parameters[2][..]) {
                    let mut receipts = self.receipts.lock().unwrap();
                    receipts.get_mut(&user.user.uuid).unwrap().push((Instant::now(), *value != 0));
                }
                (&COLUMNS[1..], sender())
            }
            _ => {
                tracing::error!(statement, "unknown statement");
                (&COLUMNS[..0], vec![])
            }
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
        for Found { kind, user, messages_from, read_receipts } in rows {
            message(answer, b'D', |body| {
                body.put_u16(count(columns.len()));
                for (name, _) in columns {
                    if *name == "signed_out_at" {
                        // Nobody signs out.
                        body.put_i32(-1);
                        continue;
                    }
                    let value = match *name {
                        "kind" => kind.as_bytes(),
                        "uuid" => user.uuid.as_bytes(),
                        "handle" => user.handle.as_bytes(),
                        "messages_from" => messages_from.name().as_bytes(),
                        "read_receipts" => &[u8::from(read_receipts)],
                        _ => user.display_name.as_bytes(),
                    };
                    body.put_u32(u32::from(count(value.len())));
                    body.put_slice(value);
                }
            });
        }
        message(answer, b'C', |body| body.put_slice(b"SELECT\0"));
    }
}

const UUID: &str = include_str!("../../../sql/users/uuid_from_cognito_user_id.sql");
const SENDER: &str = include_str!("../../../sql/users/from_cognito_user_id.sql");
const WITH_UUIDS: &str = include_str!("../../../sql/users/with_uuids.sql");
const READ_RECEIPTS: &str = include_str!("../../../sql/users/read_receipts.sql");
const UPDATE: &str = include_str!("../../../sql/users/update.sql");
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
        // Null has the length -1.
        let length = usize::try_from(body.get_i32()).unwrap_or_default();
        body.split_to(length)
    };
    (0..parameters).map(parameter).collect()
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

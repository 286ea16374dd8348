//! Kinds of rows, and their keys (design, section 2).

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::Item;
use crate::{event_log::LogNumber, idempotency::IdempotencyKey, sort_key::SortKey};

/// A kind of row. The text before the first `#` of a partition key names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// A message of a group.
    Message,
    /// A group in a member's inbox.
    Inbox,
    /// A group that a member was asked to join and has not accepted.
    Request,
    /// The members of a group.
    Membership,
    /// What a member has read of a group.
    MemberState,
    /// The answer to a request with an idempotency key.
    Idempotency,
    /// A user's token buckets.
    SendLimit,
    /// Events of a user, and the start of the log's numbers.
    EventLog,
    /// A device's open socket.
    Connection,
    /// A user whom another user blocks.
    Block,
    /// The lease of the running doctor or migration.
    Lease,
    /// The group that replaces a group of the old system.
    Redirect,
    /// The offset from UTC assumed by the migration.
    MigrationOffset,
}

impl RowKind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Message,
        Self::Inbox,
        Self::Request,
        Self::Membership,
        Self::MemberState,
        Self::Idempotency,
        Self::SendLimit,
        Self::EventLog,
        Self::Connection,
        Self::Block,
        Self::Lease,
        Self::Redirect,
        Self::MigrationOffset,
    ];

    /// The kind's name in partition keys. Also the sort key of kinds with one row per partition.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Message => "MSG",
            Self::Inbox => "GRP",
            Self::Request => "REQ",
            Self::Membership => "MEM",
            Self::MemberState => "MBR",
            Self::Idempotency => "IDEM",
            Self::SendLimit => "RATE",
            Self::EventLog => "LOG",
            Self::Connection => "CONN",
            Self::Block => "BLOCK",
            Self::Lease => "LEASE",
            Self::Redirect => "REDIRECT",
            Self::MigrationOffset => "MIGRATION",
        }
    }

    /// The partition key with this id. Does not validate the id.
    #[must_use]
    pub fn partition(self, id: impl fmt::Display) -> String {
        format!("{}#{id}", self.tag())
    }

    /// The kind of the rows in a partition. Returns `None` for an unknown kind.
    #[must_use]
    pub fn of_partition(pk: &str) -> Option<Self> {
        let (tag, _) = pk.split_once('#')?;
        Self::ALL.into_iter().find(|kind| kind.tag() == tag)
    }

    /// The kind of a row. Returns `None` for an unknown kind.
    #[must_use]
    pub fn of(item: &Item) -> Option<Self> {
        Self::of_partition(item.get("pk")?.as_s().ok()?)
    }

    /// Returns `true` if rows of the kind have `message_group_uuid`, the index's partition key.
    #[must_use]
    pub const fn is_in_index(self) -> bool {
        matches!(self, Self::Inbox | Self::Request)
    }

    /// Returns `true` if rows of the kind have `expires_at`, in seconds since 1970. DynamoDB may delete expired rows. The
    /// start of an event log and a block that stands are exceptions: they do not expire.
    #[must_use]
    pub const fn expires(self) -> bool {
        matches!(
            self,
            Self::Idempotency
                | Self::SendLimit
                | Self::EventLog
                | Self::Connection
                | Self::Block
                | Self::Lease
        )
    }

    /// The kind's pattern in the `dynamodb:LeadingKeys` of a function's policy. Returns `None` for kinds that only the
    /// command `cruddur` uses.
    #[must_use]
    pub fn leading_keys(self) -> Option<String> {
        match self {
            Self::Message
            | Self::Inbox
            | Self::Request
            | Self::Membership
            | Self::MemberState
            | Self::Idempotency
            | Self::SendLimit
            | Self::EventLog
            | Self::Connection
            | Self::Block => Some(format!("{}#*", self.tag())),
            Self::Lease | Self::Redirect | Self::MigrationOffset => None,
        }
    }
}

/// The sort key of [`Key::ConversationLimit`].
const CONVERSATION_LIMIT: &str = "OPEN";

/// A partition with many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Partition {
    /// Messages of a group.
    Messages(Uuid),
    /// The inbox of a user.
    Inbox(Uuid),
    /// The groups that a user has not accepted.
    Requests(Uuid),
    /// The states of a group's members.
    MemberStates(Uuid),
    /// The event log of a user.
    EventLog(Uuid),
    /// The open sockets of a user's devices.
    Connections(Uuid),
    /// The users whom a user blocks.
    Blocks(Uuid),
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, uuid) = match self {
            Self::Messages(group_uuid) => (RowKind::Message, group_uuid),
            Self::Inbox(user_uuid) => (RowKind::Inbox, user_uuid),
            Self::Requests(user_uuid) => (RowKind::Request, user_uuid),
            Self::MemberStates(group_uuid) => (RowKind::MemberState, group_uuid),
            Self::EventLog(user_uuid) => (RowKind::EventLog, user_uuid),
            Self::Connections(user_uuid) => (RowKind::Connection, user_uuid),
            Self::Blocks(user_uuid) => (RowKind::Block, user_uuid),
        };
        f.write_str(&kind.partition(uuid))
    }
}

/// The key of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A message.
    Message {
        /// The group.
        group_uuid: Uuid,
        /// Time and UUID of the message.
        sk: SortKey,
    },
    /// An inbox row.
    Inbox {
        /// The inbox's owner.
        user_uuid: Uuid,
        /// The sort key of the group's newest message.
        sk: SortKey,
    },
    /// An inbox row of a group that the owner has not accepted.
    Request {
        /// The owner.
        user_uuid: Uuid,
        /// The sort key of the group's newest message.
        sk: SortKey,
    },
    /// A membership.
    Membership(Uuid),
    /// A member's state.
    MemberState {
        /// The group.
        group_uuid: Uuid,
        /// The member.
        user_uuid: Uuid,
    },
    /// An answered request.
    Idempotency {
        /// The sender.
        user_uuid: Uuid,
        /// The client's key.
        key: IdempotencyKey,
    },
    /// A user's token bucket for messages.
    SendLimit(Uuid),
    /// A user's token bucket for new conversations.
    ConversationLimit(Uuid),
    /// A row of an event log.
    EventLog {
        /// The log's owner.
        user_uuid: Uuid,
        /// The row's number.
        number: LogNumber,
    },
    /// A device's open socket.
    Connection {
        /// The device's user.
        user_uuid: Uuid,
        /// The device.
        device_uuid: Uuid,
    },
    /// A user whom another user blocks.
    Block {
        /// The user who blocks.
        user_uuid: Uuid,
        /// The blocked user.
        blocked_uuid: Uuid,
    },
    /// The lease of the doctor or the migration.
    Lease,
    /// A redirect. Contains the old group's UUID as the old table spells it.
    Redirect(String),
    /// The offset assumed by the migration.
    MigrationOffset,
}

impl Key {
    /// The kind of row with such a key.
    #[must_use]
    pub const fn kind(&self) -> RowKind {
        match self {
            Self::Message { .. } => RowKind::Message,
            Self::Inbox { .. } => RowKind::Inbox,
            Self::Request { .. } => RowKind::Request,
            Self::Membership(_) => RowKind::Membership,
            Self::MemberState { .. } => RowKind::MemberState,
            Self::Idempotency { .. } => RowKind::Idempotency,
            Self::SendLimit(_) | Self::ConversationLimit(_) => RowKind::SendLimit,
            Self::EventLog { .. } => RowKind::EventLog,
            Self::Connection { .. } => RowKind::Connection,
            Self::Block { .. } => RowKind::Block,
            Self::Lease => RowKind::Lease,
            Self::Redirect(_) => RowKind::Redirect,
            Self::MigrationOffset => RowKind::MigrationOffset,
        }
    }

    /// The partition key.
    #[must_use]
    pub fn pk(&self) -> String {
        let kind = self.kind();
        match self {
            Self::Message { group_uuid, .. } => Partition::Messages(*group_uuid).to_string(),
            Self::Inbox { user_uuid, .. } => Partition::Inbox(*user_uuid).to_string(),
            Self::Request { user_uuid, .. } => Partition::Requests(*user_uuid).to_string(),
            Self::MemberState { group_uuid, .. } => Partition::MemberStates(*group_uuid).to_string(),
            Self::EventLog { user_uuid, .. } => Partition::EventLog(*user_uuid).to_string(),
            Self::Connection { user_uuid, .. } => Partition::Connections(*user_uuid).to_string(),
            Self::Block { user_uuid, .. } => Partition::Blocks(*user_uuid).to_string(),
            Self::Membership(uuid) | Self::SendLimit(uuid) | Self::ConversationLimit(uuid) => {
                kind.partition(uuid)
            }
            Self::Redirect(id) => kind.partition(id),
            Self::Idempotency { user_uuid, key } => kind.partition(format_args!("{user_uuid}#{key}")),
            Self::Lease => kind.partition("doctor"),
            Self::MigrationOffset => kind.partition("offset"),
        }
    }

    /// The sort key.
    #[must_use]
    pub fn sk(&self) -> String {
        match self {
            Self::Message { sk, .. } | Self::Inbox { sk, .. } | Self::Request { sk, .. } => sk.to_string(),
            Self::MemberState { user_uuid, .. } => user_uuid.to_string(),
            Self::EventLog { number, .. } => number.to_string(),
            Self::Connection { device_uuid, .. } => device_uuid.to_string(),
            Self::Block { blocked_uuid, .. } => blocked_uuid.to_string(),
            Self::ConversationLimit(_) => CONVERSATION_LIMIT.to_owned(),
            _ => self.kind().tag().to_owned(),
        }
    }

    /// Parses a key. Returns `None` if a part is malformed, or if [`Self::pk`] or [`Self::sk`] would spell it differently.
    #[must_use]
    pub fn parse(pk: &str, sk: &str) -> Option<Self> {
        let (_, id) = pk.split_once('#')?;
        let key = match RowKind::of_partition(pk)? {
            RowKind::Message => Self::Message { group_uuid: id.parse().ok()?, sk: sk.parse().ok()? },
            RowKind::Inbox => Self::Inbox { user_uuid: id.parse().ok()?, sk: sk.parse().ok()? },
            RowKind::Request => Self::Request { user_uuid: id.parse().ok()?, sk: sk.parse().ok()? },
            RowKind::Membership => Self::Membership(id.parse().ok()?),
            RowKind::MemberState => {
                Self::MemberState { group_uuid: id.parse().ok()?, user_uuid: sk.parse().ok()? }
            }
            RowKind::Idempotency => {
                let (user_uuid, key) = id.split_once('#')?;
                Self::Idempotency {
                    user_uuid: user_uuid.parse().ok()?,
                    key: IdempotencyKey::from_str(key).ok()?,
                }
            }
            RowKind::SendLimit if sk == CONVERSATION_LIMIT => Self::ConversationLimit(id.parse().ok()?),
            RowKind::SendLimit => Self::SendLimit(id.parse().ok()?),
            RowKind::EventLog => Self::EventLog { user_uuid: id.parse().ok()?, number: sk.parse().ok()? },
            RowKind::Connection => {
                Self::Connection { user_uuid: id.parse().ok()?, device_uuid: sk.parse().ok()? }
            }
            RowKind::Block => Self::Block { user_uuid: id.parse().ok()?, blocked_uuid: sk.parse().ok()? },
            RowKind::Lease => Self::Lease,
            RowKind::Redirect => Self::Redirect(id.parse::<Uuid>().ok().map(|_| id.to_owned())?),
            RowKind::MigrationOffset => Self::MigrationOffset,
        };
        (key.pk() == pk && key.sk() == sk).then_some(key)
    }

    /// The key of an item. Returns `None` if it is missing or malformed.
    #[must_use]
    pub fn of(item: &Item) -> Option<Self> {
        Self::parse(item.get("pk")?.as_s().ok()?, super::sort_key(item)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(uuid: u128, client_key: &str) -> Vec<Key> {
        let uuid = Uuid::from_u128(uuid);
        let sk: SortKey = "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-00000000000a".parse().unwrap();
        vec![
            Key::Message { group_uuid: uuid, sk },
            Key::Inbox { user_uuid: uuid, sk },
            Key::Request { user_uuid: uuid, sk },
            Key::Membership(uuid),
            Key::MemberState { group_uuid: uuid, user_uuid: Uuid::from_u128(0xb) },
            Key::Idempotency { user_uuid: uuid, key: client_key.parse().unwrap() },
            Key::SendLimit(uuid),
            Key::EventLog { user_uuid: uuid, number: LogNumber::new(1_795_339_800_000) },
            Key::Connection { user_uuid: uuid, device_uuid: Uuid::from_u128(0xb) },
            Key::Block { user_uuid: uuid, blocked_uuid: Uuid::from_u128(0xb) },
            Key::Lease,
            Key::Redirect(uuid.to_string()),
            Key::MigrationOffset,
        ]
    }

    #[test]
    fn keys_are_stored_as_these_texts() {
        let rows = keys(0xa, "a#b").into_iter().map(|key| {
            let (kind, leading_keys) = (key.kind(), key.kind().leading_keys().unwrap_or_default());
            let (in_index, expires) = (kind.is_in_index(), kind.expires());
            format!("{} | {} | {leading_keys} | in index: {in_index}, expires: {expires}", key.pk(), key.sk())
        });
        let expected = "\
MSG#00000000-0000-0000-0000-00000000000a | 2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-00000000000a | MSG#* | \
in index: false, expires: false
GRP#00000000-0000-0000-0000-00000000000a | 2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-00000000000a | GRP#* | \
in index: true, expires: false
REQ#00000000-0000-0000-0000-00000000000a | 2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-00000000000a | REQ#* | \
in index: true, expires: false
MEM#00000000-0000-0000-0000-00000000000a | MEM | MEM#* | in index: false, expires: false
MBR#00000000-0000-0000-0000-00000000000a | 00000000-0000-0000-0000-00000000000b | MBR#* | in index: false, \
expires: false
IDEM#00000000-0000-0000-0000-00000000000a#a#b | IDEM | IDEM#* | in index: false, expires: true
RATE#00000000-0000-0000-0000-00000000000a | RATE | RATE#* | in index: false, expires: true
LOG#00000000-0000-0000-0000-00000000000a | 0001795339800000 | LOG#* | in index: false, expires: true
CONN#00000000-0000-0000-0000-00000000000a | 00000000-0000-0000-0000-00000000000b | CONN#* | in index: false, \
expires: true
BLOCK#00000000-0000-0000-0000-00000000000a | 00000000-0000-0000-0000-00000000000b | BLOCK#* | in index: false, \
expires: true
LEASE#doctor | LEASE |  | in index: false, expires: true
REDIRECT#00000000-0000-0000-0000-00000000000a | REDIRECT |  | in index: false, expires: false
MIGRATION#offset | MIGRATION |  | in index: false, expires: false";
        assert_eq!(rows.collect::<Vec<_>>().join("\n"), expected);
    }

    #[test]
    fn every_kind_has_a_key() {
        assert_eq!(keys(1, "a").iter().map(Key::kind).collect::<Vec<_>>(), RowKind::ALL);
    }

    #[test]
    fn a_key_in_another_spelling_is_rejected() {
        let uuid = "0195b5a0-0000-7000-8000-00000000000a";
        for (pk, sk) in [
            ("MSG".to_owned(), "MSG"),
            (format!("XYZ#{uuid}"), "XYZ"),
            (format!("MEM#{}", uuid.to_uppercase()), "MEM"),
            (format!("MEM#{uuid}"), "RATE"),
            (format!("MSG#{uuid}"), "MSG"),
            (format!("IDEM#{uuid}#"), "IDEM"),
            ("LEASE#other".to_owned(), "LEASE"),
            ("MIGRATION#offset".to_owned(), "offset"),
            (format!("LOG#{uuid}"), "1795339800000"),
            (format!("LOG#{uuid}"), "+001795339800000"),
            (format!("CONN#{uuid}"), "CONN"),
        ] {
            assert_eq!(Key::parse(&pk, sk), None, "{pk} {sk}");
        }
    }

    #[test]
    fn a_user_has_two_limits_in_one_partition() {
        let [messages, conversations] = [Key::SendLimit, Key::ConversationLimit].map(|key| key(Uuid::nil()));
        assert_eq!((messages.pk(), messages.kind()), (conversations.pk(), conversations.kind()));
        for key in [messages, conversations] {
            assert_eq!(Key::parse(&key.pk(), &key.sk()), Some(key));
        }
    }

    proptest! {
        #[test]
        fn a_key_that_is_printed_is_parsed(uuid: u128, client_key in "[!-~]{1,64}") {
            for key in keys(uuid, &client_key) {
                prop_assert_eq!(Key::parse(&key.pk(), &key.sk()), Some(key));
            }
        }
    }
}

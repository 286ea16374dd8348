//! Rows of the table, by kind (design, section 2).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{Key, Partition, Reactions, RowKind};
use crate::{
    event_log::LogNumber,
    idempotency::{IdempotencyKey, RequestHash},
    message::text::{MessageText, preview},
    sort_key::{InvalidSortKey, SortKey},
    timestamp::Timestamp,
    user::User,
};

/// A row of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A message.
    Message(MessageRow),
    /// A group in a member's inbox, or among the member's requests.
    Inbox(InboxRow),
    /// The members of a group.
    Membership(Membership),
    /// What a member has read of a group.
    MemberState(MemberStateRow),
    /// The answer to a request with an idempotency key.
    Idempotency(IdempotencyRow),
    /// A user's token bucket.
    SendLimit(SendLimitRow),
    /// Events of a user.
    EventLog(EventLogRow),
    /// The start of an event log.
    EventLogStart(EventLogStartRow),
    /// A device's open socket.
    Connection(ConnectionRow),
    /// A user whom another user blocks.
    Block(BlockRow),
    /// The lease of the running doctor or migration.
    Lease(LeaseRow),
    /// The group that replaces a group of the old system.
    Redirect(RedirectRow),
    /// The offset from UTC assumed by the migration.
    MigrationOffset(MigrationOffsetRow),
}

/// The reason for rejecting an item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRow {
    /// The partition key names no kind.
    #[error("unknown kind of row")]
    Kind,
    /// A part of the key is malformed, or not spelled as this system spells it.
    #[error("malformed key for this kind of row")]
    Key,
    /// An attribute is missing or malformed.
    #[error("an attribute is missing or malformed: {0}")]
    Attribute(String),
    /// An attribute names another message or group than the key.
    #[error("an attribute contradicts the key")]
    Identity,
    /// The row is in the index and must not be, or is missing from it.
    #[error("message_group_uuid is missing from an inbox row, or present in a row of another kind")]
    Index,
}

impl Row {
    /// Parses an item of the SDK or of `serde_dynamo`. Ignores attributes that its kind does not have.
    pub fn parse(item: impl Into<serde_dynamo::Item>) -> Result<Self, InvalidRow> {
        let item = item.into();
        let text = |name| match item.get(name) {
            Some(serde_dynamo::AttributeValue::S(text)) => text.as_str(),
            _ => "",
        };
        let (pk, sk) = (text("pk"), text("sk"));
        let kind = RowKind::of_partition(pk).ok_or(InvalidRow::Kind)?;
        let key = Key::parse(pk, sk).ok_or(InvalidRow::Key)?;
        if kind.is_in_index() != item.contains_key("message_group_uuid") {
            return Err(InvalidRow::Index);
        }
        let row = match kind {
            RowKind::Message => Self::Message(attributes(item)?),
            RowKind::Inbox | RowKind::Request => Self::Inbox(attributes(item)?),
            RowKind::Membership => Self::Membership(attributes(item)?),
            RowKind::MemberState => Self::MemberState(attributes(item)?),
            RowKind::Idempotency => Self::Idempotency(attributes(item)?),
            RowKind::SendLimit => Self::SendLimit(attributes(item)?),
            RowKind::EventLog if is_log_start(&key) => Self::EventLogStart(attributes(item)?),
            RowKind::EventLog => Self::EventLog(attributes(item)?),
            RowKind::Connection => Self::Connection(attributes(item)?),
            RowKind::Block => Self::Block(attributes(item)?),
            RowKind::Lease => Self::Lease(attributes(item)?),
            RowKind::Redirect => Self::Redirect(attributes(item)?),
            RowKind::MigrationOffset => Self::MigrationOffset(attributes(item)?),
        };
        let consistent = match (&row, &key) {
            (Self::Message(row), Key::Message { sk, .. }) => row.message_uuid == sk.message_uuid,
            (Self::Membership(row), Key::Membership(group_uuid)) => row.group_uuid == *group_uuid,
            (Self::Inbox(row), key) => row.request.is_some() == matches!(key, Key::Request { .. }),
            _ => true,
        };
        if consistent { Ok(row) } else { Err(InvalidRow::Identity) }
    }
}

fn is_log_start(key: &Key) -> bool {
    matches!(key, Key::EventLog { number: LogNumber::START, .. })
}

fn attributes<T: DeserializeOwned>(item: serde_dynamo::Item) -> Result<T, InvalidRow> {
    serde_dynamo::from_item(item)
        .map_err(|error: serde_dynamo::Error| InvalidRow::Attribute(error.to_string()))
}

/// A message. The sort key contains its time and UUID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    /// The partition key of the group.
    pub pk: String,
    /// Time and UUID.
    pub sk: SortKey,
    /// The UUID in the sort key. When a conditional write fails, it identifies a row that an earlier attempt stored.
    pub message_uuid: Uuid,
    /// The whole text.
    pub message: String,
    /// The sender's UUID.
    #[serde(rename = "user_uuid")]
    pub sender_uuid: Uuid,
    /// The sender's name at the time of sending.
    #[serde(rename = "user_display_name")]
    pub sender_display_name: String,
    /// The sender's handle at the time of sending.
    #[serde(rename = "user_handle")]
    pub sender_handle: String,
    /// The number of writes to the message.
    #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
    pub version: u64,
    /// The time of the last edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The time of the deletion. A deleted message has an empty text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The message of the group that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_sk: Option<SortKey>,
    /// The members' reactions.
    #[serde(flatten)]
    pub reactions: Reactions,
}

/// The version of a row without the attribute.
pub(crate) const fn first_version() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first_version(version: &u64) -> bool {
    *version == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl MessageRow {
    /// The group. `None` if the partition key is malformed.
    #[must_use]
    pub fn group_uuid(&self) -> Option<Uuid> {
        self.pk.split_once('#')?.1.parse().ok()
    }

    /// Creates the row of a message at `sk`.
    #[must_use]
    pub fn new(group_uuid: Uuid, sk: SortKey, text: &MessageText, sender: &User) -> Self {
        Self {
            pk: Key::Message { group_uuid, sk }.pk(),
            sk,
            message_uuid: sk.message_uuid,
            message: text.as_str().to_owned(),
            sender_uuid: sender.uuid,
            sender_display_name: sender.display_name.clone(),
            sender_handle: sender.handle.clone(),
            version: first_version(),
            edited_at: None,
            deleted_at: None,
            reply_sk: None,
            reactions: Reactions::default(),
        }
    }
}

/// The answer of a member to the request of a stranger. Without one, the member has accepted the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// The member has not answered.
    Pending,
    /// The member has declined, and may still accept.
    Declined,
}

impl RequestState {
    /// The name in rows and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Declined => "declined",
        }
    }
}

/// A group in a member's inbox, or among the member's requests, at the position of the group's newest message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxRow {
    /// The partition key of the member.
    pub pk: String,
    /// The sort key of the group's newest message.
    pub sk: SortKey,
    /// The group's UUID. Only inbox rows have an attribute of this name.
    pub message_group_uuid: Uuid,
    /// The preview of the newest text ([`MessageText::preview`]).
    pub message: String,
    /// The other member.
    #[serde(rename = "user_uuid")]
    pub other_uuid: Uuid,
    /// The other member's name when the group was opened.
    #[serde(rename = "user_display_name")]
    pub other_display_name: String,
    /// The other member's handle when the group was opened.
    #[serde(rename = "user_handle")]
    pub other_handle: String,
    /// The version of the newest message.
    #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
    pub version: u64,
    /// The time of the newest message's last edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The time of the newest message's deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The row's owner sent the newest message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mine: bool,
    /// The version of the owner's state in the group.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub state_version: u64,
    /// The owner has read up to here. A row with neither `read_sk` nor `own_sk` is read up to its position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_sk: Option<ReadPosition>,
    /// The owner's last message, which counts as reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_sk: Option<SortKey>,
    /// Own messages up to here do not count as reading: the owner marked the group as unread after them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_sk: Option<SortKey>,
    /// The owner blocks the other member. Lists leave out the row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// The owner's devices announce nothing until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// Lists leave out the row while its position is not greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_sk: Option<SortKey>,
    /// The owner is shown no message up to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_sk: Option<SortKey>,
    /// The owner has not accepted the group. The row is among the requests, otherwise in the inbox.
    #[serde(rename = "request_state", default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestState>,
}

impl InboxRow {
    /// The attributes that a [join](crate::projection) writes, except the key and the text. Absent ones have defaults.
    pub const JOINED: [&str; 13] = [
        "version",
        "edited_at",
        "deleted_at",
        "mine",
        "state_version",
        "read_sk",
        "own_sk",
        "floor_sk",
        "blocked",
        "muted_until",
        "hidden_sk",
        "cleared_sk",
        "request_state",
    ];

    /// Creates the row of `owner` for a new group with `other`, which `message` opens.
    #[must_use]
    pub fn new(owner: Uuid, group_uuid: Uuid, message: &MessageRow, other: &User) -> Self {
        let (sk, mine) = (message.sk, message.sender_uuid == owner);
        Self {
            pk: Key::Inbox { user_uuid: owner, sk }.pk(),
            sk,
            message_group_uuid: group_uuid,
            message: preview(&message.message),
            other_uuid: other.uuid,
            other_display_name: other.display_name.clone(),
            other_handle: other.handle.clone(),
            version: first_version(),
            edited_at: None,
            deleted_at: None,
            mine,
            state_version: 0,
            read_sk: (!mine).then_some(ReadPosition::Nothing),
            own_sk: None,
            floor_sk: None,
            blocked: false,
            muted_until: None,
            hidden_sk: None,
            cleared_sk: None,
            request: None,
        }
    }

    /// Returns the row of a member whom a stranger asks with the first message. `state` is the member's.
    #[must_use]
    pub fn requested(self, state: &MemberStateRow) -> Self {
        let pk = Self::partition(state.sk, state.request).to_string();
        Self { pk, request: state.request, state_version: state.version, ..self }
    }

    /// The partition of a member's row.
    #[must_use]
    pub const fn partition(owner: Uuid, request: Option<RequestState>) -> Partition {
        match request {
            Some(_) => Partition::Requests(owner),
            None => Partition::Inbox(owner),
        }
    }

    /// Returns `true` if the owner's list of groups leaves out the row.
    #[must_use]
    pub fn is_left_out(&self) -> bool {
        self.blocked || self.request.is_some() || self.hidden_sk >= Some(self.sk)
    }
}

/// How far a member has read a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ReadPosition {
    /// Nothing is read. Stored as `-`, which sorts before every sort key.
    #[default]
    Nothing,
    /// Up to this message.
    UpTo(SortKey),
}

impl ReadPosition {
    /// The last message that is read.
    #[must_use]
    pub const fn sort_key(self) -> Option<SortKey> {
        match self {
            Self::Nothing => None,
            Self::UpTo(sk) => Some(sk),
        }
    }
}

impl TryFrom<String> for ReadPosition {
    type Error = InvalidSortKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "-" { Ok(Self::Nothing) } else { text.parse().map(Self::UpTo) }
    }
}

impl From<ReadPosition> for String {
    fn from(position: ReadPosition) -> Self {
        position.sort_key().map_or_else(|| "-".to_owned(), Self::from)
    }
}

/// The state of a member in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStateRow {
    /// The partition key of the group.
    pub pk: String,
    /// The member.
    pub sk: Uuid,
    /// The number of writes.
    pub version: u64,
    /// The member has read up to here. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_sk: Option<ReadPosition>,
    /// The time of the last marking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// Own messages up to here do not count as reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_sk: Option<SortKey>,
    /// The last message that the other member may know to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_sk: Option<SortKey>,
    /// The time at which it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// The version that wrote these two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_version: Option<u64>,
    /// The member blocks the other one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// The member's devices announce nothing until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// The newest message when the member hid the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_sk: Option<SortKey>,
    /// The last message that the member has cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_sk: Option<SortKey>,
    /// The member has not accepted the group.
    #[serde(rename = "request_state", default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestState>,
    /// The time of the last change of these five.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_at: Option<Timestamp>,
    /// The version that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_version: Option<u64>,
}

impl MemberStateRow {
    /// The group. `None` if the partition key is malformed.
    #[must_use]
    pub fn group_uuid(&self) -> Option<Uuid> {
        self.pk.split_once('#')?.1.parse().ok()
    }

    /// Returns `true` if the last write sent a receipt to the other member.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.seen_version == Some(self.version)
    }

    /// Returns `true` if the last write changed the member's settings of the group.
    #[must_use]
    pub fn is_of_settings(&self) -> bool {
        self.settings_version == Some(self.version)
    }

    /// Creates the state before the first write.
    #[must_use]
    pub fn new(group_uuid: Uuid, user_uuid: Uuid) -> Self {
        Self {
            pk: Key::MemberState { group_uuid, user_uuid }.pk(),
            sk: user_uuid,
            version: 0,
            read_sk: None,
            read_at: None,
            floor_sk: None,
            seen_sk: None,
            seen_at: None,
            seen_version: None,
            blocked: false,
            muted_until: None,
            hidden_sk: None,
            cleared_sk: None,
            request: None,
            settings_at: None,
            settings_version: None,
        }
    }

    /// Creates the state of a member whom a stranger asks with the first message.
    #[must_use]
    pub fn requested(group_uuid: Uuid, user_uuid: Uuid, now: Timestamp) -> Self {
        Self {
            version: first_version(),
            request: Some(RequestState::Pending),
            settings_at: Some(now),
            settings_version: Some(first_version()),
            ..Self::new(group_uuid, user_uuid)
        }
    }
}

/// The members of a group. Their UUIDs never change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The partition key of the group.
    pub pk: String,
    /// `MEM`.
    pub sk: String,
    /// The group's UUID. An attribute called `message_group_uuid` would put the row into the index.
    pub group_uuid: Uuid,
    /// The sort key of the group's first message. Inbox rows start there and only move up.
    pub created_sk: SortKey,
    /// The members by their UUIDs.
    pub members: BTreeMap<Uuid, Member>,
    /// The members who block the other one. While there are any, nothing is sent.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub blocked_by: BTreeSet<Uuid>,
    /// The members whose accounts are erased. They can't write, and nothing is sent to them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub erased: BTreeSet<Uuid>,
    /// The member whom a stranger asked with the first message. Stays when the member accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_to: Option<Uuid>,
    /// That member's answer, unless the member has accepted.
    #[serde(rename = "request_state", default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestState>,
}

/// The names of a member when the group was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The handle.
    pub handle: String,
    /// The display name.
    pub display_name: String,
}

impl Membership {
    /// Creates the membership of a new group of two. Its first message is at `created_sk`.
    #[must_use]
    pub fn new(group_uuid: Uuid, created_sk: SortKey, pair: [&User; 2]) -> Self {
        let key = Key::Membership(group_uuid);
        let members = pair.map(|user| {
            (user.uuid, Member { handle: user.handle.clone(), display_name: user.display_name.clone() })
        });
        Self {
            pk: key.pk(),
            sk: key.sk(),
            group_uuid,
            created_sk,
            members: members.into(),
            blocked_by: BTreeSet::new(),
            erased: BTreeSet::new(),
            request_to: None,
            request: None,
        }
    }

    /// The partitions in which a member's row can be, in the order in which a search must read them: a row moves only
    /// from the requests to the inbox.
    #[must_use]
    pub fn partitions_of_row(&self, member: Uuid) -> Vec<Partition> {
        let mut partitions = Vec::with_capacity(2);
        if self.request_to == Some(member) {
            partitions.push(Partition::Requests(member));
        }
        partitions.push(Partition::Inbox(member));
        partitions
    }

    /// The state of a member's request. `None` if the member has accepted the group.
    #[must_use]
    pub fn request_of(&self, member: Uuid) -> Option<RequestState> {
        self.request.filter(|_| self.request_to == Some(member))
    }

    /// Returns the other member, or the member itself if there is no other.
    #[must_use]
    pub fn other_than(&self, member: Uuid) -> Uuid {
        self.members.keys().copied().find(|&other| other != member).unwrap_or(member)
    }

    /// Returns `true` if `user_uuid` is a member.
    #[must_use]
    pub fn has(&self, user_uuid: Uuid) -> bool {
        self.members.contains_key(&user_uuid)
    }
}

/// The answer to a request with an idempotency key. The message's text is omitted: the repeated request contains it,
/// since equal hashes mean equal texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRow {
    /// The partition key of the sender and the client's key.
    pub pk: String,
    /// `IDEM`.
    pub sk: String,
    /// The hash of the request.
    pub request_hash: RequestHash,
    /// The group of the message.
    pub group_uuid: Uuid,
    /// The message.
    pub message_uuid: Uuid,
    /// The message's creation time.
    pub created_at: Timestamp,
    /// The sender's handle in the answer.
    pub handle: String,
    /// The sender's name in the answer.
    pub display_name: String,
    /// The time from which DynamoDB may delete the row, in seconds since 1970. DynamoDB deletes within a
    /// few days after it, never before it, so a key is kept for at least 24 hours.
    pub expires_at: i64,
}

impl IdempotencyRow {
    /// The age at which a row expires.
    const RETENTION: TimeDelta = TimeDelta::hours(24);

    /// Creates the row for a message at `sk`.
    #[must_use]
    pub fn new(
        key: &IdempotencyKey,
        request_hash: RequestHash,
        group_uuid: Uuid,
        sk: SortKey,
        sender: &User,
        now: Timestamp,
    ) -> Self {
        let row_key = Key::Idempotency { user_uuid: sender.uuid, key: key.clone() };
        Self {
            pk: row_key.pk(),
            sk: row_key.sk(),
            request_hash,
            group_uuid,
            message_uuid: sk.message_uuid,
            created_at: sk.created_at,
            handle: sender.handle.clone(),
            display_name: sender.display_name.clone(),
            // Not computed from the message's time, which may be ahead of the current time.
            expires_at: (now.to_utc() + Self::RETENTION).timestamp(),
        }
    }
}

/// The token bucket of a user ([`crate::send_limit`]), without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendLimitRow {
    /// The number of tokens, without those gained since `refilled_at`.
    pub tokens: u32,
    /// The time of the last refill, in seconds since 1970.
    pub refilled_at: i64,
    /// The time at which the bucket is full again, in seconds since 1970. DynamoDB may delete the row from then on.
    pub expires_at: i64,
}

/// A row of an event log: changes that a user learns of together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLogRow {
    /// The partition key of the user.
    pub pk: String,
    /// The row's number.
    pub sk: LogNumber,
    /// The changes, at most [`EventLogRow::MAX_CHANGES`].
    pub changes: Vec<LoggedChange>,
    /// The time of the write, in milliseconds since 1970.
    pub at: i64,
    /// The time from which DynamoDB may delete the row, in seconds since 1970.
    pub expires_at: i64,
}

impl EventLogRow {
    /// The maximum number of changes in a row.
    pub const MAX_CHANGES: usize = 12;

    /// The age at which a row expires. A day more than the age at which it no longer counts
    /// ([`crate::event_log::RETENTION`]), so that no row that counts is missing.
    const EXPIRY: TimeDelta = TimeDelta::days(15);

    /// Creates the row of `user_uuid` with this number, written at `now`.
    #[must_use]
    pub fn new(user_uuid: Uuid, number: LogNumber, changes: Vec<LoggedChange>, now: DateTime<Utc>) -> Self {
        Self {
            pk: Key::EventLog { user_uuid, number }.pk(),
            sk: number,
            changes,
            at: now.timestamp_millis(),
            expires_at: (now + Self::EXPIRY).timestamp(),
        }
    }
}

/// A change in an event log. It identifies itself, so that a repeated delivery is recognized.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LoggedChange {
    /// A message was stored.
    Message {
        /// The group.
        group_uuid: Uuid,
        /// The message.
        message_sk: SortKey,
    },
    /// A message was edited or deleted, or its reactions have changed.
    MessageChanged {
        /// The group.
        group_uuid: Uuid,
        /// The message.
        message_sk: SortKey,
        /// The message's version.
        version: u64,
    },
    /// A member has read, or marked messages as unread.
    Read {
        /// The group.
        group_uuid: Uuid,
        /// The member.
        user_uuid: Uuid,
        /// The version of the member's state.
        version: u64,
        /// The member has read up to here.
        read_sk: ReadPosition,
        /// The time of the marking.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read_at: Option<Timestamp>,
    },
    /// A member has changed settings of the group.
    Group {
        /// The group.
        group_uuid: Uuid,
        /// The member.
        user_uuid: Uuid,
        /// The version of the member's state.
        version: u64,
    },
    /// A change of a kind that a later version logs.
    #[serde(untagged)]
    Other {
        /// The group.
        group_uuid: Uuid,
        /// The kind.
        kind: String,
    },
}

impl LoggedChange {
    /// The group.
    #[must_use]
    pub const fn group_uuid(&self) -> Uuid {
        match self {
            Self::Message { group_uuid, .. }
            | Self::MessageChanged { group_uuid, .. }
            | Self::Read { group_uuid, .. }
            | Self::Group { group_uuid, .. }
            | Self::Other { group_uuid, .. } => *group_uuid,
        }
    }

    /// The message that the change is about.
    #[must_use]
    pub const fn message_sk(&self) -> Option<SortKey> {
        match self {
            Self::Message { message_sk, .. } | Self::MessageChanged { message_sk, .. } => Some(*message_sk),
            Self::Read { .. } | Self::Group { .. } | Self::Other { .. } => None,
        }
    }
}

/// The start of an event log's numbers: the first event has the number after `start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLogStartRow {
    /// The partition key of the user.
    pub pk: String,
    /// [`LogNumber::START`].
    pub sk: LogNumber,
    /// The number that readers and writers start from.
    pub start: u64,
    /// The time of the write, in milliseconds since 1970.
    pub at: i64,
}

/// The open socket of a device. The device's next socket replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRow {
    /// The partition key of the user.
    pub pk: String,
    /// The device.
    pub sk: Uuid,
    /// API Gateway's name of the connection.
    pub connection_id: String,
    /// The time at which API Gateway accepted the connection, in milliseconds since 1970.
    pub connected_at: i64,
    /// The end of the connection, in seconds since 1970. Nothing is sent from then on.
    pub expires_at: i64,
    /// The beginning of the device's `User-Agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// A user whom another user blocks, or blocked until recently. An ended block keeps its row for a while, so that a write
/// that is executed late cannot bring it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRow {
    /// The partition key of the user who blocks.
    pub pk: String,
    /// The blocked user.
    pub sk: Uuid,
    /// The number of writes.
    pub version: u64,
    /// The time of the block. Absent: the block has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_at: Option<Timestamp>,
    /// The time from which DynamoDB may delete the row of an ended block, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl BlockRow {
    /// The time for which the row of an ended block is kept.
    pub(crate) const RETENTION: TimeDelta = TimeDelta::hours(24);
}

/// The lease of the running doctor or migration, without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    /// The run that holds the lease.
    pub owner: Uuid,
    /// The end of the lease, in seconds since 1970.
    pub expires_at: i64,
}

/// The group that replaces a group of the old system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectRow {
    /// The partition key of the old group.
    pub pk: String,
    /// `REDIRECT`.
    pub sk: String,
    /// The new group.
    pub group_uuid: Uuid,
    /// The two members of the new group.
    pub members: [Uuid; 2],
}

/// The offset from UTC assumed by the migration for times without an offset. Without the row's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationOffsetRow {
    /// For example `+02:00`.
    pub assumed_offset: String,
}

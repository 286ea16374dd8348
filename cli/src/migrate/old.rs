//! Rows as the old system wrote them.
//!
//! Its groups have random uuids (of version 4), where ours are made of a name (version 5): that tells the two apart,
//! whatever else is in a row.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDateTime, Utc};
use cruddur::{
    dynamodb::{Item, from_item},
    message::{self, MessageRow},
    message_group::uuid_of_pair,
    sort_key::SortKey,
    timestamp::Timestamp,
};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use crate::doctor::rows::{GROUP_UUID, kind, text};

/// Two users, the smaller uuid first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pair(Uuid, Uuid);

impl Pair {
    /// The pair of two different users.
    #[must_use]
    pub(crate) fn of(a: Uuid, b: Uuid) -> Option<Self> {
        (a != b).then(|| Self(a.min(b), a.max(b)))
    }

    /// The two.
    #[must_use]
    pub(crate) fn members(self) -> [Uuid; 2] {
        [self.0, self.1]
    }

    /// Whether `user` is one of them.
    #[must_use]
    pub(crate) fn has(self, user: Uuid) -> bool {
        self.0 == user || self.1 == user
    }

    /// The uuid of their group.
    #[must_use]
    pub(crate) fn group(self) -> Uuid {
        uuid_of_pair(self.0, self.1)
    }
}

/// What the part of a partition key behind `MSG#`, or a `message_group_uuid`, names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id<'a> {
    /// A group of ours.
    Ours,
    /// A group of the old system.
    Group,
    /// No group: the old client has sent a handle in the place of a uuid.
    Handle(&'a str),
    /// Nothing that is known.
    Unknown,
}

impl<'a> Id<'a> {
    pub(crate) fn of(id: &'a str) -> Self {
        match (id.parse::<Uuid>(), id.strip_prefix('@')) {
            (Ok(uuid), _) if uuid.get_version_num() == 5 => Self::Ours,
            (Ok(_), _) => Self::Group,
            (Err(_), Some(handle)) => Self::Handle(handle),
            (Err(_), None) => Self::Unknown,
        }
    }
}

/// Whether the old system has written this row.
pub(crate) fn is_old(item: &Item) -> bool {
    match kind(item) {
        "MSG" => matches!(Id::of(message_group_in(item)), Id::Group | Id::Handle(_)),
        "GRP" => match Id::of(text(item, GROUP_UUID)) {
            Id::Ours => false,
            Id::Group | Id::Handle(_) => true,
            // Whatever has become of its group: no row of ours stands at a time alone.
            Id::Unknown => {
                !text(item, "sk").contains('#') && time(text(item, "sk"), FixedOffset::east_opt(0)).is_ok()
            }
        },
        _ => false,
    }
}

/// What stands for the group in a message's partition key.
pub(super) fn message_group_in(item: &Item) -> &str {
    text(item, "pk").strip_prefix("MSG#").unwrap_or_default()
}

/// A message as the old system wrote it.
#[derive(Clone, Debug)]
pub(super) struct OldMessage {
    pub(super) sent_at: DateTime<Utc>,
    pub(super) sender: Uuid,
    pub(super) message_uuid: Uuid,
    pub(super) item: Item,
}

/// Why a row can't be brought over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("its time has no offset from UTC")]
    NoOffset,
    #[error("its sort key has no time")]
    NoTime,
    #[error("an attribute is missing or malformed")]
    Attributes,
    #[error("its partition key names no user")]
    Owner,
    #[error("it names its owner as the other member")]
    OwnerIsOther,
}

impl OldMessage {
    pub(super) fn of(item: Item, assumed: Option<FixedOffset>) -> Result<Self, Flaw> {
        let sent_at = time(text(&item, "sk"), assumed)?;
        let message_uuid = text(&item, "message_uuid").parse().map_err(|_| Flaw::Attributes)?;
        let message = Self { sent_at, sender: Uuid::nil(), message_uuid, item };
        let row = message.row_at(Uuid::nil(), Timestamp::new(sent_at)).ok_or(Flaw::Attributes)?;
        Ok(Self { sender: row.sender_uuid, ..message })
    }

    pub(super) fn text(&self) -> &str {
        text(&self.item, "message")
    }

    /// Before which messages it comes: by time, and at the same instant as the old lists showed them.
    pub(super) fn place(&self) -> (DateTime<Utc>, &str, &str) {
        (self.sent_at, text(&self.item, "sk"), text(&self.item, "pk"))
    }

    /// The row in `group` at `created_at`, with all it has.
    pub(super) fn moved(&self, group: Uuid, created_at: Timestamp) -> Option<Item> {
        let row = self.row_at(group, created_at)?;
        let mut item = self.item.clone();
        // Only inbox rows may have it.
        item.remove(GROUP_UUID);
        item.extend(to_item::<_>(row).ok()?);
        Some(item)
    }

    fn row_at(&self, group: Uuid, created_at: Timestamp) -> Option<MessageRow> {
        let sk = SortKey { created_at, message_uuid: self.message_uuid };
        let mut item = self.item.clone();
        item.insert("pk".to_owned(), AttributeValue::S(message::partition_key(group)));
        item.insert("sk".to_owned(), AttributeValue::S(sk.to_string()));
        from_item(item).ok()
    }
}

/// An inbox row as the old system wrote it.
#[derive(Clone, Debug)]
pub(super) struct OldInboxRow {
    pub(super) pair: Pair,
    pub(super) stood_at: DateTime<Utc>,
}

impl OldInboxRow {
    pub(super) fn of(item: &Item, assumed: Option<FixedOffset>) -> Result<Self, Flaw> {
        let owner =
            text(item, "pk").strip_prefix("GRP#").unwrap_or_default().parse().map_err(|_| Flaw::Owner)?;
        let other = text(item, "user_uuid").parse().map_err(|_| Flaw::Attributes)?;
        let pair = Pair::of(owner, other).ok_or(Flaw::OwnerIsOther)?;
        Ok(Self { pair, stood_at: time(text(item, "sk"), assumed)? })
    }
}

/// The time that a sort key begins with: ISO 8601 as Python writes it, with microseconds or none, with an offset or
/// none.
pub(super) fn time(sort_key: &str, assumed: Option<FixedOffset>) -> Result<DateTime<Utc>, Flaw> {
    let text = sort_key.split_once('#').map_or(sort_key, |(time, _)| time);
    let with_offset = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%z"));
    let time = if let Ok(time) = with_offset {
        time.to_utc()
    } else {
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
            .map_err(|_| Flaw::NoTime)?;
        let time = naive.and_local_timezone(assumed.ok_or(Flaw::NoOffset)?);
        time.single().ok_or(Flaw::NoTime)?.to_utc()
    };
    // Beyond, there would be no later time for a message of the same instant.
    if (1..9999).contains(&time.year()) { Ok(time) } else { Err(Flaw::NoTime) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EAST: Option<FixedOffset> = FixedOffset::east_opt(2 * 3600);

    #[test]
    fn every_form_of_a_time_that_python_writes_is_read() {
        for (text, micros) in [
            ("2023-04-21T13:05:07.123456+00:00", 123_456),
            ("2023-04-21T13:05:07+00:00", 0),
            ("2023-04-21T15:05:07.123456+02:00", 123_456),
            ("2023-04-21T07:35:07-05:30", 0),
            ("2023-04-21T13:05:07.123456Z", 123_456),
            ("2023-04-21 13:05:07.5+0000", 500_000),
            ("2023-04-21T15:05:07.123456", 123_456),
            ("2023-04-21T15:05:07", 0),
            ("2023-04-21 15:05:07", 0),
            ("2023-04-21T13:05:07.123456Z#0195b5a0-0000-7000-8000-00000000000a", 123_456),
        ] {
            let expected: DateTime<Utc> = "2023-04-21T13:05:07Z".parse().unwrap();
            let expected = expected + chrono::TimeDelta::microseconds(micros);
            assert_eq!(time(text, EAST), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_none_unless_one_is_assumed() {
        assert_eq!(time("2023-04-21T15:05:07", None), Err(Flaw::NoOffset));
        for text in ["", "x", "2023-04-21", "2023-04-31T15:05:07", "9999-01-01T00:00:00Z", "MEM"] {
            assert_eq!(time(text, EAST), Err(Flaw::NoTime), "{text}");
        }
    }

    #[test]
    fn groups_are_told_apart_by_the_version_of_their_uuid() {
        let pair = Pair::of(Uuid::from_u128(2), Uuid::from_u128(1)).unwrap();
        assert_eq!(pair, Pair::of(Uuid::from_u128(1), Uuid::from_u128(2)).unwrap());
        assert_eq!(Id::of(&pair.group().to_string()), Id::Ours);
        assert_eq!(Id::of("5ae290ed-55d1-47a0-bc6d-fe2bc2700399"), Id::Group);
        assert_eq!(Id::of("@bob"), Id::Handle("bob"));
        assert_eq!(Id::of("undefined"), Id::Unknown);
        assert_eq!(Pair::of(Uuid::nil(), Uuid::nil()), None);
    }
}

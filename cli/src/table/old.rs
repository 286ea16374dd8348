//! Rows of the old system.
//!
//! Its groups have random UUIDs (version 4); groups of this system have name-based ones (version 5).

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDateTime, Utc};
use cruddur::{
    message_group::uuid_of_pair,
    sort_key::SortKey,
    table::{Item, Key, MessageRow, RedirectRow, RowKind, from_item},
    timestamp::Timestamp,
};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::item::{GROUP_UUID, partition_id, text};

/// Two different users, the smaller UUID first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pair(Uuid, Uuid);

impl Pair {
    pub(crate) fn of(a: Uuid, b: Uuid) -> Option<Self> {
        (a != b).then(|| Self(a.min(b), a.max(b)))
    }

    pub(crate) fn members(self) -> [Uuid; 2] {
        [self.0, self.1]
    }

    pub(crate) fn has(self, user: Uuid) -> bool {
        self.0 == user || self.1 == user
    }

    /// The UUID of the pair's group.
    pub(crate) fn group(self) -> Uuid {
        uuid_of_pair(self.0, self.1)
    }

    /// The redirect from an old group to the pair's, for links that name the old one.
    ///
    /// It is written before the group's messages are moved, and fixes the members for later runs, which find fewer rows to
    /// derive them from.
    pub(crate) fn redirect_from(self, old: &str) -> RedirectRow {
        let key = Key::Redirect(old.to_owned());
        RedirectRow { pk: key.pk(), sk: key.sk(), group_uuid: self.group(), members: self.members() }
    }

    /// The pair that a redirect names, if its parts agree.
    pub(crate) fn of_redirect(redirect: &RedirectRow) -> Option<Self> {
        let [a, b] = redirect.members;
        Self::of(a, b).filter(|pair| pair.group() == redirect.group_uuid)
    }
}

/// The group in a message's partition key, or in a `message_group_uuid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id<'a> {
    /// A group of this system.
    New,
    /// A group of the old system.
    Old,
    /// A handle, which the old client sent in place of a UUID.
    Handle(&'a str),
    Unknown,
}

impl<'a> Id<'a> {
    pub(crate) fn of(id: &'a str) -> Self {
        match (id.parse::<Uuid>(), id.strip_prefix('@')) {
            (Ok(uuid), _) if uuid.get_version_num() == 5 => Self::New,
            (Ok(_), _) => Self::Old,
            (Err(_), Some(handle)) => Self::Handle(handle),
            (Err(_), None) => Self::Unknown,
        }
    }
}

/// Returns whether the old system wrote this row.
pub(crate) fn is_old(item: &Item) -> bool {
    match RowKind::of(item) {
        Some(RowKind::Message) => matches!(Id::of(partition_id(item)), Id::Old | Id::Handle(_)),
        Some(RowKind::Inbox) => match Id::of(text(item, GROUP_UUID)) {
            Id::New => false,
            Id::Old | Id::Handle(_) => true,
            // Sort keys of this system are never a time alone.
            Id::Unknown => {
                !text(item, "sk").contains('#') && time(text(item, "sk"), FixedOffset::east_opt(0)).is_ok()
            }
        },
        _ => false,
    }
}

/// A message of the old system.
#[derive(Clone, Debug)]
pub(crate) struct OldMessage {
    pub(crate) sent_at: DateTime<Utc>,
    pub(crate) sender: Uuid,
    pub(crate) message_uuid: Uuid,
    pub(crate) item: Item,
}

/// Why a row can't be migrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OldRowError {
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
    pub(crate) fn of(item: Item, assumed: Option<FixedOffset>) -> Result<Self, OldRowError> {
        let sent_at = time(text(&item, "sk"), assumed)?;
        let message_uuid = text(&item, "message_uuid").parse().map_err(|_| OldRowError::Attributes)?;
        let message = Self { sent_at, sender: Uuid::nil(), message_uuid, item };
        let row = message.row_at(Uuid::nil(), Timestamp::new(sent_at)).ok_or(OldRowError::Attributes)?;
        Ok(Self { sender: row.sender_uuid, ..message })
    }

    /// The message's place in the order of the old lists.
    pub(crate) fn order_key(&self) -> (DateTime<Utc>, &str, &str) {
        (self.sent_at, text(&self.item, "sk"), text(&self.item, "pk"))
    }

    /// The row in `group` at `created_at`, with all attributes.
    pub(crate) fn moved(&self, group: Uuid, created_at: Timestamp) -> Option<Item> {
        let row = self.row_at(group, created_at)?;
        let mut item = self.item.clone();
        // Only inbox rows may have this attribute.
        item.remove(GROUP_UUID);
        item.extend(to_item::<_>(row).ok()?);
        Some(item)
    }

    fn row_at(&self, group: Uuid, created_at: Timestamp) -> Option<MessageRow> {
        let sk = SortKey { created_at, message_uuid: self.message_uuid };
        let mut item = self.item.clone();
        item.extend(Item::from(&Key::Message { group_uuid: group, sk }));
        from_item(item).ok()
    }
}

/// An inbox row of the old system.
#[derive(Clone, Debug)]
pub(crate) struct OldInboxRow {
    pub(crate) pair: Pair,
    pub(crate) newest_at: DateTime<Utc>,
}

impl OldInboxRow {
    pub(crate) fn of(item: &Item, assumed: Option<FixedOffset>) -> Result<Self, OldRowError> {
        let owner = partition_id(item).parse().map_err(|_| OldRowError::Owner)?;
        let other = text(item, "user_uuid").parse().map_err(|_| OldRowError::Attributes)?;
        let pair = Pair::of(owner, other).ok_or(OldRowError::OwnerIsOther)?;
        Ok(Self { pair, newest_at: time(text(item, "sk"), assumed)? })
    }
}

/// Parses the time at the start of a sort key: ISO 8601 as Python writes it, microseconds and offset optional.
pub(crate) fn time(sort_key: &str, assumed: Option<FixedOffset>) -> Result<DateTime<Utc>, OldRowError> {
    let text = sort_key.split_once('#').map_or(sort_key, |(time, _)| time);
    let with_offset = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%z"));
    let time = if let Ok(time) = with_offset {
        time.to_utc()
    } else {
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
            .map_err(|_| OldRowError::NoTime)?;
        let time = naive.and_local_timezone(assumed.ok_or(OldRowError::NoOffset)?);
        time.single().ok_or(OldRowError::NoTime)?.to_utc()
    };
    // Leaves room for later times that keep messages of the same instant in order.
    if (1..9999).contains(&time.year()) { Ok(time) } else { Err(OldRowError::NoTime) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EAST: Option<FixedOffset> = FixedOffset::east_opt(2 * 3600);

    #[test]
    fn every_time_format_of_python_is_parsed() {
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
    fn a_time_without_an_offset_needs_an_assumed_one() {
        assert_eq!(time("2023-04-21T15:05:07", None), Err(OldRowError::NoOffset));
        for text in ["", "x", "2023-04-21", "2023-04-31T15:05:07", "9999-01-01T00:00:00Z", "MEM"] {
            assert_eq!(time(text, EAST), Err(OldRowError::NoTime), "{text}");
        }
    }

    #[test]
    fn the_uuid_version_distinguishes_old_and_new_groups() {
        let pair = Pair::of(Uuid::from_u128(2), Uuid::from_u128(1)).unwrap();
        assert_eq!(pair, Pair::of(Uuid::from_u128(1), Uuid::from_u128(2)).unwrap());
        assert_eq!(Id::of(&pair.group().to_string()), Id::New);
        assert_eq!(Id::of("5ae290ed-55d1-47a0-bc6d-fe2bc2700399"), Id::Old);
        assert_eq!(Id::of("@bob"), Id::Handle("bob"));
        assert_eq!(Id::of("undefined"), Id::Unknown);
        assert_eq!(Pair::of(Uuid::nil(), Uuid::nil()), None);
    }
}

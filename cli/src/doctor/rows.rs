//! Classification of single rows.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::DateTime;
use cruddur::{
    message::text::MessageText,
    message_group::uuid_of_pair,
    sort_key::SortKey,
    table::{
        BlockRow, InboxRow, InvalidRow, Item, Key, MemberStateRow, Membership, MessageRow, Row, RowKind,
        from_item,
    },
    timestamp::Timestamp,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::finding::Kind;
use crate::table::{
    item::{GROUP_UUID, text, uuid},
    old,
};

/// A well-formed inbox row with its item and owner.
#[derive(Clone, Debug)]
pub(super) struct MemberRow {
    pub(super) item: Item,
    pub(super) row: InboxRow,
    pub(super) owner: Uuid,
}

impl MemberRow {
    pub(super) fn of(item: &Item) -> Option<Self> {
        match shape(item) {
            Shape::Inbox(row, owner) => Some(Self { item: item.clone(), row, owner }),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Message(MessageRow, Uuid),
    Inbox(InboxRow, Uuid),
    /// A membership by its key. Its attributes are checked with the group.
    Membership(Uuid),
    MemberState(MemberStateRow, Uuid),
    /// A block, with the user who blocks.
    Block(BlockRow, Uuid),
    /// A row of another kind, with a valid key.
    Other,
    Flawed(Flaw),
}

/// A defect of a single row.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    pub(super) kind: Kind,
    pub(super) group: Option<Uuid>,
    pub(super) detail: &'static str,
    /// The row at its right key, of a valid message at a wrong key.
    pub(super) right: Option<MessageRow>,
}

impl Flaw {
    fn shape(kind: Kind, group: Option<Uuid>, detail: &'static str) -> Shape {
        Shape::Flawed(Self { kind, group, detail, right: None })
    }
}

/// Parses a UUID in canonical spelling.
fn canonical(text: &str) -> Option<Uuid> {
    text.parse::<Uuid>().ok().filter(|uuid| uuid.to_string() == text)
}

pub(super) fn shape(item: &Item) -> Shape {
    let Some((_, id)) = text(item, "pk").split_once('#') else {
        return Flaw::shape(Kind::UnknownRow, None, "the partition key has no kind");
    };
    if old::is_old(item) {
        // The migration derives members from it.
        return Flaw::shape(Kind::OldRow, None, "a row of the old system; run `cruddur ddb migrate`");
    }
    let Some(kind) = RowKind::of(item) else {
        return Flaw::shape(Kind::UnknownRow, None, "unknown kind");
    };
    let key = Key::of(item);
    if matches!(kind, RowKind::EventLog | RowKind::Connection) {
        return derived(item, kind, key.as_ref());
    }
    // Malformed keys of messages and inbox rows are repaired.
    if key.is_none() && !matches!(kind, RowKind::Message | RowKind::Inbox | RowKind::Request) {
        return Flaw::shape(Kind::UnknownRow, None, "malformed key for its kind");
    }
    if !kind.is_in_index() && item.contains_key(GROUP_UUID) {
        let of_group = matches!(kind, RowKind::Message | RowKind::Membership | RowKind::MemberState);
        let group = if of_group { id.parse().ok() } else { None };
        return Flaw::shape(Kind::StrayGroupUuid, group, "only inbox rows belong into the index");
    }
    match (kind, key) {
        (RowKind::Message, _) => message(item, id),
        (RowKind::Inbox | RowKind::Request, _) => inbox(item, id),
        (RowKind::Membership, Some(Key::Membership(group))) => Shape::Membership(group),
        (RowKind::MemberState, Some(Key::MemberState { group_uuid, .. })) => match exactly(item) {
            Some(row) => Shape::MemberState(row, group_uuid),
            None => Flaw::shape(
                Kind::MemberStateMalformed,
                Some(group_uuid),
                "an attribute is missing or malformed",
            ),
        },
        (RowKind::Block, Some(Key::Block { user_uuid, blocked_uuid })) => match exactly(item) {
            Some(row) => Shape::Block(row, user_uuid),
            None => Flaw::shape(
                Kind::BlockMalformed,
                Some(uuid_of_pair(user_uuid, blocked_uuid)),
                "an attribute is missing or malformed",
            ),
        },
        _ => Shape::Other,
    }
}

/// A row of an event log, or a connection: rows whose content is also elsewhere, or is replaced by clients.
fn derived(item: &Item, kind: RowKind, key: Option<&Key>) -> Shape {
    let finding =
        if kind == RowKind::EventLog { Kind::EventLogRowMalformed } else { Kind::ConnectionMalformed };
    if key.is_none() {
        return Flaw::shape(finding, None, "malformed key for its kind");
    }
    match Row::parse(item.clone()) {
        Ok(_) => Shape::Other,
        Err(InvalidRow::Index) => {
            Flaw::shape(Kind::StrayGroupUuid, None, "only inbox rows belong into the index")
        }
        Err(_) => Flaw::shape(finding, None, "an attribute is missing or malformed"),
    }
}

/// Parses a message as the stream handler and the lists accept it; its text is not checked.
pub(super) fn readable_message(item: &Item) -> Option<MessageRow> {
    let row: MessageRow = from_item(item.clone()).ok()?;
    (row.sk.message_uuid == row.message_uuid).then_some(row)
}

fn message(item: &Item, id: &str) -> Shape {
    let group = id.parse::<Uuid>().ok();
    let flawed = |detail| Flaw::shape(Kind::MessageMalformed, group, detail);
    let Some(group_uuid) = group else { return flawed("the partition key has no group") };
    let Some(message_uuid) = uuid(item, "message_uuid") else {
        return flawed("message_uuid is missing or malformed");
    };
    let Some(created_at) = lenient_time(text(item, "sk")) else { return flawed("the sort key has no time") };
    let key = Key::Message { group_uuid, sk: SortKey { created_at, message_uuid } };
    let is_at_its_key = Key::of(item).as_ref() == Some(&key);
    let mut moved = item.clone();
    moved.extend(Item::from(&key));
    let Ok(row) = from_item::<MessageRow>(moved) else {
        return flawed("an attribute is missing or malformed");
    };
    let is_deleted = row.deleted_at.is_some();
    // White space alone is allowed: the old system stored such messages, and the migration keeps them.
    if !is_deleted && (row.message.is_empty() || row.message.chars().nth(MessageText::MAX_CHARS).is_some()) {
        return flawed("the text is empty or too long");
    }
    if !is_at_its_key {
        return Shape::Flawed(Flaw { kind: Kind::MessageKeyMalformed, group, detail: "", right: Some(row) });
    }
    let is_empty = row.message.is_empty()
        && row.reactions.0.is_empty()
        && row.reply_sk.is_none()
        && row.edited_at.is_none();
    if is_deleted && !is_empty {
        let detail = "the message is deleted, but has text, reactions or a reply";
        return Flaw::shape(Kind::TombstoneWithContent, group, detail);
    }
    Shape::Message(row, group_uuid)
}

/// Parses the time in a sort key in any spelling.
fn lenient_time(sort_key: &str) -> Option<Timestamp> {
    let time = sort_key.split_once('#').map_or(sort_key, |(time, _)| time);
    let parsed = DateTime::parse_from_rfc3339(time).map(|time| Timestamp::new(time.to_utc()));
    time.parse().ok().or(parsed.ok())
}

fn inbox(item: &Item, id: &str) -> Shape {
    let owner = canonical(id);
    // Without a group, the row belongs to the group of its owner and the user it names.
    let of_pair = || Some(uuid_of_pair(id.parse().ok()?, uuid(item, "user_uuid")?));
    let group = uuid(item, GROUP_UUID).or_else(of_pair);
    let flawed = |detail| Flaw::shape(Kind::InboxRowMalformed, group, detail);
    let Some(owner) = owner else { return flawed("the partition key has no user") };
    if text(item, "sk").parse::<SortKey>().is_err() {
        return flawed("the sort key is malformed");
    }
    match exactly::<InboxRow>(item) {
        Some(row) => Shape::Inbox(row, owner),
        None => flawed("an attribute is missing or malformed"),
    }
}

/// Parses a row whose required attributes are spelled canonically. Other attributes are ignored.
fn exactly<T: DeserializeOwned + Serialize>(item: &Item) -> Option<T> {
    let row: T = from_item(item.clone()).ok()?;
    let printed: Item = to_item(&row).ok()?;
    printed
        .iter()
        .all(|(name, value)| item.get(name).is_some_and(|stored| are_equal(stored, value)))
        .then_some(row)
}

/// Compares two values. The members of a set have no order.
fn are_equal(a: &AttributeValue, b: &AttributeValue) -> bool {
    match (a, b) {
        (AttributeValue::Ss(a), AttributeValue::Ss(b)) => {
            a.iter().collect::<BTreeSet<_>>() == b.iter().collect::<BTreeSet<_>>()
        }
        _ => a == b,
    }
}

/// Parses the membership of `group`, or returns what is wrong with the row.
pub(super) fn membership(item: &Item, group: Uuid) -> Result<Membership, &'static str> {
    let membership: Membership = exactly(item).ok_or("an attribute is missing or malformed")?;
    if membership.group_uuid != group {
        return Err("it belongs to another group");
    }
    match membership.members.keys().collect::<Vec<_>>()[..] {
        [a, b] if uuid_of_pair(*a, *b) == group => {}
        _ => return Err("its members are not the group's pair"),
    }
    match membership.request_to {
        Some(member) if !membership.has(member) => Err("its request is to a user who is not a member"),
        None if membership.request.is_some() => Err("it has a request without a receiver"),
        _ => Ok(membership),
    }
}

#[cfg(test)]
mod tests {
    use cruddur::table::Partition;

    use super::*;

    const GROUP: &str = "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5";
    const MESSAGE: &str = "0195b5a0-0000-7000-8000-00000000000a";
    const RIGHT: &str = "2026-11-22T09:30:00.120000Z#0195b5a0-0000-7000-8000-00000000000a";

    fn messages() -> String {
        Partition::Messages(GROUP.parse().unwrap()).to_string()
    }

    fn row(pk: &str, sk: &str) -> Item {
        [
            ("pk", pk),
            ("sk", sk),
            ("message_uuid", MESSAGE),
            ("message", "hello"),
            ("user_uuid", "0195b5a0-0000-7000-8000-000000000001"),
            ("user_display_name", "Alice"),
            ("user_handle", "alice"),
        ]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
        .into()
    }

    #[test]
    fn a_message_at_any_spelling_of_its_key_has_one_right_key() {
        for sk in [
            "2026-11-22T09:30:00.12Z#0195b5a0-0000-7000-8000-00000000000a",
            "2026-11-22T09:30:00.120Z#0195B5A0-0000-7000-8000-00000000000A",
            "2026-11-22T10:30:00.120000+01:00#0195b5a0-0000-7000-8000-00000000000a",
            "2026-11-22T09:30:00.120000Z#",
            "2026-11-22T09:30:00.120000Z",
            "2026-11-22T09:30:00.120000Z#0195b5a0-0000-7000-8000-00000000000b",
        ] {
            let Shape::Flawed(Flaw { right: Some(right), .. }) = shape(&row(&messages(), sk)) else {
                panic!("{sk} is classified differently")
            };
            assert_eq!(right.sk.to_string(), RIGHT, "{sk}");
        }
    }

    #[test]
    fn a_key_without_a_time_can_not_be_repaired() {
        for sk in ["x", "#", "2026-11-22#0195b5a0-0000-7000-8000-00000000000a"] {
            let Shape::Flawed(flaw) = shape(&row(&messages(), sk)) else {
                panic!("{sk} is classified differently")
            };
            assert_eq!(flaw.kind, Kind::MessageMalformed, "{sk}");
        }
    }
}

//! Damages to a good table, as faults of machines, of people and of older programs leave them: for the doctor to find
//! and to repair. No message is ever deleted, and no text changed.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

pub use self::vandal::Vandal;

mod vandal;

/// A way to break a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// A member's inbox row is gone.
    RowMissing,
    /// A member has a second inbox row, at an older message.
    SecondRow,
    /// A member has a second inbox row, beyond the newest message.
    SecondRowAhead,
    /// An inbox row stands at an older message.
    RowBehind,
    /// An inbox row stands between two messages.
    RowBetween,
    /// An inbox row stands beyond the newest message.
    RowAhead,
    /// An inbox row shows another text.
    Text,
    /// An inbox row names a third user.
    Other,
    /// An inbox row shows other names.
    RowNames,
    /// Somebody who is not in the group has an inbox row.
    Stranger,
    /// An inbox row has a sort key that is none.
    RowKey,
    /// An inbox row lacks an attribute.
    RowAttribute,
    /// A membership is gone.
    MembershipMissing,
    /// A membership has a third user in place of a member.
    MembershipMembers,
    /// A membership says that it is another group's.
    MembershipGroup,
    /// A membership lacks an attribute.
    MembershipAttribute,
    /// A membership does not begin at the oldest message.
    MembershipBeginning,
    /// A membership has other names.
    MembershipNames,
    /// A membership and inbox rows without any message.
    EmptyGroup,
    /// An inbox row without membership and messages.
    OrphanRow,
    /// A message whose key has its uuid in capitals.
    MessageCapitals,
    /// A message whose key has a time with more digits.
    MessageDigits,
    /// A message whose key has a time of another zone.
    MessageOffset,
    /// A message whose key has no uuid.
    MessageNoUuid,
    /// A message that is there a second time, at another spelling of its key.
    MessageCopied,
    /// A message, membership or idempotency row that is in the index.
    Stray,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::RowMissing,
        Self::SecondRow,
        Self::SecondRowAhead,
        Self::RowBehind,
        Self::RowBetween,
        Self::RowAhead,
        Self::Text,
        Self::Other,
        Self::RowNames,
        Self::Stranger,
        Self::RowKey,
        Self::RowAttribute,
        Self::MembershipMissing,
        Self::MembershipMembers,
        Self::MembershipGroup,
        Self::MembershipAttribute,
        Self::MembershipBeginning,
        Self::MembershipNames,
        Self::EmptyGroup,
        Self::OrphanRow,
        Self::MessageCapitals,
        Self::MessageDigits,
        Self::MessageOffset,
        Self::MessageNoUuid,
        Self::MessageCopied,
        Self::Stray,
    ];

    /// What the doctor calls it.
    #[must_use]
    pub fn finding(self) -> &'static str {
        match self {
            Self::RowMissing => "inbox_row_missing",
            Self::SecondRow | Self::SecondRowAhead => "second_inbox_row",
            Self::RowBehind => "inbox_row_behind",
            Self::RowBetween | Self::RowAhead => "inbox_row_at_no_message",
            Self::Text => "inbox_text_differs",
            Self::Other => "inbox_other_differs",
            Self::RowNames => "inbox_names_differ",
            Self::Stranger => "inbox_row_of_stranger",
            Self::RowKey | Self::RowAttribute => "inbox_row_malformed",
            Self::MembershipMissing => "membership_missing",
            Self::MembershipMembers
            | Self::MembershipGroup
            | Self::MembershipAttribute
            | Self::MembershipBeginning => "membership_malformed",
            Self::MembershipNames => "membership_names_differ",
            Self::EmptyGroup | Self::OrphanRow => "group_without_messages",
            Self::MessageCapitals
            | Self::MessageDigits
            | Self::MessageOffset
            | Self::MessageNoUuid
            | Self::MessageCopied => "message_key_malformed",
            Self::Stray => "stray_group_uuid",
        }
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The damage.
    pub damage: Damage,
    /// The group that has it.
    pub group: Uuid,
    /// The partition key of the row that is broken, or should be there.
    pub pk: String,
    /// The sort key of the row that is broken; none: the row is gone.
    pub sk: Option<String>,
}

/// Group, uuid, time, sender and text of every message, whatever its key: what no repair may change.
#[must_use]
pub fn messages(rows: &[Value]) -> BTreeMap<(String, String), (String, String, String)> {
    let text = |row: &Value, name: &str| row[name]["S"].as_str().unwrap().to_owned();
    let messages = rows.iter().filter(|row| text(row, "pk").starts_with("MSG#"));
    let messages = messages.map(|row| {
        let identity = (text(row, "pk"), text(row, "message_uuid"));
        (identity, (text(row, "sk"), text(row, "user_uuid"), text(row, "message")))
    });
    messages.collect()
}

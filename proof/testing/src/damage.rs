//! Damages to a valid table, as left by faulty machines, people and older programs, for the doctor to find
//! and repair. No message is ever deleted, and no text is changed.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

pub use self::vandal::Vandal;

mod vandal;

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// A member's inbox row is missing.
    RowMissing,
    /// A member has a second inbox row, at an older message.
    SecondRow,
    /// A member has a second inbox row, beyond the newest message.
    SecondRowAhead,
    /// An inbox row is at an older message.
    RowBehind,
    /// An inbox row is between two messages.
    RowBetween,
    /// An inbox row is beyond the newest message.
    RowAhead,
    /// An inbox row shows a different text.
    Text,
    /// An inbox row names a third user.
    Other,
    /// An inbox row shows different names.
    RowNames,
    /// A user who is not in the group has an inbox row.
    Stranger,
    /// An inbox row has an invalid sort key.
    RowKey,
    /// An inbox row lacks an attribute.
    RowAttribute,
    /// A membership is missing.
    MembershipMissing,
    /// A membership has a third user in place of a member.
    MembershipMembers,
    /// A membership names another group.
    MembershipGroup,
    /// A membership lacks an attribute.
    MembershipAttribute,
    /// A membership does not start at the oldest message.
    MembershipBeginning,
    /// A membership has different names.
    MembershipNames,
    /// A membership and inbox rows without messages.
    EmptyGroup,
    /// An inbox row without a membership and messages.
    OrphanRow,
    /// A message whose key has an upper-case uuid.
    MessageCapitals,
    /// A message whose key has a time with more digits.
    MessageDigits,
    /// A message whose key has a time in another zone.
    MessageOffset,
    /// A message whose key has no uuid.
    MessageNoUuid,
    /// A second copy of a message, under another spelling of its key.
    MessageCopied,
    /// A message, membership or idempotency row in the index.
    Stray,
}

impl Damage {
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

    /// The doctor's name for the finding.
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

/// A damage that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub damage: Damage,
    /// The damaged group.
    pub group: Uuid,
    /// Partition key of the damaged or missing row.
    pub pk: String,
    /// Sort key of the damaged row. `None` if the row is missing.
    pub sk: Option<String>,
}

/// Group, uuid, time, sender and text of every message under any key. No repair may change them.
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

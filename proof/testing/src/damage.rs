//! Damage to a valid table, as left by faulty machines, people and older programs, for the doctor to find
//! and repair. No message is deleted, and no message's text is changed.

use uuid::Uuid;

pub use self::injector::Injector;

mod injector;

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
    /// A message or membership in the index.
    Stray,
    /// An event is missing from a member's log.
    EventMissing,
    /// An event in the log of a user who is not in the group.
    EventOfOutsider,
    /// An event of a message that does not exist.
    EventWithoutMessage,
}

impl Damage {
    /// Every kind, with the doctor's name for the finding.
    pub const ALL: [(Self, &str); 29] = [
        (Self::RowMissing, "inbox_row_missing"),
        (Self::SecondRow, "second_inbox_row"),
        (Self::SecondRowAhead, "second_inbox_row"),
        (Self::RowBehind, "inbox_row_behind"),
        (Self::RowBetween, "inbox_row_at_no_message"),
        (Self::RowAhead, "inbox_row_at_no_message"),
        (Self::Text, "inbox_text_differs"),
        (Self::Other, "inbox_other_differs"),
        (Self::RowNames, "inbox_names_differ"),
        (Self::Stranger, "inbox_row_of_stranger"),
        (Self::RowKey, "inbox_row_malformed"),
        (Self::RowAttribute, "inbox_row_malformed"),
        (Self::MembershipMissing, "membership_missing"),
        (Self::MembershipMembers, "membership_malformed"),
        (Self::MembershipGroup, "membership_malformed"),
        (Self::MembershipAttribute, "membership_malformed"),
        (Self::MembershipBeginning, "membership_malformed"),
        (Self::MembershipNames, "membership_names_differ"),
        (Self::EmptyGroup, "group_without_messages"),
        (Self::OrphanRow, "group_without_messages"),
        (Self::MessageCapitals, "message_key_malformed"),
        (Self::MessageDigits, "message_key_malformed"),
        (Self::MessageOffset, "message_key_malformed"),
        (Self::MessageNoUuid, "message_key_malformed"),
        (Self::MessageCopied, "message_key_malformed"),
        (Self::Stray, "stray_group_uuid"),
        (Self::EventMissing, "event_missing"),
        (Self::EventOfOutsider, "event_of_outsider"),
        (Self::EventWithoutMessage, "event_without_message"),
    ];
}

/// Damage that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub damage: Damage,
    /// The damaged group.
    pub group: Uuid,
}

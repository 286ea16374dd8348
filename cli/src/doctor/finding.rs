//! What can be broken, and what became of it.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::repair::Repair;

/// A kind of finding. Their order is that in which a group's findings are repaired: messages decide where rows
/// belong, the membership whose they are, and a row that is deleted or moved needs no other repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A row that is none of ours.
    UnknownRow,
    /// A row of the system that was before this one.
    OldRow,
    /// A row that is no inbox row has a `message_group_uuid`, which puts it into the index.
    StrayGroupUuid,
    /// A message that is not where it belongs: another spelling of its time or uuid.
    MessageKeyMalformed,
    /// A message that lacks something, or has it wrong.
    MessageMalformed,
    /// An inbox row whose key or attributes are no inbox row's.
    InboxRowMalformed,
    /// There are messages, but nothing says whose.
    MembershipMissing,
    /// The membership is not the group's, or contradicts the messages.
    MembershipMalformed,
    /// A membership or inbox rows, but no message.
    GroupWithoutMessages,
    /// An inbox row of somebody who is not in the group.
    InboxRowOfStranger,
    /// A member has more than one inbox row.
    SecondInboxRow,
    /// A member has no inbox row.
    InboxRowMissing,
    /// An inbox row stands where there is no message.
    InboxRowAtNoMessage,
    /// An inbox row stands before a message that is older than the grace period.
    InboxRowBehind,
    /// An inbox row names somebody else than the other member.
    InboxOtherDiffers,
    /// An inbox row shows another text than that of its message.
    InboxTextDiffers,
    /// An inbox row shows names that are not the other member's.
    InboxNamesDiffer,
    /// The membership has names that are not the members'.
    MembershipNamesDiffer,
}

impl Kind {
    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownRow => "unknown_row",
            Self::OldRow => "old_row",
            Self::StrayGroupUuid => "stray_group_uuid",
            Self::MessageKeyMalformed => "message_key_malformed",
            Self::MessageMalformed => "message_malformed",
            Self::InboxRowMalformed => "inbox_row_malformed",
            Self::MembershipMissing => "membership_missing",
            Self::MembershipMalformed => "membership_malformed",
            Self::GroupWithoutMessages => "group_without_messages",
            Self::InboxRowOfStranger => "inbox_row_of_stranger",
            Self::SecondInboxRow => "second_inbox_row",
            Self::InboxRowMissing => "inbox_row_missing",
            Self::InboxRowAtNoMessage => "inbox_row_at_no_message",
            Self::InboxRowBehind => "inbox_row_behind",
            Self::InboxOtherDiffers => "inbox_other_differs",
            Self::InboxTextDiffers => "inbox_text_differs",
            Self::InboxNamesDiffer => "inbox_names_differ",
            Self::MembershipNamesDiffer => "membership_names_differ",
        }
    }

    /// Findings of one stage are repaired together; what comes after is looked at again first.
    pub(super) fn stage(self) -> u8 {
        match self {
            Self::UnknownRow
            | Self::OldRow
            | Self::StrayGroupUuid
            | Self::MessageKeyMalformed
            | Self::MessageMalformed => 0,
            Self::MembershipMissing | Self::MembershipMalformed | Self::GroupWithoutMessages => 1,
            // Not before the membership: a malformed row may be all that tells who was in the group.
            Self::InboxRowMalformed | Self::InboxRowOfStranger | Self::SecondInboxRow => 2,
            Self::InboxRowMissing | Self::InboxRowAtNoMessage | Self::InboxRowBehind => 3,
            Self::InboxOtherDiffers
            | Self::InboxTextDiffers
            | Self::InboxNamesDiffer
            | Self::MembershipNamesDiffer => 4,
        }
    }

    /// Whether it can be told from one row alone, so that nothing that is being moved looks like it.
    pub(super) fn is_of_one_row(self) -> bool {
        self.stage() == 0 || self == Self::InboxRowMalformed
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is broken.
    pub kind: Kind,
    /// The partition key of the row, or of the row that should be there.
    pub pk: String,
    /// The sort key of the row; none when the row should be there and is not.
    pub sk: Option<String>,
    /// The group, where it can be told.
    pub group: Option<Uuid>,
    /// More about it. Never a text, and never a name.
    pub detail: String,
}

impl Finding {
    /// Whether both say the same of the same row.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// A row that moves keeps its wrong names: they are the same finding wherever it stands.
    pub(super) fn identity(&self) -> (Kind, Option<Uuid>, &str, Option<&str>) {
        let moves_along = matches!(self.kind, Kind::InboxOtherDiffers | Kind::InboxNamesDiffer);
        let sk = if moves_along { None } else { self.sk.as_deref() };
        (self.kind, self.group, &self.pk, sk)
    }
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing: nobody asked for a repair.
    Found,
    /// With `--repair` alone it would be repaired.
    WouldRepair,
    /// It is repaired.
    Repaired,
    /// It has to be looked at by a person.
    Left,
}

impl Fate {
    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::WouldRepair => "would_repair",
            Self::Repaired => "repaired",
            Self::Left => "left",
        }
    }
}

/// A finding, and how it can be healed; none: it can't.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) finding: Finding,
    pub(super) repair: Option<Repair>,
}

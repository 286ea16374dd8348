//! Findings.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

/// A kind of finding, in repair order: messages, membership, member states, inbox rows, names, event logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A row of no known kind.
    UnknownRow,
    /// A row of the old system.
    OldRow,
    /// A `message_group_uuid` on a row other than an inbox row, which puts the row into the index.
    StrayGroupUuid,
    /// A message whose key spells its time or UUID differently.
    MessageKeyMalformed,
    /// A message with a missing or malformed attribute.
    MessageMalformed,
    /// A deleted message with text, reactions or a reply.
    TombstoneWithContent,
    /// A reaction of a user who is not a member.
    ReactionOfStranger,
    /// A member state with a malformed attribute.
    MemberStateMalformed,
    /// A member state of a user who is not a member, or of a group that does not exist.
    MemberStateOfStranger,
    /// A marker after the newest message.
    MarkerAhead,
    /// A block with a malformed attribute.
    BlockMalformed,
    /// A block that membership or member state do not show, or show although it has ended.
    BlockDiffers,
    /// A request whose answer is another in the member's state than in the membership.
    RequestDiffers,
    /// A message, a name or a state of an erased user.
    ErasedUserRemains,
    /// An inbox row with a malformed key or attribute.
    InboxRowMalformed,
    /// Messages without a membership.
    MembershipMissing,
    /// A membership of another group, or one that contradicts the messages.
    MembershipMalformed,
    /// A membership or inbox rows without messages.
    GroupWithoutMessages,
    /// An inbox row of a user who is not a member.
    InboxRowOfStranger,
    /// A second inbox row of a member.
    SecondInboxRow,
    /// A member without an inbox row.
    InboxRowMissing,
    /// An inbox row at a sort key without a message.
    InboxRowAtNoMessage,
    /// An inbox row that lags behind a message older than the grace period.
    InboxRowBehind,
    /// An inbox row that names a user other than the other member.
    InboxOtherDiffers,
    /// An inbox row whose text is not its message's.
    InboxTextDiffers,
    /// An inbox row at the newest message that is not the join of the messages and the owner's state.
    InboxRowNotJoined,
    /// An inbox row whose names are not the other member's.
    InboxNamesDiffer,
    /// A membership whose names are not the members'.
    MembershipNamesDiffer,
    /// A row of an event log with a malformed key or attribute.
    EventLogRowMalformed,
    /// A connection with a malformed key or attribute.
    ConnectionMalformed,
    /// Numbers that are missing between two current rows of an event log.
    EventLogGap,
    /// An event of a group that the log's owner is not a member of.
    EventOfOutsider,
    /// An event of a message that does not exist.
    EventWithoutMessage,
    /// An event of a change that the message or the member state does not have.
    EventWithoutChange,
    /// An event of the other member's marker, which that member does not share.
    EventOfPrivateMarker,
    /// Messages, edits, deletions or markers that are not in the log of a member.
    EventMissing,
}

impl Kind {
    /// Findings of one stage are repaired together. The group is diagnosed again before the next stage.
    pub(super) fn stage(self) -> u8 {
        match self {
            Self::UnknownRow
            | Self::OldRow
            | Self::StrayGroupUuid
            | Self::MessageKeyMalformed
            | Self::MessageMalformed
            | Self::TombstoneWithContent
            | Self::MemberStateMalformed
            | Self::EventLogRowMalformed
            | Self::ConnectionMalformed
            | Self::BlockMalformed => 0,
            Self::MembershipMissing | Self::MembershipMalformed | Self::GroupWithoutMessages => 1,
            // After the membership: it may have to be derived from malformed rows.
            Self::InboxRowMalformed
            | Self::InboxRowOfStranger
            | Self::SecondInboxRow
            | Self::ReactionOfStranger
            | Self::MemberStateOfStranger
            | Self::MarkerAhead
            | Self::BlockDiffers
            | Self::RequestDiffers
            | Self::ErasedUserRemains => 2,
            Self::InboxRowMissing | Self::InboxRowAtNoMessage | Self::InboxRowBehind => 3,
            Self::InboxOtherDiffers
            | Self::InboxTextDiffers
            | Self::InboxRowNotJoined
            | Self::InboxNamesDiffer
            | Self::MembershipNamesDiffer => 4,
            Self::EventLogGap
            | Self::EventOfOutsider
            | Self::EventWithoutMessage
            | Self::EventWithoutChange
            | Self::EventOfPrivateMarker
            | Self::EventMissing => 5,
        }
    }

    /// Returns whether one row alone proves the finding, so that a row being moved can't look like it.
    pub(super) fn is_of_one_row(self) -> bool {
        self.stage() == 0 || self == Self::InboxRowMalformed
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A formatter serializes a variant as its name.
        self.serialize(f)
    }
}

/// Kind, group, partition key and sort key.
pub(super) type Identity = (Kind, Option<Uuid>, String, Option<String>);

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    #[serde(rename = "finding")]
    pub kind: Kind,
    /// The partition key of the row, or of the missing row.
    pub pk: String,
    /// The sort key of the row; `None` if the row is missing.
    pub sk: Option<String>,
    /// The group, if known.
    pub group: Option<Uuid>,
    /// Never contains a message text or a name.
    pub detail: String,
}

impl Finding {
    /// Returns whether both report the same problem of the same row.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// The identity of a finding. Wrong names move with their row, so its sort key does not count.
    pub(super) fn identity(&self) -> Identity {
        let moves_along = matches!(self.kind, Kind::InboxOtherDiffers | Kind::InboxNamesDiffer);
        (self.kind, self.group, self.pk.clone(), self.sk.clone().filter(|_| !moves_along))
    }
}

/// The outcome of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No repair was requested.
    Found,
    /// A run without `--dry-run` would repair it.
    WouldRepair,
    Repaired,
    /// It needs a person.
    Left,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

//! Subjects of a diagnosis.

use std::collections::BTreeSet;

use uuid::Uuid;

/// Rows that are diagnosed and repaired together.
pub(super) enum Subject<'a> {
    /// A group, with owners of rows that the index may not show.
    Group(Uuid, &'a BTreeSet<Uuid>),
    /// The event log of a user.
    Log(Uuid, Scope),
}

/// The groups whose events are checked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    AllGroups,
    OneGroup(Uuid),
}

impl Scope {
    pub(super) fn includes(self, group: Uuid) -> bool {
        match self {
            Self::AllGroups => true,
            Self::OneGroup(only) => only == group,
        }
    }
}

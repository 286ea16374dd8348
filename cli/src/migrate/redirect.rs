//! What has become of a group of the old system: a row of its own, for links that name it.
//!
//! It is written before anything of the group is moved, and settles whose the group is: a run that goes on after
//! another may find less to tell it from.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::old::Pair;

/// The sort key of such a row, and the kind in its partition key.
pub(crate) const KIND: &str = "REDIRECT";

/// A row `REDIRECT#{old group}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redirect {
    pub(crate) pk: String,
    pub(crate) sk: String,
    /// The group that has the messages now.
    pub(crate) group_uuid: Uuid,
    /// Its two members.
    pub(crate) members: [Uuid; 2],
}

impl Redirect {
    pub(super) fn new(old: &str, pair: Pair) -> Self {
        Self {
            pk: format!("{KIND}#{old}"),
            sk: KIND.to_owned(),
            group_uuid: pair.group(),
            members: pair.members(),
        }
    }

    pub(super) fn pair(&self) -> Option<Pair> {
        let [a, b] = self.members;
        Pair::of(a, b).filter(|pair| pair.group() == self.group_uuid)
    }
}

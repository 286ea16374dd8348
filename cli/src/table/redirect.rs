//! Redirects from groups of the old system, for links that name them.
//!
//! A redirect is written before the group's messages are moved. It fixes the members for later runs, which find fewer
//! rows to derive them from.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::old::Pair;

/// The sort key of a redirect, and the kind in its partition key.
pub(crate) const KIND: &str = "REDIRECT";

/// A row `REDIRECT#{old group}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redirect {
    pub(crate) pk: String,
    pub(crate) sk: String,
    /// The new group.
    pub(crate) group_uuid: Uuid,
    pub(crate) members: [Uuid; 2],
}

impl Redirect {
    pub(crate) fn new(old: &str, pair: Pair) -> Self {
        Self {
            pk: format!("{KIND}#{old}"),
            sk: KIND.to_owned(),
            group_uuid: pair.group(),
            members: pair.members(),
        }
    }

    pub(crate) fn pair(&self) -> Option<Pair> {
        let [a, b] = self.members;
        Pair::of(a, b).filter(|pair| pair.group() == self.group_uuid)
    }
}

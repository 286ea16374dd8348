//! A cache of memberships.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use lru::LruCache;
use uuid::Uuid;

/// Maximum number of entries, each of about a hundred bytes. The least recently used entry is evicted.
const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// The other member for each pair of a user and a group, for memberships that this execution environment has read or
/// written.
///
/// A group's member UUIDs never change, so entries never expire. A missing entry means nothing: the membership row
/// decides.
pub struct KnownMembers(Mutex<LruCache<(Uuid, Uuid), Uuid>>);

impl KnownMembers {
    /// Returns `true` if the user is known to be in the group.
    #[must_use]
    pub fn contains(&self, user_uuid: Uuid, group_uuid: Uuid) -> bool {
        self.other_of(user_uuid, group_uuid).is_some()
    }

    /// Returns the other member of the group, if the user is known to be in it.
    #[must_use]
    pub fn other_of(&self, user_uuid: Uuid, group_uuid: Uuid) -> Option<Uuid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(user_uuid, group_uuid)).copied()
    }

    /// Adds a member of the group, and the other one. The caller must have confirmed the membership.
    pub fn insert(&self, user_uuid: Uuid, group_uuid: Uuid, other: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put((user_uuid, group_uuid), other);
    }
}

impl Default for KnownMembers {
    fn default() -> Self {
        // `LruCache::new` would allocate the full capacity.
        let mut entries = LruCache::unbounded();
        entries.resize(CAPACITY);
        Self(Mutex::new(entries))
    }
}

impl fmt::Debug for KnownMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("KnownMembers").field("entries", &entries).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_holds_for_one_user_and_one_group_in_that_order() {
        let (user, group, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let members = KnownMembers::default();
        assert!(!members.contains(user, group));
        members.insert(user, group, other);
        assert_eq!(members.other_of(user, group), Some(other));
        assert!(!members.contains(group, user));
        assert!(!members.contains(user, user));
    }

    #[test]
    fn the_number_of_entries_is_bounded_and_the_least_recently_used_one_goes_first() {
        let (user, group) = (Uuid::from_u128(1), |number| Uuid::from_u128(number));
        let members = KnownMembers::default();
        for number in 0..10_000 {
            members.insert(user, group(number), user);
        }
        assert!(members.contains(user, group(0)));
        members.insert(user, group(10_000), user);
        assert!(members.contains(user, group(0)));
        assert!(!members.contains(user, group(1)));
        assert_eq!(format!("{members:?}"), "KnownMembers { entries: 10000 }");
    }
}

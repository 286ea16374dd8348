//! The progress of a mapping, for health checks and tests.

use std::collections::BTreeMap;

use tokio::time::Instant;

#[derive(Debug, Clone, Default)]
pub struct Progress {
    is_listed: bool,
    shards: BTreeMap<String, ShardProgress>,
}

#[derive(Debug, Clone, Default)]
struct ShardProgress {
    pending: usize,
    /// The start of the read that found the shard empty, with nothing pending. `None` if records may be left.
    empty_since: Option<Instant>,
}

impl Progress {
    /// Returns `true` if every shard was found empty by a read that began at `start` or later. Every record of that
    /// time is then done.
    #[must_use]
    pub fn is_idle_since(&self, start: Instant) -> bool {
        self.is_listed
            && self.shards.values().all(|shard| shard.empty_since.is_some_and(|since| since >= start))
    }

    /// The number of records that were read but neither delivered nor given up. Unread records are unknown.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shards.values().map(|shard| shard.pending).sum()
    }

    /// Updates the list of shards with the `unfinished` ones.
    pub(super) fn listed(&mut self, unfinished: impl Iterator<Item = String>) {
        let mut before = std::mem::take(&mut self.shards);
        self.shards = unfinished
            .map(|shard| {
                let progress = before.remove(&shard).unwrap_or_default();
                (shard, progress)
            })
            .collect();
        self.is_listed = true;
    }

    /// Updates the progress of a shard.
    pub(super) fn read(&mut self, shard: &str, pending: usize, empty_since: Option<Instant>) {
        self.shards.insert(shard.to_owned(), ShardProgress { pending, empty_since });
    }

    /// Removes a shard whose reader has ended. Its child shards are unknown until the next list.
    pub(super) fn ended(&mut self, shard: &str) {
        self.shards.remove(shard);
        self.is_listed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_idle_once_every_shard_was_found_empty() {
        let start = Instant::now();
        let mut progress = Progress::default();
        assert!(!progress.is_idle_since(start));
        progress.listed(["a".to_owned(), "b".to_owned()].into_iter());
        progress.read("a", 0, Some(start));
        assert!(!progress.is_idle_since(start));
        progress.read("b", 0, Some(start));
        assert!(progress.is_idle_since(start));
        progress.read("b", 2, None);
        assert!(!progress.is_idle_since(start));
        assert_eq!(progress.pending(), 2);
    }

    #[test]
    fn a_read_that_began_before_the_given_time_does_not_count() {
        let mut progress = Progress::default();
        let read = Instant::now();
        progress.listed(["a".to_owned()].into_iter());
        progress.read("a", 0, Some(read));
        assert!(progress.is_idle_since(read));
        assert!(!progress.is_idle_since(read + std::time::Duration::from_millis(1)));
    }

    #[test]
    fn after_the_end_of_a_shard_the_next_list_decides() {
        let start = Instant::now();
        let mut progress = Progress::default();
        progress.listed(["a".to_owned()].into_iter());
        progress.ended("a");
        assert!(!progress.is_idle_since(start));
        progress.listed(["b".to_owned()].into_iter());
        assert!(!progress.is_idle_since(start));
        progress.listed(std::iter::empty());
        assert!(progress.is_idle_since(start));
    }
}

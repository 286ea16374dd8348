//! How far a mapping is, for health answers and tests.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// How far a mapping is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    is_listed: bool,
    shards: BTreeMap<String, ShardProgress>,
}

#[derive(Debug, Clone, Default)]
struct ShardProgress {
    pending: usize,
    /// When the read began that found nothing new, with nothing pending. None: there is something to do.
    empty_since: Option<Instant>,
}

impl Progress {
    /// Whether every shard of the stream was found empty, with nothing pending.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.is_listed && self.shards.values().all(|shard| shard.empty_since.is_some())
    }

    /// Whether every shard was found empty by a read that began at `start` or later: all that was in the stream at
    /// that time is done.
    #[must_use]
    pub fn is_idle_since(&self, start: Instant) -> bool {
        self.is_listed
            && self.shards.values().all(|shard| shard.empty_since.is_some_and(|since| since >= start))
    }

    /// How many records were read and are neither delivered to success nor given up. What the stream holds
    /// beyond that is not known.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shards.values().map(|shard| shard.pending).sum()
    }

    /// Takes note of a list of shards: `unfinished` are those that have to be read.
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

    /// Takes note of where the reader of a shard is.
    pub(super) fn read(&mut self, shard: &str, pending: usize, empty_since: Option<Instant>) {
        self.shards.insert(shard.to_owned(), ShardProgress { pending, empty_since });
    }

    /// A shard has no reader any more. Until the next list nobody knows which shards follow it.
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
        let mut progress = Progress::default();
        assert!(!progress.is_idle());
        progress.listed(["a".to_owned(), "b".to_owned()].into_iter());
        progress.read("a", 0, Some(Instant::now()));
        assert!(!progress.is_idle());
        progress.read("b", 0, Some(Instant::now()));
        assert!(progress.is_idle());
        progress.read("b", 2, None);
        assert!(!progress.is_idle());
        assert_eq!(progress.pending(), 2);
    }

    #[test]
    fn only_a_read_that_began_later_counts_for_what_was_written_before() {
        let mut progress = Progress::default();
        let read = Instant::now();
        progress.listed(["a".to_owned()].into_iter());
        progress.read("a", 0, Some(read));
        assert!(progress.is_idle_since(read));
        assert!(!progress.is_idle_since(read + std::time::Duration::from_millis(1)));
    }

    #[test]
    fn after_the_end_of_a_shard_the_next_list_decides() {
        let mut progress = Progress::default();
        progress.listed(["a".to_owned()].into_iter());
        progress.ended("a");
        assert!(!progress.is_idle());
        progress.listed(["b".to_owned()].into_iter());
        assert!(!progress.is_idle());
        progress.listed(std::iter::empty());
        assert!(progress.is_idle());
    }
}

//! Selection of shards: every listed shard is read once its parent is drained.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::task::{self, JoinSet};

use super::{
    Mapping, Stop,
    shard::{Ended, Shard},
    stream::ListedShard,
};

/// The interval between reads of the shard list. New shards appear only when a shard closes, which its reader
/// notices at once.
const LIST_INTERVAL: Duration = Duration::from_secs(1);

/// Reads the stream until the mapping is stopped and the last invocation ends.
pub(super) async fn run(mapping: Arc<Mapping>, mut stop: Stop) {
    let mut readers =
        Readers { mapping: Arc::clone(&mapping), tasks: JoinSet::new(), shards: HashMap::new() };
    let mut failures = 0u32;
    while !stop.is_requested() {
        let listed = tokio::select! {
            () = stop.requested() => break,
            listed = mapping.stream.shards() => listed,
        };
        match listed {
            Ok(listed) => {
                failures = 0;
                readers.start(&listed, &stop).await;
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%error, "the shards of the stream can't be listed, trying again");
                }
                failures = failures.saturating_add(1);
            }
        }
        let pause = if failures == 0 { LIST_INTERVAL } else { mapping.options.backoff(failures) };
        let pause = tokio::time::sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = stop.requested() => break,
                () = &mut pause => break,
                ended = readers.next_end() => {
                    // The children of a drained shard are read at once. A lost shard may reappear during the
                    // rest of the pause.
                    if ended == Ended::Drained {
                        break;
                    }
                }
            }
        }
    }
    while !readers.tasks.is_empty() {
        readers.next_end().await;
    }
    mapping.checkpoints.flush().await;
}

struct Readers {
    mapping: Arc<Mapping>,
    tasks: JoinSet<Ended>,
    shards: HashMap<task::Id, String>,
}

impl Readers {
    /// Starts readers for listed shards that are ready and have none.
    async fn start(&mut self, listed: &[ListedShard], stop: &Stop) {
        let drained: HashSet<String> = self.mapping.checkpoints.drained().await;
        let running: HashSet<String> = self.shards.values().cloned().collect();
        for id in ready(listed, &drained, &running) {
            let shard = Shard::new(Arc::clone(&self.mapping), id.to_owned(), stop.clone()).await;
            let task = self.tasks.spawn(shard.run());
            self.shards.insert(task.id(), id.to_owned());
        }
        let is_unfinished = |shard: &&ListedShard| !drained.contains(&shard.id);
        let unfinished = listed.iter().filter(is_unfinished).map(|shard| shard.id.clone());
        let unfinished = unfinished.chain(self.shards.values().cloned());
        self.mapping.progress.send_modify(|progress| progress.listed(unfinished));
        // The list may be empty while the stream is being enabled.
        if !listed.is_empty() {
            let listed_ids: HashSet<&str> = listed.iter().map(|shard| shard.id.as_str()).collect();
            let running: HashSet<&str> = self.shards.values().map(String::as_str).collect();
            self.mapping
                .checkpoints
                .retain(|shard| listed_ids.contains(shard) || running.contains(shard))
                .await;
        }
    }

    /// Waits until a reader ends. Never returns if there are no readers.
    async fn next_end(&mut self) -> Ended {
        let Some(joined) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        // After a panic, the shard is read again from its checkpoint.
        let (task, ended) = joined.unwrap_or_else(|error| {
            tracing::error!(shard = self.shards.get(&error.id()), %error, "the reader of a shard panicked");
            (error.id(), Ended::Lost)
        });
        if let Some(shard) = self.shards.remove(&task) {
            self.mapping.progress.send_modify(|progress| progress.ended(&shard));
        }
        ended
    }
}

/// The shards that can be read now. A child waits until its parent is drained or gone from the stream.
fn ready<'a>(
    listed: &'a [ListedShard],
    drained: &HashSet<String>,
    running: &HashSet<String>,
) -> Vec<&'a str> {
    let listed_ids: HashSet<&str> = listed.iter().map(|shard| shard.id.as_str()).collect();
    let is_over = |shard: &String| {
        drained.contains(shard) || !(listed_ids.contains(shard.as_str()) || running.contains(shard))
    };
    listed
        .iter()
        .filter(|shard| !drained.contains(&shard.id) && !running.contains(&shard.id))
        .filter(|shard| shard.parent.as_ref().is_none_or(is_over))
        .map(|shard| shard.id.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parent: Option<&str>) -> ListedShard {
        ListedShard { id: id.to_owned(), parent: parent.map(str::to_owned) }
    }

    fn set(ids: &[&str]) -> HashSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_child_waits_until_its_parent_is_drained() {
        let listed = [shard("child", Some("parent")), shard("parent", None), shard("other", None)];
        assert_eq!(ready(&listed, &set(&[]), &set(&[])), ["parent", "other"]);
        assert_eq!(ready(&listed, &set(&[]), &set(&["parent", "other"])), [""; 0]);
        assert_eq!(ready(&listed, &set(&["parent"]), &set(&["other"])), ["child"]);
    }

    #[test]
    fn a_child_of_a_trimmed_parent_is_ready() {
        let listed = [shard("child", Some("parent"))];
        assert_eq!(ready(&listed, &set(&[]), &set(&[])), ["child"]);
    }

    #[test]
    fn a_child_waits_for_a_running_parent_that_is_not_listed() {
        let listed = [shard("child", Some("parent"))];
        assert_eq!(ready(&listed, &set(&[]), &set(&["parent"])), [""; 0]);
    }

    #[test]
    fn drained_and_running_shards_are_not_ready() {
        let listed = [shard("a", None), shard("b", None)];
        assert_eq!(ready(&listed, &set(&["a"]), &set(&["b"])), [""; 0]);
    }
}

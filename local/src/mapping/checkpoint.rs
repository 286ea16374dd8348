//! Checkpoints of the shards: in memory, and in a file from which a restarted stack resumes.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::data_dir::replace_file;

/// The checkpoint of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Every record up to and including this one is done. `None` means the trim horizon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sequence_number: Option<String>,
    /// Whether the shard is closed and all its records are done. Only then are its children read.
    #[serde(default)]
    pub(super) drained: bool,
}

/// The checkpoints of a stream.
///
/// If the file can't be written, the failure is logged and the next change tries again. An outdated
/// checkpoint only redelivers some records, which functions must tolerate anyway.
#[derive(Debug)]
pub(super) struct Checkpoints {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stream: StreamCheckpoints,
    is_saved: bool,
}

/// The file's contents.
#[derive(Debug, Default, Serialize, Deserialize)]
struct StreamCheckpoints {
    stream_arn: String,
    shards: BTreeMap<String, Checkpoint>,
}

impl Checkpoints {
    /// Reads the file, if it exists. Contents that are unreadable or belong to another stream (the table was
    /// recreated) are dropped. The stream is then read from its start, so no record is missed.
    pub(super) fn open(file: Option<PathBuf>, stream_arn: &str) -> io::Result<Self> {
        let stored = match file.as_deref().map(fs::read) {
            None => None,
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Some(Err(error)) => return Err(error),
            Some(Ok(json)) => match serde_json::from_slice::<StreamCheckpoints>(&json) {
                Ok(stored) if stored.stream_arn == stream_arn => Some(stored),
                Ok(stored) => {
                    tracing::info!(
                        stored.stream_arn,
                        stream_arn,
                        "the checkpoints are of another stream: reading from the start"
                    );
                    None
                }
                Err(error) => {
                    tracing::warn!(%error, "the checkpoints can't be read: reading the stream from its start");
                    None
                }
            },
        };
        let is_saved = stored.is_some();
        let fresh =
            || StreamCheckpoints { stream_arn: stream_arn.to_owned(), ..StreamCheckpoints::default() };
        let stream = stored.unwrap_or_else(fresh);
        Ok(Self { file, state: Mutex::new(State { stream, is_saved }) })
    }

    /// The checkpoint of a shard. Unknown shards start at the trim horizon.
    pub(super) async fn get(&self, shard: &str) -> Checkpoint {
        self.state.lock().await.stream.shards.get(shard).cloned().unwrap_or_default()
    }

    /// The shards that are closed and done.
    pub(super) async fn drained(&self) -> Vec<String> {
        let state = self.state.lock().await;
        state.stream.shards.iter().filter(|(_, shard)| shard.drained).map(|(id, _)| id.clone()).collect()
    }

    pub(super) async fn store(&self, shard: &str, checkpoint: Checkpoint) {
        let mut state = self.state.lock().await;
        if state.stream.shards.get(shard) != Some(&checkpoint) {
            state.stream.shards.insert(shard.to_owned(), checkpoint);
            state.is_saved = false;
        }
        self.save(&mut state).await;
    }

    /// Removes the shards that `keep` rejects: the stream has trimmed them.
    pub(super) async fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut state = self.state.lock().await;
        let before = state.stream.shards.len();
        state.stream.shards.retain(|shard, _| keep(shard));
        state.is_saved &= state.stream.shards.len() == before;
        self.save(&mut state).await;
    }

    /// Writes the changes that an earlier attempt failed to write.
    pub(super) async fn flush(&self) {
        self.save(&mut *self.state.lock().await).await;
    }

    /// Holds the lock while writing, so that an older state never replaces a newer one.
    async fn save(&self, state: &mut State) {
        let Some(file) = self.file.clone().filter(|_| !state.is_saved) else {
            return;
        };
        let written = match serde_json::to_vec_pretty(&state.stream) {
            Ok(json) => spawn_blocking(move || replace_file(&file, &json))
                .await
                .unwrap_or_else(|panic| Err(panic.into())),
            Err(error) => Err(error.into()),
        };
        match written {
            Ok(()) => state.is_saved = true,
            Err(error) => {
                tracing::error!(%error, "the checkpoints can't be written, the next change tries again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/1";

    fn at(sequence_number: &str) -> Checkpoint {
        Checkpoint { sequence_number: Some(sequence_number.to_owned()), drained: false }
    }

    #[tokio::test]
    async fn a_reopened_file_has_what_was_stored_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoints.json");
        let checkpoints = Checkpoints::open(Some(file.clone()), ARN).unwrap();
        checkpoints.store("shard-1", at("100")).await;
        checkpoints.store("shard-1", Checkpoint { drained: true, ..at("101") }).await;
        checkpoints.store("shard-2", at("102")).await;
        let reopened = Checkpoints::open(Some(file), ARN).unwrap();
        assert_eq!(reopened.get("shard-1").await, Checkpoint { drained: true, ..at("101") });
        assert_eq!(reopened.get("shard-2").await, at("102"));
        assert_eq!(reopened.get("shard-3").await, Checkpoint::default());
        assert_eq!(reopened.drained().await, ["shard-1"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn without_a_file_checkpoints_are_kept_in_memory() {
        let checkpoints = Checkpoints::open(None, ARN).unwrap();
        checkpoints.store("shard-1", at("100")).await;
        assert_eq!(checkpoints.get("shard-1").await, at("100"));
    }

    #[tokio::test]
    async fn trimmed_shards_are_forgotten() {
        let checkpoints = Checkpoints::open(None, ARN).unwrap();
        checkpoints.store("shard-1", at("100")).await;
        checkpoints.store("shard-2", at("101")).await;
        checkpoints.retain(|shard| shard == "shard-2").await;
        assert_eq!(checkpoints.get("shard-1").await, Checkpoint::default());
        assert_eq!(checkpoints.get("shard-2").await, at("101"));
    }

    #[tokio::test]
    async fn the_checkpoints_of_another_stream_and_broken_ones_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoints.json");
        Checkpoints::open(Some(file.clone()), ARN).unwrap().store("shard-1", at("100")).await;
        let other = Checkpoints::open(Some(file.clone()), "another").unwrap();
        assert_eq!(other.get("shard-1").await, Checkpoint::default());
        fs::write(&file, "{\"stream_arn\": ").unwrap();
        let broken = Checkpoints::open(Some(file), ARN).unwrap();
        assert_eq!(broken.get("shard-1").await, Checkpoint::default());
    }

    #[tokio::test]
    async fn a_file_that_could_not_be_written_is_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let file = missing.join("checkpoints.json");
        let checkpoints = Checkpoints::open(Some(file.clone()), ARN).unwrap();
        checkpoints.store("shard-1", at("100")).await;
        fs::create_dir(&missing).unwrap();
        checkpoints.flush().await;
        assert_eq!(Checkpoints::open(Some(file), ARN).unwrap().get("shard-1").await, at("100"));
    }

    #[test]
    fn a_file_that_can_not_be_read_is_an_error_at_start() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Checkpoints::open(Some(folder.path().to_owned()), ARN).is_err());
    }
}

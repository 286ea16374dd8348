//! Checkpoints of the shards: in memory, and in a file from which a restarted stack resumes.

use std::{collections::BTreeMap, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::data_dir::JsonFile;

/// The checkpoint of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Every record up to and including this one is done. `None` means the trim horizon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sequence_number: Option<String>,
    /// `true` if the shard is closed and all its records are done. Only then are its children read.
    #[serde(default)]
    pub(super) drained: bool,
}

/// The checkpoints of a stream.
///
/// If the file can't be written, the failure is logged and the next change tries again. An outdated
/// checkpoint only redelivers some records, which functions must tolerate anyway.
#[derive(Debug)]
pub(super) struct Checkpoints {
    file: JsonFile,
    // Locked while the file is written, so that an older state never replaces a newer one.
    stream: Mutex<StreamCheckpoints>,
}

/// The file's contents.
#[derive(Debug, Serialize, Deserialize)]
struct StreamCheckpoints {
    stream_arn: String,
    shards: BTreeMap<String, Checkpoint>,
}

impl Checkpoints {
    /// Reads the file, if it exists. Contents that are damaged or belong to another stream (the table was
    /// recreated) are dropped. The stream is then read from its start, so no record is missed.
    pub(super) fn open(file: Option<PathBuf>, stream_arn: &str) -> io::Result<Self> {
        let file = JsonFile(file);
        let stored = file.read()?.filter(|stored: &StreamCheckpoints| stored.stream_arn == stream_arn);
        let empty = || StreamCheckpoints { stream_arn: stream_arn.to_owned(), shards: BTreeMap::new() };
        Ok(Self { file, stream: Mutex::new(stored.unwrap_or_else(empty)) })
    }

    /// The checkpoint of a shard. Unknown shards start at the trim horizon.
    pub(super) async fn get(&self, shard: &str) -> Checkpoint {
        self.stream.lock().await.shards.get(shard).cloned().unwrap_or_default()
    }

    /// The shards that are closed and done.
    pub(super) async fn drained<T: FromIterator<String>>(&self) -> T {
        let stream = self.stream.lock().await;
        stream.shards.iter().filter(|(_, shard)| shard.drained).map(|(id, _)| id.clone()).collect()
    }

    pub(super) async fn store(&self, shard: &str, checkpoint: Checkpoint) {
        let mut stream = self.stream.lock().await;
        if stream.shards.get(shard) != Some(&checkpoint) {
            stream.shards.insert(shard.to_owned(), checkpoint);
            self.write(&stream).await;
        }
    }

    /// Removes the shards that `keep` rejects: the stream has trimmed them.
    pub(super) async fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut stream = self.stream.lock().await;
        let before = stream.shards.len();
        stream.shards.retain(|shard, _| keep(shard));
        if stream.shards.len() < before {
            self.write(&stream).await;
        }
    }

    /// Writes the file once more, because the last attempt may have failed.
    pub(super) async fn flush(&self) {
        self.write(&*self.stream.lock().await).await;
    }

    async fn write(&self, stream: &StreamCheckpoints) {
        if let Err(error) = self.file.write(stream).await {
            tracing::error!(%error, "the checkpoints can't be written, the next change tries again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/1";

    fn at(sequence_number: &str) -> Checkpoint {
        Checkpoint { sequence_number: Some(sequence_number.to_owned()), drained: false }
    }

    #[tokio::test]
    async fn a_reopened_file_has_the_checkpoints_stored_last() {
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
        assert_eq!(reopened.drained::<Vec<_>>().await, ["shard-1"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn without_a_file_checkpoints_are_kept_in_memory() {
        let checkpoints = Checkpoints::open(None, ARN).unwrap();
        checkpoints.store("shard-1", at("100")).await;
        assert_eq!(checkpoints.get("shard-1").await, at("100"));
    }

    #[tokio::test]
    async fn the_checkpoints_of_trimmed_shards_are_removed() {
        let checkpoints = Checkpoints::open(None, ARN).unwrap();
        checkpoints.store("shard-1", at("100")).await;
        checkpoints.store("shard-2", at("101")).await;
        checkpoints.retain(|shard| shard == "shard-2").await;
        assert_eq!(checkpoints.get("shard-1").await, Checkpoint::default());
        assert_eq!(checkpoints.get("shard-2").await, at("101"));
    }

    #[tokio::test]
    async fn the_checkpoints_of_another_stream_and_damaged_ones_are_dropped() {
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
    async fn flush_writes_a_file_that_could_not_be_written() {
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
    fn a_file_that_cannot_be_read_is_an_error_at_start() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Checkpoints::open(Some(folder.path().to_owned()), ARN).is_err());
    }
}

//! The data directory, which persists between starts of the local stack and is locked while in use.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde::{Serialize, de::DeserializeOwned};
use tokio::task::spawn_blocking;

/// A data directory, locked by this process until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    // The system releases the lock when the file closes, even if the process is killed.
    _lock: File,
}

impl DataDir {
    /// Opens and locks the data directory at `path`. Creates it, for its owner only, if it is missing.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let context = || format!("the data directory {} can't be opened", path.display());
        let lock = create(&path).and_then(|()| lock_file(&path)).with_context(context)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("the data directory {} is in use by another local stack", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(context),
        }
    }

    /// The path of the file or directory `name` in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    // Owner only: the directory holds messages, addresses and the issuer's key.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn lock_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path.join("lock"))
}

/// Replaces a file atomically: after a crash it has the old contents or the new ones. Only its owner can read it.
pub(crate) fn replace_file(file: &Path, contents: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut handle = options.open(&new)?;
    handle.write_all(contents)?;
    handle.sync_all()?;
    fs::rename(&new, file)?;
    // The rename is durable once the directory is synced.
    match file.parent() {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

/// A JSON file, replaced as a whole. Without a path, nothing is stored.
#[derive(Debug)]
pub(crate) struct JsonFile(pub(crate) Option<PathBuf>);

impl JsonFile {
    /// Reads the contents. Returns `None` if the file is missing, or damaged, which is logged.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        let Some(file) = &self.0 else { return Ok(None) };
        let json = match fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            json => json?,
        };
        let contents = serde_json::from_slice(&json);
        let log = |error: &_| tracing::warn!(file = %file.display(), %error, "a damaged file is ignored");
        Ok(contents.inspect_err(log).ok())
    }

    pub(crate) async fn write(&self, contents: &impl Serialize) -> io::Result<()> {
        let Some(file) = self.0.clone() else { return Ok(()) };
        let json = serde_json::to_vec_pretty(contents)?;
        spawn_blocking(move || replace_file(&file, &json)).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_rejected_until_it_is_released() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let first = DataDir::open(&path).unwrap();
        assert_eq!(
            DataDir::open(&path).unwrap_err().to_string(),
            format!("the data directory {} is in use by another local stack", path.display())
        );
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_has_access_to_a_new_directory() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        DataDir::open(&path).unwrap();
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(format!("{:o}", mode & 0o777), "700");
    }

    #[test]
    fn an_error_for_a_file_in_place_of_the_directory_names_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        fs::write(&path, "").unwrap();
        let error = DataDir::open(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("the data directory {} can't be opened", path.display()));
    }
}

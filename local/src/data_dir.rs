//! The data directory, which persists between starts of the local stack and is locked while in use.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// A data directory, locked by this process until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    // The system releases the lock when the file closes, even if the process is killed.
    _lock: File,
}

/// A failure to open a data directory.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The directory is missing and can't be created, or its lock file can't be opened.
    #[error("the data directory {} can't be opened", .path.display())]
    Open {
        /// The directory's path.
        path: PathBuf,
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("the data directory {} is in use by another local stack", .0.display())]
    InUse(PathBuf),
}

impl DataDir {
    /// Opens and locks the data directory at `path`. Creates it, for its owner only, if it is missing.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        let lock = create(&path).and_then(|()| lock_file(&path));
        match lock.map(|file| (file.try_lock(), file)) {
            Ok((Ok(()), lock)) => Ok(Self { path, _lock: lock }),
            Ok((Err(TryLockError::WouldBlock), _)) => Err(DataDirError::InUse(path)),
            Ok((Err(TryLockError::Error(source)), _)) | Err(source) => {
                Err(DataDirError::Open { path, source })
            }
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
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

/// Replaces a file atomically: after a crash it has the old contents or the new ones.
pub(crate) fn replace_file(file: &Path, contents: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut handle = File::create(&new)?;
    handle.write_all(contents)?;
    handle.sync_all()?;
    fs::rename(&new, file)?;
    // The rename is durable once the directory is synced.
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_refused_until_it_is_released() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let first = DataDir::open(&path).unwrap();
        assert_eq!(
            DataDir::open(&path).unwrap_err().to_string(),
            format!("the data directory {} is in use by another local stack", path.display())
        );
        drop(first);
        assert_eq!(DataDir::open(&path).unwrap().path(), path);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_directory_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::open(parent.path().join("a/b")).unwrap();
        let mode = fs::metadata(data.path()).unwrap().permissions().mode();
        assert_eq!(format!("{:o}", mode & 0o777), "700");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        fs::write(&path, "").unwrap();
        let error = DataDir::open(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("the data directory {} can't be opened", path.display()));
    }
}

//! Files that the command keeps on this machine, readable only by the user.

use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use cruddur::config::environment;
use tempfile::NamedTempFile;

use crate::advice::advised;

/// Reads a file. Returns its path and content, or `None` if it does not exist.
pub(crate) fn read(name: &str) -> Result<Option<(PathBuf, Vec<u8>)>> {
    let Some(folder) = folder() else { return Ok(None) };
    let file = folder.join(name);
    match fs::read(&file) {
        Ok(content) => Ok(Some((file, content))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", file.display())),
    }
}

/// Writes a file in place of the previous one. Returns its path.
pub(crate) fn write(name: &str, content: &[u8]) -> Result<PathBuf> {
    let folder = folder().ok_or_else(|| advised("no folder for settings", "set XDG_CONFIG_HOME"))?;
    let file = folder.join(name);
    let store = || {
        fs::create_dir_all(&folder)?;
        // Atomically, and with mode 0600.
        let mut part = NamedTempFile::new_in(&folder)?;
        part.write_all(content)?;
        part.persist(&file)?;
        io::Result::Ok(())
    };
    store().with_context(|| format!("failed to write {}", file.display()))?;
    Ok(file)
}

/// Removes a file. Returns its path, or `None` if it does not exist.
pub(crate) fn remove(name: &str) -> Result<Option<PathBuf>> {
    let Some(folder) = folder() else { return Ok(None) };
    let file = folder.join(name);
    match fs::remove_file(&file) {
        Ok(()) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to remove {}", file.display())),
    }
}

/// The folder, as that of `gh`: below `XDG_CONFIG_HOME`, on Windows `APPDATA`, or else `~/.config`.
fn folder() -> Option<PathBuf> {
    let variable = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let windows = || if cfg!(windows) { variable("APPDATA") } else { None };
    let home = || env::home_dir().map(|home| home.join(".config"));
    Some(variable("XDG_CONFIG_HOME").or_else(windows).or_else(home)?.join("cruddur"))
}

//! The sign-in that `login` stores on this machine.

use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use cruddur::config::environment;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::advice::advised;

const FILE: &str = "login.json";

/// An API and its user. Without `Debug`, which would show the token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The API's URL without a trailing slash.
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) identity: Identity,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Identity {
    /// A user of the local stack.
    Handle(String),
    /// An access token of a deployed API.
    Token(String),
}

impl Login {
    /// Reads the stored sign-in. Returns `None` if there is none.
    pub(crate) fn stored() -> Result<Option<Self>> {
        let Some(folder) = folder() else { return Ok(None) };
        let file = folder.join(FILE);
        match fs::read(&file) {
            Ok(content) => {
                let login = serde_json::from_slice(&content);
                Ok(Some(login.map_err(|error| {
                    advised(
                        format!("{} is malformed ({error})", file.display()),
                        "remove it with `cruddur logout`",
                    )
                })?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("failed to read {}", file.display())),
        }
    }

    /// Stores the sign-in in place of the previous one, readable only by the user. Returns the file.
    pub(crate) fn store(&self) -> Result<PathBuf> {
        let folder = folder().ok_or_else(|| advised("no folder for the sign-in", "set XDG_CONFIG_HOME"))?;
        let file = folder.join(FILE);
        let content = serde_json::to_vec_pretty(self)?;
        let store = || {
            fs::create_dir_all(&folder)?;
            // Atomically, and with mode 0600.
            let mut part = NamedTempFile::new_in(&folder)?;
            part.write_all(&content)?;
            part.persist(&file)?;
            io::Result::Ok(())
        };
        store().with_context(|| format!("failed to write {}", file.display()))?;
        Ok(file)
    }
}

/// Removes the stored sign-in. Returns its file, or `None` if there was none.
pub(crate) fn remove() -> Result<Option<PathBuf>> {
    let Some(folder) = folder() else { return Ok(None) };
    let file = folder.join(FILE);
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

//! The sign-in that `login` stores on this machine.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{advice::advised, files};

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
        let Some((file, content)) = files::read(FILE)? else { return Ok(None) };
        let login = serde_json::from_slice(&content);
        Ok(Some(login.map_err(|error| {
            advised(format!("{} is malformed ({error})", file.display()), "remove it with `cruddur logout`")
        })?))
    }

    /// Stores the sign-in in place of the previous one, readable only by the user. Returns the file.
    pub(crate) fn store(&self) -> Result<PathBuf> {
        files::write(FILE, &serde_json::to_vec_pretty(self)?)
    }
}

/// Removes the stored sign-in. Returns its file, or `None` if there was none.
pub(crate) fn remove() -> Result<Option<PathBuf>> {
    files::remove(FILE)
}

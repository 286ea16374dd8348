//! Environment variables. No other module reads the process's environment.

use std::{fmt, ops::RangeInclusive};

/// Looks up variables by name.
pub trait Lookup: Fn(&str) -> Option<String> + Copy {}

impl<F: Fn(&str) -> Option<String> + Copy> Lookup for F {}

/// Reads and trims a variable of the process's environment. Returns `None` if it is unset or blank.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().and_then(trimmed)
}

/// Secrets from files end with a newline, and pasted values often have spaces around them.
fn trimmed(value: String) -> Option<String> {
    match value.trim() {
        "" => None,
        text if text.len() == value.len() => Some(value),
        text => Some(text.to_owned()),
    }
}

/// A variable is missing or malformed.
#[derive(thiserror::Error)]
pub enum ConfigError {
    /// The variable is unset or blank.
    #[error("{name} is not set; it is {meaning}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// A description of its value.
        meaning: &'static str,
    },
    /// The variable has an invalid value. The value is not shown, since it may contain a password.
    #[error("{name} is malformed: {problem}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// A description of the problem.
        problem: String,
    },
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A failing `main` prints its error with `Debug`.
        write!(f, "{self}")
    }
}

pub(crate) fn required(
    lookup: impl Lookup,
    name: &'static str,
    meaning: &'static str,
) -> Result<String, ConfigError> {
    optional(lookup, name).ok_or(ConfigError::Missing { name, meaning })
}

pub(crate) fn optional(lookup: impl Lookup, name: &str) -> Option<String> {
    lookup(name).and_then(trimmed)
}

pub(crate) fn whole_number(
    lookup: impl Lookup,
    name: &'static str,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, ConfigError> {
    let Some(text) = optional(lookup, name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.map(Some).ok_or_else(|| ConfigError::Malformed {
        name,
        problem: format!("not a whole number from {} to {}", range.start(), range.end()),
    })
}

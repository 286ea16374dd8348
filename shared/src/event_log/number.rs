//! Numbers of log rows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The number of a row in an event log: 0 for the start of the log, and at least 1 for events.
///
/// Sort keys have 16 digits, so that string order is numeric order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogNumber(u64);

/// The text or number is not the number of a log row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number of 16 digits")]
pub struct InvalidLogNumber;

impl LogNumber {
    /// The start of the log.
    pub const START: Self = Self(0);

    const MAX: u64 = 9_999_999_999_999_999;

    /// Returns the number. Numbers above 16 digits are clamped; clocks reach them after the year 300000.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number.min(Self::MAX))
    }

    /// Returns the number as an integer.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next number.
    #[must_use]
    pub fn successor(self) -> Self {
        Self::new(self.0 + 1)
    }
}

impl fmt::Display for LogNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}", self.0)
    }
}

impl FromStr for LogNumber {
    type Err = InvalidLogNumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse().map(Self).map_err(|_| InvalidLogNumber) } else { Err(InvalidLogNumber) }
    }
}

impl TryFrom<String> for LogNumber {
    type Error = InvalidLogNumber;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LogNumber> for String {
    fn from(number: LogNumber) -> Self {
        number.to_string()
    }
}

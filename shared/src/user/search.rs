//! People search.

use std::str::FromStr;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{User, Users, display_name::DisplayName};
use crate::error::Error;

/// The beginning of a handle or a display name: 1 to 64 Unicode scalar values without the spaces around them, in any
/// case. One leading `@` is ignored for handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePrefix(String);

/// The text has not 1 to 64 characters, or contains a NUL character, which PostgreSQL cannot store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to 64 characters")]
pub struct InvalidNamePrefix;

impl NamePrefix {
    fn of_handle(&self) -> &str {
        self.0.strip_prefix('@').unwrap_or(&self.0)
    }
}

impl FromStr for NamePrefix {
    type Err = InvalidNamePrefix;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let fits = (1..=DisplayName::MAX_CHARS).contains(&text.chars().count());
        if fits && text != "@" && !text.contains('\0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidNamePrefix)
        }
    }
}

impl Users {
    /// Reads up to 20 users whose handle or display name begins with `prefix`: first by handle, then by name. Leaves out
    /// the caller.
    pub async fn search(&self, prefix: &NamePrefix, caller: Uuid) -> Result<Vec<User>, Error> {
        let statement = include_str!("../../../sql/users/search.sql");
        let parameters = [
            (&prefix.of_handle() as _, Type::TEXT),
            (&prefix.0 as _, Type::TEXT),
            (&caller as _, Type::UUID),
        ];
        self.postgres.query(statement, &parameters).await?.iter().map(User::from_row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_1_to_64_characters_without_the_spaces_around_them() {
        let longest = "é".repeat(64);
        for (text, expected) in [
            ("a", Ok("a")),
            (" Sun ", Ok("Sun")),
            ("@sun", Ok("sun")),
            (&*longest, Ok(&*longest)),
            (&*format!("{longest}é"), Err(InvalidNamePrefix)),
            ("", Err(InvalidNamePrefix)),
            (" ", Err(InvalidNamePrefix)),
            ("@", Err(InvalidNamePrefix)),
            ("a\0", Err(InvalidNamePrefix)),
        ] {
            let parsed = text.parse::<NamePrefix>();
            assert_eq!(
                parsed.as_ref().map(NamePrefix::of_handle).map_err(|error| *error),
                expected,
                "{text:?}"
            );
        }
    }
}

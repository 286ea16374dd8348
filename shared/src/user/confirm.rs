//! Creation of users after their sign-up with Cognito is confirmed.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Handle, Users};
use crate::{auth::Subject, error::Error};

/// The cause of [`Error::Internal`] if another user has the handle derived from the `sub`.
pub const HANDLE_TAKEN: &str = "the handle derived from the sub is taken too";

/// A Cognito user at the moment of confirmation.
#[derive(Clone, Debug)]
pub struct ConfirmedUser {
    /// The Cognito user's `sub`.
    pub subject: Subject,
    /// `preferred_username`: the requested handle, not validated.
    pub preferred_username: Option<String>,
    /// `name`
    pub name: Option<String>,
    /// `email`
    pub email: Option<String>,
    /// `email_verified`
    pub email_verified: bool,
}

/// The result of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The user took over a row with their verified email address and no `cognito_user_id`.
    TookOver(Uuid),
    /// A row with the requested handle was created.
    Created(Uuid),
    /// A row with a handle derived from the `sub` was created. The requested handle was missing, malformed or taken.
    CreatedWithDerivedHandle(Uuid),
    /// The Cognito user already had a row, because the event was delivered twice.
    AlreadyCreated(Uuid),
}

impl Users {
    /// Creates the row of a confirmed user. Idempotent.
    pub async fn confirm(&self, confirmed: &ConfirmedUser) -> Result<Confirmation, Error> {
        let subject = confirmed.subject.as_str();
        // Invalid handles are not sent to PostgreSQL, which rejects NUL.
        let is_handle = |text: &&str| text.parse::<Handle>().is_ok_and(|handle| handle.is_assignable());
        let wanted = confirmed.preferred_username.as_deref().filter(is_handle);
        let wanted = wanted.map(|text| text.strip_prefix('@').unwrap_or(text));
        if let Some(email) = confirmed.email.as_deref().filter(|_| confirmed.email_verified) {
            let statement = include_str!("../../../sql/users/take_over.sql");
            let parameters =
                [(&subject as _, Type::TEXT), (&email as _, Type::TEXT), (&wanted as _, Type::TEXT)];
            if let Some(row) = self.postgres.query(statement, &parameters).await?.first() {
                return Ok(Confirmation::TookOver(row.try_get("uuid").map_err(Error::internal)?));
            }
        }
        if let Some(handle) = wanted
            && let Some(uuid) = self.create(confirmed, handle).await?
        {
            return Ok(Confirmation::Created(uuid));
        }
        match self.uuid_of(&confirmed.subject).await {
            Ok(uuid) => return Ok(Confirmation::AlreadyCreated(uuid)),
            Err(Error::UserNotProvisioned) => {}
            Err(error) => return Err(error),
        }
        match self.create(confirmed, &substitute_handle(subject)).await? {
            Some(uuid) => Ok(Confirmation::CreatedWithDerivedHandle(uuid)),
            None => Err(Error::internal(HANDLE_TAKEN)),
        }
    }

    async fn create(&self, confirmed: &ConfirmedUser, handle: &str) -> Result<Option<Uuid>, Error> {
        let statement = include_str!("../../../sql/users/create.sql");
        let display_name = display_name(confirmed.name.as_deref(), handle);
        let parameters = [
            (&confirmed.subject.as_str() as _, Type::TEXT),
            (&handle as _, Type::TEXT),
            (&display_name as _, Type::TEXT),
            (&confirmed.email as _, Type::TEXT),
        ];
        let rows = self.postgres.query(statement, &parameters).await?;
        rows.first().map(|row| row.try_get("uuid").map_err(Error::internal)).transpose()
    }
}

/// `user-` and the first 8 hex digits of the sub.
fn substitute_handle(subject: &str) -> String {
    let digits = subject.chars().filter(char::is_ascii_hexdigit).take(8).collect::<String>();
    format!("user-{}", digits.to_ascii_lowercase())
}

/// The visible characters of `name`, truncated to 64 Unicode scalar values. The handle if there are none.
fn display_name(name: Option<&str>, handle: &str) -> String {
    let name = visible(name.unwrap_or_default());
    let name = name.trim().chars().take(64).collect::<String>();
    let name = name.trim_end();
    if name.is_empty() { handle.to_owned() } else { name.to_owned() }
}

/// Puts `text` on one line, and removes control characters, invisible characters and controls of text direction. Keeps
/// joiners and variation selectors after a letter or emoji.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    let mut before = ' ';
    for char in text.chars() {
        let kept = match char {
            '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            // Not after ASCII letters, where they would only make different names look equal.
            '\u{200c}' | '\u{200d}'
                if before == '\u{fe0f}' || (is_letter_or_emoji(before) && !before.is_ascii()) =>
            {
                char
            }
            '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
                if matches!(before, '0'..='9' | '#' | '*')
                    || (is_letter_or_emoji(before) && !before.is_ascii()) =>
            {
                char
            }
            // Flags of regions: a black flag followed by tags.
            '\u{e0020}'..='\u{e007f}' if matches!(before, '\u{1f3f4}' | '\u{e0020}'..='\u{e007e}') => char,
            char if char.is_control() || is_invisible(char) => continue,
            char => char,
        };
        visible.push(kept);
        before = kept;
    }
    visible
}

fn is_letter_or_emoji(char: char) -> bool {
    !char.is_whitespace() && !is_invisible(char)
}

/// Returns `true` for invisible characters other than spaces: Unicode's `Default_Ignorable_Code_Point`, controls of
/// text direction, and two characters that are blank in every font.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substitute_handle_has_8_hex_digits_of_the_sub() {
        assert_eq!(substitute_handle("5A1E0000-0000-4000-8000-000000000001"), "user-5a1e0000");
        assert_eq!(substitute_handle("a1b2-c3d4-e5f6"), "user-a1b2c3d4");
        assert!(substitute_handle("5a1e0000-0000-4000-8000-000000000001").parse::<Handle>().is_ok());
    }

    #[test]
    fn a_display_name_has_1_to_64_characters() {
        assert_eq!(display_name(Some("Sunyoung Lee"), "sunyoung"), "Sunyoung Lee");
        assert_eq!(display_name(Some("  \t"), "sunyoung"), "sunyoung");
        assert_eq!(display_name(None, "sunyoung"), "sunyoung");
        assert_eq!(display_name(Some(&"é".repeat(70)), "sunyoung"), "é".repeat(64));
        assert_eq!(display_name(Some("\0a\0"), "sunyoung"), "a");
        assert_eq!(display_name(Some(&format!("{} b", "a".repeat(63))), "sunyoung"), "a".repeat(63));
    }

    #[test]
    fn a_display_name_has_no_invisible_or_direction_characters() {
        for (name, expected) in [
            ("Bank support \u{202e}.tey", "Bank support .tey"),
            ("\u{2066}a\u{2069}\u{200e}\u{200f}\u{61c}", "a"),
            ("a\u{1b}[31m\u{9b}31m\u{7f}", "a[31m31m"),
            ("Sunyoung\r\nLee\u{2028}x", "Sunyoung  Lee x"),
            ("an\u{200b}d\u{ad}re\u{2060}w\u{feff}", "andrew"),
            ("an\u{200d}dr\u{200c}ew", "andrew"),
            ("an\u{fe0f}\u{200d}drew", "andrew"),
            ("x\u{e0041}\u{e0042}", "x"),
        ] {
            assert_eq!(display_name(Some(name), "handle"), expected, "{name:?}");
        }
        for nothing in [
            "\u{200b}",
            "\u{200d}\u{200c}",
            "\u{fe0f}",
            " \u{202e}\u{3164} \u{2800}",
            "\u{e0041}",
            "\u{115f}\u{1160}\u{ffa0}",
            "\n\u{9b}",
        ] {
            assert_eq!(display_name(Some(nothing), "handle"), "handle", "{nothing:?}");
        }
    }

    #[test]
    fn names_in_any_script_are_kept() {
        for name in [
            "Łukasz O’Brien-Nguyễn 3rd",
            "e\u{301}",
            "שרה לוי",
            "محمد علی",
            // Persian with a zero-width non-joiner, Sinhala with a joiner, Malayalam with one at the end.
            "علی\u{200c}رضا",
            "ශ්\u{200d}රී",
            "അവന്\u{200d}",
            "👩\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            "🏳\u{fe0f}\u{200d}🌈 🇩🇪",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            // A variant of an ideograph in a Japanese name.
            "葛\u{e0100}城",
            "ᠮᠣᠩᠭᠣᠯ\u{180b}",
        ] {
            assert_eq!(display_name(Some(name), "handle"), name);
        }
    }
}

//! Entering a user who has confirmed their sign-up with Cognito.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Handle, Users};
use crate::{auth::Subject, error::Error};

/// A Cognito user at the moment of confirmation.
#[derive(Clone, Debug)]
pub struct ConfirmedUser {
    /// The Cognito user's `sub`.
    pub subject: Subject,
    /// `preferred_username`: what the user would like to be called. Anyone can choose anything.
    pub preferred_username: Option<String>,
    /// `name`
    pub name: Option<String>,
    /// `email`
    pub email: Option<String>,
    /// Whether the user has proved that the address is theirs.
    pub email_verified: bool,
}

/// What became of a confirmed user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// A row without `cognito_user_id` and with the user's verified email address is theirs now.
    TookOver(Uuid),
    /// A new row, with the handle they wanted.
    Created(Uuid),
    /// A new row, under a handle made from the `sub`: theirs was missing, malformed or taken.
    CreatedUnderOtherHandle(Uuid),
    /// The Cognito user has a row already: the event came twice.
    AlreadyThere(Uuid),
}

impl Users {
    /// Enters a confirmed user. Doing so again changes nothing.
    pub async fn confirm(&self, confirmed: &ConfirmedUser) -> Result<Confirmation, Error> {
        let subject = confirmed.subject.as_str();
        // What could be nobody's handle is not asked for either: PostgreSQL would refuse a NUL.
        let wanted = confirmed.preferred_username.as_deref().filter(|text| text.parse::<Handle>().is_ok());
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
            Ok(uuid) => return Ok(Confirmation::AlreadyThere(uuid)),
            Err(Error::UserNotProvisioned) => {}
            Err(error) => return Err(error),
        }
        match self.create(confirmed, &substitute_handle(subject)).await? {
            Some(uuid) => Ok(Confirmation::CreatedUnderOtherHandle(uuid)),
            None => Err(Error::internal("the handle made from the sub is taken, too")),
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

/// The name to show: `name`, cut to 64 Unicode scalar values, or the handle where there is none.
fn display_name(name: Option<&str>, handle: &str) -> String {
    // PostgreSQL has no NUL in texts.
    let name = name.unwrap_or_default().replace('\0', "");
    let name = name.trim().chars().take(64).collect::<String>();
    if name.is_empty() { handle.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substitute_handle_is_made_of_8_hex_digits_of_the_sub() {
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
    }
}

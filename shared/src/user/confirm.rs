//! Creation of users after their sign-up with Cognito is confirmed.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    Handle, UUID_FROM_SUBJECT, Users,
    display_name::{DisplayName, visible},
};
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

impl Confirmation {
    /// The user's UUID.
    #[must_use]
    pub const fn user_uuid(self) -> Uuid {
        let (Self::TookOver(uuid)
        | Self::Created(uuid)
        | Self::CreatedWithDerivedHandle(uuid)
        | Self::AlreadyCreated(uuid)) = self;
        uuid
    }
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
        let rows = self.postgres.query(UUID_FROM_SUBJECT, &[(&subject, Type::TEXT)]).await?;
        if let Some(row) = rows.first() {
            return Ok(Confirmation::AlreadyCreated(row.try_get("uuid").map_err(Error::internal)?));
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
    let name = name.trim().chars().take(DisplayName::MAX_CHARS).collect::<String>();
    let name = name.trim_end();
    if name.is_empty() { handle.to_owned() } else { name.to_owned() }
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
}

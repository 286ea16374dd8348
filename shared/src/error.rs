//! Errors of operations. [`crate::respond`] maps them to HTTP statuses.

use std::{error::Error as StdError, fmt};

use crate::auth::refusal::TokenRefusal;

/// The cause of an error, such as the error of a third-party library.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// The error of an operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The access token is missing or rejected.
    #[error("the access token is refused")]
    Unauthenticated(#[source] TokenRefusal),
    /// The body has more bytes than [`crate::request::MAX_BODY_BYTES`].
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body is not JSON, not an object, or a field has the wrong type.
    #[error("the body is invalid")]
    BodyInvalid,
    /// The request breaks at least one rule. The violations are in the order of [`Violation`].
    #[error("the request is invalid: {}", Codes(.0))]
    Invalid(Vec<Violation>),
    /// The token is valid, but its subject is not in the users table.
    #[error("the caller is not in the table of users")]
    UserNotProvisioned,
    /// No user has the handle or the UUID.
    #[error("the user was not found")]
    UserNotFound,
    /// The group does not exist, or the caller is not a member. Callers cannot distinguish the two.
    #[error("the message group was not found, or the caller is not in it")]
    MessageGroupNotFound,
    /// The group has no such message.
    #[error("the message was not found")]
    MessageNotFound,
    /// The caller blocks the other member.
    #[error("the caller blocks the other member")]
    UserBlocked,
    /// The other member does not accept messages of the caller: blocks the caller, has declined the request, or takes no
    /// messages of strangers. Callers do not learn which.
    #[error("the other member does not accept messages of the caller")]
    MessageNotAccepted,
    /// The other member has not answered the caller's first message.
    #[error("the other member has not answered the caller's first message")]
    RequestPending,
    /// The caller has accepted the group before.
    #[error("the caller has accepted the group")]
    RequestAccepted,
    /// The message is another member's.
    #[error("the message is not the caller's")]
    MessageNotYours,
    /// The message is too old to be edited.
    #[error("the message is too old to be edited")]
    EditWindowOver,
    /// The message has been deleted.
    #[error("the message has been deleted")]
    MessageDeleted,
    /// The caller has reacted to the message with [`crate::message::reaction::MAX_REACTIONS`] emoji.
    #[error("the caller has reacted to the message with the greatest number of emoji")]
    ReactionLimit,
    /// Events after the cursor may be missing. The reader has to list everything again.
    #[error("events after the cursor are no longer complete")]
    CursorExpired,
    /// The device has a later connection.
    #[error("the device has a later connection")]
    ConnectionOutdated,
    /// The caller exceeded the send limit ([`crate::send_limit`]).
    #[error("the caller is over the send limit")]
    RateLimited {
        /// Seconds until the limit admits the next message; at least 1.
        retry_after: u64,
    },
    /// A dependency is unreachable or overloaded. The same request may succeed later.
    #[error("{what} can't be reached")]
    Unavailable {
        /// The dependency.
        what: Dependency,
        /// The error of the dependency's client.
        source: Cause,
    },
    /// A fault of the system: missing permissions, wrong configuration, or a malformed row.
    #[error("an internal error")]
    Internal(#[source] Cause),
}

impl Error {
    /// Creates an internal error.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// Creates an error for an unreachable dependency.
    pub fn unavailable(what: Dependency, cause: impl Into<Cause>) -> Self {
        Self::Unavailable { what, source: cause.into() }
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Invalid(vec![violation])
    }
}

/// A service that operations depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// The table of messages.
    DynamoDb,
    /// The table of users.
    Postgres,
    /// The key set of the user pool.
    KeySet,
    /// The user pool.
    Cognito,
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DynamoDb => "DynamoDB",
            Self::Postgres => "PostgreSQL",
            Self::KeySet => "the key set",
            Self::Cognito => "Cognito",
        })
    }
}

/// A rule that a request breaks. The variants are in the order of the wire format's codes (design, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// The group's UUID is blank.
    MessageGroupUuidBlank,
    /// The group's UUID is not a UUID of 36 characters.
    MessageGroupUuidInvalid,
    /// The receiver's UUID is not a UUID of 36 characters.
    UserUuidInvalid,
    /// The request has no target, or a blank handle.
    ReceiverHandleBlank,
    /// No user has the handle or the UUID.
    ReceiverNotFound,
    /// The handle or the UUID is the sender's own.
    ReceiverIsSender,
    /// The message is missing, empty, or only white space.
    MessageBlank,
    /// The message has more than 1024 Unicode scalar values.
    MessageExceedsMaxChars,
    /// The page limit is not a number from 1 to 100.
    LimitInvalid,
    /// The cursor is malformed.
    CursorInvalid,
    /// The device's UUID is missing, or not a UUID of 36 characters.
    DeviceInvalid,
    /// The idempotency key is not 1 to 64 visible ASCII characters.
    IdempotencyKeyInvalid,
    /// The idempotency key was used for another request. Keys are kept for at least 24 hours.
    IdempotencyKeyReused,
    /// The message's UUID is missing, or not a UUID of 36 characters.
    MessageUuidInvalid,
    /// The message's creation time is missing or malformed.
    CreatedAtInvalid,
    /// The reaction is not an emoji.
    ReactionInvalid,
    /// UUID or creation time of the answered message is missing or malformed.
    ReplyToInvalid,
    /// The display name does not have 1 to 64 visible characters.
    DisplayNameInvalid,
    /// The beginning of a name does not have 1 to 64 characters.
    PrefixInvalid,
    /// The setting is not one of [`crate::user::settings::MessagesFrom`].
    MessagesFromInvalid,
    /// The user is the caller.
    UserIsCaller,
    /// The end of the mute is malformed.
    MutedUntilInvalid,
    /// Cleared messages can't be brought back.
    ClearedInvalid,
    /// The reason of a report is missing or unknown.
    ReasonInvalid,
}

impl Violation {
    /// The code on the wire. Clients depend on the spelling `reciever`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::MessageGroupUuidBlank => "message_group_uuid_blank",
            Self::MessageGroupUuidInvalid => "message_group_uuid_invalid",
            Self::UserUuidInvalid => "user_uuid_invalid",
            Self::ReceiverHandleBlank => "user_reciever_handle_blank",
            Self::ReceiverNotFound => "user_reciever_not_found",
            Self::ReceiverIsSender => "user_reciever_is_sender",
            Self::MessageBlank => "message_blank",
            Self::MessageExceedsMaxChars => "message_exceed_max_chars",
            Self::LimitInvalid => "limit_invalid",
            Self::CursorInvalid => "cursor_invalid",
            Self::DeviceInvalid => "device_invalid",
            Self::IdempotencyKeyInvalid => "idempotency_key_invalid",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::MessageUuidInvalid => "message_uuid_invalid",
            Self::CreatedAtInvalid => "created_at_invalid",
            Self::ReactionInvalid => "reaction_invalid",
            Self::ReplyToInvalid => "reply_to_invalid",
            Self::DisplayNameInvalid => "display_name_invalid",
            Self::PrefixInvalid => "prefix_invalid",
            Self::MessagesFromInvalid => "messages_from_invalid",
            Self::UserIsCaller => "user_is_caller",
            Self::MutedUntilInvalid => "muted_until_invalid",
            Self::ClearedInvalid => "cleared_invalid",
            Self::ReasonInvalid => "reason_invalid",
        }
    }
}

struct Codes<'a>(&'a [Violation]);

impl fmt::Display for Codes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(violation.code())?;
        }
        Ok(())
    }
}

/// Formats an error with all its sources, separated by colons.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_shows_every_source_once() {
        let cause = std::io::Error::other("connection refused");
        let error = Error::unavailable(Dependency::Postgres, cause);
        assert_eq!(Chain(&error).to_string(), "PostgreSQL can't be reached: connection refused");
    }

    #[test]
    fn the_unreachable_dependency_is_named() {
        for (what, name) in [
            (Dependency::DynamoDb, "DynamoDB can't be reached"),
            (Dependency::Postgres, "PostgreSQL can't be reached"),
            (Dependency::KeySet, "the key set can't be reached"),
        ] {
            assert_eq!(Error::unavailable(what, "no answer").to_string(), name);
        }
    }

    #[test]
    fn violations_are_listed_by_their_codes() {
        let error = Error::Invalid(vec![Violation::MessageBlank, Violation::LimitInvalid]);
        assert_eq!(error.to_string(), "the request is invalid: message_blank, limit_invalid");
    }
}

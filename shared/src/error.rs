//! What can go wrong in an operation. Knows nothing of HTTP: [`crate::respond`] holds the statuses.

use std::{error::Error as StdError, fmt};

use crate::auth::refusal::TokenRefusal;

/// The cause of an error as a third party's library gave it.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request carries no access token that is good here.
    #[error("the access token is refused")]
    Unauthenticated(#[source] TokenRefusal),
    /// The body has more bytes than [`crate::request::MAX_BODY_BYTES`].
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body is not JSON, not an object, or a field has the wrong type.
    #[error("the body is invalid")]
    BodyInvalid,
    /// The request breaks these rules, in the order of [`Violation`]; at least one.
    #[error("the request is invalid: {}", Codes(.0))]
    Invalid(Vec<Violation>),
    /// The token is good, but its subject is not in the table of users.
    #[error("the caller is not in the table of users")]
    UserNotProvisioned,
    /// There is no user with that handle.
    #[error("the user was not found")]
    UserNotFound,
    /// There is no such group, or the caller is not in it: the two are never told apart.
    #[error("the message group was not found, or the caller is not in it")]
    MessageGroupNotFound,
    /// The caller sends more messages than the send limit lets through ([`crate::send_limit`]).
    #[error("the caller is over the send limit")]
    RateLimited {
        /// Seconds until the next message may pass; at least 1.
        retry_after: u64,
    },
    /// Something the operation needs can't be reached or is overloaded. The same request may succeed later.
    #[error("{what} can't be reached")]
    Unavailable {
        /// What could not be reached.
        what: Dependency,
        /// What its client said.
        source: Cause,
    },
    /// A fault of ours: permissions, configuration, or a row that nobody should have written.
    #[error("an internal error")]
    Internal(#[source] Cause),
}

impl Error {
    /// An internal error with the cause `cause`.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// `what` can't be reached: `cause`.
    pub fn unavailable(what: Dependency, cause: impl Into<Cause>) -> Self {
        Self::Unavailable { what, source: cause.into() }
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Invalid(vec![violation])
    }
}

/// What an operation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// The table of messages.
    DynamoDb,
    /// The table of users.
    Postgres,
    /// The key set of the user pool.
    KeySet,
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DynamoDb => "DynamoDB",
            Self::Postgres => "PostgreSQL",
            Self::KeySet => "the key set",
        })
    }
}

/// A rule that a well-formed request breaks. The order is the order in which the wire format lists the codes
/// (design, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// A group was named with nothing but white space.
    MessageGroupUuidBlank,
    /// A group's uuid is not a uuid of 36 characters.
    MessageGroupUuidInvalid,
    /// The receiver's uuid is not a uuid of 36 characters.
    UserUuidInvalid,
    /// No target was given, or a blank handle.
    ReceiverHandleBlank,
    /// No user has the handle or the uuid.
    ReceiverNotFound,
    /// The handle or the uuid is the sender's own.
    ReceiverIsSender,
    /// The message is missing, empty, or nothing but white space.
    MessageBlank,
    /// The message has more than 1024 Unicode scalar values.
    MessageExceedsMaxChars,
    /// The page limit is not a number from 1 to 100.
    LimitInvalid,
    /// The cursor is not one that a list gave.
    CursorInvalid,
    /// The idempotency key is not 1 to 64 visible ASCII characters.
    IdempotencyKeyInvalid,
    /// The idempotency key was used for another request, within the last 24 hours at least.
    IdempotencyKeyReused,
}

impl Violation {
    /// The code on the wire. (`reciever` is how the wire has always spelt it.)
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
            Self::IdempotencyKeyInvalid => "idempotency_key_invalid",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
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

/// An error with all its sources, for the log. (tracing's JSON formatter writes only the outermost.)
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
    fn what_cannot_be_reached_is_named() {
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

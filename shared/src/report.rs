//! Reports of messages to the operator (design, section 3).

use std::str::FromStr;

use uuid::Uuid;

/// The reason for a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Unwanted advertising.
    Spam,
    /// Insults or persecution.
    Harassment,
    /// A threat of violence.
    Threat,
    /// Unwanted sexual content.
    SexualContent,
    /// Another reason.
    Other,
}

/// The text is not a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not spam, harassment, threat, sexual_content or other")]
pub struct InvalidReason;

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::Spam, Self::Harassment, Self::Threat, Self::SexualContent, Self::Other];

    /// The reason in requests and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Harassment => "harassment",
            Self::Threat => "threat",
            Self::SexualContent => "sexual_content",
            Self::Other => "other",
        }
    }
}

impl FromStr for Reason {
    type Err = InvalidReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(InvalidReason)
    }
}

/// A report of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// The user who reports.
    pub reporter_uuid: Uuid,
    /// The message's group.
    pub group_uuid: Uuid,
    /// The reported message.
    pub message_uuid: Uuid,
    /// The sender of the message.
    pub sender_uuid: Uuid,
    /// The reason.
    pub reason: Reason,
    /// The message and those around it, oldest first, as a JSON array.
    pub messages: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_parsed_as_it_is_spelled() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        for text in ["", "Spam", "spam ", "sexual content"] {
            assert_eq!(text.parse::<Reason>(), Err(InvalidReason), "{text:?}");
        }
    }
}

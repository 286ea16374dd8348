//! Results of checks.

use std::time::Duration;

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Ok,
    /// Passed, with a suggestion.
    Hint,
    Failed,
    /// Nothing was checked at.
    Skipped,
}

/// A passed check.
#[derive(Debug)]
pub(super) struct Success<T = ()> {
    pub(super) seen: String,
    pub(super) hint: Option<String>,
    pub(super) value: T,
}

/// A failed check, with advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) seen: String,
    pub(super) advice: String,
}

pub(super) type CheckResult<T = ()> = Result<Success<T>, Problem>;

impl Success {
    pub(super) fn new(seen: impl Into<String>) -> Self {
        Self::with(seen, ())
    }
}

impl<T> Success<T> {
    /// A success with a value for later checks.
    pub(super) fn with(seen: impl Into<String>, value: T) -> Self {
        Self { seen: seen.into(), hint: None, value }
    }

    /// Adds a suggestion.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Problem {
    pub(super) fn new(seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { seen: seen.into(), advice: advice.into() }
    }

    /// A failed call to AWS, which requires `permission`.
    pub(super) fn of_call(seen: impl Into<String>, permission: &str) -> Self {
        let seen = seen.into();
        let is_about = |words: &[&str]| words.iter().any(|word| seen.contains(word));
        let advice = if is_about(&["AccessDenied", "AuthorizationError", "denied access", "not authorized"]) {
            format!("these credentials need the permission {permission}")
        } else if is_about(&["can't be reached", "was incomplete"]) {
            "check the region, and whether AWS is reachable from here".to_owned()
        } else {
            format!("fix that and check again; the call requires the permission {permission}")
        };
        Self { seen, advice }
    }
}

/// A check as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    #[serde(rename = "check")]
    pub(super) name: String,
    pub(super) result: Verdict,
    pub(super) seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
    pub(super) duration_ms: u64,
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_is_advised() {
        let advice = |seen: &str| Problem::of_call(seen, "sqs:GetQueueAttributes").advice;
        for seen in ["sqs in eu-central-1: not allowed (AccessDeniedException)", "SNS denied access"] {
            assert_eq!(
                advice(seen),
                "these credentials need the permission sqs:GetQueueAttributes",
                "{seen}"
            );
        }
        assert!(advice("sqs in eu-central-1: can't be reached (timed out)").starts_with("check the region"));
        assert!(advice("sqs in eu-central-1: no such queue (QueueDoesNotExist)").starts_with("fix that"));
    }
}

//! One check: what was seen, and what to do about it.

use std::time::Duration;

use serde::Serialize;

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Ok,
    /// All right, and something could be better.
    Hint,
    Failed,
    /// Nothing was looked at.
    Skipped,
}

/// What was seen, where it is as it should be.
#[derive(Debug)]
pub(super) struct Good<T = ()> {
    pub(super) seen: String,
    pub(super) hint: Option<String>,
    pub(super) value: T,
}

/// What was seen, where it is not as it should be, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) seen: String,
    pub(super) advice: String,
}

/// How a look ends.
pub(super) type Look<T = ()> = Result<Good<T>, Problem>;

impl Good {
    pub(super) fn new(seen: impl Into<String>) -> Self {
        Self::with(seen, ())
    }
}

impl<T> Good<T> {
    /// With what later checks need.
    pub(super) fn with(seen: impl Into<String>, value: T) -> Self {
        Self { seen: seen.into(), hint: None, value }
    }

    /// What could be better.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Problem {
    pub(super) fn new(seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { seen: seen.into(), advice: advice.into() }
    }

    /// A call to AWS that failed for the reason `seen`, and takes `permission`.
    pub(super) fn of_call(seen: impl Into<String>, permission: &str) -> Self {
        let seen = seen.into();
        let is_about = |words: &[&str]| words.iter().any(|word| seen.contains(word));
        let advice = if is_about(&["AccessDenied", "AuthorizationError", "does not allow", "not authorized"])
        {
            format!("these credentials have to be allowed {permission}")
        } else if is_about(&["can't be reached", "breaks off"]) {
            "is the region right, and is AWS reachable from here?".to_owned()
        } else {
            format!("check again when that is mended; the call takes the permission {permission}")
        };
        Self { seen, advice }
    }
}

/// A check that is done, as programs get it.
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

/// Whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_advised_where_one_is_missing() {
        let advice = |seen: &str| Problem::of_call(seen, "sqs:GetQueueAttributes").advice;
        for seen in [
            "sqs in eu-central-1: not allowed (AccessDeniedException)",
            "SNS does not allow these credentials",
        ] {
            assert_eq!(advice(seen), "these credentials have to be allowed sqs:GetQueueAttributes", "{seen}");
        }
        assert!(
            advice("sqs in eu-central-1: it can't be reached (timed out)").starts_with("is the region right")
        );
        assert!(advice("sqs in eu-central-1: no such queue (QueueDoesNotExist)").starts_with("check again"));
    }
}

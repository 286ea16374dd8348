//! Results of checks, printed as they finish, and their summary.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    outcome::Outcome,
    output::{Output, printable},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    /// Passed, with a suggestion.
    Hint,
    Failed,
    /// Not checked.
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
}

impl Problem {
    pub(super) fn new(seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { seen: seen.into(), advice: advice.into() }
    }

    /// Describes a failed call to AWS, which requires `permission`.
    pub(super) fn of_error(error: &anyhow::Error, permission: &str) -> Self {
        Self::of_call(format!("{error:#}"), permission)
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
#[derive(Debug, Serialize)]
struct Check<'a> {
    #[serde(rename = "check")]
    name: &'a str,
    result: Verdict,
    seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    duration_ms: u128,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    ok: u32,
    hint: u32,
    failed: u32,
    skipped: u32,
}

/// Prints and counts checks.
#[derive(Debug)]
pub(super) struct Report {
    output: Output,
    summary: Summary,
}

impl Report {
    pub(super) fn new(output: Output) -> Self {
        Self { output, summary: Summary::default() }
    }

    /// Runs a check and prints its result. Returns `None` if it failed.
    pub(super) async fn check<T>(
        &mut self,
        name: &str,
        check: impl Future<Output = CheckResult<T>>,
    ) -> Result<Option<T>> {
        let started = Instant::now();
        let found = check.await;
        self.record(name, started.elapsed(), found)
    }

    /// Prints the result of a check that ran beside another one.
    pub(super) fn record<T>(
        &mut self,
        name: &str,
        duration: Duration,
        found: CheckResult<T>,
    ) -> Result<Option<T>> {
        let duration_ms = duration.as_millis();
        let (result, seen, advice, value) = match found {
            Ok(Success { seen, hint: None, value }) => (Verdict::Ok, seen, None, Some(value)),
            Ok(Success { seen, hint, value }) => (Verdict::Hint, seen, hint, Some(value)),
            Err(Problem { seen, advice }) => (Verdict::Failed, seen, Some(advice), None),
        };
        self.show(Check { name, result, seen, advice, duration_ms })?;
        Ok(value)
    }

    /// Runs a check, or prints it as skipped if something it `requires` is missing.
    pub(super) async fn check_or_skip<T>(
        &mut self,
        name: &str,
        check: Option<impl Future<Output = CheckResult<T>>>,
        requires: &str,
    ) -> Result<Option<T>> {
        if let Some(check) = check {
            return self.check(name, check).await;
        }
        self.skip(name, format!("requires {requires}"))?;
        Ok(None)
    }

    /// Prints a skipped check.
    pub(super) fn skip(&mut self, name: &str, why: impl Into<String>) -> Result<()> {
        let (result, seen) = (Verdict::Skipped, why.into());
        self.show(Check { name, result, seen, advice: None, duration_ms: 0 })
    }

    fn show(&mut self, check: Check<'_>) -> Result<()> {
        let (count, label) = match check.result {
            Verdict::Ok => (&mut self.summary.ok, "ok"),
            Verdict::Hint => (&mut self.summary.hint, "hint"),
            Verdict::Failed => (&mut self.summary.failed, "FAILED"),
            Verdict::Skipped => (&mut self.summary.skipped, "skipped"),
        };
        *count += 1;
        if self.output.is_json() {
            return self.output.json(&check);
        }
        let Check { name, result, seen, advice, duration_ms } = check;
        let time = if result == Verdict::Skipped { String::new() } else { format!("{duration_ms} ms") };
        self.output.line(&format!("{label:7} {time:>9}  {name:36} {}", printable(&seen)))?;
        if let Some(advice) = advice {
            self.output.line(&format!("{:19}{}", "", printable(&advice)))?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Outcome> {
        let Summary { ok, hint, failed, skipped } = self.summary;
        let sentence = format!("{ok} ok, {hint} with a hint, {failed} failed, {skipped} skipped");
        self.output.result(&sentence, &BTreeMap::from([("summary", self.summary)]))?;
        Ok(if failed == 0 { Outcome::Done } else { Outcome::Found })
    }
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

//! Output of checks as they finish, and the summary.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::check::{Check, CheckResult, Problem, Success, Verdict, millis};
use crate::{
    outcome::Outcome,
    output::{Output, printable},
};

/// Prints and counts checks.
#[derive(Debug)]
pub(super) struct Report {
    output: Output,
    counts: BTreeMap<Verdict, u32>,
}

#[derive(Serialize)]
struct SummaryLine {
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    ok: u32,
    hint: u32,
    failed: u32,
    skipped: u32,
}

impl Report {
    pub(super) fn new(output: Output) -> Self {
        Self { output, counts: BTreeMap::new() }
    }

    /// Runs a check and prints its result. Returns `None` if it failed.
    pub(super) async fn check<T>(
        &mut self,
        name: &str,
        check: impl Future<Output = CheckResult<T>>,
    ) -> Result<Option<T>> {
        let started = Instant::now();
        let found = check.await;
        let took = started.elapsed();
        let (result, seen, advice, value) = match found {
            Ok(Success { seen, hint: None, value }) => (Verdict::Ok, seen, None, Some(value)),
            Ok(Success { seen, hint, value }) => (Verdict::Hint, seen, hint, Some(value)),
            Err(Problem { seen, advice }) => (Verdict::Failed, seen, Some(advice), None),
        };
        self.show(Check { name: name.to_owned(), result, seen, advice, duration_ms: millis(took) })?;
        Ok(value)
    }

    /// Prints a skipped check.
    pub(super) fn skip(&mut self, name: &str, why: impl Into<String>) -> Result<()> {
        let (result, seen) = (Verdict::Skipped, why.into());
        self.show(Check { name: name.to_owned(), result, seen, advice: None, duration_ms: 0 })
    }

    fn show(&mut self, check: Check) -> Result<()> {
        *self.counts.entry(check.result).or_default() += 1;
        if self.output.is_json() {
            return self.output.json(&check);
        }
        let Check { name, result, seen, advice, duration_ms } = check;
        let time = match result {
            Verdict::Skipped => String::new(),
            _ => format!("{duration_ms} ms"),
        };
        let line = format!("{:7} {time:>9}  {name:36} {}", label(result), printable(&seen));
        self.output.line(&line)?;
        if let Some(advice) = advice {
            self.output.line(&format!("{:19}{}", "", printable(&advice)))?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Outcome> {
        let count = |verdict| self.counts.get(&verdict).copied().unwrap_or_default();
        let summary = Summary {
            ok: count(Verdict::Ok),
            hint: count(Verdict::Hint),
            failed: count(Verdict::Failed),
            skipped: count(Verdict::Skipped),
        };
        let outcome = if summary.failed == 0 { Outcome::Done } else { Outcome::Found };
        let Summary { ok, hint, failed, skipped } = summary;
        let sentence = format!("{ok} ok, {hint} with a hint, {failed} failed, {skipped} skipped");
        self.output.result(&sentence, &SummaryLine { summary })?;
        Ok(outcome)
    }
}

fn label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Hint => "hint",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "skipped",
    }
}

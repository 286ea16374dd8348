//! How checks are shown: each as soon as it is done, and at the end what they came to.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::check::{Check, Good, Look, Problem, Verdict, millis};
use crate::{
    outcome::Outcome,
    output::{Output, printable},
};

/// Shows checks, and counts what they came to.
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

    /// Looks, shows what came of it, and gives what later checks need; none: it failed.
    pub(super) async fn check<T>(
        &mut self,
        name: &str,
        look: impl Future<Output = Look<T>>,
    ) -> Result<Option<T>> {
        let begun = Instant::now();
        let found = look.await;
        let took = begun.elapsed();
        let (result, seen, advice, value) = match found {
            Ok(Good { seen, hint: None, value }) => (Verdict::Ok, seen, None, Some(value)),
            Ok(Good { seen, hint, value }) => (Verdict::Hint, seen, hint, Some(value)),
            Err(Problem { seen, advice }) => (Verdict::Failed, seen, Some(advice), None),
        };
        self.show(Check { name: name.to_owned(), result, seen, advice, duration_ms: millis(took) })?;
        Ok(value)
    }

    /// Says why something is not looked at.
    pub(super) fn skip(&mut self, name: &str, why: impl Into<String>) -> Result<()> {
        let (result, seen) = (Verdict::Skipped, why.into());
        self.show(Check { name: name.to_owned(), result, seen, advice: None, duration_ms: 0 })
    }

    /// A line, and below it what to do, or an object.
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
        let line = format!("{:7} {time:>9}  {name:36} {}", shown(result), printable(&seen));
        self.output.line(&line)?;
        if let Some(advice) = advice {
            self.output.line(&format!("{:19}{}", "", printable(&advice)))?;
        }
        Ok(())
    }

    /// What it all came to.
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

fn shown(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Hint => "hint",
        Verdict::Failed => "FAILED",
        Verdict::Skipped => "skipped",
    }
}

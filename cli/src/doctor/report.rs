//! Output of findings and the summary.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use cruddur::dynamodb::Units;
use serde::Serialize;

use super::{
    finding::{Finding, Status},
    ledger::Summary,
};
use crate::output::{Output, duration, printable, rate};

/// A finding as JSON.
#[derive(Serialize)]
struct FindingLine<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    outcome: Status,
}

/// The summary as JSON.
#[derive(Serialize)]
struct SummaryLine<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    read_units: f64,
    write_units: f64,
}

pub(super) fn finding(output: Output, finding: &Finding, status: Status) -> Result<()> {
    if output.is_json() {
        return output.json(&FindingLine { finding, outcome: status });
    }
    let Finding { kind, pk, sk, detail, .. } = finding;
    let key = printable(&format!("{pk} {}", sk.as_deref().unwrap_or("-")));
    let line = format!("{kind:24} {key:105} {:60} {status}", printable(detail));
    Ok(output.line(&line)?)
}

pub(super) fn summary(output: Output, summary: &Summary, units: Units, time: Duration) -> Result<()> {
    if output.is_json() {
        let line = SummaryLine { summary, read_units: units.read, write_units: units.write };
        return output.json(&BTreeMap::from([("summary", line)]));
    }
    let Summary { rows, groups, findings, repaired, left, users_gone } = summary;
    let sum = rows.values().sum::<u64>();
    let kinds = rows.iter().map(|(kind, count)| format!("{} {count}", printable(kind)));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    #[expect(clippy::cast_precision_loss, reason = "shown to people")]
    let per_second = sum as f64 / time.as_secs_f64().max(0.001);
    output.line(&format!("rows: {sum} ({kinds}), in {}, {}", duration(time), rate(per_second)))?;
    output.line(&format!("groups: {groups}"))?;
    if findings.is_empty() {
        output.line("no findings")?;
    } else {
        for (kind, count) in findings {
            output.line(&format!("{kind}: {count}"))?;
        }
        output.line(&format!("repaired: {repaired}, left: {left}"))?;
    }
    if *users_gone > 0 {
        output.line(&format!("users gone: {users_gone}; names in their groups were not checked"))?;
    }
    output.line(&format!("request units: {:.1} read, {:.1} written", units.read, units.write))?;
    Ok(())
}

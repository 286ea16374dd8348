//! Output of findings and the summary.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use cruddur::dynamodb::Units;
use serde::Serialize;
use uuid::Uuid;

use super::{
    finding::{Finding, Kind, Status},
    ledger::Summary,
};
use crate::output::{Output, printable};

/// A finding as JSON.
#[derive(Serialize)]
struct FindingLine<'a> {
    finding: Kind,
    pk: &'a str,
    sk: Option<&'a str>,
    group: Option<Uuid>,
    detail: &'a str,
    outcome: Status,
}

/// The summary as JSON.
#[derive(Serialize)]
struct SummaryLine<'a> {
    summary: Numbers<'a>,
}

#[derive(Serialize)]
struct Numbers<'a> {
    rows: &'a BTreeMap<String, u64>,
    groups: u64,
    findings: &'a BTreeMap<Kind, u64>,
    repaired: u64,
    left: u64,
    users_gone: u64,
    read_units: f64,
    write_units: f64,
}

pub(super) fn finding(output: Output, finding: &Finding, status: Status) -> Result<()> {
    let Finding { kind, pk, sk, group, detail } = finding;
    if output.is_json() {
        let (finding, sk, group) = (*kind, sk.as_deref(), *group);
        return output.json(&FindingLine { finding, pk, sk, group, detail, outcome: status });
    }
    let key = printable(&format!("{pk} {}", sk.as_deref().unwrap_or("-")));
    let line = format!("{kind:24} {key:105} {:60} {}", printable(detail), status.name());
    Ok(output.line(&line)?)
}

pub(super) fn summary(output: Output, summary: &Summary, units: Units, time: Duration) -> Result<()> {
    let Summary { rows, groups, findings, repaired, left, users_gone } = summary;
    if output.is_json() {
        return output.json(&SummaryLine {
            summary: Numbers {
                rows,
                groups: *groups,
                findings,
                repaired: *repaired,
                left: *left,
                users_gone: *users_gone,
                read_units: units.read,
                write_units: units.write,
            },
        });
    }
    let sum = rows.values().sum::<u64>();
    let kinds = rows.iter().map(|(kind, count)| format!("{} {count}", printable(kind)));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    #[expect(clippy::cast_precision_loss, reason = "shown to people")]
    let rate = sum as f64 / time.as_secs_f64().max(0.001);
    output.line(&format!("rows: {sum} ({kinds}), {rate:.0} a second"))?;
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

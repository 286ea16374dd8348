//! How findings and the summary are shown.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use cruddur::dynamodb::Units;
use serde::Serialize;
use uuid::Uuid;

use super::{
    finding::{Fate, Finding, Kind},
    ledger::Summary,
};
use crate::output::{Output, printable};

/// A finding as programs get it.
#[derive(Serialize)]
struct FindingLine<'a> {
    finding: Kind,
    pk: &'a str,
    sk: Option<&'a str>,
    group: Option<Uuid>,
    detail: &'a str,
    outcome: Fate,
}

/// The summary as programs get it.
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

/// A line about a finding.
pub(super) fn finding(output: Output, finding: &Finding, fate: Fate) -> Result<()> {
    let Finding { kind, pk, sk, group, detail } = finding;
    if output.is_json() {
        let (finding, sk, group) = (*kind, sk.as_deref(), *group);
        return output.json(&FindingLine { finding, pk, sk, group, detail, outcome: fate });
    }
    let key = printable(&format!("{pk} {}", sk.as_deref().unwrap_or("-")));
    let line = format!("{kind:24} {key:105} {:60} {}", printable(detail), fate.name());
    Ok(output.line(&line)?)
}

/// What it all came to.
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
        output.line("nothing is broken")?;
    } else {
        for (kind, count) in findings {
            output.line(&format!("{kind}: {count}"))?;
        }
        output.line(&format!("repaired: {repaired}, left: {left}"))?;
    }
    if *users_gone > 0 {
        output.line(&format!("users gone: {users_gone}; the names of their groups stay as they are"))?;
    }
    output.line(&format!("request units: {:.1} read, {:.1} written", units.read, units.write))?;
    Ok(())
}

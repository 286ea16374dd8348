//! The same requests on an inbox and a conversation of two sizes. Their cost must not grow.

use anyhow::Result;

use crate::{
    Run,
    cases::Case,
    environment::Environment,
    measure::{counts, invoke},
    report::{Row, Table},
    services::ROWS,
};

/// The number of rows after the growth.
const MANY_ROWS: u32 = 1_000;

/// Measures the functions that call DynamoDB, with [`ROWS`] and with [`MANY_ROWS`]. The inbox stays large.
pub(crate) async fn growth(run: &Run, cases: &[Case]) -> Result<Table> {
    let mut rows = measure(run, cases, ROWS).await?;
    run.services.add_rows(ROWS..MANY_ROWS).await?;
    rows.extend(measure(run, cases, MANY_ROWS).await?);
    // The sizes of each function next to each other.
    rows.sort_by(|one, other| one.0.cmp(other.0));
    Ok(Table { title: "growth", rows: rows.into_iter().map(|(_, row)| row).collect() })
}

async fn measure<'a>(run: &Run, cases: &'a [Case], size: u32) -> Result<Vec<(&'a str, Row)>> {
    let mut rows = Vec::new();
    for case in cases.iter().filter(|case| !case.is_reference()) {
        let mut environment = Environment::start(run, case).await?;
        // The first invocation fills the caches.
        invoke(run, &mut environment, case, 1).await?;
        let figures = counts(run, &mut environment, case).await?;
        environment.process.stop().await?;
        if figures["calls"] > 0.0 {
            rows.push((case.name, Row { name: format!("{}, {size} rows", case.name), figures }));
        }
    }
    Ok(rows)
}

//! The report of a run, as Markdown and JSON.

use std::fmt;

use serde::Serialize;

use crate::{
    cases::{GET_ITEM, HELLO_WORLD},
    figures::Figures,
    measure::{BEYOND_CALLS, INIT_RATIO, MEMORY_GROWTH, PEAK_MEMORY, ZIP},
};

/// The highest permitted figures of the deployed functions.
const AIMS: [(&str, f64); 5] =
    [(ZIP, 4.0), (INIT_RATIO, 6.0), (BEYOND_CALLS, 0.15), (PEAK_MEMORY, 30.0), (MEMORY_GROWTH, 1.0)];

/// The results of a run.
#[derive(Serialize)]
pub(crate) struct Report {
    /// The machine, which affects all times.
    pub machine: String,
    pub tables: Vec<Table>,
}

/// Measurements with the same figures.
#[derive(Serialize)]
pub(crate) struct Table {
    pub title: &'static str,
    pub rows: Vec<Row>,
}

/// One measurement.
#[derive(Serialize)]
pub(crate) struct Row {
    pub name: String,
    pub figures: Figures,
}

impl Report {
    /// The worst figure of all functions for each aim.
    fn aims(&self) -> Table {
        let functions = self.tables.iter().flat_map(|table| &table.rows);
        let functions = functions.filter(|row| ![HELLO_WORLD, GET_ITEM].contains(&&*row.name));
        let row = |(figure, aim)| {
            let values = functions.clone().filter_map(|row| Some((*row.figures.get(figure)?, &row.name)));
            let (worst, name) = values.max_by(|one, other| one.0.total_cmp(&other.0))?;
            let figures = Figures::from([("at most", aim), ("measured", worst)]);
            Some(Row { name: format!("{figure} ({name})"), figures })
        };
        Table { title: "aim", rows: AIMS.into_iter().filter_map(row).collect() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}", self.machine, self.aims())?;
        self.tables.iter().try_for_each(|table| writeln!(f, "{table}"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.rows.first() else { return Ok(()) };
        write!(f, "| {} |", self.title)?;
        first.figures.keys().try_for_each(|figure| write!(f, " {figure} |"))?;
        writeln!(f, "\n|---|{}", "--:|".repeat(first.figures.len()))?;
        for row in &self.rows {
            write!(f, "| {} |", row.name)?;
            // Adding zero removes the sign of a negative zero.
            row.figures
                .values()
                .try_for_each(|value| write!(f, " {} |", (value * 1e3).round() / 1e3 + 0.0))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_show_the_worst_function_and_no_reference() {
        let row = |name: &str, zip_mb| Row { name: name.to_owned(), figures: Figures::from([(ZIP, zip_mb)]) };
        let rows = vec![row(GET_ITEM, 9.0), row("show-me", 2.5), row("list-messages", 3.1234)];
        let report = Report { machine: "a machine".to_owned(), tables: vec![Table { title: "start", rows }] };
        assert_eq!(
            report.to_string(),
            "a machine\n\n\
             | aim | at most | measured |\n|---|--:|--:|\n| zip, MB (list-messages) | 4 | 3.123 |\n\n\
             | start | zip, MB |\n|---|--:|\n\
             | get-item | 9 |\n| show-me | 2.5 |\n| list-messages | 3.123 |\n\n"
        );
    }
}

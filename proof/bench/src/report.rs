//! The report of a run, as Markdown, JSON and plots.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Result;
use serde::Serialize;

use crate::{
    batches::Batch,
    functions::Budget,
    growth::Grown,
    measure::{Cost, First, Memory, Start, Warm, count_of},
    plot::{self, Axes, Line},
    run::Trust,
    self_invocations::SelfInvocations,
    sizes::Size,
    targets::Target,
    throughput::Load,
};

/// The results of a run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The processor.
    pub machine: String,
    /// Whether the processors were kept awake.
    pub is_awake: bool,
    /// The certificate authorities that the functions trusted.
    pub trust: Trust,
    /// Milliseconds per verification of a token.
    pub token_ms: Option<f64>,
    /// The results of each case.
    pub functions: Vec<Measured>,
    /// Batches of the stream handler.
    pub batches: Vec<Batch>,
    /// Self-invocations of the stream handler.
    pub self_invocations: Vec<SelfInvocations>,
    /// Growing inboxes.
    pub inboxes: Vec<Grown>,
    /// Growing conversations.
    pub conversations: Vec<Grown>,
    /// Load on the local stack.
    pub loads: Vec<Load>,
}

/// The results of one case.
#[derive(Debug, Serialize)]
pub struct Measured {
    pub title: String,
    pub is_route: bool,
    /// The allowed cost.
    pub budget: Option<Budget>,
    /// Binary size. `None` for a variant of another case.
    pub size: Option<Size>,
    pub start: Option<Start>,
    /// First invocations by memory size.
    pub firsts: Vec<First>,
    pub warm: Option<Warm>,
    /// Memory after many invocations.
    pub memory: Option<Memory>,
}

impl Report {
    /// Writes `figures.json`, `figures.md` and the plots to `folder`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("figures.json"), serde_json::to_string_pretty(self)? + "\n")?;
        fs::write(folder.join("figures.md"), self.to_markdown()?)?;
        self.plot(folder)
    }

    /// Formats the tables.
    pub fn to_markdown(&self) -> Result<String> {
        let mut text = String::new();
        let out = &mut text;
        let trusted = match self.trust {
            Trust::System => "all whom the system trusts",
            Trust::Authority => "one authority",
        };
        let awake = if self.is_awake { "are kept awake" } else { "may sleep" };
        writeln!(out, "{}, which {awake}. Functions trust {trusted}.\n", self.machine)?;
        self.write_targets(out)?;
        self.write_sizes_and_starts(out)?;
        self.write_firsts(out)?;
        self.write_warm(out)?;
        self.write_memory(out)?;
        self.write_batches(out)?;
        self.write_self_invocations(out)?;
        write_grown(out, "groups in the inbox", &self.inboxes)?;
        write_grown(out, "messages in the conversation", &self.conversations)?;
        self.write_loads(out)?;
        if let Some(token_ms) = self.token_ms {
            writeln!(
                out,
                "Verification of an access token, with its key known: {token_ms:.3} ms of a processor.\n"
            )?;
        }
        Ok(text)
    }

    fn write_targets(&self, out: &mut String) -> Result<()> {
        writeln!(out, "| what | aim | measured, at worst | met |\n|---|---|---|---|")?;
        for Target { what, aim, measured, is_met } in self.targets() {
            writeln!(out, "| {what} | {aim} | {measured} | {} |", if is_met { "yes" } else { "**no**" })?;
        }
        writeln!(out)?;
        Ok(())
    }

    fn write_sizes_and_starts(&self, out: &mut String) -> Result<()> {
        let head = "| function | binary, MB | in a zip, MB | crates | start, ms | start, CPU ms | / hello-world | memory, MB |\n\
                    |---|--:|--:|--:|--:|--:|--:|--:|";
        let rows = self.functions.iter().filter_map(|function| {
            let (size, start) = (function.size?, function.start?);
            Some(format!(
                "| {} | {:.2} | {:.2} | {} | {:.1} | {:.2} | {:.2} | {:.1} |",
                function.title,
                size.binary_mb,
                size.zip_mb,
                size.crates,
                start.wall_ms,
                start.cpu_ms,
                start.times_the_least,
                start.memory_mb
            ))
        });
        write_table(out, head, rows)
    }

    fn write_firsts(&self, out: &mut String) -> Result<()> {
        let Some(sizes) =
            self.functions.iter().map(|function| &function.firsts).find(|firsts| !firsts.is_empty())
        else {
            return Ok(());
        };
        let memory =
            sizes.iter().map(|first| format!(" {} MB | ratio |", first.memory)).collect::<Vec<_>>().concat();
        let head = format!("| first / warm, ms |{memory}\n|---|{}", "--:|--:|".repeat(sizes.len()));
        let rows = self.functions.iter().map(|function| {
            let cells = function.firsts.iter().map(|first| {
                let ratio = first.wall_ms / first.warm_ms;
                format!(" {:.1} / {:.1} | {ratio:.2} |", first.wall_ms, first.warm_ms)
            });
            format!("| {} |{}", function.title, cells.collect::<Vec<_>>().concat())
        });
        write_table(out, &head, rows)
    }

    fn write_warm(&self, out: &mut String) -> Result<()> {
        let head = "| warm | p50, ms | p99, ms | CPU, ms | beyond its calls | calls | round trips | RRU | WRU | bytes out | bytes in | budget kept |\n\
                    |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|";
        let rows = self.functions.iter().filter_map(|function| {
            let warm = function.warm?;
            let Warm { cost, beyond_ms, round_trips } = warm;
            let kept = match function.budget {
                None => "",
                Some(budget) if keeps(&warm, budget) => "yes",
                Some(_) => "**no**",
            };
            Some(format!(
                "| {} | {:.2} | {:.2} | {:.3} | {beyond_ms:.3} | {:.1} | {round_trips:.0} | {:.1} | {:.1} | {:.0} | {:.0} | {kept} |",
                function.title,
                cost.p50_ms,
                cost.p99_ms,
                cost.cpu_ms,
                cost.calls,
                cost.read_units,
                cost.write_units,
                cost.bytes_out,
                cost.bytes_in
            ))
        });
        write_table(out, head, rows)
    }

    fn write_memory(&self, out: &mut String) -> Result<()> {
        let head =
            "| memory, MB | invocations | after a tenth | in the end | at most |\n|---|--:|--:|--:|--:|";
        let rows = self.functions.iter().filter_map(|function| {
            let Memory { invocations, early_mb, late_mb, most_mb } = function.memory?;
            Some(format!(
                "| {} | {invocations} | {early_mb:.1} | {late_mb:.1} | {most_mb:.1} |",
                function.title
            ))
        });
        write_table(out, head, rows)
    }

    fn write_batches(&self, out: &mut String) -> Result<()> {
        let head = "| records | groups | ms | CPU µs / record | moves / record | RRU / group | WRU / group | WRU, once more | CPU µs / record, once more |\n\
                    |--:|--:|--:|--:|--:|--:|--:|--:|--:|";
        let rows = self.batches.iter().map(|batch| {
            format!(
                "| {} | {} | {:.1} | {:.1} | {:.4} | {:.1} | {:.1} | {:.1} | {:.1} |",
                batch.records,
                batch.groups,
                batch.wall_ms,
                batch.cpu_us_per_record,
                batch.moves_per_record,
                batch.read_units_per_group,
                batch.write_units_per_group,
                batch.write_units_again,
                batch.cpu_us_per_record_again
            )
        });
        write_table(out, head, rows)
    }

    fn write_self_invocations(&self, out: &mut String) -> Result<()> {
        let head = "| the mapping's filter | messages | records that reach the function | invocations |\n\
                    |---|--:|--:|--:|";
        let rows = self.self_invocations.iter().map(|counted| {
            let SelfInvocations { filtered, messages, records, invocations } = counted;
            let filter = if *filtered { "as in the template" } else { "none" };
            format!("| {filter} | {messages} | {records} | {invocations} |")
        });
        write_table(out, head, rows)
    }

    fn write_loads(&self, out: &mut String) -> Result<()> {
        let head = "| local stack | clients | answers / s | p50, ms | p99, ms |\n|---|--:|--:|--:|--:|";
        let rows = self.loads.iter().map(|Load { request, clients, per_second, p50_ms, p99_ms }| {
            format!("| {request} | {clients} | {per_second:.0} | {p50_ms:.2} | {p99_ms:.2} |")
        });
        write_table(out, head, rows)
    }

    fn plot(&self, folder: &Path) -> Result<()> {
        let bars = self
            .functions
            .iter()
            .filter_map(|function| Some((function.title.clone(), function.start?.times_the_least)));
        let bars = bars.collect::<Vec<_>>();
        if !bars.is_empty() {
            let axes = Axes {
                title: "CPU until the first event, times that of hello-world",
                x: "the line: at most 6",
                y: "",
            };
            plot::bars(&folder.join("start.svg"), axes, &bars, Some(6.0))?;
        }
        let firsts = self.functions.iter().filter(|function| !function.firsts.is_empty()).map(|function| {
            let point = |first: &First| (f64::from(first.memory), first.wall_ms);
            (function.title.clone(), function.firsts.iter().map(point).collect())
        });
        let axes = Axes { title: "First invocation", x: "memory, MB", y: "ms" };
        plot_lines(&folder.join("first.svg"), axes, &firsts.collect::<Vec<_>>(), true)?;
        let axes = Axes { title: "Growing inboxes", x: "groups", y: "CPU ms an invocation" };
        plot_lines(&folder.join("inboxes.svg"), axes, &by_title(&self.inboxes), false)?;
        let axes = Axes { title: "Growing conversations", x: "messages", y: "CPU ms an invocation" };
        plot_lines(&folder.join("conversations.svg"), axes, &by_title(&self.conversations), false)?;
        let loads =
            by_name(self.loads.iter().map(|load| (load.request, (f64::from(load.clients), load.p99_ms))));
        let axes = Axes { title: "The local stack under load", x: "clients", y: "p99, ms" };
        plot_lines(&folder.join("throughput.svg"), axes, &loads, true)
    }
}

/// Whether an invocation costs exactly the allowed amount.
pub(crate) fn keeps(warm: &Warm, budget: Budget) -> bool {
    let is = |measured: f64, allowed: f64| (measured - allowed).abs() < 0.05;
    is(warm.cost.read_units, budget.read)
        && is(warm.cost.write_units, budget.write)
        && is(warm.round_trips, f64::from(budget.round_trips))
}

fn plot_lines(file: &Path, axes: Axes<'_>, lines: &[Line], logarithmic: bool) -> Result<()> {
    if lines.is_empty() { Ok(()) } else { plot::lines(file, axes, lines, logarithmic) }
}

fn by_title(grown: &[Grown]) -> Vec<Line> {
    by_name(grown.iter().map(|Grown { size, title, cost }| (title.as_str(), (count_of(*size), cost.cpu_ms))))
}

/// Groups points into one line per name.
fn by_name<'a>(points: impl Iterator<Item = (&'a str, (f64, f64))>) -> Vec<Line> {
    let mut lines = Vec::<Line>::new();
    for (name, point) in points {
        match lines.iter_mut().find(|(known, _)| known == name) {
            Some((_, points)) => points.push(point),
            None => lines.push((name.to_owned(), vec![point])),
        }
    }
    lines
}

fn write_grown(out: &mut String, what: &str, grown: &[Grown]) -> Result<()> {
    let head = format!(
        "| {what} | asked | p50, ms | CPU, ms | RRU | WRU | bytes in |\n|--:|---|--:|--:|--:|--:|--:|"
    );
    let rows = grown.iter().map(|Grown { size, title, cost }| {
        let Cost { p50_ms, cpu_ms, read_units, write_units, bytes_in, .. } = cost;
        format!(
            "| {size} | {title} | {p50_ms:.2} | {cpu_ms:.3} | {read_units:.1} | {write_units:.1} | {bytes_in:.0} |"
        )
    });
    write_table(out, &head, rows)
}

/// Writes a table unless it has no rows.
fn write_table(out: &mut String, head: &str, rows: impl Iterator<Item = String>) -> Result<()> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "{head}")?;
    for row in rows {
        writeln!(out, "{row}")?;
    }
    writeln!(out)?;
    Ok(())
}

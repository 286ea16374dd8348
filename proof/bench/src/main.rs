//! Measures the functions as deployed: `cargo run -p bench --release -- --help`.
//!
//! Release binaries run behind a runtime API that imitates Lambda, and all their dependencies are behind TLS.
//! Figures are counts, and ratios to a function that does nothing and one that makes one call.

#![expect(clippy::indexing_slicing, reason = "JSON of sample events: a missing member is null")]

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;

use crate::{
    cases::{Case, GET_ITEM, HELLO_WORLD, cases},
    process::Processors,
    report::{Report, Row, Table},
    services::Services,
};

mod batches;
mod cases;
mod environment;
mod figures;
mod growth;
mod measure;
mod process;
mod report;
mod services;
mod tls;

/// Builds and measures the functions and the two references.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Options {
    /// Folder of the binaries, as built by cargo or cargo-lambda. By default, they are built.
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
    /// Measure only functions whose name contains this text, and the references.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Run few repetitions, as a smoke test.
    #[arg(long)]
    quick: bool,
    /// File for the figures as JSON.
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    json: PathBuf,
}

/// The surroundings and settings of all measurements.
struct Run {
    services: Services,
    processors: Processors,
    /// The folder of the binaries.
    binaries: PathBuf,
    /// The number of repetitions: turns of blocks of warm invocations. Other measurements take a fraction.
    turns: usize,
}

impl Run {
    /// The binary of a case, in the layout of cargo-lambda (`NAME/bootstrap`) or cargo (`NAME`).
    fn binary(&self, case: &Case) -> PathBuf {
        let bootstrap = self.binaries.join(case.function).join("bootstrap");
        if bootstrap.exists() { bootstrap } else { self.binaries.join(case.function) }
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut cases = cases()?;
    let binaries = match options.functions {
        Some(folder) => folder,
        None => build(&cases)?,
    };
    if let Some(only) = options.only {
        cases.retain(|case| case.is_reference() || case.name.contains(&only));
    }
    // The threads of the runtime inherit this thread's processors.
    let processors = Processors::reserve()?;
    let turns = if options.quick { 3 } else { 200 };
    let report = tokio::runtime::Runtime::new()?.block_on(async {
        let services = Services::start().await?;
        let run = Run { services, processors, binaries, turns };
        let report = measure(&run, &cases).await?;
        run.services.stop().await?;
        anyhow::Ok(report)
    })?;
    let json = serde_json::to_string_pretty(&report)? + "\n";
    fs::write(&options.json, json).with_context(|| format!("can't write {}", options.json.display()))?;
    write!(io::stdout(), "{report}")?;
    log(&format!("the figures as JSON are in {}", options.json.display()));
    Ok(())
}

async fn measure(run: &Run, cases: &[Case]) -> Result<Report> {
    let reference = |name| cases.iter().find(|case| case.function == name).context("a reference is missing");
    let (hello_world, get_item) = (reference(HELLO_WORLD)?, reference(GET_ITEM)?);
    log("growth");
    let growth = growth::growth(run, cases).await?;
    let (mut starts, mut warm) = (Vec::new(), Vec::new());
    for case in cases {
        log(case.name);
        let figures = measure::start(run, case, hello_world).await?;
        starts.push(Row { name: case.name.to_owned(), figures });
        let figures = measure::warm(run, case, get_item).await?;
        warm.push(Row { name: case.name.to_owned(), figures });
    }
    let mut tables =
        vec![Table { title: "start", rows: starts }, Table { title: "warm", rows: warm }, growth];
    if let Some(stream_handler) = cases.iter().find(|case| case.function == "stream-handler") {
        log("batches");
        tables.push(batches::batches(run, stream_handler).await?);
    }
    Ok(Report { machine: machine(&run.processors), tables })
}

/// Builds all functions as deployed, and returns the folder of the binaries.
fn build(cases: &[Case]) -> Result<PathBuf> {
    log("building the functions");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--bins"]);
    for case in cases {
        cargo.args(["--package", case.function]);
    }
    if !cargo.status()?.success() {
        bail!("cargo build has failed");
    }
    let target = cruddur::config::environment("CARGO_TARGET_DIR").unwrap_or_else(|| "target".to_owned());
    Ok(PathBuf::from(target).join("release"))
}

/// The machine, which affects all times.
fn machine(processors: &Processors) -> String {
    let file = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = file.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown model", |(_, model)| model);
    let sleep = if processors.are_kept_awake() { "kept awake" } else { "may sleep" };
    format!("{model}, processors {sleep}")
}

/// Writes a line to standard error, unless it is closed.
fn log(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

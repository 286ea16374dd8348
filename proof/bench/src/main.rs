//! The benchmark of the functions: `cargo run -p bench --release -- --help`.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use bench::{
    batches, functions,
    functions::{Case, GET_ITEM, HELLO_WORLD},
    growth, measure,
    process::Processors,
    report::{Measured, Report},
    run::{Effort, MEMORY_OF_ONE_PROCESSOR, Run, Trust},
    self_invocations::self_invocations,
    sizes::size,
    stage::Stage,
    throughput::throughput,
    tokens,
};
use clap::{Parser, ValueEnum};

/// Builds and measures the functions and the two baselines.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Options {
    /// Measurements to run. Repeatable; by default, all.
    #[arg(value_enum)]
    what: Vec<What>,
    /// Folder of the binaries, as built by cargo or cargo-lambda. By default, they are built.
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
    /// Measure only functions whose title contains this text, and the baselines.
    #[arg(long)]
    only: Option<String>,
    /// Run few repetitions, as a smoke test.
    #[arg(long)]
    quick: bool,
    /// Certificate authorities that the functions trust.
    #[arg(long, value_enum, default_value_t)]
    trust: Trust,
    /// Folder for tables and plots.
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Sizes and starts.
    Start,
    /// First invocations at each memory size.
    First,
    /// Warm invocations: time, calls, request units, round trips.
    Warm,
    /// Memory after many invocations.
    Memory,
    /// Batches of the stream handler.
    Batches,
    /// Self-invocations of the stream handler.
    SelfInvocations,
    /// Growing inboxes and conversations.
    Growth,
    /// Load on the local stack.
    Throughput,
    /// Verification of tokens.
    Tokens,
}

/// Memory sizes in MB, from Lambda's minimum to that of one processor.
const MEMORY: [u32; 4] = [128, 256, 512, MEMORY_OF_ONE_PROCESSOR];

fn say(line: &str) {
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "{line}");
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let wants = |what| options.what.is_empty() || options.what.contains(&what);
    let effort = if options.quick { Effort::QUICK } else { Effort::FULL };
    let binaries = match &options.functions {
        Some(folder) => folder.clone(),
        None => build()?,
    };
    let mut report = Report { machine: machine(), trust: options.trust, ..Report::default() };
    if wants(What::Tokens) {
        report.token_ms = Some(tokens::verification(effort.tokens).await?);
    }
    let run = Run {
        processors: Processors::share_out()?,
        stage: Stage::set().await?,
        binaries,
        trust: options.trust,
        effort,
    };
    report.is_awake = run.processors.are_awake();
    if !report.is_awake {
        say(
            "/dev/cpu_dma_latency can't be written: processors may sleep while a function waits, which costs it more",
        );
    }
    let cases = cases(options.only.as_deref())?;
    let reference =
        |function| cases.iter().find(|case| case.function == function).context("a reference is missing");
    let (least, call) = (reference(HELLO_WORLD)?, reference(GET_ITEM)?);
    for case in &cases {
        say(&case.title());
        let is_function = case.variant.is_none();
        let mut measured = Measured {
            title: case.title(),
            is_route: case.is_route(),
            budget: case.budget,
            size: None,
            start: None,
            firsts: Vec::new(),
            warm: None,
            memory: None,
        };
        if wants(What::Start) && is_function {
            measured.size = Some(size(&case.binary(&run.binaries), case.function)?);
            measured.start = Some(measure::starts(&run, case, least).await?);
        }
        if wants(What::First) {
            for memory in MEMORY {
                measured.firsts.push(measure::firsts(&run, case, memory).await?);
            }
        }
        if wants(What::Warm) {
            measured.warm = Some(measure::warm(&run, case, call).await?);
        }
        if wants(What::Memory) && is_function {
            measured.memory = Some(measure::memory(&run, case).await?);
        }
        report.functions.push(measured);
    }
    let named = |names: &[&str]| {
        let case = |case: &&Case| case.variant.is_none() && names.contains(&case.function);
        cases.iter().filter(case).cloned().collect::<Vec<_>>()
    };
    if wants(What::Batches)
        && let [stream_handler] = &*named(&["stream-handler"])
    {
        say("batches");
        report.batches = batches::batches(&run, stream_handler).await?;
    }
    if wants(What::Growth) {
        say("growing inboxes");
        let over_inboxes = named(&["list-message-groups", "create-message", "stream-handler"]);
        report.inboxes = growth::inboxes(&run, &over_inboxes).await?;
        say("growing conversations");
        let over_conversations = named(&["list-messages", "create-message", "stream-handler"]);
        report.conversations = growth::conversations(&run, &over_conversations).await?;
    }
    let Run { stage, processors, .. } = run;
    stage.strike().await?;
    processors.give_back()?;
    if wants(What::SelfInvocations) {
        say("self-invocations");
        report.self_invocations = self_invocations().await?;
    }
    if wants(What::Throughput) {
        say("the local stack");
        report.loads = throughput(effort.load).await?;
    }
    report.write(&options.out)?;
    let limited = report.functions.iter().flat_map(|function| &function.firsts).all(|first| first.limited);
    if !limited {
        say(
            "this machine has no control groups that can be written: first invocations had a whole processor",
        );
    }
    write!(io::stdout(), "{}", report.to_markdown()?)?;
    say(&format!("tables and plots are in {}", options.out.display()));
    Ok(())
}

fn cases(only: Option<&str>) -> Result<Vec<Case>> {
    let mut cases = functions::cases()?;
    cases.retain(|case| {
        [HELLO_WORLD, GET_ITEM].contains(&case.function)
            || only.is_none_or(|only| case.title().contains(only))
    });
    Ok(cases)
}

/// Builds all functions as deployed, and returns the folder of the binaries.
fn build() -> Result<PathBuf> {
    let mut packages = functions::cases()?.into_iter().map(|case| case.function).collect::<Vec<_>>();
    packages.dedup();
    say("building the functions");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--release", "--bins"]);
    for package in &packages {
        cargo.args(["--package", package]);
    }
    if !cargo.status()?.success() {
        bail!("the functions can't be built");
    }
    let target = cruddur::config::environment("CARGO_TARGET_DIR").unwrap_or_else(|| "target".to_owned());
    Ok(PathBuf::from(target).join("release"))
}

/// The machine, which affects all times.
fn machine() -> String {
    let file = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = file.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{processors} processors, {}", model.map_or("of an unknown model", |(_, model)| model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_references_are_always_measured() {
        let titles = cases(Some("show-user")).unwrap().iter().map(Case::title).collect::<Vec<_>>();
        assert_eq!(titles, ["hello-world", "get-item", "show-user"]);
    }

    #[test]
    fn a_function_is_found_where_cargo_or_cargo_lambda_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        let case = &cases(None).unwrap()[0];
        assert_eq!(case.binary(folder.path()), folder.path().join("hello-world"));
        fs::create_dir(folder.path().join("hello-world")).unwrap();
        fs::write(folder.path().join("hello-world/bootstrap"), "").unwrap();
        assert_eq!(case.binary(folder.path()), folder.path().join("hello-world/bootstrap"));
    }
}

//! Runs a number of seeds and prints the results.

use std::{collections::BTreeMap, process::ExitCode, thread, time::Instant};

use clap::Parser;
use simulation::{Outcome, Planted, run_all};

/// Runs the functions once per seed while all their dependencies fail at random.
#[derive(Debug, Parser)]
struct Options {
    /// First seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Number of seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Plant a fault in an algorithm, which the run should find.
    #[arg(long, value_enum)]
    planted: Option<Planted>,
    /// Stop at the first violation.
    #[arg(long)]
    stop: bool,
}

#[expect(clippy::print_stdout, reason = "the output is what it is for")]
fn main() -> ExitCode {
    let Options { from, seeds, planted, stop } = Options::parse();
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    let outcomes = run_all(from..from + seeds, jobs, planted, stop);
    let faults = sum(outcomes.iter().map(|outcome| &outcome.faults));
    println!("| fault | times |\n|---|---:|");
    for (fault, number) in &faults {
        println!("| {fault:?} | {number} |");
    }
    println!("| **all** | **{}** |\n", faults.values().sum::<u64>());
    let number = |number: fn(&Outcome) -> u64| outcomes.iter().map(number).sum::<u64>();
    println!("| | |\n|---|---:|");
    println!("| seeds | {} |", outcomes.len());
    println!("| calls to DynamoDB | {} |", number(|outcome| outcome.trace.calls));
    println!("| commits | {} |", number(|outcome| outcome.commits));
    println!("| messages stored | {} |", number(|outcome| outcome.messages));
    println!("| markings | {} |", number(|outcome| outcome.changes.marks));
    println!("| edits | {} |", number(|outcome| outcome.changes.edits));
    println!("| deletions | {} |", number(|outcome| outcome.changes.deletions));
    println!("| reactions | {} |", number(|outcome| outcome.changes.reactions));
    println!("| replies | {} |", number(|outcome| outcome.changes.replies));
    println!("| groups muted, hidden or cleared | {} |", number(|outcome| outcome.changes.settings));
    println!("| blocks begun and ended | {} |", number(|outcome| outcome.changes.blocks));
    println!("| requests and answers to them | {} |", number(|outcome| outcome.changes.requests));
    println!("| frames sent to sockets | {} |", number(|outcome| outcome.frames));
    println!("| log rows given by frames | {} |", number(|outcome| outcome.given[0]));
    println!("| log rows given by reading | {} |", number(|outcome| outcome.given[1]));
    println!("| expired cursors | {} |", number(|outcome| outcome.expired));
    for (status, number) in sum(outcomes.iter().map(|outcome| &outcome.answers)) {
        match status {
            0 => println!("| requests without an answer | {number} |"),
            _ => println!("| answers {status} | {number} |"),
        }
    }
    println!("| simulated hours | {} |", number(|outcome| outcome.time.as_secs()) / 3_600);
    println!("| seconds | {:.1} |", begin.elapsed().as_secs_f64());
    let violated = outcomes.iter().filter(|outcome| !outcome.violations.is_empty()).collect::<Vec<_>>();
    println!("| seeds with violations | {} |\n", violated.len());
    for outcome in violated.iter().take(20) {
        println!("seed {}:", outcome.seed);
        for violation in outcome.violations.iter().take(12) {
            println!("  {violation}");
        }
    }
    if violated.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn sum<'a, K: Copy + Ord + 'a>(counts: impl Iterator<Item = &'a BTreeMap<K, u64>>) -> BTreeMap<K, u64> {
    let mut sum = BTreeMap::new();
    for (key, number) in counts.flatten() {
        *sum.entry(*key).or_default() += number;
    }
    sum
}

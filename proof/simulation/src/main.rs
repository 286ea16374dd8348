//! Runs a number of seeds and prints the results.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use clap::Parser;
use dynamodb_fake::Counts;
use simulation::{Outcome, Planted, log, run};

/// Runs the functions once per seed while all their dependencies fail at random.
#[derive(Debug, Parser)]
struct Options {
    /// First seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Number of seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Number of threads; one per processor by default.
    #[arg(long)]
    jobs: Option<usize>,
    /// Plant a fault in an algorithm, which the run should find.
    #[arg(long, value_enum)]
    planted: Option<Planted>,
    /// Stop at the first violation.
    #[arg(long)]
    stop: bool,
}

#[derive(Default)]
struct Sum {
    runs: u64,
    violated: Vec<(u64, Vec<String>)>,
    faults: Counts,
    answers: BTreeMap<u16, u64>,
    calls: u64,
    messages: usize,
    commits: u64,
    seconds: f64,
}

impl Sum {
    fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.faults += &outcome.faults;
        for (status, number) in outcome.answers {
            *self.answers.entry(status).or_default() += number;
        }
        self.calls += outcome.trace.calls;
        self.messages += outcome.messages;
        self.commits += outcome.commits;
        self.seconds += outcome.time.as_secs_f64();
        if !outcome.violations.is_empty() {
            self.violated.push((outcome.seed, outcome.violations));
        }
    }
}

#[expect(clippy::print_stdout, clippy::unwrap_used, reason = "the output is what it is for")]
fn main() -> ExitCode {
    let options = Options::parse();
    log::init();
    let jobs = options.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let next = AtomicU64::new(options.from);
    let sum = Mutex::new(Sum::default());
    let end = options.from + options.seeds;
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || options.stop && !sum.lock().unwrap().violated.is_empty() {
                        return;
                    }
                    let outcome = run(seed, options.planted);
                    sum.lock().unwrap().add(outcome);
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap();
    sum.violated.sort();
    println!("| fault | times |\n|---|---:|");
    for (fault, number) in sum.faults.iter() {
        println!("| {fault} | {number} |");
    }
    println!("| **all** | **{}** |\n", sum.faults.sum());
    println!("| | |\n|---|---:|");
    println!("| seeds | {} |", sum.runs);
    println!("| calls to DynamoDB | {} |", sum.calls);
    println!("| commits | {} |", sum.commits);
    println!("| messages stored | {} |", sum.messages);
    for (status, number) in &sum.answers {
        let what = if *status == 0 { "requests without an answer" } else { "answers" };
        println!("| {what} {} | {number} |", if *status == 0 { String::new() } else { status.to_string() });
    }
    println!("| simulated hours | {:.1} |", sum.seconds / 3_600.0);
    println!("| seconds | {:.1} |", begin.elapsed().as_secs_f64());
    println!("| seeds with violations | {} |\n", sum.violated.len());
    for (seed, violations) in sum.violated.iter().take(20) {
        println!("seed {seed}:");
        for violation in violations.iter().take(12) {
            println!("  {violation}");
        }
    }
    if sum.violated.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

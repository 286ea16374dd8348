//! Sends a number of messages through a local stack whose DynamoDB fails, and prints the results.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use clap::Parser;
use testing::soak::{self, Plan};
use tracing_subscriber::EnvFilter;

/// People write, read and retry over HTTP through the local stack, while DynamoDB fails.
///
/// At the end, the inboxes must catch up, the table must satisfy the invariants, and no response may be
/// contradicted. Exits with code 1 otherwise.
#[derive(Debug, Parser)]
#[command(name = "soak", version)]
struct Options {
    /// Number of messages that must be acknowledged.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// Share of calls to DynamoDB that fail.
    #[arg(long, default_value_t = 0.05)]
    faults: f64,
    /// Number of users, who all write to each other.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    users: u32,
    /// Devices per user.
    #[arg(long, default_value_t = 12)]
    devices: u32,
    /// Seed for people's actions and failing calls.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Options { messages, faults, users, devices, seed } = Options::parse();
    // Failures are injected on purpose, so logs would only repeat them.
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new("off")).with_writer(io::stderr).init();
    let say = |line: &str| {
        // The reader may be gone.
        let _ = writeln!(io::stderr(), "{line}");
    };
    let report = Box::pin(soak::run(Plan { messages, faults, users, devices, seed }, say)).await?;
    let mut out = io::stdout();
    writeln!(out, "| fault | times |\n|---|--:|")?;
    for (fault, number) in &report.faults {
        writeln!(out, "| {fault:?} | {number} |")?;
    }
    writeln!(out, "| **all** | **{}** |\n\n| | |\n|---|--:|", report.faults.values().sum::<u64>())?;
    for (what, number) in &report.figures {
        writeln!(out, "| {what} | {number} |")?;
    }
    writeln!(out, "| violations | {} |", report.violations.len())?;
    for violation in report.violations.iter().take(40) {
        writeln!(out, "{violation}")?;
    }
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! Sends messages through a local stack whose DynamoDB fails, as many as asked for, and says what came of it.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use clap::Parser;
use testing::soak::{self, Plan};
use tracing_subscriber::EnvFilter;

/// People write, read and ask again, through the local stack and over HTTP, while DynamoDB fails.
///
/// In the end the inboxes have to catch up, the table has to keep the invariants, and nothing may contradict what
/// people were told. Exit code 1 when something does.
#[derive(Debug, Parser)]
#[command(name = "soak", version)]
struct Options {
    /// How many messages have to be acknowledged.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// The share of calls to DynamoDB that fail.
    #[arg(long, default_value_t = 0.05)]
    faults: f64,
    /// Users, who all write to each other.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    users: u32,
    /// Devices of each user.
    #[arg(long, default_value_t = 12)]
    devices: u32,
    /// Decides what people do and which call fails.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Options { messages, faults, users, devices, seed } = Options::parse();
    // Failures are injected; logs would only repeat them.
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new("off")).with_writer(io::stderr).init();
    let say = |line: &str| {
        // Nobody may be listening.
        let _ = writeln!(io::stderr(), "{line}");
    };
    let report = Box::pin(soak::run(Plan { messages, faults, users, devices, seed }, say)).await?;
    let mut out = io::stdout();
    writeln!(out, "| fault | times |\n|---|--:|")?;
    for (fault, number) in report.faults.iter().filter(|(_, number)| *number > 0) {
        writeln!(out, "| {fault} | {number} |")?;
    }
    writeln!(out, "| **all** | **{}** |\n\n| | |\n|---|--:|", report.faults.sum())?;
    for (what, number) in &report.figures {
        writeln!(out, "| {what} | {number} |")?;
    }
    writeln!(out, "| violations | {} |", report.violations.len())?;
    for violation in report.violations.iter().take(40) {
        writeln!(out, "{violation}")?;
    }
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! Runs the conversation suite against a stack: a line a check, and exit code 1 when one does not hold.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use clap::Parser;
use testing::conversation::{self, Target};

/// Lets the users of a stack have a conversation, and holds every answer against the contract.
#[derive(Debug, Parser)]
#[command(name = "conversation", version)]
struct Options {
    /// Origin of the API under test.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4567")]
    api: String,

    /// Origin of the local stack that has the users and gives the tokens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4567")]
    tokens: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let origin = |url: String| url.trim_end_matches('/').to_owned();
    let Options { api, tokens } = Options::parse();
    let target = Target { api: origin(api), tokens: origin(tokens) };
    let mut stdout = io::stdout();
    let summary = conversation::run(&target, |check, outcome| {
        // Nobody may be reading any more; the exit code says it all the same.
        let _ = match outcome {
            Ok(()) => writeln!(stdout, "ok      {check}"),
            Err(error) => writeln!(stdout, "FAILED  {check}\n{error:#}\n"),
        };
    })
    .await?;
    let _ = writeln!(stdout, "{} passed, {} failed", summary.passed, summary.failed);
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

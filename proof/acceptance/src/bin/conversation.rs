//! Runs the conversation suite against a stack. Prints one line per check; exits with code 1 if one fails.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use acceptance::Target;
use anyhow::Result;
use clap::Parser;

/// Runs a conversation between the users of a stack, and checks every response against the contract.
#[derive(Debug, Parser)]
#[command(name = "conversation", version)]
struct Options {
    /// Origin of the API under test.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4567")]
    api: String,

    /// Origin of the local stack that has the users and issues the tokens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4567")]
    tokens: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let origin = |url: String| url.trim_end_matches('/').to_owned();
    let Options { api, tokens } = Options::parse();
    let target = Target { api: origin(api), tokens: origin(tokens) };
    let mut stdout = io::stdout();
    let (mut passed, mut failed) = (0, 0);
    acceptance::run(&target, |check, outcome| {
        // The reader may be gone. The exit code has the result anyway.
        let _ = match outcome {
            Ok(()) => {
                passed += 1;
                writeln!(stdout, "ok      {check}")
            }
            Err(error) => {
                failed += 1;
                writeln!(stdout, "FAILED  {check}\n{error:#}\n")
            }
        };
    })
    .await?;
    let _ = writeln!(stdout, "{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

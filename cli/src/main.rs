//! The command `cruddur`.

use std::{
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

use clap::builder::Styles;
use cli::{options::Cli, outcome::Outcome, output::printable};
use cruddur::config::environment;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    // Off by default: the command reports by itself.
    let filter = environment("RUST_LOG").unwrap_or_else(|| "off".to_owned());
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr).init();
    match cli::run(cli).await {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(3),
        // The reader has closed the pipe, as in `cruddur ddb scan | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // A combination of arguments that only the command could reject.
            let error = match error.downcast::<clap::Error>() {
                Ok(error) => error.format(&mut Cli::with_help()).exit(),
                Err(error) => error,
            };
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Writes an error to stderr, as clap writes its own.
fn report(error: &anyhow::Error) {
    let styles = Styles::styled();
    let (red, green) = (styles.get_error(), styles.get_valid());
    let (message, tip) = cli::describe(error);
    let tip = tip.map(|tip| format!("\n  {green}tip:{green:#} {}\n", printable(&tip))).unwrap_or_default();
    // A closed stderr is ignored.
    let _ = write!(anstream::stderr(), "{red}error:{red:#} {}\n{tip}", printable(&message));
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

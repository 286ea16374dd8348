//! `cruddur`: the admin command. What it can do is in the library of this crate.

use std::{
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use cli::{Outcome, options::Cli, output::printable};
use cruddur::config::environment;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // What matters is in the command's own words; the log is for whoever wants to know more.
    let filter = environment("RUST_LOG").unwrap_or_else(|| "off".to_owned());
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr).init();
    match cli::run(cli).await {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(3),
        // Whoever reads the output has seen enough (`cruddur ddb scan | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // What only shows when it is looked at as a whole is a usage error as well.
            if let Some(error) = error.downcast_ref::<clap::Error>() {
                error.exit();
            }
            // One line, whatever the libraries say. Nobody may be listening; that changes nothing.
            let message = printable(&format!("{error:#}"));
            let _ = writeln!(anstream::stderr(), "error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

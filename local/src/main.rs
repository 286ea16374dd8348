//! `cargo run`: starts the local stack.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use clap::Parser as _;
use cruddur::config::environment;
use local::{
    options::{Engines, Options},
    stack::Stack,
    web_client,
};
use seed::demo::LOCAL_USERS;
use tokio::{runtime::Runtime, select};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let options = Options::parse();
    // dynoxide logs a failed condition as a warning; the functions expect such failures.
    let filter = environment("RUST_LOG").unwrap_or_else(|| "warn,dynoxide=error".to_owned());
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr).init();
    let run = Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
        let result = runtime.block_on(run(&options));
        // Only invocations without a client, or an engine that didn't stop in time, can still be running.
        runtime.shutdown_background();
        result
    });
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let engines = Engines::from_lookup(environment)?;
    let stack = select! {
        stack = Stack::start(options, &engines, print) => stack?,
        signal = stop_signal() => return signal,
    };
    print(&welcome(&stack));
    select! {
        () = async { web_client::build(&options.client_dir, print).await; std::future::pending().await } => {}
        signal = stop_signal() => signal?,
    }
    print("stopping");
    select! {
        stopped = stack.stop() => stopped?,
        // A second signal ends the process at once.
        signal = stop_signal() => return signal,
    }
    print("stopped");
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() -> Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn welcome(stack: &Stack) -> String {
    let url = stack.url();
    let handles = LOCAL_USERS.map(|user| user.handle).join(", ");
    let database = stack.database_url().unwrap_or("DATABASE_URL");
    format!(
        "\n\
         Cruddur Messages is running.\n\n\
         \x20 Web client  {url}\n\
         \x20 API         {url}/api\n\
         \x20 DynamoDB    {}\n\
         \x20 PostgreSQL  {database}\n\
         \x20 Users       {handles}\n\n\
         To get a token and read an inbox:\n\n\
         \x20 curl -s {url}/local/token -d '{{\"handle\": \"sunyoung\"}}'\n\
         \x20 curl -s {url}/api/message_groups -H \"Authorization: Bearer $TOKEN\"\n\n\
         Ctrl-C stops it.",
        stack.dynamodb_url(),
    )
}

/// Prints a line for the user.
fn print(line: &str) {
    // Standard error may be closed, which is harmless.
    let _ = writeln!(io::stderr(), "{line}");
}

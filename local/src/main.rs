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
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let engines = Engines::from_lookup(environment)?;
    let stack = select! {
        stack = Stack::start(options, &engines, say) => stack?,
        signal = told_to_stop() => return signal,
    };
    say(&welcome(&stack));
    select! {
        () = async { web_client::build(&options.client_dir, say).await; std::future::pending().await } => {}
        signal = told_to_stop() => signal?,
    }
    say("stopping");
    select! {
        stopped = stack.stop() => stopped?,
        // A second signal ends the process at once.
        signal = told_to_stop() => return signal,
    }
    say("stopped");
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
async fn told_to_stop() -> Result<()> {
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
    let database = stack.database_url().unwrap_or("as DATABASE_URL says");
    format!(
        "\n\
         Cruddur Messages is up.\n\n\
         \x20 Web client  {url}\n\
         \x20 API         {url}/api\n\
         \x20 DynamoDB    {}\n\
         \x20 PostgreSQL  {database}\n\
         \x20 users       {handles}\n\n\
         A token, and an inbox:\n\n\
         \x20 curl -s {url}/local/token -d '{{\"handle\": \"sunyoung\"}}'\n\
         \x20 curl -s {url}/api/message_groups -H \"Authorization: Bearer $TOKEN\"\n\n\
         Ctrl-C stops it.",
        stack.dynamodb_url(),
    )
}

/// Prints a line for the user.
fn say(line: &str) {
    // Standard error may be closed, which is harmless.
    let _ = writeln!(io::stderr(), "{line}");
}

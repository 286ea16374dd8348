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
    let serve = async {
        stack.web_client().build(print).await;
        print(&welcome(&stack, options));
        std::future::pending::<()>().await;
    };
    select! {
        () = serve => {}
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

/// Extracts the token from the response of `POST /local/token`.
const TO_TOKEN: &str = r#"sed 's/.*"access_token":"\([^"]*\)".*/\1/'"#;

fn welcome(stack: &Stack, options: &Options) -> String {
    let url = stack.url();
    let handles = LOCAL_USERS.map(|user| user.handle).join(", ");
    let database = stack.database_url().unwrap_or("DATABASE_URL");
    let client = if stack.web_client().is_built() { url } else { "not built" };
    let hosts = if options.allowed_hosts.is_empty() {
        String::new()
    } else {
        let names = options.allowed_hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("\x20 Also for    {names} (the port is open to the network)\n")
    };
    let websocket = stack.websocket_url().map_or_else(String::new, |url| format!("\x20 WebSocket   {url}\n"));
    format!(
        "\n\
         Cruddur Messages is running.\n\n\
         \x20 Web client  {client}\n\
         \x20 API         {url}/api\n\
         {websocket}\
         \x20 DynamoDB    {}\n\
         \x20 PostgreSQL  {database}\n\
         \x20 Users       {handles}\n\
         {hosts}\n\
         To read an inbox:\n\n\
         \x20 TOKEN=$(curl -s {url}/local/token -d '{{\"handle\": \"sunyoung\"}}' | {TO_TOKEN})\n\
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

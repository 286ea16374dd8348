//! A stack in its own process.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use acceptance::{Client, Stage, Target};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, ChildStderr, Command},
    time::timeout,
};

/// Time limit for every step. A slower process is considered broken.
const TIME_LIMIT: Duration = Duration::from_mins(2);

/// A running stack, killed on drop.
pub(crate) struct Stack {
    child: Child,
    // Drains the output, so that the stack never blocks on writing.
    log: tokio::task::JoinHandle<String>,
    /// The output up to the welcome.
    pub(crate) welcome: String,
    /// The URL of the API.
    pub(crate) url: String,
}

/// The binary, without the environment variables that it reads.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
        "AWS_REGION",
        "DATABASE_AUTH",
        "DATABASE_URL",
        "DDB_MESSAGE_TABLE",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    // As on a machine behind a proxy. Nothing listens there: the stack must reach its own parts directly.
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// The result of a process that ended by itself.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> End {
    let output = command(arguments).envs(environment.iter().copied()).output();
    let output = timeout(TIME_LIMIT, output).await.expect("the process is still running").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    End { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Stack {
    /// Starts a stack with the data in `data`, on any free port.
    pub(crate) async fn start(data: &Path) -> Self {
        Self::start_with(data, &[]).await
    }

    /// Starts a stack with additional environment variables.
    pub(crate) async fn start_with(data: &Path, environment: &[(&str, &str)]) -> Self {
        Self::spawn(data, &[], environment).await
    }

    /// Starts a stack with additional flags.
    pub(crate) async fn start_with_flags(data: &Path, flags: &[&str]) -> Self {
        Self::spawn(data, flags, &[]).await
    }

    async fn spawn(data: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        // The data folder has no web client, so none is built.
        let data = data.to_str().unwrap();
        let mut command = command(&["--port", "0", "--data-dir", data, "--client-dir", data]);
        let mut child = command.args(flags).envs(environment.iter().copied()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let welcome = timeout(TIME_LIMIT, until_up(&mut stderr)).await.expect("the stack has not started");
        let url = welcome
            .lines()
            .find_map(|line| line.trim().strip_prefix("API "))
            .and_then(|url| url.trim().strip_suffix("/api"));
        let url = url.expect(&welcome).to_owned();
        let log = tokio::spawn(async move {
            let mut rest = String::new();
            stderr.read_to_string(&mut rest).await.unwrap();
            rest
        });
        Self { child, log, welcome, url }
    }

    /// The stack's users and their tokens.
    pub(crate) async fn stage(&self) -> Stage {
        Stage::new(&self.target()).await.unwrap()
    }

    pub(crate) fn target(&self) -> Target {
        Target { api: self.url.clone(), tokens: self.url.clone() }
    }

    pub(crate) fn client() -> Client {
        Client::new().unwrap()
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub(crate) async fn interrupt(&self) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    }

    /// Kills the process, which can't react.
    pub(crate) fn kill(&mut self) {
        self.child.start_kill().unwrap();
    }

    /// Waits for the process to end. Returns its exit status and its output after the welcome.
    pub(crate) async fn end(mut self) -> (ExitStatus, String) {
        let status =
            timeout(TIME_LIMIT, self.child.wait()).await.expect("the stack is still running").unwrap();
        (status, self.log.await.unwrap())
    }

    /// Stops the stack with SIGINT.
    pub(crate) async fn stop(self) {
        self.interrupt().await;
        let (status, output) = self.end().await;
        assert_eq!((status.code(), &*output), (Some(0), "stopping\nstopped\n"));
    }
}

async fn until_up(stderr: &mut BufReader<ChildStderr>) -> String {
    let mut output = String::new();
    while !output.ends_with("Ctrl-C stops it.\n") {
        assert_ne!(stderr.read_line(&mut output).await.unwrap(), 0, "it ended:\n{output}");
    }
    output
}

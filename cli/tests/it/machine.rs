//! A machine with a running local stack, and the command on it.

use std::{path::PathBuf, process::Stdio};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use cruddur::dynamodb::Table;
use local::{
    options::{Engines, Options},
    stack::Stack,
};
use tokio::{process::Command, sync::Mutex};

/// A running stack with the demo data, whose ports are its own. Nothing of it is kept.
#[derive(Debug)]
pub(crate) struct Machine {
    stack: Stack,
}

/// How a run of the command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Machine {
    pub(crate) async fn start() -> Self {
        // One at a time: many embedded servers that start at once take longer than anybody waits for them.
        static STARTING: Mutex<()> = Mutex::const_new(());
        let _starting = STARTING.lock().await;
        let options =
            Options { port: 0, data_dir: PathBuf::new(), ephemeral: true, client_dir: PathBuf::new() };
        let engines = Engines::from_lookup(|_| None).unwrap();
        Self { stack: Stack::start(&options, &engines, |_| {}).await.unwrap() }
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Runs `cruddur --url … arguments` to its end.
    pub(crate) async fn cruddur(&self, arguments: &[&str]) -> Run {
        let url = ["--url", self.stack.url()];
        cruddur(&[&url, arguments].concat()).await
    }

    /// The table, for rows that only a test would write.
    pub(crate) fn table(&self) -> Table {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .endpoint_url(self.stack.dynamodb_url())
            .build();
        Table::new(Client::from_conf(config), "cruddur-messages")
    }

    pub(crate) async fn stop(self) {
        self.stack.stop().await.unwrap();
    }
}

impl Run {
    /// What was written to stdout; any end but success fails the test.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{self:#?}");
        &self.stdout
    }
}

/// The command with nothing of the test's own environment that it would look at, in UTC.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cruddur"));
    command.args(arguments).stdin(Stdio::null()).env_clear().env("TZ", "UTC").kill_on_drop(true);
    command
}

/// Runs `cruddur arguments` to its end.
pub(crate) async fn cruddur(arguments: &[&str]) -> Run {
    let output = command(arguments).output().await.unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

//! A machine with a running local stack, and the command on it.

use cruddur::table::Table;
use std::process::Stdio;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use local::{
    options::{Engines, Options},
    stack::Stack,
};
use seed::demo::{DEMO_USERS, LOCAL_USERS};
use tokio::{process::Command, sync::Mutex};

use crate::db::query;

/// A running stack with the demo data, whose ports are its own. Nothing of it is kept.
#[derive(Debug)]
pub(crate) struct Machine {
    stack: Stack,
}

/// The result of a run of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Machine {
    pub(crate) async fn start() -> Self {
        Self::start_with(&Options::ephemeral()).await
    }

    pub(crate) async fn start_with(options: &Options) -> Self {
        // One at a time: many embedded servers that start at once take longer than anybody waits for them.
        static STARTING: Mutex<()> = Mutex::const_new(());
        let _starting = STARTING.lock().await;
        let engines = Engines::from_lookup(|_| None).unwrap();
        let machine = Self { stack: Stack::start(options, &engines, |_| {}).await.unwrap() };
        // The users whom the command makes, and no others.
        let [.., last] = DEMO_USERS;
        let sql = format!("DELETE FROM public.users WHERE uuid > '{}' RETURNING handle", last.uuid);
        assert_eq!(query(&machine, &sql).await.len(), LOCAL_USERS.len() - DEMO_USERS.len());
        machine
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
    /// The stdout of a successful run. Panics if the run failed.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{self:#?}");
        &self.stdout
    }
}

/// Variables of a machine behind a proxy. Nothing listens there: what runs on this machine must be reached directly.
const PROXIES: [(&str, &str); 4] = [
    ("HTTP_PROXY", "http://127.0.0.1:9"),
    ("http_proxy", "http://127.0.0.1:9"),
    ("https_proxy", "http://127.0.0.1:9"),
    ("ALL_PROXY", "http://127.0.0.1:9"),
];

/// A folder that does not exist, so that nobody is signed in.
const NO_CONFIG: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-config");

/// The command behind a proxy, with nothing of the test's own environment that it would look at, in UTC.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cruddur"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env_clear()
        .env("TZ", "UTC")
        .env("XDG_CONFIG_HOME", NO_CONFIG)
        .envs(PROXIES)
        .kill_on_drop(true);
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

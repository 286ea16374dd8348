//! The command as people run it: a child process, against a stack with embedded engines.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "in tests a panic is the failure itself; clippy looks only into the test functions themselves"
)]

mod chat;
mod cognito;
mod db;
mod ddb;
mod deploy_check;
mod doctor;
mod machine;
mod migrate;
mod options;
mod redact;
mod watch;

//! The command as people run it: a child process, against a stack with embedded engines.

mod chat;
mod cognito;
mod db;
mod ddb;
mod doctor;
mod machine;
mod options;

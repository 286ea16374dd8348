//! The stack as its users see it: a process, its exit code, its standard error, and HTTP.

#![cfg(unix)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "in tests a panic is the failure itself; clippy looks only into the test functions themselves"
)]

mod conversation;
mod pages;
mod restart;
mod stack;
mod start_errors;
mod websocket;

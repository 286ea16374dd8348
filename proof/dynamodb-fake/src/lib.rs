//! A fake DynamoDB for tests, the simulation and the benchmarks. An embedded engine behind layers
//! that inject faults and latency, and apply IAM policies.
//!
//! An [`Emulator`] serves calls in-process as the SDK's HTTP client, or over HTTP behind an [`HttpServer`].
//! Tests script each [`Fault`]. The simulation draws [`Faults`] at random and adds a [`Journal`],
//! with a lagging index and the table's stream.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "in tests a panic is the failure itself"
)]

mod database;
mod dice;
mod emulator;
mod fault;
mod faults;
mod http_server;
mod journal;
mod stream;

pub use self::{
    database::{dispatch, scan, text, units},
    dice::Dice,
    emulator::{Call, Emulator},
    fault::{Body, Failure, Fault},
    faults::{Counts, FaultKind, Faults},
    http_server::HttpServer,
    journal::{Change, Journal, Key, key},
    stream::{change_record, stream_record},
};

//! Deterministic simulation. The deployed functions and the SDK run in one thread with simulated time, and
//! every dependency that can fail does fail. One seed decides everything, so every run can be repeated.
//!
//! Simulated are DynamoDB ([`dynamodb_fake`]), the event source mapping (`stream`), execution environments
//! (`lambda`), PostgreSQL (`users`), the user pool (`key_set`), sockets (`websocket`), people who write and read
//! (`people`) and their devices, which follow events (`devices`). A run checks the table after every commit (`commits`) and at the end. It also checks the
//! history of requests and responses ([`checker`]).

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "in an experiment a panic is the failure itself"
)]

mod changes;
mod commits;
mod devices;
mod key_set;
mod lambda;
mod log;
mod people;
mod planted;
mod stream;
mod users;
mod versions;
mod websocket;
mod world;

pub use self::{
    commits::Trace,
    planted::Planted,
    versions::Changes,
    world::{Outcome, run, run_all},
};

//! Deterministic simulation. The deployed functions and the SDK run in one thread with simulated time, and
//! every dependency that can fail does fail. One seed decides everything, so every run can be repeated.
//!
//! Simulated are DynamoDB ([`dynamodb_fake`]), the event source mapping ([`stream`]), execution environments
//! ([`lambda`]), PostgreSQL ([`users`]), the user pool ([`key_set`]) and people who write and read
//! ([`people`]). A run checks the table after every commit ([`commits`]) and at the end. It also checks the
//! history of requests and responses ([`checker`]).

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "in an experiment a panic is the failure itself"
)]

pub mod commits;
pub mod key_set;
pub mod lambda;
pub mod log;
pub mod people;
pub mod planted;
pub mod stream;
pub mod users;
pub mod world;

pub use self::{
    planted::Planted,
    world::{Outcome, run},
};

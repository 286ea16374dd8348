//! Deterministic simulation: the functions and the SDK as they are deployed, in one thread, with simulated time, and
//! with everything around them that can fail failing. One seed decides everything, so that a run can be repeated.
//!
//! The surroundings are simulated: DynamoDB ([`dynamodb_fake`]) and the mapping of its stream ([`stream`]), execution
//! environments ([`lambda`]), PostgreSQL ([`users`]), the user pool ([`key_set`]), and the people who write and read
//! ([`people`]). A run checks the table, after every commit ([`commits`]) and in the end, and the history of requests
//! and responses ([`checker`]).

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

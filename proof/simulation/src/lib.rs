//! Deterministic simulation: the functions and the SDK as they are deployed, in one thread, with simulated time, and
//! with everything around them that can fail failing. One seed decides everything, so that a run can be repeated.
//!
//! What is simulated is the surroundings: the way to DynamoDB ([`network`]) and its index and stream ([`table`],
//! [`stream`]), execution environments ([`lambda`]), PostgreSQL ([`users`]), the user pool ([`key_set`]), and the
//! people who write and read ([`people`]). What is judged is the table, after every commit and in the end, and the
//! history of what clients asked for and were answered ([`checker`]).

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "in an experiment a panic is the failure itself"
)]

pub mod dice;
pub mod fate;
pub mod fault;
pub mod key_set;
pub mod lambda;
pub mod log;
pub mod network;
pub mod people;
pub mod planted;
pub mod stream;
pub mod table;
pub mod users;
pub mod wire;
pub mod world;

pub use self::{
    fault::{Counts, Fault},
    planted::Planted,
    world::{Outcome, run},
};

//! Judges over what the system did: the invariants of the design (section 4), read off the rows of the table and off
//! the history of what clients asked for and were answered.

#![expect(
    clippy::indexing_slicing,
    reason = "for tests and experiments, in which a panic is the failure itself"
)]

pub mod history;
pub mod invariants;

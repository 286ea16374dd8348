//! Projections: the writes that stream records cause.

pub mod events;
pub mod inbox;
mod join;

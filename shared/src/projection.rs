//! Projections: the writes that stream records cause.

pub mod inbox;

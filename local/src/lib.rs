//! The local stack: the deployed functions on one machine, with embedded engines in place of AWS.

pub mod function;
pub mod gateway;

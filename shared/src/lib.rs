//! Cruddur's direct messages: everything the functions share.

pub mod clock;
pub mod random;

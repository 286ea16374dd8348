//! Demo and load-test data, created by the library's own operations. Used by the local stack, the tests and the
//! command, not by functions.

pub mod demo;
mod inbox;
pub mod load;

use cruddur::{error::Error, projection::inbox::MoveError};

/// Why seeding failed. The next run continues from what exists.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error(transparent)]
    Operation(#[from] Error),
    #[error("failed to move inbox rows")]
    Move(#[from] MoveError),
    #[error("{0} users can't be created, since other users have their handles (load-000001 and so on)")]
    HandlesTaken(usize),
}

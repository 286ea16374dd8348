//! Users and conversations to begin with, made through the library's own operations: the demo that every local
//! stack has, and as many as a load test wants. Used by the local stack, the tests and the admin commands; no
//! function carries it.

pub mod demo;
mod inbox;
pub mod load;

use cruddur::{error::Error, projection::inbox::MoveError};

/// Why not everything is there. What was made stays, and the next run goes on from it.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// Users or messages can't be read or written.
    #[error(transparent)]
    Operation(#[from] Error),
    /// Inbox rows can't be moved to their group's newest message.
    #[error("the inbox rows can't be moved")]
    Move(#[from] MoveError),
    /// Somebody else has the handles.
    #[error("{0} of the users can't be made: others have their handles (load-000001 and so on)")]
    HandlesTaken(i64),
}

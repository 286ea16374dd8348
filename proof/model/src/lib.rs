//! Executable models of the core algorithms: [`moves`] (the stream handler's "hint, guard, locate"), [`joins`] (read
//! markers, edits and deletions in an inbox row), [`sends`] (create-message), [`blocks`] (block-user and the sends
//! of a blocked user), [`requests`] (message requests and their answers), [`events`] (the event log and its readers) and
//! [`pushes`] (connections, frames and the client's rules). Section 3 of the design describes them. A [`checker`] tries
//! every interleaving of their steps with every fault, within bounds.
//!
//! A step is one call to DynamoDB, or an event that affects one: other processes see nothing between two
//! calls. The models therefore read like the code, call by call. Each algorithm also exists without one of
//! its ingredients. The checker then finds the shortest trace that shows why the ingredient is needed.

#![expect(
    clippy::indexing_slicing,
    reason = "members, clients and the like are numbered from 0 in fixed arrays"
)]

pub mod blocks;
pub mod checker;
pub mod events;
pub mod joins;
pub mod moves;
mod positions;
pub mod pushes;
pub mod requests;
pub mod sends;

/// Visibility of transactions to reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// All rows become visible at once.
    AtOnce,
    /// Rows become visible one by one, in any order: DynamoDB guarantees no more to non-transactional reads.
    /// Until a row is visible, other writes to it meet a conflict.
    PieceByPiece,
}

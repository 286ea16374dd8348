//! Executable models of the two algorithms that everything rests on: [`moves`] (the stream handler's "hint, guard,
//! locate") and [`sends`] (create-message; both in the design, section 3), and a [`checker`] that tries every
//! interleaving of their steps with every fault, within bounds.
//!
//! A model's step is one call to DynamoDB, or something that happens to one: what is between two calls, nobody else
//! can see. So the models read like the code, call by call. Each can be had without one of its ingredients; the
//! checker then shows, in the fewest steps, what that ingredient is there for.

#![expect(
    clippy::indexing_slicing,
    reason = "members, clients and the like are numbered from 0 in fixed arrays"
)]

use std::fmt;

pub mod checker;
pub mod moves;
pub mod positions;
pub mod sends;

/// What reads see of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// All of it from the same moment on.
    AtOnce,
    /// Its rows one after the other, in any order: no more is promised to a reader who uses no transaction. Until a
    /// row is seen, other writes meet a conflict there.
    PieceByPiece,
}

impl fmt::Display for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtOnce => "seen at once",
            Self::PieceByPiece => "seen piece by piece",
        })
    }
}

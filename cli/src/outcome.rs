//! How a command ends.

/// How a command ended that did what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as it should be.
    Done,
    /// Something was found that a person has to look at: a broken invariant, a conflict of users.
    Found,
}

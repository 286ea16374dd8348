/// The outcome of a command that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The command found something that needs a person, such as a broken invariant or a conflict of users.
    Found,
}

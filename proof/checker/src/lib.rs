//! Checkers for a finished run: the invariants of the design (section 4), on the table's rows and on the
//! history of the clients' requests and responses.

#![expect(
    clippy::indexing_slicing,
    reason = "for tests and experiments, in which a panic is the failure itself"
)]

pub mod history;
pub mod invariants;

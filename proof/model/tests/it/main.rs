//! Explores the models within bounds that take seconds. The algorithms hold, and each ingredient is
//! necessary.

#![expect(clippy::expect_used, clippy::panic, reason = "in tests a panic is the failure itself")]

mod blocks;
mod events;
mod joins;
mod moves;
mod pushes;
mod requests;
mod sends;

use std::fmt::{Debug, Display};

use model::checker::{Broken, Model, check};

/// Checks that every property holds. The snapshot contains the number of states, so a weaker adversary is
/// noticed.
fn explored<M: Model>(model: &M, bounds: impl Debug) -> String {
    let report = check(model, None);
    if let Some(violation) = report.violation {
        panic!("{bounds:?}: {violation}");
    }
    format!(
        "{bounds:?}: {} states, {} transitions, {} deep\n",
        report.states, report.transitions, report.depth
    )
}

/// The shortest trace to a violation of `property`.
#[track_caller]
fn counterexample<M: Model>(model: &M, name: impl Display, property: M::Property) -> String {
    let violation = check(model, Some(property)).violation.expect("no counterexample was found");
    assert_eq!(violation.broken, Broken::Property(property));
    assert!(violation.trace.len() <= 24, "{name}: {violation}");
    format!("{name}: {violation}\n")
}

//! The models within bounds that take seconds: the algorithms hold, and none of their ingredients can be left out.

#![expect(clippy::expect_used, clippy::panic, reason = "in tests a panic is the failure itself")]

mod moves;
mod sends;

use std::fmt::Display;

use model::checker::{Broken, Model, check, check_only};

/// Every property holds in every state; the snapshot has how many there are, so that a model that loses part of its
/// adversary is noticed.
fn explored<M: Model>(model: &M, bounds: impl Display) -> String {
    let report = check(model);
    if let Some(violation) = report.violation {
        panic!("{bounds}: {violation}");
    }
    format!("{bounds}: {} states, {} transitions, {} deep\n", report.states, report.transitions, report.depth)
}

/// The shortest way to a violation of `property`.
#[track_caller]
fn counterexample<M: Model>(model: &M, name: impl Display, property: M::Property) -> String {
    let violation = check_only(model, &[property]).violation.expect("no counterexample was found");
    assert_eq!(violation.broken, Broken::Property(property));
    assert!(violation.trace.len() <= 12, "{name}: {violation}");
    format!("{name}: {violation}\n")
}

use model::events::{Accident, Algorithm, Bounds, Events, Property};

use crate::{counterexample, explored};

const BOUNDS: Bounds = Bounds {
    messages: 2,
    history: 0,
    groups: 2,
    invocations: 2,
    tries: 2,
    changes: 1,
    limit: 2,
    clock: 0,
    faults: 0,
    accident: None,
};

/// A log that expires within the time of the clock.
const OLD: Bounds = Bounds { messages: 3, history: 1, clock: 5, ..BOUNDS };

#[test]
fn the_log_holds_in_every_state() {
    let damaged = Bounds { history: 2, ..OLD };
    let all = [
        Bounds { tries: 3, faults: 1, ..BOUNDS },
        Bounds { messages: 1, tries: 3, faults: 2, ..BOUNDS },
        Bounds { messages: 3, groups: 1, limit: 1, ..BOUNDS },
        Bounds { messages: 3, changes: 2, limit: 1, ..BOUNDS },
        Bounds { changes: 2, limit: 1, faults: 1, ..BOUNDS },
        Bounds { clock: 2, ..BOUNDS },
        Bounds { messages: 1, clock: 3, faults: 1, ..BOUNDS },
        Bounds { clock: 4, ..OLD },
        Bounds { invocations: 1, clock: 6, ..OLD },
        Bounds { messages: 2, faults: 1, ..OLD },
        Bounds { accident: Some(Accident::Restore), ..damaged },
        Bounds { accident: Some(Accident::LostRow), ..damaged },
    ];
    let report = all.map(|bounds| explored(&Events { bounds, algorithm: Algorithm::AsDesigned }, bounds));
    insta::assert_snapshot!(report.concat());
}

#[test]
fn no_ingredient_of_the_log_can_be_left_out() {
    let short = Bounds { messages: 3, history: 1, ..BOUNDS };
    let fault = Bounds { messages: 2, faults: 1, ..short };
    let damaged = Bounds { history: 2, clock: 1, ..OLD };
    let lost_row = Bounds { accident: Some(Accident::LostRow), ..damaged };
    let restore = Bounds { accident: Some(Accident::Restore), ..damaged };
    let cases = [
        (Algorithm::KeyedByTime, short, Property::NotPassed),
        (Algorithm::WithoutCondition, short, Property::Logged),
        (Algorithm::WithoutLookIntoTail, fault, Property::Once),
        (Algorithm::WithoutNewTail, fault, Property::Once),
        (Algorithm::WithoutAgeOfMessages, Bounds { clock: 5, ..fault }, Property::Once),
        (Algorithm::RowsAtOnce, short, Property::Dense),
        (Algorithm::RowsAtOnce, Bounds { messages: 3, ..fault }, Property::CaughtUp),
        (Algorithm::LoggedBeforeMove, short, Property::MovedFirst),
        (Algorithm::WithoutStartRow, BOUNDS, Property::NotPassed),
        (Algorithm::StartOverwritten, BOUNDS, Property::NotPassed),
        (Algorithm::WithoutConsistentTail, OLD, Property::Dense),
        (Algorithm::WithoutRenewal, OLD, Property::Dense),
        (Algorithm::WithoutRenewal, OLD, Property::NotPassed),
        (Algorithm::RenewedHoweverOld, OLD, Property::Dense),
        (Algorithm::NumbersOfOldRows, OLD, Property::NotPassed),
        (Algorithm::WithoutMargin, OLD, Property::NotPassed),
        (Algorithm::WithoutConsistentRead, short, Property::CaughtUp),
        (Algorithm::WithoutGapRule, short, Property::NotPassed),
        (Algorithm::WithoutAgeOfGaps, lost_row, Property::CaughtUp),
        (Algorithm::WithoutAgeOfCursors, OLD, Property::CaughtUp),
        (Algorithm::WithoutTimeInCursor, restore, Property::NotPassed),
        (Algorithm::ListedBeforeEnd, BOUNDS, Property::NotPassed),
    ];
    let traces = cases.map(|(algorithm, bounds, property)| {
        counterexample(&Events { bounds, algorithm }, format!("{algorithm:?}"), property)
    });
    insta::assert_snapshot!(traces.concat());
}

use model::pushes::{Algorithm, Bounds, Property, Pushes};

use crate::{counterexample, explored};

const BOUNDS: Bounds =
    Bounds { devices: 1, limit: 2, connections: 2, events: 2, clock: 0, token: 9, faults: 1 };

#[test]
fn pushes_hold_in_every_state() {
    let one = Bounds { events: 1, ..BOUNDS };
    let all = [
        BOUNDS,
        Bounds { connections: 3, ..one },
        Bounds { faults: 2, ..one },
        Bounds { clock: 3, ..one },
        Bounds { clock: 3, token: 2, ..one },
        Bounds { devices: 2, ..one },
        Bounds { devices: 2, limit: 1, ..one },
    ];
    let report = all.map(|bounds| explored(&Pushes { bounds, algorithm: Algorithm::AsDesigned }, bounds));
    insta::assert_snapshot!(report.concat());
}

#[test]
fn no_ingredient_of_a_push_can_be_left_out() {
    let one = Bounds { connections: 1, faults: 0, ..BOUNDS };
    let ending = Bounds { clock: 2, token: 2, ..one };
    let many = Bounds { devices: 3, limit: 1, connections: 3, events: 0, faults: 0, ..BOUNDS };
    let cases = [
        (Algorithm::ReplacesNewer, BOUNDS, Property::RowKept),
        (Algorithm::OwnRowTakenForNewer, BOUNDS, Property::NotRefused),
        (Algorithm::OpenedBeforePut, one, Property::Prompt),
        (Algorithm::CountsBeforePut, many, Property::Limited),
        (Algorithm::DeletesOneBeyondLimit, many, Property::Limited),
        (Algorithm::DeletesAnyConnection, Bounds { events: 1, clock: 2, ..BOUNDS }, Property::RowKept),
        (Algorithm::DeletesWhileOpening, one, Property::RowKept),
        (Algorithm::QueriedBeforeAppend, one, Property::Prompt),
        (Algorithm::WithoutConsistentQuery, one, Property::Prompt),
        (Algorithm::PushedBeforeAppend, one, Property::InOrder),
        (Algorithm::WithoutEnd, Bounds { clock: 1, token: 1, ..one }, Property::NothingAfterEnd),
        (Algorithm::EndCheckedOnce, ending, Property::NothingAfterEnd),
        (Algorithm::WithoutMarginAtEnd, ending, Property::NothingAfterEnd),
        (Algorithm::AppliesAfterGap, one, Property::InOrder),
        (Algorithm::AppliesOldFrames, one, Property::InOrder),
        (Algorithm::AppliesWholeAnswer, one, Property::InOrder),
        (Algorithm::WithoutReadAfterGap, one, Property::Prompt),
        (Algorithm::WithoutReadAfterOpening, one, Property::Prompt),
        (Algorithm::ReadsBeforeOpening, one, Property::Prompt),
        (Algorithm::ReadsOnlyOnce, one, Property::Prompt),
        (Algorithm::AppliesWhileListing, BOUNDS, Property::InOrder),
    ];
    let traces = cases.map(|(algorithm, bounds, property)| {
        counterexample(&Pushes { bounds, algorithm }, format!("{algorithm:?}"), property)
    });
    insta::assert_snapshot!(traces.concat());
}

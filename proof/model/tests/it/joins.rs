use model::joins::{Algorithm, Bounds, Joins, Property};

use crate::{counterexample, explored};

const BOUNDS: Bounds = Bounds {
    messages: 2,
    changes: 1,
    marks: 1,
    devices: 1,
    receipts: false,
    invocations: 1,
    batch: 1,
    faults: 0,
};
const MARKS: Bounds = Bounds { changes: 0, marks: 3, devices: 2, ..BOUNDS };

#[test]
fn the_join_holds_in_every_state() {
    let two_marks = Bounds { marks: 2, ..MARKS };
    let all = [
        Bounds { invocations: 2, faults: 1, ..BOUNDS },
        Bounds { changes: 2, ..BOUNDS },
        Bounds { messages: 1, changes: 2, invocations: 2, batch: 2, ..BOUNDS },
        MARKS,
        Bounds { messages: 3, ..two_marks },
        Bounds { invocations: 2, batch: 2, ..two_marks },
        Bounds { faults: 1, ..two_marks },
        Bounds { receipts: true, ..two_marks },
        Bounds { messages: 1, receipts: true, faults: 1, ..MARKS },
    ];
    let report = all.map(|bounds| explored(&Joins { bounds, algorithm: Algorithm::AsDesigned }, bounds));
    insta::assert_snapshot!(report.concat());
}

#[test]
fn no_ingredient_of_the_join_can_be_left_out() {
    let told = Bounds { receipts: true, ..MARKS };
    let cases = [
        (Algorithm::GuardWithoutAttributes, BOUNDS, Property::Joined),
        (Algorithm::GuardWithoutAbsentAttributes, BOUNDS, Property::Joined),
        (Algorithm::WithoutMessageVersion, BOUNDS, Property::TextGone),
        (Algorithm::WithoutStateVersion, MARKS, Property::Joined),
        (Algorithm::ReceiverOpensRead, BOUNDS, Property::Counted),
        (Algorithm::WithoutStoredMarker, BOUNDS, Property::Counted),
        (Algorithm::WithoutOwnMessages, BOUNDS, Property::Joined),
        (Algorithm::OwnMessagesBelowFloor, BOUNDS, Property::Joined),
        (Algorithm::StateKeepsOwnMessage, BOUNDS, Property::Joined),
        (Algorithm::FloorGoesAtPosition, BOUNDS, Property::Joined),
        (Algorithm::FloorGoesWithMarker, BOUNDS, Property::Joined),
        (Algorithm::FloorWithoutNewest, BOUNDS, Property::MadeUnread),
        (Algorithm::FloorWithoutConsistentRead, BOUNDS, Property::MadeUnread),
        (Algorithm::FloorWithoutOldMarker, MARKS, Property::Joined),
        (Algorithm::FloorWithoutOldFloor, MARKS, Property::Joined),
        (Algorithm::WithoutClamp, BOUNDS, Property::NotBeyond),
        (Algorithm::ReadReplacesGreater, MARKS, Property::ReadKept),
        (Algorithm::WithoutStateCondition, MARKS, Property::Joined),
        (Algorithm::AnyMemberChanges, BOUNDS, Property::OnlySender),
        (Algorithm::EditsTombstones, Bounds { changes: 2, ..BOUNDS }, Property::StaysDeleted),
        (Algorithm::ChangeKeepsVersion, BOUNDS, Property::TextGone),
        (Algorithm::WithoutTombstone, BOUNDS, Property::TextGone),
        (Algorithm::ReceiptsOfAllMarks, told, Property::Withheld),
        (Algorithm::ReceiptsByTime, told, Property::Withheld),
        (Algorithm::ReceiptsReplaceGreater, told, Property::ReceiptsGrow),
    ];
    let traces = cases.map(|(algorithm, bounds, property)| {
        counterexample(&Joins { bounds, algorithm }, format!("{algorithm:?}"), property)
    });
    insta::assert_snapshot!(traces.concat());
}

use model::{
    Commits,
    moves::{Algorithm, Bounds, Moves, Property},
};

use crate::{counterexample, explored};

const BOUNDS: Bounds = Bounds {
    messages: 2,
    invocations: 2,
    faults: 2,
    tries: 3,
    commits: Commits::AtOnce,
    listing: false,
    rename: false,
};

#[test]
fn the_move_holds_in_every_state() {
    let piece_by_piece = Bounds { commits: Commits::PieceByPiece, ..BOUNDS };
    let all = [
        BOUNDS,
        Bounds { messages: 3, faults: 1, ..BOUNDS },
        Bounds { invocations: 3, faults: 1, tries: 2, ..BOUNDS },
        Bounds { faults: 1, ..piece_by_piece },
        Bounds { messages: 1, faults: 3, tries: 8, ..piece_by_piece },
        Bounds { faults: 1, tries: 2, listing: true, ..BOUNDS },
        Bounds { messages: 1, faults: 1, tries: 2, listing: true, ..piece_by_piece },
        Bounds { faults: 1, rename: true, ..BOUNDS },
        Bounds { messages: 1, faults: 1, rename: true, ..piece_by_piece },
    ];
    let report = all.map(|bounds| explored(&Moves { bounds, algorithm: Algorithm::AsDesigned }, bounds));
    insta::assert_snapshot!(report.concat());
}

#[test]
fn no_ingredient_of_the_move_can_be_left_out() {
    let listed = Bounds { commits: Commits::PieceByPiece, listing: true, messages: 1, ..BOUNDS };
    let cases = [
        (Algorithm::WithoutMaximum, BOUNDS, Property::OnlyUp),
        (Algorithm::WithoutMaximumOfBatch, BOUNDS, Property::CaughtUp),
        (Algorithm::WithoutGuard, BOUNDS, Property::OneRow),
        (Algorithm::GuardWithoutAttributes, Bounds { rename: true, ..BOUNDS }, Property::AttributesKept),
        (Algorithm::WithoutMemberList, BOUNDS, Property::CaughtUp),
        (Algorithm::DescendingLocate, BOUNDS, Property::Located),
        (Algorithm::WithoutDrop, listed, Property::ListedOnce),
    ];
    let traces = cases.map(|(algorithm, bounds, property)| {
        counterexample(&Moves { bounds, algorithm }, format!("{algorithm:?}"), property)
    });
    insta::assert_snapshot!(traces.concat());
}

#[test]
fn the_old_system_breaks_every_promise() {
    let listed = Bounds { listing: true, messages: 1, faults: 1, ..BOUNDS };
    let properties = [Property::OneRow, Property::OnlyUp, Property::CaughtUp, Property::ListedOnce];
    let traces = properties.map(|property| {
        let bounds = if property == Property::ListedOnce { listed } else { BOUNDS };
        counterexample(&Moves { bounds, algorithm: Algorithm::OldSystem }, "OldSystem", property)
    });
    insta::assert_snapshot!(traces.concat());
}

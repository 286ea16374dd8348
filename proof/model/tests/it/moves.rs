use model::{
    Commits,
    moves::{Algorithm, Bounds, Moves, Property},
};

use crate::{counterexample, explored};

const ONE_MEMBER: Bounds = Bounds {
    members: 1,
    messages: 2,
    invocations: 2,
    faults: 2,
    tries: 3,
    commits: Commits::AtOnce,
    listing: false,
};

#[test]
fn the_move_holds_in_every_state() {
    let piece_by_piece = Bounds { commits: Commits::PieceByPiece, ..ONE_MEMBER };
    let all = [
        ONE_MEMBER,
        Bounds { messages: 3, faults: 1, ..ONE_MEMBER },
        Bounds { invocations: 3, faults: 1, tries: 2, ..ONE_MEMBER },
        Bounds { faults: 1, ..piece_by_piece },
        Bounds { messages: 1, faults: 3, tries: 8, ..piece_by_piece },
        Bounds { faults: 1, tries: 2, listing: true, ..ONE_MEMBER },
        Bounds { messages: 1, faults: 1, tries: 2, listing: true, ..piece_by_piece },
        Bounds { members: 2, messages: 1, faults: 2, tries: 2, ..ONE_MEMBER },
        Bounds { members: 2, messages: 1, faults: 0, tries: 2, ..piece_by_piece },
    ];
    let report = all.map(|bounds| explored(&Moves { bounds, algorithm: Algorithm::AsDesigned }, bounds));
    insta::assert_snapshot!(report.concat());
}

#[test]
fn no_ingredient_of_the_move_can_be_left_out() {
    let listed = Bounds { commits: Commits::PieceByPiece, listing: true, messages: 1, ..ONE_MEMBER };
    let cases = [
        (Algorithm::WithoutMaximum, ONE_MEMBER, Property::OnlyUp),
        (Algorithm::WithoutMaximumOfBatch, ONE_MEMBER, Property::CaughtUp),
        (Algorithm::WithoutGuard, ONE_MEMBER, Property::OneRow),
        (Algorithm::WithoutMemberList, ONE_MEMBER, Property::CaughtUp),
        (Algorithm::DescendingLocate, ONE_MEMBER, Property::Located),
        (Algorithm::WithoutDrop, listed, Property::ListedOnce),
    ];
    let traces = cases.map(|(algorithm, bounds, property)| {
        counterexample(&Moves { bounds, algorithm }, format!("{algorithm:?}"), property)
    });
    insta::assert_snapshot!(traces.concat());
}

#[test]
fn the_old_system_breaks_every_promise() {
    let listed = Bounds { listing: true, messages: 1, faults: 1, ..ONE_MEMBER };
    let properties = [Property::OneRow, Property::OnlyUp, Property::CaughtUp, Property::ListedOnce];
    let traces = properties.map(|property| {
        let bounds = if property == Property::ListedOnce { listed } else { ONE_MEMBER };
        counterexample(&Moves { bounds, algorithm: Algorithm::OldSystem }, "OldSystem", property)
    });
    insta::assert_snapshot!(traces.concat());
}

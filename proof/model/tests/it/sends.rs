use model::{
    Commits,
    sends::{
        Algorithm, Bounds, Property, Send, Sends,
        Target::{self, Group, Handle},
    },
};

use crate::{counterexample, explored};

const fn send(sender: char, has_key: bool, target: Target) -> Send {
    Send { sender, has_key, target }
}

const FIRST_MESSAGES: Bounds = Bounds {
    sends: &[send('A', true, Handle), send('B', false, Handle)],
    requests: 2,
    clock: 1,
    faults: 1,
    commits: Commits::AtOnce,
};

const AND_AN_ANSWER: Bounds =
    Bounds { sends: &[send('A', true, Handle), send('B', false, Group)], ..FIRST_MESSAGES };

#[test]
fn sends_hold_in_every_state() {
    const PIECE_BY_PIECE: Bounds = Bounds { commits: Commits::PieceByPiece, ..FIRST_MESSAGES };
    const ALL: [Bounds; 7] = [
        Bounds { faults: 2, ..FIRST_MESSAGES },
        PIECE_BY_PIECE,
        Bounds { clock: 2, faults: 2, ..AND_AN_ANSWER },
        Bounds { commits: Commits::PieceByPiece, ..AND_AN_ANSWER },
        Bounds { sends: &[send('A', true, Handle), send('B', true, Handle)], ..FIRST_MESSAGES },
        Bounds { sends: &[send('A', false, Handle), send('B', true, Group)], faults: 2, ..PIECE_BY_PIECE },
        Bounds {
            sends: &[send('A', false, Handle), send('A', false, Handle), send('B', false, Handle)],
            ..FIRST_MESSAGES
        },
    ];
    let report = ALL.map(|bounds| explored(&Sends { bounds, algorithm: Algorithm::AsDesigned }, bounds));
    insta::assert_snapshot!(report.concat());
}

#[test]
fn no_ingredient_of_a_send_can_be_left_out() {
    let piece_by_piece = Bounds { commits: Commits::PieceByPiece, ..FIRST_MESSAGES };
    let answered = Bounds { commits: Commits::PieceByPiece, ..AND_AN_ANSWER };
    let cases = [
        (Algorithm::WithoutIdempotencyRow, FIRST_MESSAGES, Property::Once),
        (Algorithm::WithoutIdempotencyRow, FIRST_MESSAGES, Property::EqualAnswers),
        (Algorithm::WithNewUuidOnRetry, FIRST_MESSAGES, Property::Once),
        (Algorithm::LostAnswerTakenForFailure, FIRST_MESSAGES, Property::RefusedIsNotStored),
        (Algorithm::WithoutUuidInKey, FIRST_MESSAGES, Property::NotRefused),
        (Algorithm::WithoutMembershipLock, FIRST_MESSAGES, Property::NothingOverwritten),
        (Algorithm::WithoutMembershipLock, FIRST_MESSAGES, Property::OpenedOnce),
        (Algorithm::WithoutSuccessor, FIRST_MESSAGES, Property::Ordered),
        (Algorithm::MembershipJudgedFirst, FIRST_MESSAGES, Property::Once),
        (Algorithm::OwnMembershipTakenForAnother, piece_by_piece, Property::Once),
        (Algorithm::WithoutWaitingForAllRows, piece_by_piece, Property::Readable),
        (Algorithm::WithoutWaitingForAllRows, piece_by_piece, Property::Ordered),
        (Algorithm::WithoutWaitingForAllRows, answered, Property::NotRefused),
    ];
    let traces = cases.map(|(algorithm, bounds, property)| {
        counterexample(&Sends { bounds, algorithm }, format!("{algorithm:?}"), property)
    });
    insta::assert_snapshot!(traces.concat());
}

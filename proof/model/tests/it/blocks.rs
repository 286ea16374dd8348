use model::blocks::{Algorithm, Blocks, Bounds, Property};

use crate::{counterexample, explored};

const IN_A_GROUP: Bounds =
    Bounds { devices: [&[true, false, true], &[]], sends: 1, marks: 1, has_group: true, faults: 2, tries: 2 };

const FIRST_MESSAGE: Bounds = Bounds { has_group: false, ..IN_A_GROUP };

const TWO_DEVICES: Bounds = Bounds { devices: [&[true, false], &[true]], faults: 1, ..IN_A_GROUP };

#[test]
fn blocks_hold_in_every_state() {
    const ALL: [Bounds; 5] = [
        IN_A_GROUP,
        FIRST_MESSAGE,
        TWO_DEVICES,
        Bounds { has_group: false, ..TWO_DEVICES },
        Bounds { faults: 3, marks: 0, ..IN_A_GROUP },
    ];
    let report = ALL.map(|bounds| explored(&Blocks { bounds, algorithm: Algorithm::AsDesigned }, bounds));
    insta::assert_snapshot!(report.concat());
}

#[test]
fn no_ingredient_of_a_block_can_be_left_out() {
    // The late write of an end that failed, before the block is asked for again.
    let again = Bounds { tries: 1, marks: 0, ..IN_A_GROUP };
    let cases = [
        (Algorithm::WithoutVersions, again, Property::NothingSent),
        (Algorithm::WithoutVersions, again, Property::LastWins),
        (Algorithm::WithoutKeptRow, FIRST_MESSAGE, Property::LastWins),
        (Algorithm::WithoutFence, again, Property::NothingSent),
        (Algorithm::FenceAtFirst, IN_A_GROUP, Property::LastWins),
        (Algorithm::WithoutCheckOfGroup, FIRST_MESSAGE, Property::Agreement),
        (Algorithm::WithoutCheckInOpening, FIRST_MESSAGE, Property::NothingSent),
        (Algorithm::WithoutRead, IN_A_GROUP, Property::NothingSent),
        (Algorithm::WithoutState, IN_A_GROUP, Property::Agreement),
    ];
    let traces = cases.map(|(algorithm, bounds, property)| {
        counterexample(&Blocks { bounds, algorithm }, format!("{algorithm:?}"), property)
    });
    insta::assert_snapshot!(traces.concat());
}

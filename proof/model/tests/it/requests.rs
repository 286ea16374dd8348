use model::requests::{
    Algorithm,
    Answer::{Accept, Decline, Reply},
    Bounds, Property, Requests,
};

use crate::{counterexample, explored};

const AGAIN: Bounds = Bounds {
    devices: [&[Decline, Accept, Decline], &[]],
    sends: 1,
    marks: 1,
    invocations: 0,
    faults: 3,
    tries: 2,
};
const TWO_DEVICES: Bounds =
    Bounds { devices: [&[Decline, Accept], &[Decline]], sends: 2, faults: 2, ..AGAIN };
const WITH_REPLY: Bounds = Bounds { devices: [&[Decline, Accept], &[Reply]], tries: 3, ..TWO_DEVICES };
const ROWS: Bounds =
    Bounds { devices: [&[Decline, Accept], &[]], sends: 2, marks: 0, invocations: 2, faults: 0, tries: 1 };

#[test]
fn requests_hold_in_every_state() {
    let all = [
        AGAIN,
        Bounds { devices: [&[Decline, Reply, Decline], &[]], ..AGAIN },
        TWO_DEVICES,
        WITH_REPLY,
        ROWS,
        Bounds { devices: [&[Reply], &[]], marks: 1, sends: 1, ..ROWS },
        Bounds { devices: [&[Accept], &[]], faults: 1, ..ROWS },
        Bounds { devices: [&[Decline], &[Accept]], sends: 1, faults: 1, tries: 2, ..ROWS },
    ];
    let report = all.map(|bounds| explored(&Requests { bounds, algorithm: Algorithm::AsDesigned }, bounds));
    insta::assert_snapshot!(report.concat());
}

#[test]
fn no_ingredient_of_a_request_can_be_left_out() {
    // The late acceptance that failed, before the request is declined again.
    let once = Bounds { tries: 1, ..AGAIN };
    let declined = Bounds { devices: [&[Decline], &[]], marks: 1, ..ROWS };
    let accepted = Bounds { devices: [&[Accept], &[]], ..ROWS };
    let cases = [
        (Algorithm::WithoutVersion, once, Property::LastWins),
        (Algorithm::WithoutRequestCondition, TWO_DEVICES, Property::StaysAccepted),
        (Algorithm::WithoutState, TWO_DEVICES, Property::Agreement),
        (Algorithm::WithoutFence, once, Property::LastWins),
        (Algorithm::FenceAtFirst, AGAIN, Property::LastWins),
        (Algorithm::FenceWithEarlierRead, AGAIN, Property::LastWins),
        (Algorithm::DoubtAsRefusal, TWO_DEVICES, Property::RefusedIsNotStored),
        (Algorithm::DoubtAsChange, WITH_REPLY, Property::Once),
        (Algorithm::ReplyInTwoWrites, WITH_REPLY, Property::ReplyAccepts),
        (Algorithm::WithoutCheckInSend, TWO_DEVICES, Property::OneMessage),
        (Algorithm::WithoutStateInOpening, declined, Property::OnlyForward),
        (Algorithm::WithoutStateVersion, accepted, Property::OnlyForward),
        (Algorithm::WithoutGuard, accepted, Property::OneRow),
        (Algorithm::GuardWithoutAttributes, declined, Property::Joined),
        (Algorithm::CarryInTwoWrites, accepted, Property::OneRow),
        (Algorithm::SearchWithoutRequests, accepted, Property::Located),
        (Algorithm::SearchByRequest, accepted, Property::Located),
        (Algorithm::InboxSearchedFirst, accepted, Property::Located),
    ];
    let traces = cases.map(|(algorithm, bounds, property)| {
        counterexample(&Requests { bounds, algorithm }, format!("{algorithm:?}"), property)
    });
    insta::assert_snapshot!(traces.concat());
}

//! Explores the models within larger bounds than the tests, and prints their sizes:
//! `cargo run --release -p model`. Takes minutes and some gigabytes. The exit code is 1 if a violation is
//! found.

use std::{fmt::Debug, process::ExitCode};

use model::{
    Commits::{AtOnce, PieceByPiece},
    blocks::{self, Blocks},
    checker::{self, Model, Report},
    events::{self, Accident, Events},
    joins::{self, Joins},
    moves::{self, Moves},
    pushes::{self, Pushes},
    requests::{
        self,
        Answer::{Accept, Decline, Reply},
        Requests,
    },
    sends::{
        self, Send, Sends,
        Target::{Group, Handle},
    },
};

const fn send(sender: char, has_key: bool, target: sends::Target) -> Send {
    Send { sender, has_key, target }
}

const MOVES: moves::Bounds = moves::Bounds {
    messages: 3,
    invocations: 2,
    faults: 2,
    tries: 3,
    commits: AtOnce,
    listing: false,
    rename: false,
};
const OF_MOVES: [moves::Bounds; 8] = [
    MOVES,
    moves::Bounds { faults: 1, commits: PieceByPiece, ..MOVES },
    moves::Bounds { messages: 2, faults: 3, tries: 8, ..MOVES },
    moves::Bounds { messages: 2, commits: PieceByPiece, tries: 2, ..MOVES },
    moves::Bounds { messages: 2, invocations: 3, tries: 2, ..MOVES },
    moves::Bounds { messages: 2, faults: 1, tries: 2, commits: PieceByPiece, listing: true, ..MOVES },
    moves::Bounds { messages: 4, faults: 1, ..MOVES },
    moves::Bounds { messages: 2, rename: true, ..MOVES },
];
const FIRST_MESSAGES: sends::Bounds = sends::Bounds {
    sends: &[send('A', true, Handle), send('B', true, Handle)],
    requests: 2,
    clock: 1,
    faults: 2,
    commits: AtOnce,
};
const THEN_A_THIRD: sends::Bounds = sends::Bounds {
    sends: &[send('A', true, Handle), send('B', false, Handle), send('B', false, Group)],
    faults: 1,
    ..FIRST_MESSAGES
};
const WITHOUT_KEYS: sends::Bounds = sends::Bounds {
    sends: &[send('A', false, Handle), send('A', false, Handle), send('B', false, Handle)],
    ..FIRST_MESSAGES
};
const OF_SENDS: [sends::Bounds; 7] = [
    FIRST_MESSAGES,
    sends::Bounds { commits: PieceByPiece, faults: 1, ..FIRST_MESSAGES },
    THEN_A_THIRD,
    WITHOUT_KEYS,
    sends::Bounds { commits: PieceByPiece, faults: 1, ..WITHOUT_KEYS },
    sends::Bounds {
        sends: &[send('A', false, Handle), send('B', true, Group)],
        faults: 3,
        requests: 3,
        ..FIRST_MESSAGES
    },
    sends::Bounds {
        sends: &[send('A', true, Handle), send('B', false, Handle)],
        commits: PieceByPiece,
        ..FIRST_MESSAGES
    },
];

const LOG: events::Bounds = events::Bounds {
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
const OLD_LOG: events::Bounds = events::Bounds { messages: 3, history: 1, clock: 6, ..LOG };
const OF_EVENTS: [events::Bounds; 6] = [
    events::Bounds { faults: 2, ..LOG },
    events::Bounds { messages: 3, faults: 1, ..LOG },
    OLD_LOG,
    events::Bounds { messages: 2, faults: 1, ..OLD_LOG },
    events::Bounds { messages: 4, history: 3, accident: Some(Accident::Restore), ..OLD_LOG },
    events::Bounds { messages: 4, history: 3, accident: Some(Accident::LostRow), ..OLD_LOG },
];
const PUSHES: pushes::Bounds =
    pushes::Bounds { devices: 1, limit: 2, connections: 2, events: 2, clock: 0, token: 9, faults: 2 };
const OF_PUSHES: [pushes::Bounds; 4] = [
    PUSHES,
    pushes::Bounds { connections: 3, faults: 1, ..PUSHES },
    pushes::Bounds { clock: 3, token: 2, faults: 1, ..PUSHES },
    pushes::Bounds { devices: 3, limit: 1, connections: 3, events: 0, faults: 1, ..PUSHES },
];
const JOINS: joins::Bounds = joins::Bounds {
    messages: 2,
    changes: 1,
    marks: 2,
    devices: 2,
    receipts: false,
    invocations: 2,
    batch: 1,
    faults: 0,
};
const OF_JOINS: [joins::Bounds; 6] = [
    JOINS,
    joins::Bounds { messages: 3, changes: 0, ..JOINS },
    joins::Bounds { messages: 3, marks: 1, ..JOINS },
    joins::Bounds { changes: 0, marks: 3, ..JOINS },
    joins::Bounds { messages: 4, changes: 0, marks: 1, invocations: 1, ..JOINS },
    joins::Bounds { messages: 1, changes: 2, marks: 3, receipts: true, invocations: 1, faults: 1, ..JOINS },
];

const BLOCKS: blocks::Bounds = blocks::Bounds {
    devices: [&[true, false, true], &[]],
    sends: 2,
    marks: 1,
    has_group: true,
    faults: 3,
    tries: 2,
};
const OF_BLOCKS: [blocks::Bounds; 4] = [
    BLOCKS,
    blocks::Bounds { has_group: false, ..BLOCKS },
    blocks::Bounds { devices: [&[true, false], &[true]], faults: 2, ..BLOCKS },
    blocks::Bounds { devices: [&[true, false], &[true]], faults: 2, has_group: false, ..BLOCKS },
];

const ANSWERS: requests::Bounds = requests::Bounds {
    devices: [&[Decline, Accept, Decline], &[Decline]],
    sends: 2,
    marks: 1,
    invocations: 0,
    faults: 3,
    tries: 3,
};
const ROWS: requests::Bounds = requests::Bounds {
    devices: [&[Decline, Accept], &[]],
    sends: 1,
    marks: 1,
    invocations: 2,
    faults: 1,
    tries: 1,
};
const OF_REQUESTS: [requests::Bounds; 7] = [
    ANSWERS,
    requests::Bounds { devices: [&[Decline, Accept, Decline], &[Reply]], ..ANSWERS },
    requests::Bounds { devices: [&[Decline, Reply], &[Decline, Accept]], tries: 2, ..ANSWERS },
    ROWS,
    requests::Bounds { devices: [&[Decline, Reply], &[]], sends: 2, marks: 0, ..ROWS },
    requests::Bounds { devices: [&[Decline], &[Accept]], marks: 0, tries: 2, ..ROWS },
    requests::Bounds { devices: [&[Accept], &[]], sends: 2, marks: 0, invocations: 3, ..ROWS },
];

fn main() -> ExitCode {
    let requests = OF_REQUESTS.iter().all(|bounds| {
        explore(bounds, &Requests { bounds: *bounds, algorithm: requests::Algorithm::AsDesigned })
    });
    let blocks = OF_BLOCKS
        .iter()
        .all(|bounds| explore(bounds, &Blocks { bounds: *bounds, algorithm: blocks::Algorithm::AsDesigned }));
    let moves = OF_MOVES
        .iter()
        .all(|bounds| explore(bounds, &Moves { bounds: *bounds, algorithm: moves::Algorithm::AsDesigned }));
    let sends = OF_SENDS
        .iter()
        .all(|bounds| explore(bounds, &Sends { bounds: *bounds, algorithm: sends::Algorithm::AsDesigned }));
    let events = OF_EVENTS
        .iter()
        .all(|bounds| explore(bounds, &Events { bounds: *bounds, algorithm: events::Algorithm::AsDesigned }));
    let pushes = OF_PUSHES
        .iter()
        .all(|bounds| explore(bounds, &Pushes { bounds: *bounds, algorithm: pushes::Algorithm::AsDesigned }));
    let joins = OF_JOINS
        .iter()
        .all(|bounds| explore(bounds, &Joins { bounds: *bounds, algorithm: joins::Algorithm::AsDesigned }));
    if requests && blocks && moves && sends && events && pushes && joins {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints the size of the exploration and the violation, if any. Returns whether all properties hold.
#[expect(clippy::print_stdout, reason = "the output of the command")]
fn explore<M: Model>(bounds: &impl Debug, model: &M) -> bool {
    let Report { states, transitions, depth, violation } = checker::check(model, None);
    println!("{bounds:?}: {states} states, {transitions} transitions, {depth} deep");
    if let Some(violation) = &violation {
        println!("{violation}");
    }
    violation.is_none()
}

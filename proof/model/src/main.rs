//! Explores the models within larger bounds than the tests, and prints a table:
//! `cargo run --release -p model`. Takes minutes and some gigabytes. The exit code is 1 if a violation is
//! found.

use std::{
    fmt::{Debug, Display},
    io::{self, Write as _},
    process::ExitCode,
};

use model::{
    Commits::{AtOnce, PieceByPiece},
    checker::{self, Model},
    moves::{self, Moves},
    sends::{
        self, Send, Sends,
        Target::{Group, Handle},
    },
};

const fn send(sender: char, has_key: bool, target: sends::Target) -> Send {
    Send { sender, has_key, target }
}

const ALONE: moves::Bounds = moves::Bounds {
    members: 1,
    messages: 3,
    invocations: 2,
    faults: 2,
    tries: 3,
    commits: AtOnce,
    listing: false,
};
const BOTH: moves::Bounds = moves::Bounds { members: 2, messages: 2, faults: 1, tries: 2, ..ALONE };
const OF_MOVES: [moves::Bounds; 9] = [
    ALONE,
    moves::Bounds { faults: 1, commits: PieceByPiece, ..ALONE },
    moves::Bounds { messages: 2, faults: 3, tries: 8, ..ALONE },
    moves::Bounds { messages: 2, commits: PieceByPiece, tries: 2, ..ALONE },
    moves::Bounds { messages: 2, invocations: 3, tries: 2, ..ALONE },
    moves::Bounds { messages: 2, faults: 1, tries: 2, commits: PieceByPiece, listing: true, ..ALONE },
    moves::Bounds { messages: 4, faults: 1, ..ALONE },
    BOTH,
    moves::Bounds { messages: 1, commits: PieceByPiece, ..BOTH },
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

fn main() -> io::Result<ExitCode> {
    let mut all_hold = true;
    writeln!(
        io::stdout(),
        "| model | bounds | states | transitions | depth | result |\n|---|---|--:|--:|--:|---|"
    )?;
    for bounds in OF_MOVES {
        all_hold &= explore("move", bounds, &Moves { bounds, algorithm: moves::Algorithm::AsDesigned })?;
    }
    for bounds in OF_SENDS {
        all_hold &= explore("send", bounds, &Sends { bounds, algorithm: sends::Algorithm::AsDesigned })?;
    }
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a line of the table. Returns `false` if a property is violated.
fn explore<M: Model>(name: &str, bounds: impl Display, model: &M) -> io::Result<bool>
where
    M::Property: Debug,
{
    let report = checker::check(model);
    let result = match &report.violation {
        None => "all properties hold".to_owned(),
        Some(violation) => format!("**{:?}**", violation.broken),
    };
    let checker::Report { states, transitions, depth, .. } = report;
    let mut stdout = io::stdout();
    writeln!(stdout, "| {name} | {bounds} | {states} | {transitions} | {depth} | {result} |")?;
    if let Some(violation) = &report.violation {
        writeln!(io::stderr(), "{violation}")?;
    }
    stdout.flush()?;
    Ok(report.violation.is_none())
}

//! Explores the models within larger bounds than the tests have time for, and prints a table: `cargo run --release -p
//! model`. It takes minutes and some gigabytes. The exit code is 1 when a violation is found.

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

fn main() -> io::Result<ExitCode> {
    let alone = moves::Bounds {
        members: 1,
        messages: 3,
        invocations: 2,
        faults: 2,
        tries: 3,
        commits: AtOnce,
        listing: false,
    };
    let both = moves::Bounds { members: 2, messages: 2, faults: 1, tries: 2, ..alone };
    let of_moves = [
        alone,
        moves::Bounds { faults: 1, commits: PieceByPiece, ..alone },
        moves::Bounds { messages: 2, faults: 3, tries: 8, ..alone },
        moves::Bounds { messages: 2, commits: PieceByPiece, tries: 2, ..alone },
        moves::Bounds { messages: 2, invocations: 3, tries: 2, ..alone },
        moves::Bounds { messages: 2, faults: 1, tries: 2, commits: PieceByPiece, listing: true, ..alone },
        moves::Bounds { messages: 4, faults: 1, ..alone },
        both,
        moves::Bounds { messages: 1, commits: PieceByPiece, ..both },
    ];
    let first_messages = sends::Bounds {
        sends: &[send('A', true, Handle), send('B', true, Handle)],
        requests: 2,
        clock: 1,
        faults: 2,
        commits: AtOnce,
    };
    let then_a_third = sends::Bounds {
        sends: &[send('A', true, Handle), send('B', false, Handle), send('B', false, Group)],
        faults: 1,
        ..first_messages
    };
    let without_keys = sends::Bounds {
        sends: &[send('A', false, Handle), send('A', false, Handle), send('B', false, Handle)],
        ..first_messages
    };
    let of_sends = [
        first_messages,
        sends::Bounds { commits: PieceByPiece, faults: 1, ..first_messages },
        then_a_third,
        without_keys,
        sends::Bounds { commits: PieceByPiece, faults: 1, ..without_keys },
        sends::Bounds {
            sends: &[send('A', false, Handle), send('B', true, Group)],
            faults: 3,
            requests: 3,
            ..first_messages
        },
        sends::Bounds {
            sends: &[send('A', true, Handle), send('B', false, Handle)],
            commits: PieceByPiece,
            ..first_messages
        },
    ];

    let mut all_hold = true;
    writeln!(
        io::stdout(),
        "| model | bounds | states | transitions | depth | result |\n|---|---|--:|--:|--:|---|"
    )?;
    for bounds in of_moves {
        all_hold &= explore("move", bounds, &Moves { bounds, algorithm: moves::Algorithm::AsDesigned })?;
    }
    for bounds in of_sends {
        all_hold &= explore("send", bounds, &Sends { bounds, algorithm: sends::Algorithm::AsDesigned })?;
    }
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a line of the table; false when something is violated.
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

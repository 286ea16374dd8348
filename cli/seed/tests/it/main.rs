//! Seeding against an embedded DynamoDB that fails on order.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "in tests a panic is the failure itself; clippy looks only into the test functions themselves"
)]

mod demo;
mod load;

use cruddur::table::RowKind;
use serde_json::Value;
use testing::{Emulator, invariants::check_at_rest, world::TABLE};

/// Every row, after a look at the invariants.
#[track_caller]
fn rows(emulator: &Emulator) -> Vec<Value> {
    let rows = emulator.rows(TABLE).into_values().collect::<Vec<_>>();
    assert_eq!(check_at_rest(&rows), Vec::<String>::new());
    rows
}

fn is_message(row: &Value) -> bool {
    RowKind::of_partition(row["pk"]["S"].as_str().unwrap()) == Some(RowKind::Message)
}

/// Senders and texts of the messages in the table, in order.
fn said(emulator: &Emulator) -> Vec<(String, String)> {
    let rows = emulator.rows(TABLE).into_values();
    let messages = rows.filter(is_message);
    let text = |row: &Value, name: &str| row[name]["S"].as_str().unwrap().to_owned();
    messages.map(|row| (text(&row, "user_handle"), text(&row, "message"))).collect()
}

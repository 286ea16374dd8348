//! `ddb scan`

use anyhow::Result;
use clap::Args;
use cruddur::table::RowKind;
use serde_json::{Map, Value};

use crate::{
    context::Context,
    outcome::Outcome,
    output::{columns, cut, printable},
};

const EXAMPLES: &str = "\
Examples:
  cruddur ddb scan --limit 20
  cruddur ddb scan --output json | jq -r .pk";

/// Width of `MSG#` and a UUID, the longest common partition key.
const PK_COLUMNS: usize = 40;

/// Width of the time in a sort key, for narrow terminals.
const TIME_COLUMNS: usize = 28;

/// Width of a whole sort key.
const SK_COLUMNS: usize = 64;

/// Terminals of this width show whole sort keys.
const WIDE: usize = 150;

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The maximum number of rows [default: all]
    #[arg(short = 'L', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<Outcome> {
    let (table, dynamodb) = context.table().await?;
    let scan = table.client().scan().table_name(table.name());
    // A page ends after 1 MB with any limit.
    let scan = scan.set_limit(options.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)));
    let mut rows = scan.into_paginator().items().send();
    let mut left = options.limit.unwrap_or(u64::MAX);
    while left > 0
        && let Some(row) = rows.next().await
    {
        let row = row.map_err(|error| context.dynamodb_error(&dynamodb, &error))?;
        let row: Map<String, Value> = serde_dynamo::from_item(row)?;
        if context.output.is_json() {
            context.output.json(&row)?;
        } else {
            context.output.line(&line(&row, usize::from(columns())))?;
        }
        left -= 1;
    }
    Ok(Outcome::Done)
}

/// Formats a row as `pk  sk  description`, cut to `columns`.
fn line(row: &Map<String, Value>, columns: usize) -> String {
    let sk_columns = if columns >= WIDE { SK_COLUMNS } else { TIME_COLUMNS };
    let pk = printable(text(row, "pk"));
    let sk = cut(text(row, "sk"), sk_columns);
    let line = format!("{pk:PK_COLUMNS$}  {sk:sk_columns$}  {}", description(row));
    cut(&line, columns).trim_end().to_owned()
}

fn description(row: &Map<String, Value>) -> String {
    let handle_and_text = || format!("@{}: {}", text(row, "user_handle"), text(row, "message"));
    match RowKind::of_partition(text(row, "pk")) {
        Some(RowKind::Message) => handle_and_text(),
        Some(RowKind::Inbox | RowKind::Request) => format!("with {}", handle_and_text()),
        Some(RowKind::Membership) => {
            let members = row.get("members").and_then(Value::as_object);
            let handles =
                members.into_iter().flatten().filter_map(|(_, member)| member.get("handle")?.as_str());
            format!("members {}", handles.map(|handle| format!("@{handle}")).collect::<Vec<_>>().join(", "))
        }
        Some(RowKind::MemberState) => "what a member has read".to_owned(),
        Some(RowKind::Idempotency) => format!("answered with message {}", text(row, "message_uuid")),
        Some(RowKind::SendLimit) => "send limit".to_owned(),
        Some(RowKind::EventLog) => match row.get("changes").and_then(Value::as_array) {
            Some(changes) => format!("{} logged changes", changes.len()),
            None => "start of an event log".to_owned(),
        },
        Some(RowKind::Connection) => "open socket of a device".to_owned(),
        Some(RowKind::Block) if row.contains_key("blocked_at") => "a blocked user".to_owned(),
        Some(RowKind::Block) => "a user who was blocked".to_owned(),
        Some(RowKind::MigrationOffset) => "migration of an old table".to_owned(),
        Some(RowKind::Redirect) => format!("is now group {}", text(row, "group_uuid")),
        Some(RowKind::Lease) => "lease of the doctor or a migration".to_owned(),
        None => String::new(),
    }
}

fn text<'a>(row: &'a Map<String, Value>, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GROUP: &str = "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5";
    const SK: &str = "2026-11-22T09:30:00.000000Z#0195b5a0-0000-7000-8000-00000000000a";

    fn line_of(row: &Value, columns: usize) -> String {
        line(row.as_object().unwrap(), columns)
    }

    #[test]
    fn each_kind_of_row_has_a_description() {
        let handle_and_text = json!({"user_handle": "bob", "message": "hi\u{1b}[2J"});
        let of = |kind: RowKind, id: &str, mut row: Value| {
            row["pk"] = json!(kind.partition(id));
            description(row.as_object().unwrap())
        };
        assert_eq!(of(RowKind::Message, "1", handle_and_text.clone()), "@bob: hi\u{1b}[2J");
        assert_eq!(of(RowKind::Inbox, "1", handle_and_text), "with @bob: hi\u{1b}[2J");
        let members = json!({"members": {"1": {"handle": "alice"}, "2": {"handle": "bob"}}});
        assert_eq!(of(RowKind::Membership, "1", members), "members @alice, @bob");
        assert_eq!(
            of(RowKind::Idempotency, "1#key", json!({"message_uuid": "2"})),
            "answered with message 2"
        );
        assert_eq!(of(RowKind::SendLimit, "1", json!({})), "send limit");
        assert_eq!(of(RowKind::Block, "1", json!({"blocked_at": "now"})), "a blocked user");
        assert_eq!(of(RowKind::Block, "1", json!({})), "a user who was blocked");
        assert_eq!(of(RowKind::Redirect, "1", json!({"group_uuid": "2"})), "is now group 2");
        assert_eq!(description(json!({"pk": "something else"}).as_object().unwrap()), "");
    }

    #[test]
    fn a_line_is_as_wide_as_the_terminal_and_safe_to_print() {
        let row = json!({
            "pk": RowKind::Message.partition(GROUP), "sk": SK, "user_handle": "bob",
            "message": format!("\u{1b}[2J{}", "x".repeat(100)),
        });
        let pk = RowKind::Message.partition(GROUP);
        assert_eq!(
            line_of(&row, 100),
            format!("{pk}  2026-11-22T09:30:00.000000Z…  @bob: \u{fffd}[2J{}…", "x".repeat(17))
        );
        assert_eq!(line_of(&row, 150), format!("{pk}  {SK}  @bob: \u{fffd}[2J{}…", "x".repeat(31)));
    }
}

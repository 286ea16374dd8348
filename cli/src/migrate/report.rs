//! How decisions, what is left, and the summary are shown.

use std::time::Duration;

use anyhow::Result;
use cruddur::dynamodb::Units;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{Tell, decide::Basis};
use crate::output::{Output, printable};

/// What is told of while it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// What an old group becomes.
    Redirect {
        /// The old uuid.
        old: String,
        /// The new one.
        new: Uuid,
        /// How its members were told.
        told_by: Basis,
    },
    /// Something stays as it is.
    Left(Left),
}

/// Something that can't be brought over. It stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// What it is.
    pub kind: RowKind,
    /// Its partition key.
    pub pk: String,
    /// Its sort key; none: all rows of the partition, or those of `sender`.
    pub sk: Option<String>,
    /// Whose messages, when they are not all.
    pub sender: Option<Uuid>,
    /// How many rows.
    pub rows: u64,
    /// Why. Never a text, and never a name.
    pub why: String,
}

/// What rows are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// Messages.
    Message,
    /// Inbox rows.
    InboxRow,
    /// A row of ours that says what an old group became.
    Redirect,
}

/// What it all came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows of the table, before.
    pub rows: u64,
    /// Old groups that have become others, those of earlier runs included.
    pub redirects: u64,
    /// Conversations with messages to be brought over.
    pub conversations: u64,
    /// Messages that were brought over (in a dry run: would be).
    pub messages: u64,
    /// Old inbox rows that were deleted (would be).
    pub inbox_rows: u64,
    /// Messages that are left.
    pub left_messages: u64,
    /// Inbox rows, and others, that are left.
    pub left_rows: u64,
}

impl Left {
    pub(super) fn row(kind: RowKind, pk: String, sk: String, why: &str) -> Self {
        Self { kind, pk, sk: Some(sk), sender: None, rows: 1, why: why.to_owned() }
    }

    pub(super) fn messages(id: &str, sender: Option<Uuid>, rows: u64, why: &str) -> Self {
        Self { kind: RowKind::Message, pk: format!("MSG#{id}"), sk: None, sender, rows, why: why.to_owned() }
    }
}

impl Summary {
    /// How many rows are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left_messages + self.left_rows
    }

    pub(super) fn leave(&mut self, left: &Left, tell: &Tell<'_>) -> Result<()> {
        match left.kind {
            RowKind::Message => self.left_messages += left.rows,
            RowKind::InboxRow | RowKind::Redirect => self.left_rows += left.rows,
        }
        tell(&Line::Left(left.clone()))
    }
}

impl RowKind {
    fn name(self, rows: u64) -> &'static str {
        match (self, rows) {
            (Self::Message, 1) => "message",
            (Self::Message, _) => "messages",
            (Self::InboxRow, _) => "inbox row",
            (Self::Redirect, _) => "redirect",
        }
    }
}

/// A line about a decision, or about what is left.
pub(super) fn line(output: Output, line: &Line) -> Result<()> {
    if output.is_json() {
        return output.json(line);
    }
    let text = match line {
        Line::Redirect { old, new, told_by } => {
            let told_by = match told_by {
                Basis::InboxRows => "its inbox rows tell whose it is",
                Basis::Senders => "no inbox row: its two senders",
                Basis::EarlierRun => "decided before",
            };
            format!("group {} -> {new}  {told_by}", printable(old))
        }
        Line::Left(Left { kind, pk, sk, sender, rows, why }) => {
            let sk = sk.as_ref().map(|sk| format!(" {sk}")).unwrap_or_default();
            let sender = sender.map(|sender| format!(" of {sender}")).unwrap_or_default();
            format!(
                "left: {rows} {}{} at {}: {why}",
                kind.name(*rows),
                sender,
                printable(&format!("{pk}{sk}"))
            )
        }
    };
    Ok(output.line(&text)?)
}

/// What it all came to.
pub(super) fn summary(
    output: Output,
    summary: &Summary,
    dry_run: bool,
    units: Units,
    time: Duration,
) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({
            "summary": summary, "dry_run": dry_run, "read_units": units.read, "write_units": units.write,
        }));
    }
    let Summary { rows, redirects, conversations, messages, inbox_rows, left_messages, left_rows } = summary;
    let (brought, deleted) =
        if dry_run { ("would be brought over", "would be deleted") } else { ("brought over", "deleted") };
    output.line(&format!("rows: {rows}, in {:.1} s", time.as_secs_f64()))?;
    output.line(&format!("old groups that have a new one: {redirects}"))?;
    output.line(&format!("messages: {messages} {brought}, of {conversations} conversations"))?;
    output.line(&format!("old inbox rows: {inbox_rows} {deleted}"))?;
    if summary.left() == 0 {
        output.line("nothing is left")?;
    } else {
        output.line(&format!("left as they are: {left_messages} messages, {left_rows} other rows"))?;
    }
    output.line(&format!("request units: {:.1} read, {:.1} written", units.read, units.write))?;
    Ok(())
}

//! Output of decisions, rows left and the summary.

use std::time::Duration;

use anyhow::Result;
use cruddur::{dynamodb::Units, table::RowKind};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::output::{Output, duration, printable};

/// Receives lines as they arise.
pub type Sink<'a> = dyn Fn(&Line) -> Result<()> + Send + Sync + 'a;

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Redirect {
        /// The UUID of the old group.
        old: String,
        /// The UUID of the new group.
        new: Uuid,
        /// The source of its members.
        #[serde(rename = "told_by")]
        basis: Basis,
    },
    Left(Left),
}

/// The source of the members of an old group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    InboxRows,
    /// From its two senders, without inbox rows.
    Senders,
    /// From the redirect of an earlier run.
    EarlierRun,
}

/// Rows that can't be migrated, and stay unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    pub kind: LeftKind,
    pub pk: String,
    /// `None` for all rows of the partition, or those of `sender`.
    pub sk: Option<String>,
    /// The sender of the messages, unless all are meant.
    pub sender: Option<Uuid>,
    /// The number of rows.
    pub rows: u64,
    /// Never contains a message text or a name.
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftKind {
    Message,
    InboxRow,
    Redirect,
}

/// The counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows of the table before the run.
    pub rows: u64,
    /// Old groups with a redirect, including those of earlier runs.
    pub redirects: u64,
    /// Conversations with messages to migrate.
    pub conversations: u64,
    /// Messages that were, or in a dry run would be, migrated.
    pub messages: u64,
    /// Old inbox rows that were, or in a dry run would be, deleted.
    pub inbox_rows: u64,
    pub left_messages: u64,
    /// Inbox rows and redirects.
    pub left_rows: u64,
}

impl Left {
    pub(super) fn row(kind: LeftKind, pk: String, sk: String, why: &str) -> Self {
        Self { kind, pk, sk: Some(sk), sender: None, rows: 1, why: why.to_owned() }
    }

    pub(super) fn messages(id: &str, sender: Option<Uuid>, rows: u64, why: &str) -> Self {
        Self {
            kind: LeftKind::Message,
            pk: RowKind::Message.partition(id),
            sk: None,
            sender,
            rows,
            why: why.to_owned(),
        }
    }
}

impl Summary {
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left_messages + self.left_rows
    }

    pub(super) fn leave(&mut self, left: &Left, sink: &Sink<'_>) -> Result<()> {
        match left.kind {
            LeftKind::Message => self.left_messages += left.rows,
            LeftKind::InboxRow | LeftKind::Redirect => self.left_rows += left.rows,
        }
        sink(&Line::Left(left.clone()))
    }
}

impl LeftKind {
    fn name(self, rows: u64) -> &'static str {
        match (self, rows) {
            (Self::Message, 1) => "message",
            (Self::Message, _) => "messages",
            (Self::InboxRow, _) => "inbox row",
            (Self::Redirect, _) => "redirect",
        }
    }
}

pub(super) fn line(output: Output, line: &Line) -> Result<()> {
    if output.is_json() {
        return output.json(line);
    }
    let text = match line {
        Line::Redirect { old, new, basis } => {
            let basis = match basis {
                Basis::InboxRows => "members from inbox rows",
                Basis::Senders => "members from senders, no inbox row",
                Basis::EarlierRun => "decided by an earlier run",
            };
            format!("group {} -> {new}  {basis}", printable(old))
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
    let (migrated, deleted) =
        if dry_run { ("would be migrated", "would be deleted") } else { ("migrated", "deleted") };
    output.line(&format!("rows: {rows}, in {}", duration(time)))?;
    output.line(&format!("old groups with a new group: {redirects}"))?;
    output.line(&format!("messages: {messages} {migrated}, in {conversations} conversations"))?;
    output.line(&format!("old inbox rows: {inbox_rows} {deleted}"))?;
    if summary.left() == 0 {
        output.line("nothing is left")?;
    } else {
        output.line(&format!("left unchanged: {left_messages} messages, {left_rows} other rows"))?;
    }
    output.line(&format!("request units: {:.1} read, {:.1} written", units.read, units.write))?;
    Ok(())
}

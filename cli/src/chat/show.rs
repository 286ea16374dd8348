//! Messages and conversations on stdout.

use std::io;

use anyhow::Result;

use super::api::{Person, Row};
use crate::{
    context::Context,
    listing::{self, Content, Entry},
    output::Output,
};

/// Writes messages as they arrive.
pub(super) fn show_messages(context: &Context, rows: Vec<Row>, uuids: bool) -> Result<()> {
    write(context, rows, |row| message(row, uuids), listing::show)
}

/// Lists messages.
pub(super) fn list_messages(context: &Context, rows: Vec<Row>, uuids: bool) -> Result<()> {
    write(context, rows, |row| message(row, uuids), listing::list)
}

/// Lists conversations.
pub(super) fn list_groups(context: &Context, rows: Vec<Row>, uuids: bool) -> Result<()> {
    let group = |row: Row| Entry { display_name: Some(row.display_name.clone()), ..message(row, uuids) };
    write(context, rows, group, listing::list)
}

/// Lists users.
pub(super) fn show_people(context: &Context, people: &[Person]) -> Result<()> {
    let cells = |person: &Person| vec![format!("@{}", person.handle), person.display_name.clone()];
    context.output.rows(&["HANDLE", "NAME"], people, cells)
}

fn write(
    context: &Context,
    rows: Vec<Row>,
    entry: impl Fn(Row) -> Entry,
    write: impl Fn(Output, &[Entry]) -> io::Result<()>,
) -> Result<()> {
    if context.output.is_json() {
        return rows.iter().try_for_each(|row| context.output.json(row));
    }
    Ok(write(context.output, &rows.into_iter().map(entry).collect::<Vec<_>>())?)
}

fn message(row: Row, uuids: bool) -> Entry {
    Entry {
        uuid: uuids.then_some(row.uuid),
        handle: row.handle,
        display_name: None,
        created_at: row.created_at.to_utc(),
        unread: row.unread_count.unwrap_or(0),
        content: Content {
            text: row.message,
            is_deleted: row.deleted_at.is_some(),
            is_edited: row.edited_at.is_some(),
            is_own: row.from_me.unwrap_or(false),
            quote: row.reply_to.map(|reply| reply.message.unwrap_or_default()),
            reactions: row.reactions.into_iter().map(|all| (all.emoji, all.user_uuids.len())).collect(),
        },
    }
}

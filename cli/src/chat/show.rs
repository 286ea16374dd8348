//! Messages and conversations on stdout.

use anyhow::Result;

use super::api::Row;
use crate::{
    context::Context,
    listing::{self, Entry},
};

/// Writes conversations (`is_inbox`) or messages.
pub(super) fn show(context: &Context, rows: Vec<Row>, is_inbox: bool) -> Result<()> {
    if context.output.is_json() {
        return rows.iter().try_for_each(|row| context.output.json(row));
    }
    let entries = rows.into_iter().map(|row| Entry {
        message_group_uuid: is_inbox.then(|| row.uuid.to_string()),
        handle: row.handle,
        display_name: is_inbox.then_some(row.display_name),
        created_at: row.created_at.to_utc(),
        message: row.message,
    });
    Ok(listing::show(context.output, &entries.collect::<Vec<_>>())?)
}

//! Messages and conversations on stdout.

use anyhow::Result;

use super::api::Row;
use crate::{
    context::Context,
    listing::{self, Content, Entry},
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
        unread: row.unread_count.unwrap_or(0),
        content: Content {
            text: row.message,
            is_deleted: row.deleted_at.is_some(),
            is_edited: row.edited_at.is_some(),
            is_own: row.from_me.unwrap_or(false),
            quote: row.reply_to.map(|reply| reply.message.unwrap_or_default()),
            reactions: row.reactions.into_iter().map(|all| (all.emoji, all.user_uuids.len())).collect(),
        },
    });
    Ok(listing::show(context.output, &entries.collect::<Vec<_>>())?)
}

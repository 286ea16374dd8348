//! Moves of inbox rows, for tables whose stream may have no reader.

use cruddur::{
    message_group::Inbox,
    projection::inbox::GroupChanges,
    random::Random,
    table::{Newest, Partition, Table, from_item},
};
use uuid::Uuid;

use crate::SeedError;

/// Moves the inbox rows of a group to its newest message, as the stream handler does. Both may run concurrently.
pub(crate) async fn move_inbox_rows(
    table: &Table,
    random: &Random,
    group_uuid: Uuid,
) -> Result<(), SeedError> {
    let partition = Partition::Messages(group_uuid);
    let newest = table.newest(Newest { partition, before: None, limit: 1, attributes: None }).await?;
    if let Some(row) = newest.into_iter().next() {
        let changes = GroupChanges::created(group_uuid, from_item(row)?);
        Inbox::new(table.clone(), random.clone()).apply(&changes).await?;
    }
    Ok(())
}

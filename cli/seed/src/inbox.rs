//! Moves of inbox rows, for tables whose stream may have no reader.

use cruddur::{
    message_group::Inbox,
    projection::inbox::GroupChanges,
    random::Random,
    table::{Newest, Partition, Table, from_item},
};
use uuid::Uuid;

use crate::SeedError;

/// Joins the newest messages of a group into its inbox rows, as the stream handler does. Both may run concurrently.
pub(crate) async fn move_inbox_rows(
    table: &Table,
    random: &Random,
    group_uuid: Uuid,
) -> Result<(), SeedError> {
    let partition = Partition::Messages(group_uuid);
    let newest = table.newest(Newest { partition, before: None, limit: 100, attributes: None }).await?;
    // With a message of each member, since own messages count as reading.
    let created = newest.into_iter().map(from_item).collect::<Result<Vec<_>, _>>()?;
    if !created.is_empty() {
        let changes = GroupChanges { group_uuid, created, ..GroupChanges::default() };
        Inbox::new(table.clone(), random.clone()).apply(&changes).await?;
    }
    Ok(())
}

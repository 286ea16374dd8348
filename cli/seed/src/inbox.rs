//! Moves of inbox rows, for tables whose stream may have no reader.

use cruddur::{
    clock::Clock, error::Error, message::Messages, message_group::Inbox, page::PageRequest, random::Random,
    sort_key::SortKey, stream::NewestMessage, table::Table,
};
use uuid::Uuid;

use crate::SeedError;

/// Moves the inbox rows of a group to its newest message, as the stream handler does. Both may run concurrently.
/// `member` is a member of the group.
pub(crate) async fn move_inbox_rows(
    table: &Table,
    random: &Random,
    member: Uuid,
    group_uuid: Uuid,
) -> Result<(), SeedError> {
    let request = PageRequest { limit: "1".parse().map_err(Error::internal)?, cursor: None };
    let messages = Messages::new(table.clone(), Clock::system(), random.clone(), None);
    let newest = messages.list(member, group_uuid, request).await?.items.pop();
    if let Some(message) = newest {
        let newest = NewestMessage {
            group_uuid,
            sk: SortKey { created_at: message.created_at, message_uuid: message.uuid },
            message: message.message,
            sequence_numbers: Vec::new(),
        };
        Inbox::new(table.clone(), random.clone()).move_to(&newest).await?;
    }
    Ok(())
}

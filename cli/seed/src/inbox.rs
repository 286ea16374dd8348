//! Moves of inbox rows, for tables whose stream may have no reader.

use cruddur::{
    dynamodb::Table,
    error::Error,
    message,
    message_group::KnownMembers,
    page::PageRequest,
    random::Random,
    sort_key::SortKey,
    stream::{NewestMessage, move_group::move_group},
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
    let newest =
        message::list(table, &KnownMembers::default(), member, group_uuid, request).await?.items.pop();
    if let Some(message) = newest {
        let newest = NewestMessage {
            group_uuid,
            sk: SortKey { created_at: message.created_at, message_uuid: message.uuid },
            message: message.message,
            sequence_numbers: Vec::new(),
        };
        move_group(table, random, &newest).await?;
    }
    Ok(())
}

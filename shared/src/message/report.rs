//! Reading what a report of a message contains (design, section 3).

use uuid::Uuid;

use super::{Message, Messages};
use crate::{
    error::Error,
    message_group::membership_for,
    report::{NewReport, Reason},
    sort_key::SortKey,
    table::{Newest, Partition},
};

/// The number of messages on each side of a reported one that a report contains.
const CONTEXT: usize = 5;

impl Messages {
    /// Reads a message for a report, with up to five on each side, also those that the reporting member has cleared.
    ///
    /// Fails with [`Error::MessageGroupNotFound`] if the group does not exist or `reporter_uuid` is not a member, and with
    /// [`Error::MessageNotFound`].
    pub async fn for_report(
        &self,
        reporter_uuid: Uuid,
        group_uuid: Uuid,
        sk: SortKey,
        reason: Reason,
    ) -> Result<NewReport, Error> {
        membership_for(&self.table, group_uuid, reporter_uuid).await?;
        let partition = Partition::Messages(group_uuid);
        let place = sk.to_string();
        let earlier = Newest { partition, before: Some(place.clone()), limit: CONTEXT, attributes: None };
        let (before, from) = tokio::try_join!(
            self.table.newest(earlier),
            self.table.rows_from(partition, &place, CONTEXT + 1)
        )?;
        let from = from.into_iter().map(Message::parse).collect::<Result<Vec<_>, _>>()?;
        let reported = from.first().filter(|message| message.sort_key() == sk);
        let sender_uuid = reported.ok_or(Error::MessageNotFound)?.user_uuid;
        let before = before.into_iter().rev().map(Message::parse).collect::<Result<Vec<_>, _>>()?;
        let messages = before.iter().chain(&from).collect::<Vec<_>>();
        let messages = serde_json::to_string(&messages).map_err(Error::internal)?;
        Ok(NewReport {
            reporter_uuid,
            group_uuid,
            message_uuid: sk.message_uuid,
            sender_uuid,
            reason,
            messages,
        })
    }
}

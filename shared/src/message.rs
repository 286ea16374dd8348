//! Sending and listing messages.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::{Dependency, Error},
    message_group::{KnownMembers, membership_for},
    page::{Cursor, Page, PageRequest},
    random::Random,
    send_limit::SendLimit,
    sort_key::SortKey,
    table::{Key, Membership, MessageRow, Newest, Partition, Table, from_strings},
    timestamp::Timestamp,
    user::{ShowsUser, User},
    warm_up::{self, Failure},
};

pub mod change;
pub mod send;
pub mod text;

/// The messages of all groups.
#[derive(Debug)]
pub struct Messages {
    table: Table,
    clock: Clock,
    random: Random,
    limit: Option<SendLimit>,
    members: KnownMembers,
}

impl Messages {
    /// Creates the store over `table`. Without a `limit`, users may send any number of messages.
    #[must_use]
    pub fn new(table: Table, clock: Clock, random: Random, limit: Option<SendLimit>) -> Self {
        Self { table, clock, random, limit, members: KnownMembers::default() }
    }

    /// Creates the store for functions that only list messages: short time limits, no send limit.
    pub fn read_from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, CallLimits::READ)?;
        Ok(Self::new(table, Clock::system(), Random::system(), None))
    }

    /// Creates the store for functions that send messages, with the configured send limit.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, CallLimits::WRITE)?;
        Ok(Self::new(table, Clock::system(), Random::system(), SendLimit::from_lookup(lookup)?))
    }

    /// Opens the connection to DynamoDB: issues the first listing's read for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let key = Key::Membership(Uuid::nil());
        warm_up::call(Dependency::DynamoDb, self.table.get::<Membership>(&key)).await
    }

    /// Lists the messages of a group, oldest to newest: the page before the cursor, or the newest page. Fails with
    /// [`Error::MessageGroupNotFound`] if the group does not exist or the caller is not a member.
    ///
    /// Reads no message before the caller is known to be a member. Otherwise the duration and the cost of a rejection
    /// would reveal something about the group (I10).
    pub async fn list(
        &self,
        caller: Uuid,
        group_uuid: Uuid,
        request: PageRequest,
    ) -> Result<Page<Message>, Error> {
        if !self.members.contains(caller, group_uuid) {
            membership_for(&self.table, group_uuid, caller).await?;
            self.members.insert(caller, group_uuid);
        }
        let limit = usize::from(request.limit.get());
        let newest = Newest {
            partition: Partition::Messages(group_uuid),
            before: request.cursor.map(|Cursor(sort_key)| sort_key.to_string()),
            limit: limit + 1,
            attributes: Some(ListedMessage::ATTRIBUTES),
        };
        let rows = self.table.newest(newest).await?;
        let rows = rows.into_iter().map(from_strings).collect::<Result<Vec<ListedMessage>, _>>()?;
        let page = Page::of(rows, limit, |row| row.sk);
        Ok(Page { items: page.items.into_iter().rev().map(Message::from).collect(), next: page.next })
    }
}

/// The listed attributes of a message row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedMessage {
    sk: SortKey,
    message: String,
    user_uuid: Uuid,
    user_display_name: String,
    user_handle: String,
}

impl ListedMessage {
    /// The projection expression.
    const ATTRIBUTES: &str = "sk, message, user_uuid, user_display_name, user_handle";
}

/// A message in an answer (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The message's UUID.
    pub uuid: Uuid,
    /// The sender's UUID.
    pub user_uuid: Uuid,
    /// The sender's name.
    pub display_name: String,
    /// The sender's handle.
    pub handle: String,
    /// The whole text.
    pub message: String,
    /// The creation time.
    pub created_at: Timestamp,
}

impl From<ListedMessage> for Message {
    fn from(row: ListedMessage) -> Self {
        Self {
            uuid: row.sk.message_uuid,
            user_uuid: row.user_uuid,
            display_name: row.user_display_name,
            handle: row.user_handle,
            message: row.message,
            created_at: row.sk.created_at,
        }
    }
}

impl From<&MessageRow> for Message {
    fn from(row: &MessageRow) -> Self {
        Self {
            uuid: row.message_uuid,
            user_uuid: row.sender_uuid,
            display_name: row.sender_display_name.clone(),
            handle: row.sender_handle.clone(),
            message: row.message.clone(),
            created_at: row.sk.created_at,
        }
    }
}

impl ShowsUser for Message {
    fn user_uuid(&self) -> Uuid {
        self.user_uuid
    }

    fn set_names(&mut self, user: &User) {
        self.handle.clone_from(&user.handle);
        self.display_name.clone_from(&user.display_name);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::MessageRow;

    #[test]
    fn a_row_has_the_attributes_of_the_contract_and_is_sent_to_clients_without_its_keys() {
        let uuid = "0195b5a0-0000-7000-8000-000000000001";
        let sk = format!("2026-11-22T09:30:00.123456Z#{uuid}").parse().unwrap();
        let sender = User {
            uuid: Uuid::from_u128(3),
            handle: "sunyoung".to_owned(),
            display_name: "Sunyoung".to_owned(),
        };
        let row = MessageRow::new(Uuid::from_u128(4), sk, &"hello".parse().unwrap(), &sender);
        let row = serde_json::to_value(&row).unwrap();
        assert_eq!(
            row,
            json!({
                "pk": Partition::Messages(Uuid::from_u128(4)).to_string(),
                "sk": "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001",
                "message_uuid": uuid,
                "message": "hello",
                "user_uuid": "00000000-0000-0000-0000-000000000003",
                "user_display_name": "Sunyoung",
                "user_handle": "sunyoung",
            })
        );
        let attributes =
            ListedMessage::ATTRIBUTES.split(", ").map(|name| (name.to_owned(), row[name].clone()));
        let listed: ListedMessage = serde_json::from_value(attributes.collect()).unwrap();
        assert_eq!(
            serde_json::to_value(Message::from(listed)).unwrap(),
            json!({
                "uuid": uuid,
                "user_uuid": "00000000-0000-0000-0000-000000000003",
                "display_name": "Sunyoung",
                "handle": "sunyoung",
                "message": "hello",
                "created_at": "2026-11-22T09:30:00.123456Z",
            })
        );
    }
}

//! Sending, listing and changing messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use tokio::try_join;
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::{ConfigError, Lookup, SendLimitConfig},
    dynamodb::CallLimits,
    error::{Dependency, Error},
    message_group::{KnownMembers, other_member},
    page::{Cursor, Page, PageRequest},
    random::Random,
    send_limit::SendLimit,
    sort_key::SortKey,
    table::{
        Item, Key, MemberStateRow, Membership, MessageRow, Newest, Partition, Reactions, Table,
        first_version, from_scalars, reactions_attribute,
    },
    timestamp::Timestamp,
    user::{ShowsUser, User},
    warm_up::{self, Failure},
};

pub mod change;
pub mod reaction;
mod report;
pub mod send;
pub mod text;

/// The messages of all groups.
#[derive(Debug)]
pub struct Messages {
    table: Table,
    clock: Clock,
    random: Random,
    limit: Option<SendLimit>,
    conversation_limit: Option<SendLimit>,
    members: KnownMembers,
}

impl Messages {
    /// Creates the store over `table`. Without a `limit`, users may send any number of messages.
    #[must_use]
    pub fn new(table: Table, clock: Clock, random: Random, limit: Option<SendLimit>) -> Self {
        Self { table, clock, random, limit, conversation_limit: None, members: KnownMembers::default() }
    }

    /// Limits the number of conversations that a user may open.
    #[must_use]
    pub fn with_conversation_limit(self, conversation_limit: Option<SendLimit>) -> Self {
        Self { conversation_limit, ..self }
    }

    /// Creates the store for functions that only list messages: short time limits, no send limit.
    pub fn read_from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, CallLimits::READ)?;
        Ok(Self::new(table, Clock::system(), Random::system(), None))
    }

    /// Creates the store for functions that change messages.
    pub fn change_from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, CallLimits::WRITE)?;
        Ok(Self::new(table, Clock::system(), Random::system(), None))
    }

    /// Creates the store for functions that send messages, with the configured limits.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, CallLimits::WRITE)?;
        let limit = SendLimitConfig::from_lookup(lookup)?.map(SendLimit::new);
        let of_conversations = SendLimitConfig::of_conversations(lookup)?.map(SendLimit::of_conversations);
        let messages = Self::new(table, Clock::system(), Random::system(), limit);
        Ok(messages.with_conversation_limit(of_conversations))
    }

    /// Opens the connection to DynamoDB: issues the first read of a send, a change or a report for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let key = Key::Membership(Uuid::nil());
        warm_up::call(Dependency::DynamoDb, self.table.get::<Membership>(&key)).await
    }

    /// Opens the connections to DynamoDB: issues the reads that a listing makes at the same time, for the nil UUID.
    pub async fn warm_up_list(&self) -> Result<(), Failure> {
        let (group_uuid, user_uuid) = (Uuid::nil(), Uuid::nil());
        let (membership, state) = (Key::Membership(group_uuid), Key::MemberState { group_uuid, user_uuid });
        let reads = async {
            try_join!(self.table.get::<Membership>(&membership), self.table.get::<MemberStateRow>(&state))
        };
        warm_up::call(Dependency::DynamoDb, Box::pin(reads)).await
    }

    /// Spares the next listing the read of the membership.
    pub(crate) fn remember_members(&self, caller: Uuid, group_uuid: Uuid, other: Uuid) {
        self.members.insert(caller, group_uuid, other);
    }

    /// Lists the messages of a group, oldest to newest: the page before the cursor, or the newest page. Leaves out those
    /// that the caller has cleared. Fails with
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
        let other = other_member(&self.table, &self.members, group_uuid, caller).await?;
        let limit = usize::from(request.limit.get());
        let newest = Newest {
            partition: Partition::Messages(group_uuid),
            before: request.cursor.map(|Cursor(sort_key)| sort_key.to_string()),
            limit: limit + 1,
            attributes: Some(ListedMessage::attributes(&[caller, other]).into()),
        };
        let state = Key::MemberState { group_uuid, user_uuid: caller };
        let (rows, state) = try_join!(self.table.newest(newest), self.table.get::<MemberStateRow>(&state))?;
        let cleared_sk = state.and_then(|state| state.cleared_sk);
        let mut messages = rows.into_iter().map(Message::parse).collect::<Result<Vec<_>, _>>()?;
        messages.retain(|message| cleared_sk < Some(message.sort_key()));
        let mut page = Page::of(messages, limit, Message::sort_key);
        page.items.reverse();
        self.quote(group_uuid, &mut page.items, cleared_sk).await?;
        Ok(page)
    }

    /// Adds to each reply the sender and the beginning of the answered message, unless the caller has cleared it. Reads
    /// messages that are not among `messages`, at most a hundred, in one request.
    async fn quote(
        &self,
        group_uuid: Uuid,
        messages: &mut [Message],
        cleared_sk: Option<SortKey>,
    ) -> Result<(), Error> {
        let answered = messages.iter().filter_map(|message| Some(message.reply_to.as_ref()?.sort_key()));
        let answered = answered.filter(|sk| cleared_sk < Some(*sk)).collect::<BTreeSet<_>>();
        if answered.is_empty() {
            return Ok(());
        }
        let listed = messages.iter().filter(|message| answered.contains(&message.sort_key()));
        let mut quotes = listed.map(Quote::of).collect::<HashMap<_, _>>();
        let unlisted = answered.into_iter().filter(|sk| !quotes.contains_key(sk)).collect::<Vec<_>>();
        if !unlisted.is_empty() {
            let keys = unlisted.into_iter().map(|sk| Key::Message { group_uuid, sk });
            let rows = self.table.get_many(keys, ListedMessage::ATTRIBUTES, &self.random).await?;
            for row in rows {
                quotes.extend([Quote::of(&Message::parse(row)?)]);
            }
        }
        for reply_to in messages.iter_mut().filter_map(|message| message.reply_to.as_mut()) {
            reply_to.quote = quotes.get(&reply_to.sort_key()).cloned();
        }
        Ok(())
    }
}

/// The listed attributes of a message row, without the reactions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct ListedMessage {
    sk: SortKey,
    message: String,
    user_uuid: Uuid,
    user_display_name: String,
    user_handle: String,
    #[serde(default = "first_version")]
    version: u64,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    reply_sk: Option<SortKey>,
}

impl ListedMessage {
    /// The projection expression, without the reactions.
    const ATTRIBUTES: &str =
        "sk, message, user_uuid, user_display_name, user_handle, version, edited_at, deleted_at, reply_sk";

    /// The projection expression for a group with these members.
    fn attributes(members: &[Uuid]) -> String {
        let reactions = members.iter().map(|&member| format!(", {}", reactions_attribute(member)));
        [Self::ATTRIBUTES.to_owned()].into_iter().chain(reactions).collect()
    }
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
    /// The whole text. Empty if the message was deleted.
    pub message: String,
    /// The creation time.
    pub created_at: Timestamp,
    /// The number of writes to the message. Of two answers, the one with the greater version is newer.
    pub version: u64,
    /// The time of the last edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The time of the deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The reactions, in the order of their emoji.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageReference>,
}

/// The users who reacted to a message with an emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// The users, in the order of their UUIDs.
    pub user_uuids: Vec<Uuid>,
}

impl Reaction {
    fn list(reactions: &Reactions) -> Vec<Self> {
        let mut users = BTreeMap::<_, Vec<_>>::new();
        for (user_uuid, emoji) in &reactions.0 {
            for emoji in emoji {
                users.entry(emoji).or_default().push(*user_uuid);
            }
        }
        users.into_iter().map(|(emoji, user_uuids)| Self { emoji: emoji.clone(), user_uuids }).collect()
    }
}

/// A message that another one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageReference {
    /// The message's UUID.
    pub uuid: Uuid,
    /// The creation time.
    pub created_at: Timestamp,
    /// What lists show of the message. Absent outside of lists, and if the message does not exist.
    #[serde(flatten)]
    pub quote: Option<Quote>,
}

impl MessageReference {
    const fn sort_key(&self) -> SortKey {
        SortKey { created_at: self.created_at, message_uuid: self.uuid }
    }
}

impl From<SortKey> for MessageReference {
    fn from(sk: SortKey) -> Self {
        Self { uuid: sk.message_uuid, created_at: sk.created_at, quote: None }
    }
}

/// Sender and beginning of an answered message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// The sender's UUID.
    pub user_uuid: Uuid,
    /// The text, at most 120 bytes of it. Absent if the message was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Quote {
    /// The maximum length of the text in bytes, with the ellipsis of a longer one.
    const MAX_BYTES: usize = 120;

    fn of(message: &Message) -> (SortKey, Self) {
        let text = message.deleted_at.is_none().then(|| text::cut(&message.message, Self::MAX_BYTES));
        (message.sort_key(), Self { user_uuid: message.user_uuid, message: text })
    }
}

impl Message {
    const fn sort_key(&self) -> SortKey {
        SortKey { created_at: self.created_at, message_uuid: self.uuid }
    }

    /// Parses the listed attributes of a row.
    fn parse(mut item: Item) -> Result<Self, Error> {
        let reactions = Reactions::take(&mut item);
        let row: ListedMessage = from_scalars(item)?;
        Ok(Self {
            uuid: row.sk.message_uuid,
            user_uuid: row.user_uuid,
            display_name: row.user_display_name,
            handle: row.user_handle,
            message: row.message,
            created_at: row.sk.created_at,
            version: row.version,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            reactions: Reaction::list(&reactions),
            reply_to: row.reply_sk.map(MessageReference::from),
        })
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
            version: row.version,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            reactions: Reaction::list(&row.reactions),
            reply_to: row.reply_sk.map(MessageReference::from),
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
    use aws_sdk_dynamodb::types::AttributeValue;
    use serde_json::json;

    use super::*;
    use crate::table::MessageRow;

    #[test]
    fn a_row_has_the_attributes_of_the_contract_and_is_sent_to_clients_without_its_keys() {
        let uuid = "0195b5a0-0000-7000-8000-000000000001";
        let sk: SortKey = format!("2026-11-22T09:30:00.123456Z#{uuid}").parse().unwrap();
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
        let attributes = ListedMessage::attributes(&[Uuid::from_u128(3), Uuid::from_u128(5)]);
        assert_eq!(
            attributes.strip_prefix(ListedMessage::ATTRIBUTES),
            Some(", reactions_00000000000000000000000000000003, reactions_00000000000000000000000000000005")
        );
        let row = row.as_object().unwrap();
        let listed = attributes.split(", ").filter_map(|name| {
            Some((name.to_owned(), AttributeValue::S(row.get(name)?.as_str()?.to_owned())))
        });
        let mut item = listed.collect::<Item>();
        let message = Message::parse(item.clone()).unwrap();
        assert_eq!(
            serde_json::to_value(message).unwrap(),
            json!({
                "uuid": uuid,
                "user_uuid": "00000000-0000-0000-0000-000000000003",
                "display_name": "Sunyoung",
                "handle": "sunyoung",
                "message": "hello",
                "created_at": "2026-11-22T09:30:00.123456Z",
                "version": 1,
            })
        );
        let (set, number) = (AttributeValue::Ss, AttributeValue::N);
        item.extend([
            ("version".to_owned(), number("4".to_owned())),
            ("edited_at".to_owned(), AttributeValue::S("2026-11-22T09:31:00.000000Z".to_owned())),
            ("reply_sk".to_owned(), AttributeValue::S(sk.to_string())),
            (reactions_attribute(Uuid::from_u128(5)), set(vec!["👍".to_owned(), "🎉".to_owned()])),
            (reactions_attribute(Uuid::from_u128(3)), set(vec!["👍".to_owned()])),
        ]);
        let message = serde_json::to_value(Message::parse(item).unwrap()).unwrap();
        let users =
            |numbers: &[u128]| numbers.iter().map(|&number| Uuid::from_u128(number)).collect::<Vec<_>>();
        assert_eq!(message["version"], 4);
        assert_eq!(message["edited_at"], "2026-11-22T09:31:00.000000Z");
        assert_eq!(message["reply_to"], json!({"uuid": uuid, "created_at": "2026-11-22T09:30:00.123456Z"}));
        assert_eq!(
            message["reactions"],
            json!([
                {"emoji": "🎉", "user_uuids": users(&[5])},
                {"emoji": "👍", "user_uuids": users(&[3, 5])},
            ])
        );
    }
}

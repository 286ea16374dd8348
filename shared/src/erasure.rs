//! Erasures: what the table has of a person (design, section 3).
//!
//! The users table has the names that replace the person's. It is changed first, so that nothing new is found under the
//! old names.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::{Chain, Error},
    message::change::deletion,
    message_group::Inbox,
    projection::inbox::{GroupChanges, MoveError},
    random::Random,
    sort_key::SortKey,
    table::{
        Assignments, Condition, Item, Key, MAX_CONCURRENT_WRITES, Membership, MessageRow, PAGE, Partition,
        Table, Transaction, WriteError, after, sort_key,
    },
    timestamp::Timestamp,
    user::User,
    warm_up::Failure,
};

/// Maximum number of attempts of a write.
const MAX_ATTEMPTS: usize = 8;

/// Erases people from the table.
#[derive(Debug)]
pub struct Erasure {
    table: Table,
    inbox: Inbox,
    clock: Clock,
    random: Random,
}

/// The result of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// The person's groups.
    pub groups: usize,
    /// The messages that were deleted, or got the new names.
    pub messages: usize,
    /// The groups that could not be erased. Another pass is needed.
    pub failed: usize,
}

impl Erasure {
    /// Creates erasures over `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock, random: Random) -> Self {
        Self { inbox: Inbox::new(table.clone(), random.clone()), table, clock, random }
    }

    /// Creates erasures over the configured table.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, CallLimits::WRITE)?;
        Ok(Self::new(table, Clock::system(), Random::system()))
    }

    /// Opens the connection to DynamoDB: issues the first pass's read for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        self.inbox.warm_up().await
    }

    /// Goes through all that the table has of a person, and erases what is not erased yet. `user` has the names that
    /// replace the person's. Safe to repeat, and to cut off at any call.
    ///
    /// Requests that began earlier can write for a while after a pass, so a later one is needed. Groups that fail are
    /// logged and counted, and stop no others.
    pub async fn pass(&self, user: &User) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        // Rows move only upwards, and from the requests to the inbox, so none is missed.
        for partition in [Partition::Requests(user.uuid), Partition::Inbox(user.uuid)] {
            let mut from = "0".to_owned();
            loop {
                let rows = self.table.rows_from(partition, &from, PAGE).await?;
                for group_uuid in rows.iter().filter_map(group_uuid) {
                    pass.groups += 1;
                    match self.erase_from_group(user, group_uuid).await {
                        Ok(messages) => pass.messages += messages,
                        Err(error) => {
                            tracing::error!(user_uuid = %user.uuid, %group_uuid, cause = %Chain(&error), "could not erase a user from a group");
                            pass.failed += 1;
                        }
                    }
                }
                let Some(next) = next_page(&rows) else { break };
                from = next;
            }
        }
        for partition in
            [Partition::Blocks(user.uuid), Partition::Connections(user.uuid), Partition::EventLog(user.uuid)]
        {
            self.table.delete_partition(partition).await?;
        }
        for key in [Key::SendLimit(user.uuid), Key::ConversationLimit(user.uuid)] {
            self.table.delete_if(&key, Condition::exists()).await?;
        }
        Ok(pass)
    }

    /// Erases the person from a group: first from the membership, so that no later request writes for them. Returns the
    /// number of changed messages. `user` has the names that replace the person's.
    pub async fn erase_from_group(&self, user: &User, group_uuid: Uuid) -> Result<usize, MoveError> {
        let mut rows = self.inbox.group_rows(group_uuid).await?;
        if !is_erased_from(&rows.membership, user) {
            self.erase_from_membership(user, group_uuid).await?;
            rows = self.inbox.group_rows(group_uuid).await?;
        }
        let other = rows.membership.other_than(user.uuid);
        let messages = self.delete_messages(user, other, group_uuid).await?;
        let renamed = GroupChanges { group_uuid, renamed: vec![user.clone()], ..GroupChanges::default() };
        self.inbox.apply_to(&rows, &renamed).await?;
        let state = Key::MemberState { group_uuid, user_uuid: user.uuid };
        self.table.delete_if(&state, Condition::exists()).await.map_err(Error::from)?;
        Ok(messages)
    }

    async fn erase_from_membership(&self, user: &User, group_uuid: Uuid) -> Result<(), Error> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let has_member = Condition::new("attribute_exists(members.#user)")
            .name("#user", user.uuid.to_string())
            .value(":user", AttributeValue::Ss(vec![user.uuid.to_string()]))
            .value(":handle", text(&user.handle))
            .value(":name", text(&user.display_name));
        let set = "SET members.#user.handle = :handle, members.#user.display_name = :name \
                   ADD erased :user DELETE blocked_by :user";
        let mut backoff = Backoff::new(&self.random);
        let mut attempts = 0;
        loop {
            let update = Transaction::new(&self.table).update(
                &Key::Membership(group_uuid),
                set,
                has_member.clone(),
            )?;
            attempts += 1;
            match update.commit().await {
                Err(WriteError::Busy(_) | WriteError::Unknown(_)) if attempts < MAX_ATTEMPTS => {
                    backoff.wait().await;
                }
                result => return Ok(result?),
            }
        }
    }

    /// Deletes the person's messages. Tombstones keep their places. Returns the number of changed ones.
    async fn delete_messages(&self, user: &User, other: Uuid, group_uuid: Uuid) -> Result<usize, Error> {
        let now = Timestamp::new(self.clock.now());
        let change = |row: Option<&MessageRow>| {
            let row = row.filter(|row| row.sender_uuid == user.uuid && !is_erased(row, user));
            Ok(row.map(|row| {
                let Assignments { set, more, mut values } =
                    deletion([user.uuid, other], row.deleted_at.unwrap_or(now));
                values.push((":handle", AttributeValue::S(user.handle.clone())));
                values.push((":name", AttributeValue::S(user.display_name.clone())));
                Assignments {
                    set: format!("{set}, user_handle = :handle, user_display_name = :name"),
                    more,
                    values,
                }
            }))
        };
        let (mut from, mut number) = ("0".to_owned(), 0);
        loop {
            let rows = self.table.rows_from(Partition::Messages(group_uuid), &from, PAGE).await?;
            let own = rows.iter().filter(|row| is_sent_by(row, user) && !has_names_of(row, user));
            let own =
                own.filter_map(sort_key).filter_map(|sk| sk.parse::<SortKey>().ok()).collect::<Vec<_>>();
            number += own.len();
            let writes = own.into_iter().map(|sk| async move {
                self.table.change(&Key::Message { group_uuid, sk }, &self.random, change).await
            });
            let writes = stream::iter(writes).buffer_unordered(MAX_CONCURRENT_WRITES);
            writes.try_for_each(|_| async { Ok(()) }).await?;
            let Some(next) = next_page(&rows) else { break };
            from = next;
        }
        Ok(number)
    }
}

/// The place of the next page after these rows. `None` after the last page.
fn next_page(rows: &[Item]) -> Option<String> {
    rows.last().and_then(sort_key).filter(|_| rows.len() == PAGE).map(after)
}

fn is_erased_from(membership: &Membership, user: &User) -> bool {
    membership.erased.contains(&user.uuid)
        && !membership.blocked_by.contains(&user.uuid)
        && membership
            .members
            .get(&user.uuid)
            .is_some_and(|names| names.handle == user.handle && names.display_name == user.display_name)
}

fn is_erased(row: &MessageRow, user: &User) -> bool {
    row.deleted_at.is_some()
        && row.sender_handle == user.handle
        && row.sender_display_name == user.display_name
}

fn text<'a>(row: &'a Item, name: &str) -> Option<&'a str> {
    row.get(name)?.as_s().ok().map(String::as_str)
}

fn group_uuid(row: &Item) -> Option<Uuid> {
    text(row, "message_group_uuid")?.parse().ok()
}

fn is_sent_by(row: &Item, user: &User) -> bool {
    text(row, "user_uuid").and_then(|uuid| uuid.parse().ok()) == Some(user.uuid)
}

fn has_names_of(row: &Item, user: &User) -> bool {
    row.contains_key("deleted_at") && text(row, "user_handle") == Some(&*user.handle)
}

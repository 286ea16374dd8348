//! What members have read (design, section 3).
//!
//! A marker is stored in the member's state row. The stream handler joins it into the inbox row. No count is stored, so
//! none can drift.

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::{Dependency, Error},
    message_group::membership_for,
    random::Random,
    sort_key::SortKey,
    table::{
        Condition, Key, MemberStateRow, Membership, Newest, Partition, ReadPosition, Table, Update,
        WriteError, from_item, sort_key,
    },
    timestamp::Timestamp,
    warm_up::{self, Failure},
};

/// Maximum number of attempts to write a state.
const MAX_ATTEMPTS: usize = 8;

/// The states of all members.
#[derive(Clone, Debug)]
pub struct MemberStates {
    table: Table,
    clock: Clock,
    random: Random,
}

impl MemberStates {
    /// Creates the store over `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock, random: Random) -> Self {
        Self { table, clock, random }
    }

    /// Creates the store over the configured table.
    pub fn from_lookup(lookup: impl Lookup, limits: CallLimits) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, limits)?;
        Ok(Self::new(table, Clock::system(), Random::system()))
    }

    /// Opens the connection to DynamoDB: issues the first marking's read for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let key = Key::Membership(Uuid::nil());
        warm_up::call(Dependency::DynamoDb, self.table.get::<Membership>(&key)).await
    }

    /// Reads the membership of a group. Fails with [`Error::MessageGroupNotFound`] if the group does not exist or the
    /// caller is not a member.
    pub async fn membership(&self, caller: Uuid, group_uuid: Uuid) -> Result<Membership, Error> {
        membership_for(&self.table, group_uuid, caller).await
    }

    /// Marks the messages of a group as read by a member, up to `message` or to the newest one. A message after the
    /// newest one counts as that. The marker only grows. With `tells_other`, the other member may know.
    pub async fn mark_read(
        &self,
        member: Uuid,
        group_uuid: Uuid,
        message: Option<SortKey>,
        tells_other: bool,
    ) -> Result<(), Error> {
        let Some(newest) = self.key_before(group_uuid, None).await? else { return Ok(()) };
        let read = message.map_or(newest, |message| message.min(newest));
        let mut now = Timestamp::new(self.clock.now());
        let set = if tells_other {
            "SET read_sk = :read, read_at = :now, seen_sk = :read, seen_at = :now, \
             version = if_not_exists(version, :none) + :one"
        } else {
            "SET read_sk = :read, read_at = :now, version = if_not_exists(version, :none) + :one"
        };
        let text = AttributeValue::S;
        let number = |number: u8| AttributeValue::N(number.to_string());
        let mut backoff = Backoff::new(&self.random);
        let mut in_doubt = false;
        for _ in 0..MAX_ATTEMPTS {
            // The time fences late writes of timed-out attempts: the group may have been marked as unread meanwhile.
            let update = Update {
                key: Key::MemberState { group_uuid, user_uuid: member },
                condition: "attribute_not_exists(read_sk) OR (read_sk < :read AND read_at < :now)".into(),
                set: set.to_owned(),
                values: vec![
                    (":read", text(read.to_string())),
                    (":now", text(now.to_string())),
                    (":none", number(0)),
                    (":one", number(1)),
                ],
            };
            match self.table.update(update).await {
                Ok(_) => return Ok(()),
                Err(WriteError::ConditionFailed { rows, .. }) => {
                    let stored = rows.into_iter().next().flatten().filter(|stored| !stored.is_empty());
                    let stored: Option<MemberStateRow> = stored.map(from_item).transpose()?;
                    let is_read = |stored: &MemberStateRow| stored.read_sk >= Some(ReadPosition::UpTo(read));
                    let Some(stored) = stored.filter(|stored| !is_read(stored)) else { return Ok(()) };
                    // An earlier attempt may have been made, and the group may have been marked as unread since.
                    if in_doubt {
                        break;
                    }
                    // This clock is behind the one of the last marking.
                    now = stored.read_at.map_or(now, |read_at| now.max(read_at.successor()));
                }
                Err(error @ (WriteError::Busy(_) | WriteError::Unknown(_))) => {
                    in_doubt |= matches!(error, WriteError::Unknown(_));
                    backoff.wait().await;
                }
                Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
            }
        }
        Err(Error::unavailable(Dependency::DynamoDb, "the read marker could not be written"))
    }

    /// Marks the messages of a group as unread by a member, from `message` on, whatever the marker was.
    pub async fn mark_unread(&self, member: Uuid, group_uuid: Uuid, message: SortKey) -> Result<(), Error> {
        let (before, newest) =
            tokio::try_join!(self.key_before(group_uuid, Some(message)), self.key_before(group_uuid, None))?;
        let read_sk = before.map_or(ReadPosition::Nothing, ReadPosition::UpTo);
        let key = Key::MemberState { group_uuid, user_uuid: member };
        let mut backoff = Backoff::new(&self.random);
        for _ in 0..MAX_ATTEMPTS {
            let stored = self.table.get::<MemberStateRow>(&key).await?;
            let condition = match &stored {
                None => Condition::absent(),
                Some(stored) => {
                    Condition::exists().and_equal("version", AttributeValue::N(stored.version.to_string()))
                }
            };
            let mut state = stored.unwrap_or_else(|| MemberStateRow::new(group_uuid, member));
            let old_read = state.read_sk.and_then(ReadPosition::sort_key);
            let floor_sk = newest.max(old_read).max(state.floor_sk);
            if (state.read_sk, state.floor_sk) == (Some(read_sk), floor_sk) {
                return Ok(());
            }
            state.version += 1;
            (state.read_sk, state.floor_sk) = (Some(read_sk), floor_sk);
            // Times only grow: they fence late writes.
            let now = Timestamp::new(self.clock.now());
            state.read_at = Some(state.read_at.map_or(now, |read_at| now.max(read_at.successor())));
            match self.table.put(&state, condition).await {
                Ok(()) => return Ok(()),
                Err(WriteError::ConditionFailed { .. } | WriteError::Busy(_) | WriteError::Unknown(_)) => {
                    backoff.wait().await;
                }
                Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
            }
        }
        Err(Error::unavailable(Dependency::DynamoDb, "the read marker could not be written"))
    }

    /// Reads the state of each member who has one, consistently.
    pub async fn of_group(&self, group_uuid: Uuid) -> Result<Vec<MemberStateRow>, Error> {
        let items = self.table.rows_from(Partition::MemberStates(group_uuid), "0", MAX_MEMBERS).await?;
        items.into_iter().map(from_item).collect()
    }

    /// The sort key of the newest message, or of the one before `message`. Ignores malformed keys.
    async fn key_before(&self, group_uuid: Uuid, message: Option<SortKey>) -> Result<Option<SortKey>, Error> {
        let newest = Newest {
            partition: Partition::Messages(group_uuid),
            before: message.map(|message| message.to_string()),
            limit: 1,
            attributes: Some("sk".into()),
        };
        let rows = self.table.newest(newest).await?;
        Ok(rows.first().and_then(sort_key).and_then(|sk| sk.parse().ok()))
    }
}

/// The maximum number of members of a group.
const MAX_MEMBERS: usize = 2;

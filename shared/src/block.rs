//! Blocks between users (design, section 3).
//!
//! A block is a row of its own, which also holds for users who have no group. If they have one, the same transaction
//! writes the block into the membership, which every send reads, and into the state of the member who blocks.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use tokio::try_join;
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::{CallLimits, within_time_limit},
    error::{Dependency, Error},
    message_group::uuid_of_pair,
    page::{Cursor, Page, PageRequest},
    random::Random,
    table::{
        BlockRow, Condition, Key, MemberStateRow, Membership, Partition, RequestState, Table, Transaction,
        WriteError, after, at_version, from_item, sort_key,
    },
    timestamp::Timestamp,
    user::{User, Users},
    warm_up::{self, Failure},
};

/// Maximum number of attempts to write a block.
const MAX_ATTEMPTS: usize = 8;

/// The number of rows to read after ended blocks were skipped.
const FURTHER_READ_LIMIT: usize = 100;

impl Membership {
    /// Fails if a member may neither send, edit nor react: with [`Error::UserNotProvisioned`] if the member is erased,
    /// with [`Error::UserBlocked`] if the member blocks the other one, with [`Error::MessageNotAccepted`] if the other one
    /// blocks the member, has declined the request, or is erased.
    pub(crate) fn check_accepts(&self, member: Uuid) -> Result<(), Error> {
        if self.erased.contains(&member) {
            Err(Error::UserNotProvisioned)
        } else if self.blocked_by.contains(&member) {
            Err(Error::UserBlocked)
        } else if !self.blocked_by.is_empty()
            || !self.erased.is_empty()
            || self.request_of(self.other_than(member)) == Some(RequestState::Declined)
        {
            Err(Error::MessageNotAccepted)
        } else {
            Ok(())
        }
    }
}

/// The blocks of all users.
#[derive(Debug)]
pub struct Blocks {
    table: Table,
    clock: Clock,
    random: Random,
}

/// A block as the table has it, with what it is also written into.
struct Stored {
    block: Option<BlockRow>,
    membership: Option<Membership>,
    state: Option<MemberStateRow>,
}

/// A blocked user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The blocked user.
    pub user_uuid: Uuid,
    /// The time of the block.
    pub blocked_at: Timestamp,
}

/// A blocked user in an answer (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockedUser {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// The time of the block.
    pub blocked_at: Timestamp,
}

impl BlockedUser {
    /// Reads the users of blocks. Leaves out users who no longer exist.
    pub async fn list(blocks: &[Block], users: &Users) -> Result<Vec<Self>, Error> {
        if blocks.is_empty() {
            return Ok(Vec::new());
        }
        let uuids = blocks.iter().map(|block| block.user_uuid).collect::<Vec<_>>();
        let mut users = users.with_uuids(&uuids).await?;
        let listed = blocks.iter().filter_map(|block| {
            Some(Self { user: users.remove(&block.user_uuid)?, blocked_at: block.blocked_at })
        });
        Ok(listed.collect())
    }
}

impl Blocks {
    /// Creates the store over `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock, random: Random) -> Self {
        Self { table, clock, random }
    }

    /// Creates the store over the configured table.
    pub fn from_lookup(lookup: impl Lookup, limits: CallLimits) -> Result<Self, ConfigError> {
        Ok(Self::new(Table::from_lookup(lookup, limits)?, Clock::system(), Random::system()))
    }

    /// Opens the connections to DynamoDB: issues the first block's reads for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let (user_uuid, blocked_uuid, group_uuid) = (Uuid::nil(), Uuid::nil(), Uuid::nil());
        let key = Key::Block { user_uuid, blocked_uuid };
        warm_up::call(Dependency::DynamoDb, Box::pin(self.read(&key, group_uuid, user_uuid))).await
    }

    /// Opens the connection to DynamoDB: issues the first listing's read for the nil UUID.
    pub async fn warm_up_list(&self) -> Result<(), Failure> {
        let list = self.list(Uuid::nil(), PageRequest::default());
        warm_up::call(Dependency::DynamoDb, Box::pin(list)).await
    }

    /// Lets `user_uuid` block another user. A block that stands keeps its time.
    ///
    /// Messages whose sending begins after the return are refused in both directions (I21).
    pub async fn block(&self, user_uuid: Uuid, blocked_uuid: Uuid) -> Result<(), Error> {
        within_time_limit(Box::pin(self.set(user_uuid, blocked_uuid, true))).await
    }

    /// Ends a block. Changes nothing if there is none.
    pub async fn unblock(&self, user_uuid: Uuid, blocked_uuid: Uuid) -> Result<(), Error> {
        within_time_limit(Box::pin(self.set(user_uuid, blocked_uuid, false))).await
    }

    /// Lists the users whom `user_uuid` blocks, in the order of their UUIDs.
    pub async fn list(
        &self,
        user_uuid: Uuid,
        request: PageRequest<Uuid>,
    ) -> Result<Page<Block, Uuid>, Error> {
        let limit = usize::from(request.limit.get());
        // Without a cursor, from a string before every UUID: an empty bound is not allowed.
        let mut from = request.cursor.map_or_else(|| "0".to_owned(), |Cursor(last)| after(&last.to_string()));
        let (mut blocks, mut read) = (Vec::with_capacity(limit + 1), limit + 1);
        loop {
            let rows = self.table.rows_from(Partition::Blocks(user_uuid), &from, read).await?;
            let is_last_page = rows.len() < read;
            from = rows.last().and_then(sort_key).map_or(from, after);
            for row in rows {
                match from_item::<BlockRow>(row) {
                    Ok(BlockRow { sk, blocked_at, .. }) => {
                        blocks.extend(blocked_at.map(|blocked_at| Block { user_uuid: sk, blocked_at }));
                    }
                    // The others can still be shown, and ended.
                    Err(_) => {
                        tracing::error!(%user_uuid, "skipped a malformed block; `cruddur ddb doctor` explains it");
                    }
                }
            }
            if is_last_page || blocks.len() > limit {
                return Ok(Page::of(blocks, limit, |block| block.user_uuid));
            }
            read = FURTHER_READ_LIMIT;
        }
    }

    async fn set(&self, user_uuid: Uuid, blocked_uuid: Uuid, is_blocked: bool) -> Result<(), Error> {
        let mut backoff = Backoff::new(&self.random);
        let mut first = None;
        for _ in 0..MAX_ATTEMPTS {
            let key = Key::Block { user_uuid, blocked_uuid };
            let stored = self.read(&key, uuid_of_pair(user_uuid, blocked_uuid), user_uuid).await?;
            let version = stored.block.as_ref().map_or(0, |row| row.version);
            // A greater version fences the late writes of earlier requests. So a block that stands is written again:
            // otherwise, such a write could end it after the answer.
            let is_fenced = version > *first.get_or_insert(version);
            if is_fenced && stored.is_everywhere(user_uuid, is_blocked) {
                return Ok(());
            }
            match self.write(user_uuid, blocked_uuid, &stored, is_blocked).await {
                Ok(()) => return Ok(()),
                // Another write came first, or this one was written and its answer was lost.
                Err(WriteError::ConditionFailed { .. } | WriteError::Busy(_) | WriteError::Unknown(_)) => {}
                Err(error @ WriteError::Permanent(_)) => return Err(error.into()),
            }
            backoff.wait().await;
        }
        Err(Error::unavailable(Dependency::DynamoDb, "a block could not be written"))
    }

    /// Reads the block first: what it is also written into is read as it is then, or later.
    async fn read(&self, block: &Key, group_uuid: Uuid, user_uuid: Uuid) -> Result<Stored, Error> {
        let (membership, state) = (Key::Membership(group_uuid), Key::MemberState { group_uuid, user_uuid });
        let block = self.table.get(block).await?;
        let (membership, state) = try_join!(self.table.get(&membership), self.table.get(&state))?;
        Ok(Stored { block, membership, state })
    }

    /// Requires the versions that were read. Otherwise, a write that is executed long after its time limit could undo a
    /// later one.
    async fn write(
        &self,
        user_uuid: Uuid,
        blocked_uuid: Uuid,
        stored: &Stored,
        is_blocked: bool,
    ) -> Result<(), WriteError> {
        let group_uuid = uuid_of_pair(user_uuid, blocked_uuid);
        let now = self.clock.now();
        let of_block = at_version(stored.block.as_ref().map(|row| row.version));
        let (set_block, of_block) = if is_blocked {
            let time = AttributeValue::S(Timestamp::new(now).to_string());
            (
                "SET version = :next, blocked_at = if_not_exists(blocked_at, :now) REMOVE expires_at",
                of_block.value(":now", time),
            )
        } else {
            let end = (now + BlockRow::RETENTION).timestamp();
            let end = AttributeValue::N(end.to_string());
            ("SET version = :next, expires_at = :end REMOVE blocked_at", of_block.value(":end", end))
        };
        let transaction = Transaction::new(&self.table).update(
            &Key::Block { user_uuid, blocked_uuid },
            set_block,
            of_block,
        )?;
        let transaction = if stored.membership.is_some() {
            let version = stored.state.as_ref().map(|row| row.version);
            let (membership, now) = (Condition::exists(), Timestamp::new(now));
            show_in_group(transaction, group_uuid, user_uuid, membership, version, is_blocked, now)?
        } else {
            transaction.check(&Key::Membership(group_uuid), Condition::absent())?
        };
        transaction.commit().await
    }
}

/// Adds to a transaction that the membership of a group and the state of a member show whether the member blocks the
/// other one. `membership` is the condition on the membership, and `version` the state's; `None` requires that there is
/// no state.
///
/// Fails if the transaction can't be built.
pub fn show_in_group(
    transaction: Transaction,
    group_uuid: Uuid,
    user_uuid: Uuid,
    membership: Condition,
    version: Option<u64>,
    is_blocked: bool,
    now: Timestamp,
) -> Result<Transaction, WriteError> {
    let user = AttributeValue::Ss(vec![user_uuid.to_string()]);
    let membership = membership.value(":user", user);
    let of_state = at_version(version).value(":now", AttributeValue::S(now.to_string()));
    let (set_membership, set_state, of_state) = if is_blocked {
        let of_state = of_state.value(":blocked", AttributeValue::Bool(true));
        let set_state =
            "SET version = :next, blocked = :blocked, settings_at = :now, settings_version = :next";
        ("ADD blocked_by :user", set_state, of_state)
    } else {
        let set_state = "SET version = :next, settings_at = :now, settings_version = :next REMOVE blocked";
        ("DELETE blocked_by :user", set_state, of_state)
    };
    transaction.update(&Key::Membership(group_uuid), set_membership, membership)?.update(
        &Key::MemberState { group_uuid, user_uuid },
        set_state,
        of_state,
    )
}

impl Stored {
    /// Returns `true` if nothing is to be written. During a transaction, rows may be read as they were before.
    fn is_everywhere(&self, user_uuid: Uuid, is_blocked: bool) -> bool {
        let is_in_block = self.block.as_ref().is_some_and(|row| row.blocked_at.is_some());
        let is_in_state = self.state.as_ref().is_some_and(|row| row.blocked);
        let is_in_membership = self.membership.as_ref().map(|row| row.blocked_by.contains(&user_uuid));
        is_in_block == is_blocked
            && is_in_membership
                .is_none_or(|is_in_membership| is_in_membership == is_blocked && is_in_state == is_blocked)
    }
}

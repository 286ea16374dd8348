//! What members have read, and their settings of a group (design, section 3).
//!
//! Both are stored in the member's state row. The stream handler joins them into the inbox row. No count is stored, so
//! none can drift.

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::{ConfigError, Lookup},
    dynamodb::{CallLimits, within_time_limit},
    error::{Dependency, Error},
    message_group::{KnownMembers, membership_for, other_member},
    random::Random,
    sort_key::SortKey,
    table::{
        Assignments, Key, MemberStateRow, Membership, Newest, Partition, ReadPosition, Table, from_item,
        sort_key,
    },
    timestamp::Timestamp,
    warm_up::{self, Failure},
};

/// The maximum number of members of a group.
const MAX_MEMBERS: usize = 2;

/// The states of all members.
#[derive(Debug)]
pub struct MemberStates {
    table: Table,
    clock: Clock,
    random: Random,
    members: KnownMembers,
}

/// Changes of a member's settings of a group. They concern only what the member is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// Until when the member's devices announce nothing. `Some(None)` ends it; `None` leaves it as it is.
    pub muted_until: Option<Option<Timestamp>>,
    /// Whether the member's lists leave out the group until its next message. `None` leaves it as it is.
    pub hidden: Option<bool>,
    /// The member is no longer shown the messages so far.
    pub cleared: bool,
}

/// A change of a state: the new marker, and what the marker requires.
struct Marking {
    read: ReadPosition,
    /// `None` leaves it as it is.
    floor: Option<SortKey>,
    /// The other member gets a receipt.
    sends_receipt: bool,
}

impl MemberStates {
    /// Creates the store over `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock, random: Random) -> Self {
        Self { table, clock, random, members: KnownMembers::default() }
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

    /// Returns the other member of a group. Fails with [`Error::MessageGroupNotFound`] if the group does not exist or the
    /// caller is not a member. Reads the membership of a group only once.
    pub async fn other_member(&self, caller: Uuid, group_uuid: Uuid) -> Result<Uuid, Error> {
        other_member(&self.table, &self.members, group_uuid, caller).await
    }

    /// Marks the messages of a group as read by a member, up to `message` or to the newest one. A message after the
    /// newest one counts as that. The marker only grows. `may_send_receipt`: both members have receipts on. No
    /// receipt is sent while one of them blocks the other, or has not accepted the group.
    pub async fn mark_read(
        &self,
        member: Uuid,
        group_uuid: Uuid,
        message: Option<SortKey>,
        may_send_receipt: bool,
    ) -> Result<(), Error> {
        let mark = async {
            let key = Key::Membership(group_uuid);
            let (newest, membership) =
                tokio::try_join!(self.key_before(group_uuid, None), self.table.get::<Membership>(&key))?;
            let Some(newest) = newest else { return Ok(()) };
            if membership.as_ref().is_some_and(|group| group.erased.contains(&member)) {
                return Err(Error::UserNotProvisioned);
            }
            let may_send_receipt = may_send_receipt
                && membership.is_some_and(|group| {
                    group.blocked_by.is_empty() && group.erased.is_empty() && group.request.is_none()
                });
            let read = ReadPosition::UpTo(message.map_or(newest, |message| message.min(newest)));
            self.write(member, group_uuid, |state| {
                let is_greater = state.read_sk.is_none_or(|old| old < read);
                // A receipt only grows, too: marking as unread and reading again tells nothing.
                let is_news = state.seen_sk.map(ReadPosition::UpTo) < Some(read);
                is_greater.then_some(Marking {
                    read,
                    floor: None,
                    // The state may be newer than the membership.
                    sends_receipt: may_send_receipt && is_news && !state.blocked && state.request.is_none(),
                })
            })
            .await
        };
        within_time_limit(Box::pin(mark)).await
    }

    /// Marks the messages of a group as unread by a member, from `message` on, whatever the marker was.
    pub async fn mark_unread(&self, member: Uuid, group_uuid: Uuid, message: SortKey) -> Result<(), Error> {
        let mark = async {
            let (before, newest) = tokio::try_join!(
                self.key_before(group_uuid, Some(message)),
                self.key_before(group_uuid, None)
            )?;
            let read = before.map_or(ReadPosition::Nothing, ReadPosition::UpTo);
            self.write(member, group_uuid, |state| {
                let old_read = state.read_sk.and_then(ReadPosition::sort_key);
                let floor = newest.max(old_read).max(state.floor_sk);
                let is_change = (state.read_sk, state.floor_sk) != (Some(read), floor);
                is_change.then_some(Marking { read, floor, sends_receipt: false })
            })
            .await
        };
        within_time_limit(Box::pin(mark)).await
    }

    /// Changes a member's settings of a group. Writes nothing if they are already so.
    pub async fn change_settings(
        &self,
        member: Uuid,
        group_uuid: Uuid,
        settings: GroupSettings,
    ) -> Result<(), Error> {
        let change = async {
            let newest = if settings.hidden == Some(true) || settings.cleared {
                self.key_before(group_uuid, None).await?
            } else {
                None
            };
            let key = Key::MemberState { group_uuid, user_uuid: member };
            let before_first = MemberStateRow::new(group_uuid, member);
            let decide = |state: Option<&MemberStateRow>| {
                let now = Timestamp::new(self.clock.now());
                Ok(settings.assignments(state.unwrap_or(&before_first), newest, now))
            };
            self.table.change(&key, &self.random, decide).await.map(drop)
        };
        within_time_limit(Box::pin(change)).await
    }

    /// Writes a member's state. `marking` returns `None` if the state needs no change.
    async fn write(
        &self,
        member: Uuid,
        group_uuid: Uuid,
        marking: impl Fn(&MemberStateRow) -> Option<Marking>,
    ) -> Result<(), Error> {
        let key = Key::MemberState { group_uuid, user_uuid: member };
        let before_first = MemberStateRow::new(group_uuid, member);
        let decide = |state: Option<&MemberStateRow>| {
            Ok(marking(state.unwrap_or(&before_first))
                .map(|marking| marking.assignments(Timestamp::new(self.clock.now()))))
        };
        self.table.change(&key, &self.random, decide).await.map(drop)
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

impl GroupSettings {
    /// What a state needs to have these settings. `None` if it has them. `newest` is the group's newest message.
    fn assignments(
        self,
        state: &MemberStateRow,
        newest: Option<SortKey>,
        now: Timestamp,
    ) -> Option<Assignments> {
        let text = |value: String| AttributeValue::S(value);
        let muted_until = self.muted_until.unwrap_or(state.muted_until);
        let hidden_sk = match self.hidden {
            Some(true) => newest.max(state.hidden_sk),
            Some(false) => None,
            None => state.hidden_sk,
        };
        let cleared_sk = if self.cleared { newest.max(state.cleared_sk) } else { state.cleared_sk };
        let changes = [
            ("muted_until", ":muted", muted_until != state.muted_until, muted_until.map(|at| at.to_string())),
            ("hidden_sk", ":hidden", hidden_sk != state.hidden_sk, hidden_sk.map(|sk| sk.to_string())),
            ("cleared_sk", ":cleared", cleared_sk != state.cleared_sk, cleared_sk.map(|sk| sk.to_string())),
        ];
        let changes = changes.into_iter().filter(|(_, _, is_change, _)| *is_change);
        let (set, removed): (Vec<_>, Vec<_>) = changes.partition(|(_, _, _, value)| value.is_some());
        let mut values = vec![(":now", text(now.to_string()))];
        values.extend(
            set.iter().filter_map(|(_, placeholder, _, value)| Some((*placeholder, text(value.clone()?)))),
        );
        let assignments = set.iter().map(|(name, placeholder, ..)| format!(", {name} = {placeholder}"));
        let assignments = assignments.collect::<String>();
        let names = removed.iter().map(|(name, ..)| *name).collect::<Vec<_>>();
        let more = if names.is_empty() { String::new() } else { format!(" REMOVE {}", names.join(", ")) };
        let set = format!(", settings_at = :now, settings_version = :next{assignments}");
        (values.len() > 1 || !more.is_empty()).then_some(Assignments { set, more, values })
    }
}

impl Marking {
    fn assignments(self, now: Timestamp) -> Assignments {
        let text = AttributeValue::S;
        let mut set = ", read_sk = :read, read_at = :now".to_owned();
        let mut values = vec![(":read", text(self.read.into())), (":now", text(now.to_string()))];
        if let Some(floor) = self.floor {
            set += ", floor_sk = :floor";
            values.push((":floor", text(floor.to_string())));
        }
        if self.sends_receipt {
            set += ", seen_sk = :read, seen_at = :now, seen_version = :next";
        }
        Assignments { set, values, ..Assignments::default() }
    }
}

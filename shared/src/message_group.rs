//! Message groups: their UUIDs, memberships and inboxes.

use std::{borrow::Cow, collections::HashSet, time::Duration};

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};
use uuid::{Uuid, uuid};

use crate::{
    backoff::Backoff,
    config::{ConfigError, Lookup},
    dynamodb::CallLimits,
    error::{Dependency, Error},
    page::{Cursor, Page, PageRequest},
    random::Random,
    sort_key::SortKey,
    table::{
        InboxRow, Item, Key, MemberStateRow, Membership, Newest, Partition, ReadPosition, RequestState,
        Table, after, first_version, from_scalars, sort_key,
    },
    timestamp::Timestamp,
    user::{ShowsUser, User, Users},
    warm_up::{self, Failure},
};

pub use self::known_members::KnownMembers;

mod known_members;

/// The namespace of group UUIDs. Must never change: a pair would get a second group (I9).
const NAMESPACE: Uuid = uuid!("6f1d1f0e-1c4b-5f7a-9d0e-2b8a4c3e7d15");

/// Computes the UUID of the group of two users, given in either order.
///
/// Anyone who knows the users' UUIDs can compute the group's, so it never authorizes anything.
#[must_use]
pub fn uuid_of_pair(a: Uuid, b: Uuid) -> Uuid {
    let (smaller, larger) = if a <= b { (a, b) } else { (b, a) };
    Uuid::new_v5(&NAMESPACE, format!("dm:{smaller}:{larger}").as_bytes())
}

/// The duration of a rejection is a multiple of this time. One step is several times as long as a usual read.
pub const REFUSAL_STEP: Duration = Duration::from_millis(20);

/// Reads the membership of a group for a caller who may be a stranger.
///
/// Fails with [`Error::MessageGroupNotFound`] if the group does not exist or `caller` is not a member, and with
/// [`Error::UserNotProvisioned`] if the caller is erased. DynamoDB takes longer to find a row than to find none, which
/// would reveal to strangers that a group exists. Both failures of strangers therefore take a multiple of
/// [`REFUSAL_STEP`].
pub async fn membership_for(table: &Table, group_uuid: Uuid, caller: Uuid) -> Result<Membership, Error> {
    let started = Instant::now();
    let membership = table.get::<Membership>(&Key::Membership(group_uuid)).await?;
    if let Some(membership) = membership.filter(|membership| membership.has(caller)) {
        // The caller's UUID may have been read before.
        let is_erased = membership.erased.contains(&caller);
        return if is_erased { Err(Error::UserNotProvisioned) } else { Ok(membership) };
    }
    end_step(started).await;
    Err(Error::MessageGroupNotFound)
}

/// Waits until a multiple of [`REFUSAL_STEP`] has passed since `started`.
pub(crate) async fn end_step(started: Instant) {
    let steps = started.elapsed().div_duration_f64(REFUSAL_STEP).floor() + 1.0;
    sleep_until(started + REFUSAL_STEP.mul_f64(steps)).await;
}

/// Returns the other member of a group, as [`membership_for`] finds it. Makes no call for a known member.
pub(crate) async fn other_member(
    table: &Table,
    known: &KnownMembers,
    group_uuid: Uuid,
    caller: Uuid,
) -> Result<Uuid, Error> {
    if let Some(other) = known.other_of(caller, group_uuid) {
        return Ok(other);
    }
    let other = membership_for(table, group_uuid, caller).await?.other_than(caller);
    known.insert(caller, group_uuid, other);
    Ok(other)
}

/// The inboxes of all users.
#[derive(Debug)]
pub struct Inbox {
    pub(crate) table: Table,
    pub(crate) random: Random,
}

impl Inbox {
    /// Creates the store over `table`.
    #[must_use]
    pub fn new(table: Table, random: Random) -> Self {
        Self { table, random }
    }

    /// Creates the store over the configured table.
    pub fn from_lookup(lookup: impl Lookup, limits: CallLimits) -> Result<Self, ConfigError> {
        Ok(Self::new(Table::from_lookup(lookup, limits)?, Random::system()))
    }

    /// Opens the connection to DynamoDB: issues the first listing's read for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        warm_up::call(Dependency::DynamoDb, self.newest_rows(Partition::Inbox(Uuid::nil()), None, 1)).await
    }

    /// Opens the connection to DynamoDB: issues the first listing of requests' read for the nil UUID.
    pub async fn warm_up_requests(&self) -> Result<(), Failure> {
        let read = self.newest_rows(Partition::Requests(Uuid::nil()), None, 1);
        warm_up::call(Dependency::DynamoDb, read).await
    }

    /// Lists the caller's groups, newest first.
    ///
    /// A query is only read-committed. A page may miss a group that is being moved, but never has a group twice (I2).
    pub async fn list(&self, caller: Uuid, request: PageRequest) -> Result<Page<MessageGroup>, Error> {
        let limit = usize::from(request.limit.get());
        let before = request.cursor.map(|Cursor(sort_key)| sort_key.to_string());
        let page =
            Page::of(self.newest_rows(Partition::Inbox(caller), before, limit + 1).await?, limit, |row| {
                row.sk
            });
        let mut seen = HashSet::with_capacity(page.items.len());
        let groups = page.items.into_iter().filter(|row| seen.insert(row.message_group_uuid));
        let groups = groups.map(|row| self.with_unread_count(caller, row));
        Ok(Page { items: try_join_all(groups).await?, next: page.next })
    }

    /// Lists the groups that the caller has neither accepted nor declined, newest first. None of their messages counts as
    /// unread.
    pub async fn list_requests(
        &self,
        caller: Uuid,
        request: PageRequest,
    ) -> Result<Page<MessageGroup>, Error> {
        let limit = usize::from(request.limit.get());
        let before = request.cursor.map(|Cursor(sort_key)| sort_key.to_string());
        let rows = self.newest_rows(Partition::Requests(caller), before, limit + 1).await?;
        let page = Page::of(rows, limit, |row| row.sk);
        Ok(Page { items: page.items.into_iter().map(MessageGroup::from).collect(), next: page.next })
    }

    /// Reads one of the caller's groups, as [`Self::list`] shows it.
    ///
    /// The caller must be a member. The index only hints at the row's position: it is eventually consistent, and whoever
    /// learned of a change must see it here. A row that is moving may be missed; the search is then repeated, and fails
    /// with [`Error::Unavailable`] in the end.
    pub async fn group(&self, caller: Uuid, membership: &Membership) -> Result<MessageGroup, Error> {
        const MAX_SEARCHES: usize = 3;
        let group_uuid = membership.group_uuid;
        let hints = self.table.group_index(group_uuid).await?;
        // In descending order: the first row of a partition is the newest. The inbox wins.
        let own = membership.partitions_of_row(caller).iter().rev().find_map(|partition| {
            let pk = partition.to_string();
            hints.iter().find(|row| {
                row.get("pk").is_some_and(|of_row| of_row.as_s().is_ok_and(|of_row| *of_row == pk))
            })
        });
        let own = own.and_then(Key::of);
        let hint = own.as_ref().and_then(|key| key.sk().parse::<SortKey>().ok());
        let mut row = match &own {
            Some(key) => self.table.get_item(key).await?,
            None => None,
        };
        let mut backoff = Backoff::new(&self.random);
        for search in 0.. {
            if let Some(row) = row {
                return self.with_unread_count(caller, from_scalars(row)?).await;
            }
            if search == MAX_SEARCHES {
                break;
            }
            if search > 0 {
                backoff.wait().await;
            }
            // Rows only move upwards.
            let from = hint.filter(|_| search == 0).unwrap_or(membership.created_sk).to_string();
            row = self.locate(membership, group_uuid, caller, &from).await?;
        }
        Err(Error::unavailable(Dependency::DynamoDb, "the group's row was not found in the inbox"))
    }

    /// Searches for a member's row of a group from the position `from` upwards, first among the requests if it may be
    /// there. Rows only move upwards, and from the requests to the inbox, so the search finds a row that moves meanwhile.
    /// A downward search could miss it.
    pub(crate) async fn locate(
        &self,
        membership: &Membership,
        group_uuid: Uuid,
        member: Uuid,
        from: &str,
    ) -> Result<Option<Item>, Error> {
        let mut found = None;
        for partition in membership.partitions_of_row(member) {
            let rows = self.table.inbox_rows_of_group(partition, group_uuid, from).await?;
            found = rows.into_iter().max_by(|a, b| sort_key(a).cmp(&sort_key(b))).or(found);
        }
        Ok(found)
    }

    /// Reads the caller's groups in a partition, in ascending order of their newest message, from the one after `last` on.
    /// Also those of blocked members and hidden ones. Skips malformed rows.
    pub(crate) async fn oldest(
        &self,
        caller: Uuid,
        partition: Partition,
        last: Option<SortKey>,
        wanted: usize,
    ) -> Result<Vec<MessageGroup>, Error> {
        // Every key is after "0": an empty bound is not allowed.
        let mut from = last.map_or_else(|| "0".to_owned(), |sk| after(&sk.to_string()));
        let (mut groups, mut malformed) = (Vec::with_capacity(wanted), 0_usize);
        loop {
            let limit = wanted - groups.len();
            let rows = self.table.rows_from(partition, &from, limit).await?;
            let is_last_page = rows.len() < limit;
            from = rows.last().and_then(sort_key).map_or(from, after);
            for row in rows {
                match from_scalars::<ListedGroup>(row) {
                    Ok(row) => groups.push(row),
                    Err(_) => malformed += 1,
                }
            }
            if is_last_page || groups.len() >= wanted {
                break;
            }
        }
        log_malformed(partition, malformed);
        try_join_all(groups.into_iter().map(|row| self.with_unread_count(caller, row))).await
    }

    async fn with_unread_count(&self, caller: Uuid, row: ListedGroup) -> Result<MessageGroup, Error> {
        let unread_count = self.count_unread(caller, &row, MAX_UNREAD).await?;
        Ok(MessageGroup { unread_count: Some(unread_count), ..MessageGroup::from(row) })
    }

    /// Counts unread messages up to the row's position, at most `limit`. Makes no call for a group that is read.
    async fn count_unread(&self, caller: Uuid, row: &ListedGroup, limit: usize) -> Result<usize, Error> {
        match row.unread_after() {
            None => Ok(0),
            Some(after) => {
                let range = (&*after, row.sk);
                self.table.count_messages_of_others(row.message_group_uuid, range, caller, limit).await
            }
        }
    }

    /// Counts the conversations with unread messages, among those with the newest messages.
    pub async fn unread(&self, caller: Uuid) -> Result<Unread, Error> {
        let mut rows = self.newest_rows(Partition::Inbox(caller), None, MAX_CONVERSATIONS + 1).await?;
        let more = rows.len() > MAX_CONVERSATIONS;
        rows.truncate(MAX_CONVERSATIONS);
        let mut seen = HashSet::with_capacity(rows.len());
        rows.retain(|row| seen.insert(row.message_group_uuid));
        let counts = try_join_all(rows.iter().map(|row| self.count_unread(caller, row, 1))).await?;
        Ok(Unread { conversations: counts.iter().sum(), more })
    }

    /// Reads the newest well-formed rows without those that lists leave out. Reads more rows in the place
    /// of skipped ones, twice as many each time. Malformed rows are logged: a bad row, or a table that is not migrated yet, must not hide a whole inbox.
    async fn newest_rows(
        &self,
        partition: Partition,
        mut before: Option<String>,
        wanted: usize,
    ) -> Result<Vec<ListedGroup>, Error> {
        let attributes = Some(Cow::Borrowed(ListedGroup::ATTRIBUTES));
        let (mut rows, mut malformed) = (Vec::with_capacity(wanted), 0_usize);
        let (mut limit, mut further) = (wanted, wanted);
        loop {
            let newest = Newest { partition, before, limit, attributes: attributes.clone() };
            let items = self.table.newest(newest).await?;
            let is_last_page = items.len() < limit;
            before = items.last().and_then(sort_key).map(str::to_owned);
            for item in items {
                match from_scalars::<ListedGroup>(item) {
                    Ok(row) if row.is_left_out() => {}
                    Ok(row) => rows.push(row),
                    Err(_) => malformed += 1,
                }
            }
            if is_last_page || rows.len() >= wanted {
                break;
            }
            limit = if malformed > 0 { FURTHER_READ_LIMIT } else { further.min(FURTHER_READ_LIMIT) };
            further *= 2;
        }
        log_malformed(partition, malformed);
        rows.truncate(wanted);
        Ok(rows)
    }
}

fn log_malformed(partition: Partition, malformed: usize) {
    if malformed > 0 {
        tracing::error!(%partition, malformed, "skipped malformed inbox rows; `cruddur ddb doctor` explains them");
    }
}

/// The greatest number of rows to read after others were skipped: about half of DynamoDB's page of 1 MB.
const FURTHER_READ_LIMIT: usize = 1_000;

/// The greatest number of unread messages in an answer. It means "at least this many".
pub const MAX_UNREAD: usize = 100;

/// The number of conversations in which unread messages are looked for.
const MAX_CONVERSATIONS: usize = 100;

/// The conversations with unread messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Their number, among the newest hundred conversations.
    pub conversations: usize,
    /// The user has more conversations than these.
    pub more: bool,
}

/// The listed attributes of an inbox row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedGroup {
    sk: SortKey,
    message_group_uuid: Uuid,
    message: String,
    user_uuid: Uuid,
    user_display_name: String,
    user_handle: String,
    /// The owner sent the newest message.
    #[serde(default)]
    mine: bool,
    #[serde(default = "first_version")]
    version: u64,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    read_sk: Option<ReadPosition>,
    own_sk: Option<SortKey>,
    /// The owner blocks the other member.
    #[serde(default)]
    blocked: bool,
    muted_until: Option<Timestamp>,
    /// The newest message when the owner hid the group.
    hidden_sk: Option<SortKey>,
    /// The last message that the owner has cleared.
    cleared_sk: Option<SortKey>,
    /// The owner has not accepted the group.
    #[serde(rename = "request_state")]
    request: Option<RequestState>,
}

impl ListedGroup {
    /// The projection expression.
    const ATTRIBUTES: &str = "sk, message_group_uuid, message, user_uuid, user_display_name, user_handle, mine, \
                              version, edited_at, deleted_at, read_sk, own_sk, blocked, muted_until, hidden_sk, \
                              cleared_sk, request_state";

    /// The place after which messages of others are unread. `None` if all are read or cleared, and for a request.
    fn unread_after(&self) -> Option<String> {
        if self.request.is_some() {
            return None;
        }
        let cleared = self.cleared_sk.map_or(ReadPosition::Nothing, ReadPosition::UpTo);
        let read = marker(self.sk, self.read_sk, self.own_sk).max(cleared);
        (read < ReadPosition::UpTo(self.sk)).then(|| read.into())
    }

    /// Returns `true` if lists leave out the row.
    fn is_left_out(&self) -> bool {
        self.blocked || self.hidden_sk >= Some(self.sk) || self.request == Some(RequestState::Declined)
    }
}

/// The greatest position up to which the owner of an inbox row at `sk` has read. A row with neither attribute is read.
#[must_use]
pub(crate) fn marker(sk: SortKey, read_sk: Option<ReadPosition>, own_sk: Option<SortKey>) -> ReadPosition {
    match (read_sk, own_sk) {
        (None, None) => ReadPosition::UpTo(sk),
        (read, own) => read.unwrap_or_default().max(own.map_or(ReadPosition::Nothing, ReadPosition::UpTo)),
    }
}

/// A group in an answer (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageGroup {
    /// The group's UUID.
    pub uuid: Uuid,
    /// The other member's UUID.
    pub user_uuid: Uuid,
    /// The other member's name.
    pub display_name: String,
    /// The other member's handle.
    pub handle: String,
    /// The preview of the newest text. Empty if the caller has cleared it.
    pub message: String,
    /// The time of the newest message.
    pub created_at: Timestamp,
    /// The version of the newest message.
    pub version: u64,
    /// The time of the newest message's last edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// The time of the newest message's deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The caller sent the newest message.
    pub from_me: bool,
    /// The caller has muted the group until then, or had until that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// The caller has not accepted the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestState>,
    /// Unread messages, at most [`MAX_UNREAD`]. `None` in frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_count: Option<usize>,
    /// The newest message. Not in answers.
    #[serde(skip)]
    pub sk: SortKey,
}

impl MessageGroup {
    /// Shows the settings of the caller's state in the group, which may be newer than the inbox row.
    #[must_use]
    pub fn with_settings(self, state: &MemberStateRow) -> Self {
        Self { muted_until: state.muted_until, request: state.request, ..self }
            .without_preview_of_cleared(state.cleared_sk)
    }

    fn without_preview_of_cleared(self, cleared_sk: Option<SortKey>) -> Self {
        if cleared_sk < Some(self.sk) {
            return self;
        }
        Self { message: String::new(), edited_at: None, deleted_at: None, ..self }
    }
}

impl From<ListedGroup> for MessageGroup {
    fn from(row: ListedGroup) -> Self {
        let group = Self {
            uuid: row.message_group_uuid,
            user_uuid: row.user_uuid,
            display_name: row.user_display_name,
            handle: row.user_handle,
            message: row.message,
            created_at: row.sk.created_at,
            version: row.version,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            from_me: row.mine,
            muted_until: row.muted_until,
            request: row.request,
            unread_count: Some(0),
            sk: row.sk,
        };
        group.without_preview_of_cleared(row.cleared_sk)
    }
}

impl From<&InboxRow> for MessageGroup {
    fn from(row: &InboxRow) -> Self {
        let group = Self {
            uuid: row.message_group_uuid,
            user_uuid: row.other_uuid,
            display_name: row.other_display_name.clone(),
            handle: row.other_handle.clone(),
            message: row.message.clone(),
            created_at: row.sk.created_at,
            version: row.version,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            from_me: row.mine,
            muted_until: row.muted_until,
            request: row.request,
            unread_count: None,
            sk: row.sk,
        };
        group.without_preview_of_cleared(row.cleared_sk)
    }
}

/// A single group in an answer (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownGroup {
    /// The group, as lists show it.
    #[serde(flatten)]
    pub group: MessageGroup,
    /// The caller blocks the other member.
    pub blocked: bool,
    /// The caller has hidden the group since the newest message.
    pub hidden: bool,
    /// The time of the last message that the caller has cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared_until: Option<Timestamp>,
    /// Both members.
    pub members: Vec<GroupMember>,
}

impl ShownGroup {
    /// Adds to a group of the caller what the members' states tell. The caller's may be newer than the inbox row.
    #[must_use]
    pub fn new(
        group: MessageGroup,
        membership: &Membership,
        states: &[MemberStateRow],
        caller: Uuid,
        have_receipts: bool,
    ) -> Self {
        let state = states.iter().find(|state| state.sk == caller);
        Self {
            blocked: membership.blocked_by.contains(&caller),
            hidden: state.is_some_and(|state| state.hidden_sk >= Some(group.sk)),
            cleared_until: state.and_then(|state| state.cleared_sk).map(|sk| sk.created_at),
            members: GroupMember::list(membership, states, caller, have_receipts),
            group: match state {
                Some(state) => group.with_settings(state),
                None => group,
            },
        }
    }

    /// Replaces all names with the current ones, as [`Users::refresh_names`] does.
    pub async fn refresh_names(&mut self, users: &Users) {
        users.refresh_names(std::slice::from_mut(&mut self.group)).await;
        users.refresh_names(&mut self.members).await;
    }
}

/// A member of a group in an answer (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupMember {
    /// The member's UUID.
    pub uuid: Uuid,
    /// The member's handle.
    pub handle: String,
    /// The member's name.
    pub display_name: String,
    /// The member's account is erased.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    /// The time at which the member last marked messages as read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_read_at: Option<Timestamp>,
    /// The last message that the member has marked as read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_read_message_uuid: Option<Uuid>,
}

impl GroupMember {
    /// Lists the members of a group for `caller`. Without receipts, the caller learns only what the caller has read
    /// (I20).
    #[must_use]
    pub fn list(
        membership: &Membership,
        states: &[MemberStateRow],
        caller: Uuid,
        have_receipts: bool,
    ) -> Vec<Self> {
        let read = |member: Uuid| {
            let state = states.iter().find(|state| state.sk == member)?;
            if member == caller {
                Some((state.read_at, state.read_sk.and_then(ReadPosition::sort_key)))
            } else if have_receipts {
                Some((state.seen_at, state.seen_sk))
            } else {
                None
            }
        };
        let members = membership.members.iter().map(|(&uuid, names)| {
            let (last_read_at, last_read_sk) = read(uuid).unwrap_or_default();
            Self {
                uuid,
                handle: names.handle.clone(),
                display_name: names.display_name.clone(),
                erased: membership.erased.contains(&uuid),
                last_read_at,
                last_read_message_uuid: last_read_sk.map(|sk| sk.message_uuid),
            }
        });
        members.collect()
    }
}

impl ShowsUser for GroupMember {
    fn user_uuid(&self) -> Uuid {
        self.uuid
    }

    fn set_names(&mut self, user: &User) {
        self.handle.clone_from(&user.handle);
        self.display_name.clone_from(&user.display_name);
    }
}

impl ShowsUser for MessageGroup {
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::table::MessageRow;

    const SK: &str = "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001";

    fn user(number: u128, handle: &str) -> User {
        let display_name = handle.to_uppercase();
        User { uuid: Uuid::from_u128(number), handle: handle.to_owned(), display_name }
    }

    #[test]
    fn the_uuid_of_a_pair_never_changes() {
        let sunyoung = uuid!("0195b5a0-0000-7000-8000-000000000001");
        let scarlett = uuid!("0195b5a0-0000-7000-8000-000000000002");
        // Computed with Python's uuid5.
        assert_eq!(uuid_of_pair(sunyoung, scarlett).to_string(), "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5");
    }

    #[test]
    fn a_membership_has_the_attributes_of_the_contract_and_both_members() {
        let (sunyoung, scarlett) = (user(1, "sunyoung"), user(2, "scarlett"));
        let membership = Membership::new(Uuid::from_u128(4), SK.parse().unwrap(), [&scarlett, &sunyoung]);
        assert_eq!(
            serde_json::to_value(&membership).unwrap(),
            json!({
                "pk": Key::Membership(Uuid::from_u128(4)).pk(),
                "sk": "MEM",
                "group_uuid": "00000000-0000-0000-0000-000000000004",
                "created_sk": SK,
                "members": {
                    "00000000-0000-0000-0000-000000000001": {"handle": "sunyoung", "display_name": "SUNYOUNG"},
                    "00000000-0000-0000-0000-000000000002": {"handle": "scarlett", "display_name": "SCARLETT"},
                },
            })
        );
        assert!(membership.has(sunyoung.uuid));
        assert!(membership.has(scarlett.uuid));
        assert!(!membership.has(Uuid::from_u128(3)));
    }

    #[test]
    fn an_inbox_row_shows_its_owner_the_other_member_and_a_preview() {
        let text = "a".repeat(481).parse().unwrap();
        let (owner, group_uuid, other) = (Uuid::from_u128(1), Uuid::from_u128(4), user(2, "scarlett"));
        let message = MessageRow::new(group_uuid, SK.parse().unwrap(), &text, &other);
        let row = InboxRow::new(owner, group_uuid, &message, &other);
        let preview = "a".repeat(477) + "…";
        let row = serde_json::to_value(&row).unwrap();
        assert_eq!(
            row,
            json!({
                "pk": Partition::Inbox(owner).to_string(),
                "sk": SK,
                "message_group_uuid": group_uuid,
                "message": preview,
                "user_uuid": other.uuid,
                "user_display_name": "SCARLETT",
                "user_handle": "scarlett",
                "read_sk": "-",
            })
        );
        let attributes = ListedGroup::ATTRIBUTES.split(", ").filter_map(|name| {
            Some((name.to_owned(), AttributeValue::S(row.get(name)?.as_str()?.to_owned())))
        });
        let listed: ListedGroup = from_scalars(attributes.collect()).unwrap();
        assert_eq!(
            serde_json::to_value(MessageGroup::from(listed)).unwrap(),
            json!({
                "uuid": group_uuid,
                "user_uuid": other.uuid,
                "display_name": "SCARLETT",
                "handle": "scarlett",
                "message": preview,
                "created_at": "2026-11-22T09:30:00.123456Z",
                "version": 1,
                "from_me": false,
                "unread_count": 0,
            })
        );
    }

    proptest! {
        #[test]
        fn both_members_compute_the_same_uuid(a: u128, b: u128) {
            let (a, b) = (Uuid::from_u128(a), Uuid::from_u128(b));
            prop_assert_eq!(uuid_of_pair(a, b), uuid_of_pair(b, a));
        }
    }
}

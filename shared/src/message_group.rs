//! Message groups: who is in them, their inbox rows, and how they are listed.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};
use uuid::{Uuid, uuid};

use crate::{
    dynamodb::{Newest, Table, from_texts, sort_key},
    error::Error,
    message::MessageText,
    page::{Cursor, Page, PageRequest},
    sort_key::SortKey,
    timestamp::Timestamp,
    user::{ShowsUser, User},
    warm_up,
};

pub use self::known_members::KnownMembers;

mod known_members;

/// Namespace of the uuids of groups. It can never change: it is what makes one group per pair (I9).
const NAMESPACE: Uuid = uuid!("6f1d1f0e-1c4b-5f7a-9d0e-2b8a4c3e7d15");

/// The uuid of the group of two users, the same from both sides.
///
/// Anyone who knows two user uuids can compute it. It is therefore never an authorization.
#[must_use]
pub fn uuid_of_pair(a: Uuid, b: Uuid) -> Uuid {
    let (smaller, larger) = if a <= b { (a, b) } else { (b, a) };
    Uuid::new_v5(&NAMESPACE, format!("dm:{smaller}:{larger}").as_bytes())
}

/// The row `MEM#{group}`: who is in a group. Its member uuids never change (design, section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// `MEM#{group}`
    pub pk: String,
    /// `MEM`
    pub sk: String,
    /// The group. Not called `message_group_uuid`: that name would put the row into the index.
    pub group_uuid: Uuid,
    /// Where the inbox rows stood first: none has ever been before it.
    pub created_sk: SortKey,
    /// The members by their uuids.
    pub members: BTreeMap<Uuid, Member>,
}

/// Names of a member, as they were when they were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The handle.
    pub handle: String,
    /// The name to show.
    pub display_name: String,
}

/// The duration of a refusal is a multiple of this: several times that of a usual read.
pub const REFUSAL_STEP: Duration = Duration::from_millis(20);

impl Membership {
    const SK: &str = "MEM";

    /// The membership of a new group of two whose first message stands at `created_sk`.
    #[must_use]
    pub fn new(group_uuid: Uuid, created_sk: SortKey, pair: [&User; 2]) -> Self {
        let members = pair.map(|user| {
            (user.uuid, Member { handle: user.handle.clone(), display_name: user.display_name.clone() })
        });
        Self {
            pk: Self::partition_key(group_uuid),
            sk: Self::SK.to_owned(),
            group_uuid,
            created_sk,
            members: members.into(),
        }
    }

    /// The membership of `group_uuid` as it is now; none: there is no such group.
    pub async fn get(table: &Table, group_uuid: Uuid) -> Result<Option<Self>, Error> {
        table.get(Self::partition_key(group_uuid), Self::SK).await
    }

    /// The membership of `group_uuid`, for a caller who may be a stranger.
    ///
    /// Fails with [`Error::MessageGroupNotFound`] if there is no such group or `caller` is not in it. Both take a multiple
    /// of [`REFUSAL_STEP`]: DynamoDB takes longer to find a row than to find none, which would tell strangers who talks to
    /// whom.
    pub async fn get_as(table: &Table, group_uuid: Uuid, caller: Uuid) -> Result<Self, Error> {
        let started = Instant::now();
        if let Some(membership) =
            Self::get(table, group_uuid).await?.filter(|membership| membership.has(caller))
        {
            return Ok(membership);
        }
        let steps = started.elapsed().div_duration_f64(REFUSAL_STEP).floor() + 1.0;
        sleep_until(started + REFUSAL_STEP.mul_f64(steps)).await;
        Err(Error::MessageGroupNotFound)
    }

    /// Whether `user_uuid` is in the group.
    #[must_use]
    pub fn has(&self, user_uuid: Uuid) -> bool {
        self.members.contains_key(&user_uuid)
    }

    fn partition_key(group_uuid: Uuid) -> String {
        format!("MEM#{group_uuid}")
    }
}

/// A row `GRP#{user}`: a group in a member's inbox, standing at the group's newest message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxRow {
    /// `GRP#{user}`
    pub pk: String,
    /// The sort key of the group's newest message.
    pub sk: SortKey,
    /// The group. Only inbox rows have an attribute of this name.
    pub message_group_uuid: Uuid,
    /// The newest text, cut to fit ([`MessageText::preview`]).
    pub message: String,
    /// The other member.
    #[serde(rename = "user_uuid")]
    pub other_uuid: Uuid,
    /// The other member's name when the row was first written.
    #[serde(rename = "user_display_name")]
    pub other_display_name: String,
    /// The other member's handle when the row was first written.
    #[serde(rename = "user_handle")]
    pub other_handle: String,
}

impl InboxRow {
    /// The row of `owner` for a new group with `other`.
    #[must_use]
    pub fn new(owner: Uuid, group_uuid: Uuid, sk: SortKey, text: &MessageText, other: &User) -> Self {
        Self {
            pk: partition_key(owner),
            sk,
            message_group_uuid: group_uuid,
            message: text.preview(),
            other_uuid: other.uuid,
            other_display_name: other.display_name.clone(),
            other_handle: other.handle.clone(),
        }
    }
}

/// The partition of a user's inbox.
#[must_use]
pub fn partition_key(user_uuid: Uuid) -> String {
    format!("GRP#{user_uuid}")
}

/// Gets ready for the first listing: asks for the inbox of the nil uuid, which no user has.
pub async fn warm_up(table: &Table) {
    warm_up::log_failure("DynamoDB", newest_rows(table, Uuid::nil(), None, 1).await);
}

/// The newest inbox rows of a user, at most `wanted`. Rows of the old system, which a table has that is still to be brought
/// over, are left out, and more are read for them.
async fn newest_rows(
    table: &Table,
    user: Uuid,
    mut before: Option<String>,
    wanted: usize,
) -> Result<Vec<ListedGroup>, Error> {
    let attributes = Some(ListedGroup::ATTRIBUTES);
    let (mut rows, mut left_out, mut limit) = (Vec::with_capacity(wanted), 0_usize, wanted);
    loop {
        let items = table.newest(Newest { pk: partition_key(user), before, limit, attributes }).await?;
        let all_are_read = items.len() < limit;
        let last = items.last().and_then(sort_key).map(str::to_owned);
        for item in items {
            // Theirs stand at a time alone.
            if sort_key(&item).is_some_and(|sort_key| sort_key.contains('#')) {
                rows.push(from_texts::<ListedGroup>(item)?);
            } else {
                left_out += 1;
            }
        }
        if all_are_read || rows.len() >= wanted {
            break;
        }
        (before, limit) = (last, ROWS_TO_LOOK_THROUGH);
    }
    if left_out > 0 {
        tracing::warn!(user_uuid = %user, rows = left_out, "inbox rows of the old system are left out");
    }
    rows.truncate(wanted);
    Ok(rows)
}

/// Rows in one further read, where some were left out: about half of what DynamoDB gives at once (1 MB).
const ROWS_TO_LOOK_THROUGH: usize = 1_000;

/// Of an [`InboxRow`], what a list shows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedGroup {
    sk: SortKey,
    message_group_uuid: Uuid,
    message: String,
    user_uuid: Uuid,
    user_display_name: String,
    user_handle: String,
}

impl ListedGroup {
    /// Their names.
    const ATTRIBUTES: &str = "sk, message_group_uuid, message, user_uuid, user_display_name, user_handle";
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

/// A group as it is sent to clients (design, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageGroup {
    /// The group's uuid.
    pub uuid: Uuid,
    /// The other member.
    pub user_uuid: Uuid,
    /// The other member's name.
    pub display_name: String,
    /// The other member's handle.
    pub handle: String,
    /// The newest text, cut to fit.
    pub message: String,
    /// When the newest message was created.
    pub created_at: Timestamp,
}

impl From<ListedGroup> for MessageGroup {
    fn from(row: ListedGroup) -> Self {
        Self {
            uuid: row.message_group_uuid,
            user_uuid: row.user_uuid,
            display_name: row.user_display_name,
            handle: row.user_handle,
            message: row.message,
            created_at: row.sk.created_at,
        }
    }
}

/// The caller's groups, newest first.
///
/// A group that is moved while the page is read may be absent from this one answer, since a query is only
/// read-committed; it is never in it twice (I2).
pub async fn list(table: &Table, caller: Uuid, request: PageRequest) -> Result<Page<MessageGroup>, Error> {
    let limit = usize::from(request.limit.get());
    let before = request.cursor.map(|Cursor(sort_key)| sort_key.to_string());
    let page = Page::of(newest_rows(table, caller, before, limit + 1).await?, limit, |row| row.sk);
    let mut seen = HashSet::with_capacity(page.items.len());
    let groups =
        page.items.into_iter().filter(|row| seen.insert(row.message_group_uuid)).map(MessageGroup::from);
    Ok(Page { items: groups.collect(), next: page.next })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SK: &str = "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001";

    fn user(number: u128, handle: &str) -> User {
        let display_name = handle.to_uppercase();
        User { uuid: Uuid::from_u128(number), handle: handle.to_owned(), display_name }
    }

    #[test]
    fn the_uuid_of_a_pair_never_changes() {
        let sunyoung = uuid!("0195b5a0-0000-7000-8000-000000000001");
        let scarlett = uuid!("0195b5a0-0000-7000-8000-000000000002");
        // Computed with another implementation of version 5 uuids (Python's).
        assert_eq!(uuid_of_pair(sunyoung, scarlett).to_string(), "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5");
    }

    #[test]
    fn a_membership_has_the_attributes_of_the_contract_and_both_members() {
        let (sunyoung, scarlett) = (user(1, "sunyoung"), user(2, "scarlett"));
        let membership = Membership::new(Uuid::from_u128(4), SK.parse().unwrap(), [&scarlett, &sunyoung]);
        assert_eq!(
            serde_json::to_value(&membership).unwrap(),
            json!({
                "pk": "MEM#00000000-0000-0000-0000-000000000004",
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
        let row = InboxRow::new(owner, group_uuid, SK.parse().unwrap(), &text, &other);
        let preview = "a".repeat(477) + "…";
        let row = serde_json::to_value(&row).unwrap();
        assert_eq!(
            row,
            json!({
                "pk": "GRP#00000000-0000-0000-0000-000000000001",
                "sk": SK,
                "message_group_uuid": group_uuid,
                "message": preview,
                "user_uuid": other.uuid,
                "user_display_name": "SCARLETT",
                "user_handle": "scarlett",
            })
        );
        let attributes = ListedGroup::ATTRIBUTES.split(", ").map(|name| (name.to_owned(), row[name].clone()));
        let listed: ListedGroup = serde_json::from_value(attributes.collect()).unwrap();
        assert_eq!(
            serde_json::to_value(MessageGroup::from(listed)).unwrap(),
            json!({
                "uuid": group_uuid,
                "user_uuid": other.uuid,
                "display_name": "SCARLETT",
                "handle": "scarlett",
                "message": preview,
                "created_at": "2026-11-22T09:30:00.123456Z",
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

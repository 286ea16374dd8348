//! All versions of messages and member states, and the checks of each write to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cruddur::{
    message::{Message, text::preview},
    sort_key::SortKey,
    table::{LoggedChange, MemberStateRow, MessageRow, ReadPosition},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::users::Users;

/// A write lands at most this time after its function has read the settings: 25 s of the function, and 20 s of a late
/// write.
const MAX_DELAY: Duration = Duration::from_secs(50);

/// Every version that was committed. The version `n` is at the place `n - 1`.
#[derive(Default)]
pub(crate) struct Versions {
    messages: BTreeMap<Uuid, BTreeMap<SortKey, Vec<MessageRow>>>,
    /// By group and user.
    states: BTreeMap<(Uuid, Uuid), Vec<MemberStateRow>>,
    /// Versions of states that were written for the other member, too.
    told: BTreeSet<(Uuid, Uuid, u64)>,
    /// The settings. `None` until the users exist.
    pub(crate) users: Option<Users>,
    pub(crate) counts: Changes,
    pub(crate) violations: Vec<String>,
}

/// Writes to messages and states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub marks: u64,
    pub edits: u64,
    pub deletions: u64,
    pub reactions: u64,
    pub replies: u64,
    /// Beginnings and ends of blocks.
    pub blocks: u64,
    /// Requests, and answers to them.
    pub requests: u64,
    /// Groups that were muted, hidden, shown again or cleared.
    pub settings: u64,
}

/// Parses an item in DynamoDB's JSON.
pub(crate) fn parse<T: DeserializeOwned>(row: &Value) -> T {
    let item: serde_dynamo::Item = serde_json::from_value(row.clone()).unwrap();
    serde_dynamo::from_item(item).unwrap()
}

/// A message of an answer or a frame, without names and without what lists show of an answered message.
pub(crate) fn content(message: &Value) -> Value {
    let mut content = message.clone();
    let fields = content.as_object_mut().unwrap();
    fields.retain(|name, _| !matches!(&**name, "display_name" | "handle"));
    if let Some(reply_to) = fields.get_mut("reply_to").and_then(Value::as_object_mut) {
        reply_to.retain(|name, _| matches!(&**name, "uuid" | "created_at"));
    }
    content
}

fn shown(row: &MessageRow) -> Value {
    content(&serde_json::to_value(Message::from(row)).unwrap())
}

impl Versions {
    /// Adds a message as it was committed. Only its sender changes text or deletion, which no row shows; the history
    /// of requests does.
    pub(crate) fn add_message(&mut self, row: &Value) {
        let row: MessageRow = parse(row);
        let (group_uuid, sk) = (row.group_uuid().unwrap(), row.sk);
        let versions = self.messages.entry(group_uuid).or_default().entry(sk).or_default();
        let mut broken = |what: &str| self.violations.push(format!("{what}: {group_uuid} {sk}"));
        if row.version != versions.len() as u64 + 1 {
            broken("I19: a write did not add one to the version");
        }
        let Some(before) = versions.last() else {
            self.counts.replies += u64::from(row.reply_sk.is_some());
            versions.push(row);
            return;
        };
        if before.deleted_at.is_some() {
            broken("I19: a deleted message was changed");
        }
        let identity = |row: &MessageRow| (row.message_uuid, row.sender_uuid, row.sender_handle.clone());
        if identity(before) != identity(&row) {
            broken("I19: a message has become another's");
        }
        if row.deleted_at.is_some() {
            self.counts.deletions += 1;
        } else if row.message != before.message {
            self.counts.edits += 1;
        } else {
            self.counts.reactions += 1;
            if row.reactions == before.reactions {
                broken("I19: a write changed nothing");
            }
        }
        if row.deleted_at.is_none() && row.reply_sk != before.reply_sk {
            broken("I19: a message answers another one");
        }
        versions.push(row);
    }

    /// Adds a member's state as it was committed.
    pub(crate) fn add_state(&mut self, row: &Value) {
        let row: MemberStateRow = parse(row);
        let (group_uuid, user_uuid) = (row.group_uuid().unwrap(), row.sk);
        let versions = self.states.entry((group_uuid, user_uuid)).or_default();
        let mut broken = |what: &str| self.violations.push(format!("{what}: {group_uuid} {user_uuid}"));
        if row.version != versions.len() as u64 + 1 {
            broken("I17: a write did not add one to the state's version");
        }
        let messages = self.messages.get(&group_uuid);
        if let Some(ReadPosition::UpTo(sk)) = row.read_sk
            && !messages.is_some_and(|messages| messages.contains_key(&sk))
        {
            broken("I18: a marker is at no message");
        }
        let marking = |row: &MemberStateRow| (row.read_sk, row.read_at, row.settings_at);
        let is_of_block = versions.last().map_or(row.blocked, |before| before.blocked != row.blocked);
        self.counts.marks += u64::from(!row.is_of_settings());
        let is_of_request = versions.last().and_then(|before| before.request) != row.request;
        self.counts.requests += u64::from(is_of_request);
        self.counts.settings += u64::from(row.is_of_settings() && !is_of_block && !is_of_request);
        let before = versions.last().cloned().unwrap_or_else(|| MemberStateRow::new(group_uuid, user_uuid));
        let marker = |row: &MemberStateRow| (row.read_sk, row.read_at, row.floor_sk, row.seen_version);
        if row.is_of_settings() && marker(&before) != marker(&row) {
            broken("I25: settings changed a marker");
        }
        let settings =
            |row: &MemberStateRow| (row.blocked, row.muted_until, row.hidden_sk, row.cleared_sk, row.request);
        if !row.is_of_settings() && settings(&before) != settings(&row) {
            broken("I25: a marker changed settings");
        }
        if row.cleared_sk < before.cleared_sk {
            broken("I25: cleared messages came back");
        }
        if versions.iter().any(|earlier| marking(earlier) == marking(&row)) {
            broken("I18: a marking was made twice");
        }
        let seen = |row: &MemberStateRow| (row.seen_sk, row.seen_at);
        let is_told = seen(&row) != versions.last().map_or((None, None), seen);
        if is_told {
            self.told.insert((group_uuid, user_uuid, row.version));
            if row.seen_sk.map(ReadPosition::UpTo) != row.read_sk {
                broken("I20: the other member is told another marker");
            }
            let other = self.other_member(group_uuid, user_uuid);
            let now = Instant::now();
            let since = now.checked_sub(MAX_DELAY).unwrap_or(now);
            let users = self.users.as_ref();
            if let (Some(other), Some(users)) = (other, users)
                && !users.had_receipts(user_uuid, other, since)
            {
                self.violations.push(format!("I20: {user_uuid} tells {other} a marker without receipts"));
            }
        }
        self.states.entry((group_uuid, user_uuid)).or_default().push(row);
    }

    /// The other member of a group.
    pub(crate) fn other_member(&self, group_uuid: Uuid, user_uuid: Uuid) -> Option<Uuid> {
        self.users.as_ref()?.other_member(group_uuid, user_uuid)
    }

    /// The finding about a logged marker in the log of `owner`: another member's must have been told (I20).
    pub(crate) fn check_logged(&self, owner: Uuid, change: &LoggedChange) -> Option<String> {
        let LoggedChange::Read { group_uuid, user_uuid, version, .. } = change else { return None };
        let is_told = *user_uuid == owner || self.told.contains(&(*group_uuid, *user_uuid, *version));
        (!is_told).then(|| format!("I20: the log of {owner} has a marker of {user_uuid} that was not told"))
    }

    /// Changes of states that `owner` must have in their log in the end.
    pub(crate) fn logged_states(&self, owner: Uuid) -> Vec<(Uuid, Uuid, u64)> {
        let all = self.states.iter().flat_map(|(&(group, user), versions)| {
            versions.iter().map(move |row| (group, user, row.version))
        });
        let is_for_owner = |&(group, user, version): &(Uuid, Uuid, u64)| {
            let is_others = self.other_member(group, user) == Some(owner);
            user == owner || is_others && self.told.contains(&(group, user, version))
        };
        all.filter(is_for_owner).collect()
    }

    /// The number of versions of each message of a group.
    pub(crate) fn numbers(&self, group_uuid: Uuid) -> BTreeMap<SortKey, u64> {
        let messages = self.messages.get(&group_uuid).into_iter().flatten();
        messages.map(|(sk, versions)| (*sk, versions.len() as u64)).collect()
    }

    /// The versions of a message.
    pub(crate) fn of_message(&self, group_uuid: Uuid, sk: SortKey) -> &[MessageRow] {
        self.messages.get(&group_uuid).and_then(|messages| messages.get(&sk)).map_or(&[], Vec::as_slice)
    }

    /// The messages of a group as they were sent.
    pub(crate) fn sent(&self) -> BTreeMap<Uuid, Vec<MessageRow>> {
        let first = |versions: &BTreeMap<SortKey, Vec<MessageRow>>| {
            versions.values().map(|versions| versions[0].clone()).collect()
        };
        self.messages.iter().map(|(group, messages)| (*group, first(messages))).collect()
    }

    /// The messages of a group as they are, as the API shows them to a member.
    pub(crate) fn current(&self, group_uuid: Uuid, member: Uuid) -> BTreeMap<Uuid, Value> {
        let messages = self.messages.get(&group_uuid).into_iter().flatten();
        let cleared_sk = self.state(group_uuid, member).and_then(|state| state.cleared_sk);
        let messages = messages.filter(|(sk, _)| Some(**sk) > cleared_sk);
        let newest = messages.filter_map(|(_, versions)| versions.last());
        newest.map(|row| (row.message_uuid, shown(row))).collect()
    }

    /// Returns the committed version that `message`, of an answer or a frame, shows. `None` if there is none.
    pub(crate) fn shown_version(&self, group_uuid: Uuid, message: &Value) -> Option<&MessageRow> {
        let sk = SortKey {
            created_at: message["created_at"].as_str()?.parse().ok()?,
            message_uuid: message["uuid"].as_str()?.parse().ok()?,
        };
        let version = usize::try_from(message["version"].as_u64()?).ok()?;
        let row = self.of_message(group_uuid, sk).get(version.checked_sub(1)?)?;
        (shown(row) == content(message)).then_some(row)
    }

    /// Returns `true` if a listed group shows a version of a message to `owner`.
    pub(crate) fn is_shown_group(&self, owner: Uuid, group: &Value) -> bool {
        let messages = group["uuid"].as_str().and_then(|uuid| self.messages.get(&uuid.parse().ok()?));
        let rows = messages.into_iter().flat_map(BTreeMap::values).flatten();
        let mut at_time = rows.filter(|row| group["created_at"] == json!(row.sk.created_at));
        at_time.any(|row| {
            let is_cleared = row.group_uuid().is_some_and(|group| self.was_cleared(group, owner, row.sk));
            let preview = preview_of(group);
            shown_group(owner, row) == preview || is_cleared && cleared_group(owner, row) == preview
        })
    }

    /// Returns `true` if a member cleared the message at some time.
    pub(crate) fn was_cleared(&self, group_uuid: Uuid, member: Uuid, sk: SortKey) -> bool {
        self.states(group_uuid, member).iter().any(|state| state.cleared_sk >= Some(sk))
    }

    /// Returns `true` if a member has hidden the group since its newest message.
    pub(crate) fn is_hidden(&self, group_uuid: Uuid, member: Uuid) -> bool {
        let newest = self.messages.get(&group_uuid).and_then(|messages| messages.keys().next_back());
        let hidden_sk = self.state(group_uuid, member).and_then(|state| state.hidden_sk);
        newest.is_some_and(|newest| hidden_sk >= Some(*newest))
    }

    /// The fields of a listed group that show its newest message.
    pub(crate) fn newest(&self, owner: Uuid, group_uuid: Uuid) -> Option<Value> {
        let (_, versions) = self.messages.get(&group_uuid)?.last_key_value()?;
        let row = versions.last()?;
        let cleared_sk = self.state(group_uuid, owner).and_then(|state| state.cleared_sk);
        let shown = if cleared_sk >= Some(row.sk) { cleared_group } else { shown_group };
        Some(shown(owner, row))
    }

    /// The state of a member as it is.
    pub(crate) fn state(&self, group_uuid: Uuid, user_uuid: Uuid) -> Option<&MemberStateRow> {
        self.states.get(&(group_uuid, user_uuid))?.last()
    }

    /// The versions of a member's state.
    pub(crate) fn states(&self, group_uuid: Uuid, user_uuid: Uuid) -> &[MemberStateRow] {
        self.states.get(&(group_uuid, user_uuid)).map_or(&[], Vec::as_slice)
    }

    /// The number of messages that a member has not read, by definition: those of others that are not deleted, and
    /// stand after the greatest marker. An own message after the floor is a marker, and so is a cleared message.
    pub(crate) fn unread(&self, group_uuid: Uuid, user_uuid: Uuid) -> usize {
        let state = self.state(group_uuid, user_uuid);
        let floor = state.and_then(|state| state.floor_sk);
        let read = state.and_then(|state| state.read_sk).and_then(ReadPosition::sort_key);
        let rows = self.messages.get(&group_uuid).into_iter().flat_map(BTreeMap::values);
        let rows = rows.filter_map(|versions| versions.last()).collect::<Vec<_>>();
        let own = rows.iter().filter(|row| row.sender_uuid == user_uuid).map(|row| row.sk).max();
        let marker = read.max(own.filter(|own| Some(*own) > floor));
        let marker = marker.max(state.and_then(|state| state.cleared_sk));
        let is_unread = |row: &&&MessageRow| {
            row.sender_uuid != user_uuid && row.deleted_at.is_none() && Some(row.sk) > marker
        };
        rows.iter().filter(is_unread).count().min(100)
    }

    /// The number of messages of others in a group.
    pub(crate) fn others_messages(&self, group_uuid: Uuid, user_uuid: Uuid) -> usize {
        let messages = self.messages.get(&group_uuid).into_iter().flat_map(BTreeMap::values);
        messages.filter(|versions| versions[0].sender_uuid != user_uuid).count()
    }

    /// Texts of messages that are deleted.
    pub(crate) fn deleted_texts(&self) -> BTreeSet<&str> {
        let messages = self.messages.values().flat_map(BTreeMap::values);
        let deleted = messages.filter(|versions| versions.last().is_some_and(|row| row.deleted_at.is_some()));
        deleted.flatten().map(|row| &*row.message).filter(|text| !text.is_empty()).collect()
    }
}

/// The fields of a listed group that show its newest message.
pub(crate) fn preview_of(group: &Value) -> Value {
    let mut preview = json!({});
    for name in ["message", "created_at", "version", "edited_at", "deleted_at", "from_me"] {
        if let Some(value) = group.get(name) {
            preview[name] = value.clone();
        }
    }
    preview
}

/// A group as lists show it after its newest message was cleared.
pub(crate) fn cleared(group: &Value) -> Value {
    let mut group = group.clone();
    group["message"] = json!("");
    for name in ["edited_at", "deleted_at"] {
        group.as_object_mut().unwrap().remove(name);
    }
    group
}

fn shown_group(owner: Uuid, row: &MessageRow) -> Value {
    let mut group = json!({
        "message": preview(&row.message),
        "created_at": row.sk.created_at,
        "version": row.version,
        "from_me": row.sender_uuid == owner,
    });
    for (name, time) in [("edited_at", row.edited_at), ("deleted_at", row.deleted_at)] {
        if let Some(time) = time {
            group[name] = json!(time);
        }
    }
    group
}

/// The same for a member who has cleared the message.
fn cleared_group(owner: Uuid, row: &MessageRow) -> Value {
    json!({
        "message": "",
        "created_at": row.sk.created_at,
        "version": row.version,
        "from_me": row.sender_uuid == owner,
    })
}

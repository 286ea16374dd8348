//! The invariants (design, section 4) that can be checked on the rows of the table.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use cruddur::{
    message::{
        reaction::MAX_REACTIONS,
        text::{MessageText, preview},
    },
    message_group::uuid_of_pair,
    projection::inbox::GroupChanges,
    sort_key::SortKey,
    table::{
        EventLogRow, IdempotencyRow, InboxRow, Key, LoggedChange, MemberStateRow, Membership, MessageRow,
        Partition, ReadPosition, Row,
    },
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// Checks the `rows` of a table in any committed state, each an item in DynamoDB's JSON. Each finding starts
/// with the invariant's name, or with `row` if a row's shape differs from section 2.
#[must_use]
pub fn check(rows: &[Value]) -> Vec<String> {
    Contents::of(rows).check()
}

/// Checks `rows` after every message was delivered to the stream handler: [`check`], and the inbox rows are
/// at the newest message (I3).
#[must_use]
pub fn check_at_rest(rows: &[Value]) -> Vec<String> {
    Contents::of(rows).check_at_rest()
}

/// Checks `rows` after the deployed stream handler read every change: [`check_at_rest`], and every message is in the
/// log of each member, and so are the last changes of messages and the last markers (I12).
#[must_use]
pub fn check_logged(rows: &[Value]) -> Vec<String> {
    Contents::of(rows).check_logged()
}

/// The messages in `rows` by group, in order.
#[must_use]
pub fn messages(rows: &[Value]) -> BTreeMap<Uuid, Vec<MessageRow>> {
    Contents::of(rows).into_messages()
}

/// Reads a table row by row, for tables that are too large to hold as items.
#[derive(Default)]
pub struct Contents {
    messages: BTreeMap<Uuid, BTreeMap<SortKey, MessageRow>>,
    memberships: BTreeMap<Uuid, Membership>,
    inboxes: Vec<InboxRow>,
    states: Vec<MemberStateRow>,
    idempotency_rows: Vec<IdempotencyRow>,
    /// Event logs by partition key.
    logs: BTreeMap<String, Log>,
    /// Rows whose shape differs from section 2.
    /// Blocks that stand: the users who block, with those whom they block.
    blocks: BTreeSet<(Uuid, Uuid)>,
    malformed: Vec<String>,
}

#[derive(Default)]
struct Log {
    start: Option<u64>,
    /// In the order of their numbers.
    rows: Vec<EventLogRow>,
}

/// The number of rows in which a repeated delivery is recognized.
const TAIL: usize = 16;

impl Contents {
    fn of(rows: &[Value]) -> Self {
        let mut contents = Self::default();
        for row in rows {
            contents.read(row);
        }
        contents
    }

    /// Reads a row, an item in DynamoDB's JSON.
    pub fn read(&mut self, row: &Value) {
        if let Err(broken) = self.try_read(row) {
            self.malformed.push(format!("row: {broken}: {row}"));
        }
    }

    /// See [`check`].
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut findings = self.malformed.clone();
        self.check_messages(&mut findings);
        self.check_memberships(&mut findings);
        self.check_states(&mut findings);
        self.check_inboxes(&mut findings);
        self.check_idempotency_rows(&mut findings);
        self.check_logs(&mut findings);
        findings
    }

    /// See [`check_logged`].
    #[must_use]
    pub fn check_logged(&self) -> Vec<String> {
        let mut findings = self.check_at_rest();
        for (group_uuid, messages) in &self.messages {
            let group = self.memberships.get(group_uuid);
            let members = group.into_iter().flat_map(|group| group.members.keys());
            for member in members.filter(|member| group.is_none_or(|group| !group.erased.contains(member))) {
                // Logged only if the member accepted the group before the stream handler read it.
                let request =
                    self.memberships.get(group_uuid).filter(|group| group.request_to == Some(*member));
                let request = request.map(|group| group.created_sk);
                let log = self.logs.get(&Partition::EventLog(*member).to_string());
                let changes = log.iter().flat_map(|log| &log.rows).flat_map(|row| &row.changes);
                let changes = changes.collect::<Vec<_>>();
                let states = self.states.iter().filter(|state| state.group_uuid() == Some(*group_uuid));
                let expected = GroupChanges {
                    group_uuid: *group_uuid,
                    created: messages.values().cloned().collect(),
                    changed: messages.values().filter(|message| message.version > 1).cloned().collect(),
                    states: states.cloned().collect(),
                    ..GroupChanges::default()
                };
                let expected = expected.logged_for(*member, false).into_iter();
                for change in expected.filter(|change| request.is_none() || change.message_sk() != request) {
                    if !changes.contains(&&change) {
                        findings.push(format!("I12: not in the log of {member}: {change:?}"));
                    }
                }
            }
        }
        findings
    }

    /// See [`check_at_rest`].
    #[must_use]
    pub fn check_at_rest(&self) -> Vec<String> {
        let mut findings = self.check();
        for inbox in &self.inboxes {
            let newest =
                self.messages.get(&inbox.message_group_uuid).and_then(|group| group.keys().next_back());
            if newest.is_some_and(|newest| *newest != inbox.sk) {
                findings.push(format!("I3: {} {} is not at its group's newest message", inbox.pk, inbox.sk));
            }
            findings.extend(self.check_join(inbox));
            if newest.is_some_and(|newest| inbox.marker() > ReadPosition::UpTo(*newest)) {
                findings.push(format!("I18: {} {} is read beyond its newest message", inbox.pk, inbox.sk));
            }
        }
        self.check_erased(&mut findings);
        findings
    }

    /// See [`messages`].
    #[must_use]
    pub fn into_messages(self) -> BTreeMap<Uuid, Vec<MessageRow>> {
        self.messages.into_iter().map(|(group, rows)| (group, rows.into_values().collect())).collect()
    }

    fn try_read(&mut self, item: &Value) -> Result<(), String> {
        let item: serde_dynamo::Item =
            serde_json::from_value(item.clone()).map_err(|error| error.to_string())?;
        match Row::parse(item.clone()).map_err(|error| error.to_string())? {
            Row::Message(row) => {
                exactly(&item, &row)?;
                let Some(Key::Message { group_uuid, .. }) = Key::parse(&row.pk, &row.sk.to_string()) else {
                    return Err("the key is not a message's".to_owned());
                };
                self.messages.entry(group_uuid).or_default().insert(row.sk, row);
            }
            Row::Membership(row) => {
                exactly(&item, &row)?;
                self.memberships.insert(row.group_uuid, row);
            }
            // Inbox rows may have attributes of later versions.
            Row::Inbox(row) => self.inboxes.push(row),
            Row::MemberState(row) => {
                exactly(&item, &row)?;
                self.states.push(row);
            }
            Row::Idempotency(row) => {
                exactly(&item, &row)?;
                self.idempotency_rows.push(row);
            }
            Row::SendLimit(row) => {
                exactly(&item, &row)?;
                if row.expires_at < row.refilled_at {
                    return Err("the bucket was full before it was refilled".to_owned());
                }
            }
            Row::EventLog(row) => {
                exactly(&item, &row)?;
                self.logs.entry(row.pk.clone()).or_default().rows.push(row);
            }
            Row::EventLogStart(row) => {
                exactly(&item, &row)?;
                self.logs.entry(row.pk.clone()).or_default().start = Some(row.start);
            }
            Row::Connection(row) => exactly(&item, &row)?,
            Row::Block(row) => {
                exactly(&item, &row)?;
                if row.blocked_at.is_some() == row.expires_at.is_some() {
                    return Err("a block that stands expires, or one that has ended does not".to_owned());
                }
                let Some(Key::Block { user_uuid, blocked_uuid }) = Key::parse(&row.pk, &row.sk.to_string())
                else {
                    return Err("the key is not a block's".to_owned());
                };
                if row.blocked_at.is_some() {
                    self.blocks.insert((user_uuid, blocked_uuid));
                }
            }
            Row::Redirect(row) => {
                if uuid_of_pair(row.members[0], row.members[1]) != row.group_uuid {
                    return Err("the group is not its members'".to_owned());
                }
            }
            Row::Lease(_) | Row::MigrationOffset(_) => {}
        }
        Ok(())
    }

    fn check_messages(&self, findings: &mut Vec<String>) {
        let mut uuids = HashSet::new();
        for (group_uuid, messages) in &self.messages {
            let members = self.memberships.get(group_uuid).map(|membership| &membership.members);
            for message in messages.values() {
                let mut broken = |what: &str| findings.push(format!("{what}: {} {}", message.pk, message.sk));
                if message.sk.message_uuid != message.message_uuid {
                    broken("row: the sort key is another message's");
                }
                if message.message_uuid.get_version_num() != 7 {
                    broken("row: the message's uuid is not of version 7");
                }
                if message.deleted_at.is_none() && message.message.parse::<MessageText>().is_err() {
                    broken("row: the text is not a message");
                }
                let is_empty = message.message.is_empty()
                    && message.reactions.0.is_empty()
                    && message.reply_sk.is_none()
                    && message.edited_at.is_none();
                if message.deleted_at.is_some() && !is_empty {
                    broken("I19: the deleted message has text, reactions or a reply");
                }
                if (message.edited_at.is_some() || message.deleted_at.is_some()) && message.version == 1 {
                    broken("I19: the message was changed without a new version");
                }
                if message.reactions.0.values().any(|emoji| emoji.is_empty() || emoji.len() > MAX_REACTIONS) {
                    broken("row: a user has none or too many reactions");
                }
                let knows = |user| members.is_none_or(|members| members.contains_key(user));
                if !message.reactions.0.keys().all(knows) {
                    broken("I10: a user who reacted is not in the group");
                }
                if !uuids.insert(message.message_uuid) {
                    broken("I6: the message is stored twice");
                }
                match members {
                    None => broken("I1: the message's group has no membership"),
                    Some(members) if !members.contains_key(&message.sender_uuid) => {
                        broken("I10: the sender is not in the group");
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn check_memberships(&self, findings: &mut Vec<String>) {
        for (group_uuid, membership) in &self.memberships {
            let mut broken = |what: &str| findings.push(format!("{what}: {}", membership.pk));
            if membership.group_uuid != *group_uuid {
                broken("row: the membership is another group's");
            }
            match membership.members.keys().collect::<Vec<_>>()[..] {
                [a, b] if uuid_of_pair(*a, *b) == *group_uuid => {}
                [_, _] => broken("I9: the group is not its pair's"),
                _ => broken("row: the group has not two members"),
            }
            let first = self.messages.get(group_uuid).and_then(|messages| messages.keys().next());
            if first != Some(&membership.created_sk) {
                broken("I8: the group's first message is not the one that opened it");
            }
            for member in membership.members.keys() {
                let pks = [Partition::Requests(*member), Partition::Inbox(*member)].map(|pk| pk.to_string());
                let is_row = |row: &&InboxRow| pks.contains(&row.pk) && row.message_group_uuid == *group_uuid;
                let rows = self.inboxes.iter().filter(is_row).count();
                if rows != 1 {
                    broken(&format!("I1: {rows} rows of member {member} in the inbox and the requests"));
                }
                let is_blocked = self.blocks.contains(&(*member, membership.other_than(*member)));
                if membership.erased.contains(member) {
                    continue;
                }
                let mut states = self.states.iter().filter(|state| state.sk == *member);
                let state = states.find(|state| state.group_uuid() == Some(*group_uuid));
                if membership.blocked_by.contains(member) != is_blocked
                    || state.is_some_and(|state| state.blocked) != is_blocked
                {
                    broken(&format!("I21: block, membership and state of member {member} differ"));
                }
                if membership.request_of(*member) != state.and_then(|state| state.request) {
                    broken(&format!("I22: membership and state of member {member} have different answers"));
                }
            }
            if membership.request_to.is_some_and(|member| !membership.has(member)) {
                broken("I10: a user who was asked is not in the group");
            }
            if !membership.blocked_by.iter().all(|member| membership.has(*member)) {
                broken("I10: a user who blocks is not in the group");
            }
            if !membership.erased.iter().all(|member| membership.has(*member)) {
                broken("I10: an erased user is not in the group");
            }
        }
    }

    /// Of an erased member, a group has tombstones, and the names that replace the member's (I24).
    fn check_erased(&self, findings: &mut Vec<String>) {
        for membership in self.memberships.values() {
            for (member, names) in
                membership.members.iter().filter(|(uuid, _)| membership.erased.contains(uuid))
            {
                let mut broken = |what: &str, place: &str| findings.push(format!("I24: {what}: {place}"));
                let messages = self.messages.get(&membership.group_uuid).into_iter().flatten();
                for (sk, message) in messages.filter(|(_, message)| message.sender_uuid == *member) {
                    let shown = (&message.sender_handle, &message.sender_display_name);
                    if message.deleted_at.is_none() || shown != (&names.handle, &names.display_name) {
                        broken("the message of an erased user", &format!("{} {sk}", message.pk));
                    }
                }
                let inboxes =
                    self.inboxes.iter().filter(|row| row.message_group_uuid == membership.group_uuid);
                for row in inboxes.filter(|row| row.other_uuid == *member) {
                    if (&row.other_handle, &row.other_display_name) != (&names.handle, &names.display_name) {
                        broken("the inbox row names an erased user", &format!("{} {}", row.pk, row.sk));
                    }
                }
                if self
                    .states
                    .iter()
                    .any(|state| state.sk == *member && state.group_uuid() == Some(membership.group_uuid))
                {
                    broken("the state of an erased user", &membership.pk);
                }
                if self.logs.contains_key(&Partition::EventLog(*member).to_string()) {
                    broken("the event log of an erased user", &member.to_string());
                }
                if self.blocks.iter().any(|(user, _)| user == member) {
                    broken("the block of an erased user", &member.to_string());
                }
            }
        }
    }

    fn check_states(&self, findings: &mut Vec<String>) {
        for state in &self.states {
            let mut broken = |what: &str| findings.push(format!("{what}: {} {}", state.pk, state.sk));
            let group_uuid = state.group_uuid().unwrap_or_default();
            let membership = self.memberships.get(&group_uuid);
            if !membership.is_some_and(|membership| membership.has(state.sk)) {
                broken("I10: the state's user is not in the group");
            }
            if state.version == 0 {
                broken("row: the state was never written");
            }
            let seen = [state.seen_sk.is_some(), state.seen_at.is_some(), state.seen_version.is_some()];
            if seen != [seen[0]; 3] {
                broken("row: what the other member may know lacks its place, time or version");
            }
            if state.seen_version > Some(state.version) {
                broken("row: the other member knows of a later version");
            }
            let newest = self.messages.get(&group_uuid).and_then(|messages| messages.keys().next_back());
            let read = state.read_sk.and_then(ReadPosition::sort_key);
            if read.max(state.floor_sk).max(state.seen_sk) > newest.copied() {
                broken("I18: a marker is after the newest message");
            }
            if state.hidden_sk.max(state.cleared_sk) > newest.copied() {
                broken("I25: a member hid or cleared messages that do not exist yet");
            }
            if state.settings_at.is_some() != state.settings_version.is_some() {
                broken("row: the settings lack their time or version");
            }
            if state.settings_version > Some(state.version) {
                broken("row: the settings have a later version");
            }
        }
    }

    fn check_inboxes(&self, findings: &mut Vec<String>) {
        for row in &self.inboxes {
            let mut broken = |what: &str| findings.push(format!("{what}: {} {}", row.pk, row.sk));
            let membership = self.memberships.get(&row.message_group_uuid);
            let members = membership.iter().flat_map(|membership| membership.members.keys());
            let (owners, others): (Vec<_>, Vec<_>) = members
                .partition(|member| row.pk.split_once('#').is_some_and(|(_, id)| id == member.to_string()));
            if membership.is_none() {
                broken("I1: the inbox row's group has no membership");
            } else if owners.is_empty() {
                broken("I10: the inbox's owner is not in the group");
            } else if !others.contains(&&row.other_uuid) {
                broken("row: the inbox row does not name the other member");
            }
            let messages = self.messages.get(&row.message_group_uuid);
            match messages.and_then(|messages| messages.get(&row.sk)) {
                None => broken("I3: the inbox row is not at a message of its group"),
                Some(message)
                    if message.version == row.version && preview(&message.message) != row.message =>
                {
                    broken("I3: the inbox row does not show the message it stands at");
                }
                Some(message) if message.version < row.version => {
                    broken("I17: the inbox row shows a version that the message has not");
                }
                Some(_) => {}
            }
        }
    }

    /// Compares an inbox row with the join of the group's messages and the owner's state, by definition.
    fn check_join(&self, row: &InboxRow) -> Option<String> {
        let (_, owner) = row.pk.split_once('#')?;
        let owner: Uuid = owner.parse().ok()?;
        let messages = self.messages.get(&row.message_group_uuid)?;
        let newest = messages.values().next_back()?;
        let key = Key::MemberState { group_uuid: row.message_group_uuid, user_uuid: owner };
        let state = self.states.iter().find(|state| state.pk == key.pk() && state.sk == owner);
        let floor = state.and_then(|state| state.floor_sk);
        let own = messages.values().filter(|message| message.sender_uuid == owner).map(|message| message.sk);
        let own = own.filter(|own| floor.is_none_or(|floor| *own > floor)).max();
        let read = state.and_then(|state| state.read_sk).unwrap_or_default();
        let marker = read.max(own.map_or(ReadPosition::Nothing, ReadPosition::UpTo));
        let joined = (row.version, row.edited_at, row.deleted_at, row.mine, row.state_version);
        let settings = (row.blocked, row.muted_until, row.hidden_sk, row.cleared_sk, row.request);
        let mine = newest.sender_uuid == owner;
        let version = state.map_or(0, |state| state.version);
        let of_state = |state: &MemberStateRow| {
            (state.blocked, state.muted_until, state.hidden_sk, state.cleared_sk, state.request)
        };
        // The state of an erased owner is deleted.
        let membership = self.memberships.get(&row.message_group_uuid);
        let request = membership
            .filter(|group| group.erased.contains(&owner))
            .and_then(|group| group.request_of(owner));
        // Rows of the old system are read up to where the migration found them.
        let is_joined = joined == (newest.version, newest.edited_at, newest.deleted_at, mine, version)
            && settings == state.map_or((false, None, None, None, request), of_state)
            && row.marker() >= marker;
        (!is_joined)
            .then(|| format!("I17: {} {} is not the join: marker {marker:?}, {row:?}", row.pk, row.sk))
    }

    fn check_idempotency_rows(&self, findings: &mut Vec<String>) {
        for row in &self.idempotency_rows {
            let mut broken = |what: &str| findings.push(format!("{what}: {}", row.pk));
            let sk = SortKey { created_at: row.created_at, message_uuid: row.message_uuid };
            match self.messages.get(&row.group_uuid).and_then(|messages| messages.get(&sk)) {
                None => broken("I6: the idempotency row's message is not stored"),
                Some(message) => {
                    let key = Key::parse(&row.pk, &row.sk);
                    if !matches!(key, Some(Key::Idempotency { user_uuid, .. }) if user_uuid == message.sender_uuid)
                    {
                        broken("I6: the idempotency row is not the sender's");
                    }
                }
            }
        }
    }
}

impl Contents {
    fn check_logs(&self, findings: &mut Vec<String>) {
        for (pk, Log { start, rows }) in &self.logs {
            let mut rows = rows.iter().collect::<Vec<_>>();
            rows.sort_unstable_by_key(|row| row.sk);
            let mut broken =
                |what: &str, row: &EventLogRow| findings.push(format!("{what}: {pk} {}", row.sk));
            // The rows of an erased user's log go one by one.
            let is_erased = self.memberships.values().flat_map(|group| &group.erased);
            if is_erased.map(|user| Partition::EventLog(*user).to_string()).any(|of_erased| of_erased == *pk)
            {
                continue;
            }
            for (place, row) in rows.iter().enumerate() {
                let before = place.checked_sub(1).and_then(|place| rows.get(place)).map(|row| row.sk.get());
                if before.or(*start).is_none_or(|before| before + 1 != row.sk.get()) {
                    broken("I14: the log's numbers have a gap", row);
                }
                if row.changes.is_empty() || row.changes.len() > EventLogRow::MAX_CHANGES {
                    broken("row: the log row has none or too many changes", row);
                }
                for change in &row.changes {
                    if let LoggedChange::Other { .. } = change {
                        broken("row: the change is of an unknown kind", row);
                        continue;
                    }
                    let group_uuid = change.group_uuid();
                    let members = self.memberships.get(&group_uuid).map(|membership| &membership.members);
                    let is_member = |member: &Uuid| Partition::EventLog(*member).to_string() == *pk;
                    if !members.is_some_and(|members| members.keys().any(is_member)) {
                        broken("I15: the log's owner is not in the group", row);
                    }
                    let messages = self.messages.get(&group_uuid);
                    let is_stored = |sk| messages.is_some_and(|messages| messages.contains_key(&sk));
                    if !change.message_sk().is_none_or(is_stored) {
                        broken("I12: a logged message is not stored", row);
                    }
                    if let Some(what) = self.check_change(pk, change) {
                        broken(what, row);
                    }
                    let later = rows.iter().skip(place + 1).take(TAIL).flat_map(|row| &row.changes);
                    let repeats = row.changes.iter().chain(later).filter(|other| *other == change).count();
                    if repeats > 1 {
                        broken("I12: a message is logged twice", row);
                    }
                }
            }
        }
    }
}

impl Contents {
    /// Compares a change in the log `pk` with the version of its message or state.
    fn check_change(&self, pk: &str, change: &LoggedChange) -> Option<&'static str> {
        let state_of = |group_uuid: &Uuid, user_uuid: &Uuid| {
            let mut states = self.states.iter().filter(|state| state.group_uuid() == Some(*group_uuid));
            states.find(|state| state.sk == *user_uuid)
        };
        let is_own = |user_uuid: &Uuid| Partition::EventLog(*user_uuid).to_string() == *pk;
        // The states of erased members are deleted.
        let is_erased = |group_uuid: &Uuid, user_uuid: &Uuid| {
            self.memberships.get(group_uuid).is_some_and(|group| group.erased.contains(user_uuid))
        };
        match change {
            LoggedChange::Read { group_uuid, user_uuid, .. }
            | LoggedChange::Group { group_uuid, user_uuid, .. }
                if is_erased(group_uuid, user_uuid) =>
            {
                None
            }
            LoggedChange::MessageChanged { group_uuid, message_sk, version } => {
                let message = self.messages.get(group_uuid)?.get(message_sk)?;
                (*version > message.version).then_some("I12: a logged change is not stored")
            }
            LoggedChange::Read { group_uuid, user_uuid, version, .. } => {
                let state = state_of(group_uuid, user_uuid);
                if state.is_none_or(|state| *version > state.version) {
                    return Some("I12: a logged marker is not stored");
                }
                // A later version of a shared marker is not shared by itself.
                let shared = state.and_then(|state| state.seen_version);
                let is_shared = shared.is_some_and(|shared| *version <= shared);
                (!is_own(user_uuid) && !is_shared)
                    .then_some("I20: the log has a marker that its member does not share")
            }
            LoggedChange::Group { group_uuid, user_uuid, version } => {
                let state = state_of(group_uuid, user_uuid);
                if state.is_none_or(|state| Some(*version) > state.settings_version) {
                    return Some("I12: logged settings are not stored");
                }
                (!is_own(user_uuid)).then_some("I20: the log has settings of the other member")
            }
            LoggedChange::Message { .. } | LoggedChange::Other { .. } => None,
        }
    }
}

/// Returns an error if the item has attributes that `row` lacks, or a different spelling of a value.
fn exactly(item: &serde_dynamo::Item, row: &impl Serialize) -> Result<(), String> {
    let written: serde_dynamo::Item = serde_dynamo::to_item(row).map_err(|error| error.to_string())?;
    let same = item
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "pk" | "sk"))
        .all(|(name, value)| written.get(name).cloned().map(sorted) == Some(sorted(value.clone())));
    if same {
        Ok(())
    } else {
        Err("an attribute does not belong to the row, or is spelled differently".to_owned())
    }
}

/// The value, with the members of a set in order.
fn sorted(value: serde_dynamo::AttributeValue) -> serde_dynamo::AttributeValue {
    match value {
        serde_dynamo::AttributeValue::Ss(mut set) => {
            set.sort_unstable();
            serde_dynamo::AttributeValue::Ss(set)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use cruddur::table::reactions_attribute;
    use serde_json::json;

    use super::*;

    const ALICE: &str = "0195b5a0-0000-7000-8000-000000000001";
    const BOB: &str = "0195b5a0-0000-7000-8000-000000000002";
    const GROUP: &str = "4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5";
    const FIRST: &str = "2026-11-22T09:30:00.000000Z#0195b5a0-0000-7000-8000-00000000000a";
    const SECOND: &str = "2026-11-22T09:30:00.000001Z#0195b5a0-0000-7000-8000-00000000000b";
    const LATER: &str = "2026-11-22T09:30:00.000002Z#0195b5a0-0000-7000-8000-00000000000c";

    fn message(sk: &str, text: &str) -> Value {
        json!({
            "pk": {"S": Partition::Messages(GROUP.parse().unwrap()).to_string()},
            "sk": {"S": sk},
            "message_uuid": {"S": &sk[28..]},
            "message": {"S": text},
            "user_uuid": {"S": ALICE},
            "user_display_name": {"S": "Alice"},
            "user_handle": {"S": "alice"},
        })
    }

    /// Alice has sent all messages.
    fn inbox(owner: &str, other: &str, sk: &str, text: &str) -> Value {
        let mut row = json!({
            "pk": {"S": Partition::Inbox(owner.parse().unwrap()).to_string()},
            "sk": {"S": sk},
            "message_group_uuid": {"S": GROUP},
            "message": {"S": text},
            "user_uuid": {"S": other},
            "user_display_name": {"S": "Name"},
            "user_handle": {"S": "handle"},
        });
        if owner == ALICE {
            row["mine"] = json!({"BOOL": true});
        }
        row
    }

    fn membership() -> Value {
        let member = json!({"M": {"handle": {"S": "handle"}, "display_name": {"S": "Name"}}});
        json!({
            "pk": {"S": Key::Membership(GROUP.parse().unwrap()).pk()},
            "sk": {"S": "MEM"},
            "group_uuid": {"S": GROUP},
            "created_sk": {"S": FIRST},
            "members": {"M": {ALICE: member, BOB: member}},
        })
    }

    fn idempotency() -> Value {
        json!({
            "pk": {"S": Key::Idempotency { user_uuid: ALICE.parse().unwrap(), key: "key#1".parse().unwrap() }.pk()},
            "sk": {"S": "IDEM"},
            "request_hash": {"S": "hash"},
            "group_uuid": {"S": GROUP},
            "message_uuid": {"S": &SECOND[28..]},
            "created_at": {"S": &SECOND[..27]},
            "handle": {"S": "alice"},
            "display_name": {"S": "Alice"},
            "expires_at": {"N": "1795426200"},
        })
    }

    fn good() -> Vec<Value> {
        vec![
            message(FIRST, "one"),
            message(SECOND, "two"),
            membership(),
            inbox(ALICE, BOB, SECOND, "two"),
            inbox(BOB, ALICE, SECOND, "two"),
            idempotency(),
        ]
    }

    /// The findings at rest after `change`, each up to its colon.
    fn findings(change: impl FnOnce(&mut Vec<Value>)) -> Vec<String> {
        let mut rows = good();
        change(&mut rows);
        let findings =
            check_at_rest(&rows).into_iter().map(|found| found[..found.find(':').unwrap()].to_owned());
        findings.collect()
    }

    #[test]
    fn a_good_table_breaks_nothing() {
        assert_eq!(check_at_rest(&good()), Vec::<String>::new());
        assert_eq!(check_at_rest(&[]), Vec::<String>::new());
        assert_eq!(findings(|rows| rows[3]["note"] = json!({"S": "kept"})), Vec::<String>::new());
    }

    #[test]
    fn a_doctor_at_work_breaks_nothing() {
        let lease = json!({"pk": {"S": Key::Lease.pk()}, "sk": {"S": Key::Lease.sk()}, "owner": {"S": ALICE}, "expires_at": {"N": "1"}});
        assert_eq!(findings(|rows| rows.push(lease)), Vec::<String>::new());
    }

    #[test]
    fn a_redirect_leads_to_the_group_of_its_members() {
        let row = |group: &str| {
            json!({
                "pk": {"S": Key::Redirect("8c0f4f8e-6d0c-4a55-9e2e-3f2b8b0d7c11".to_owned()).pk()},
                "sk": {"S": "REDIRECT"},
                "group_uuid": {"S": group},
                "members": {"L": [{"S": ALICE}, {"S": BOB}]},
            })
        };
        assert_eq!(findings(|rows| rows.push(row(GROUP))), Vec::<String>::new());
        assert_eq!(findings(|rows| rows.push(row(ALICE))), ["row"]);
    }

    #[test]
    fn a_send_limit_has_its_three_numbers_and_no_more() {
        let row = |bucket: Value| {
            let mut row =
                json!({"pk": {"S": Key::SendLimit(ALICE.parse().unwrap()).pk()}, "sk": {"S": "RATE"}});
            row.as_object_mut().unwrap().extend(bucket.as_object().unwrap().clone());
            row
        };
        let bucket = |tokens: &str, expires_at: &str| json!({"tokens": {"N": tokens}, "refilled_at": {"N": "100"}, "expires_at": {"N": expires_at}});
        assert_eq!(findings(|rows| rows.push(row(bucket("0", "103")))), Vec::<String>::new());
        assert_eq!(findings(|rows| rows.push(row(bucket("-1", "103")))), ["row"]);
        assert_eq!(findings(|rows| rows.push(row(bucket("0.5", "103")))), ["row"]);
        assert_eq!(findings(|rows| rows.push(row(bucket("0", "99")))), ["row"]);
        assert_eq!(findings(|rows| rows.push(row(json!({"tokens": {"N": "1"}})))), ["row"]);
        let mut more = bucket("0", "103");
        more["handle"] = json!({"S": "alice"});
        assert_eq!(findings(|rows| rows.push(row(more))), ["row"]);
    }

    #[test]
    fn each_broken_rule_is_found() {
        assert_eq!(findings(|rows| drop(rows.remove(3))), ["I1"]);
        assert_eq!(findings(|rows| rows.push(inbox(ALICE, BOB, FIRST, "one"))), ["I1", "I3", "I17"]);
        assert_eq!(findings(|rows| drop(rows.remove(2))), ["I1", "I1", "I1", "I1"]);
        assert_eq!(findings(|rows| rows[3] = inbox(ALICE, BOB, SECOND, "one")), ["I3"]);
        assert_eq!(findings(|rows| rows[3] = inbox(ALICE, BOB, FIRST, "one")), ["I3", "I17"]);
        assert_eq!(findings(|rows| rows[3] = inbox(ALICE, ALICE, SECOND, "two")), ["row"]);
        assert_eq!(findings(|rows| rows[1]["user_uuid"] = json!({"S": GROUP})), ["I10", "I6", "I17"]);
        assert_eq!(
            findings(|rows| rows[1]["message_group_uuid"] = json!({"S": GROUP})).first().unwrap(),
            "row"
        );
        assert_eq!(findings(|rows| rows[1]["extra"] = json!({"S": "x"})).first().unwrap(), "row");
        assert_eq!(findings(|rows| drop(rows.remove(1))), ["I3", "I3", "I6", "I3", "I18", "I3", "I18"]);
        assert_eq!(findings(|rows| rows[2]["created_sk"] = json!({"S": SECOND})), ["I8"]);
        assert_eq!(findings(|rows| rows[5]["created_at"] = json!({"S": &FIRST[..27]})), ["I6"]);
        assert_eq!(findings(|rows| rows.push(json!({"pk": {"S": "X#1"}, "sk": {"S": "X"}}))), ["row"]);
    }

    #[test]
    fn each_broken_rule_about_state_is_found() {
        let state = |user: &str| {
            json!({
                "pk": {"S": Partition::MemberStates(GROUP.parse().unwrap()).to_string()},
                "sk": {"S": user},
                "version": {"N": "1"},
                "read_sk": {"S": SECOND},
                "read_at": {"S": &SECOND[..27]},
            })
        };
        let valid = |rows: &mut Vec<Value>| {
            rows[0]["message"] = json!({"S": ""});
            rows[0]["version"] = json!({"N": "2"});
            rows[0]["deleted_at"] = json!({"S": &SECOND[..27]});
            rows[1][reactions_attribute(BOB.parse().unwrap())] = json!({"SS": ["🎉", "👍"]});
            rows[1]["version"] = json!({"N": "3"});
            for row in [3, 4] {
                rows[row]["version"] = json!({"N": "3"});
            }
            rows[4]["state_version"] = json!({"N": "1"});
            rows.push(state(BOB));
            let read = json!({"M": {
                "kind": {"S": "read"}, "group_uuid": {"S": GROUP}, "user_uuid": {"S": BOB},
                "version": {"N": "1"}, "read_sk": {"S": SECOND}, "read_at": {"S": &SECOND[..27]},
            }});
            let changed = json!({"M": {
                "kind": {"S": "message_changed"}, "group_uuid": {"S": GROUP}, "message_sk": {"S": SECOND},
                "version": {"N": "3"},
            }});
            let log = |user: &str, changes: &[&Value]| {
                json!({
                    "pk": {"S": Partition::EventLog(user.parse().unwrap()).to_string()},
                    "sk": {"S": "0000000000000001"},
                    "changes": {"L": changes},
                    "at": {"N": "1"},
                    "expires_at": {"N": "1"},
                })
            };
            rows.push(log(ALICE, &[&changed]));
            rows.push(log(BOB, &[&changed, &read]));
            for user in [ALICE, BOB] {
                let pk = Partition::EventLog(user.parse().unwrap()).to_string();
                rows.push(json!({
                    "pk": {"S": pk}, "sk": {"S": "0000000000000000"}, "start": {"N": "0"}, "at": {"N": "1"},
                }));
            }
        };
        let with = |change: fn(&mut Vec<Value>)| {
            findings(|rows| {
                valid(rows);
                change(rows);
            })
        };
        assert_eq!(with(|_| {}), Vec::<String>::new());
        assert_eq!(with(|rows| rows[0]["message"] = json!({"S": "one"})), ["I19"]);
        assert_eq!(with(|rows| rows[0]["edited_at"] = json!({"S": &SECOND[..27]})), ["I19"]);
        assert_eq!(with(|rows| rows[0]["reply_sk"] = json!({"S": FIRST})), ["I19"]);
        assert_eq!(with(|rows| drop(rows[0].as_object_mut().unwrap().remove("deleted_at"))), ["row"]);
        assert_eq!(with(|rows| rows[1][reactions_attribute(Uuid::nil())] = json!({"SS": ["👍"]})), ["I10"]);
        let six = json!({"SS": ["1", "2", "3", "4", "5", "6"]});
        assert_eq!(findings(|rows| rows[0][reactions_attribute(BOB.parse().unwrap())] = six), ["row"]);
        // The inbox row does not show the version, or the marker.
        assert_eq!(with(|rows| rows[1]["version"] = json!({"N": "4"})), ["I17", "I17"]);
        assert_eq!(with(|rows| rows[4]["read_sk"] = json!({"S": "-"})), ["I17"]);
        assert_eq!(with(|rows| rows[6]["version"] = json!({"N": "2"})), ["I17"]);
        assert_eq!(with(|rows| rows[4]["own_sk"] = json!({"S": LATER})), ["I18"]);
        for marker in ["read_sk", "floor_sk", "seen_sk"] {
            let found = findings(|rows| {
                valid(rows);
                rows[6]["seen_at"] = json!({"S": &SECOND[..27]});
                rows[6]["seen_sk"] = json!({"S": SECOND});
                rows[6]["seen_version"] = json!({"N": "1"});
                rows[6][marker] = json!({"S": LATER});
            });
            assert_eq!(found.first().map(String::as_str), Some("I18"), "{marker}: {found:?}");
        }
        assert_eq!(with(|rows| rows[6]["sk"] = json!({"S": GROUP})).first().unwrap(), "I10");
        let change = |rows: &mut Vec<Value>, log: usize, place: usize, name: &str, value: Value| {
            rows[log]["changes"]["L"][place]["M"][name] = value;
        };
        let version = json!({"N": "9"});
        let later = |log, place| {
            findings(|rows| {
                valid(rows);
                change(rows, log, place, "version", version.clone());
            })
        };
        assert_eq!(later(7, 0), ["I12"]);
        assert_eq!(later(8, 1), ["I12"]);
        assert_eq!(
            with(|rows| {
                let read = rows[8]["changes"]["L"][1].clone();
                rows[7]["changes"]["L"].as_array_mut().unwrap().push(read);
            }),
            ["I20"]
        );
        let mut rows = good();
        valid(&mut rows);
        // Four messages, the deletion for both, and the deletion's event for neither.
        let unlogged = Contents::of(&rows).check_logged();
        assert_eq!(unlogged.len(), 6, "{unlogged:?}");
    }

    #[test]
    fn a_row_that_lags_is_broken_only_at_rest() {
        let mut rows = good();
        rows[4] = inbox(BOB, ALICE, FIRST, "one");
        assert_eq!(check(&rows), Vec::<String>::new());
        assert_eq!(check_at_rest(&rows).len(), 1);
    }
}

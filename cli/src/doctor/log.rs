//! Checks of event logs: their numbers, and their events against the groups.
//!
//! A log owes events only to its readers. Their cursors are at the start of the log or later, and they have listed
//! everything that is older. Rows older than [`RETENTION`] don't count: readers with such a cursor start again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    event_log::{RETENTION, is_current},
    projection::inbox::GroupChanges,
    sort_key::SortKey,
    table::{Condition, EventLogRow, Item, Key, LoggedChange, MessageRow, Partition, Row, Transaction},
    timestamp::Timestamp,
};
use serde_dynamo::aws_sdk_dynamodb_1::from_attribute_value;
use uuid::Uuid;

use super::{
    Doctor, Mode,
    finding::{Finding, Kind},
    ledger::Ledger,
    messages::changed_at,
    repair::{Problem, Repair},
    rows::{self, Flaw, MemberRow, Shape, readable_message, shape},
    subject::{Scope, Subject},
};
use crate::table::{
    item::{FIRST_SORT_KEY, text},
    read, write,
};

/// A message's time may precede its write by this much.
const SENDING: TimeDelta = TimeDelta::seconds(15);

/// Missing events of one group kept at a time. The next diagnosis finds the others.
const MAX_MISSING: usize = 10_000;

/// Findings about rows of one log kept at a time.
const MAX_ROWS: usize = 200;

/// The result of one look at a log.
#[derive(Default)]
pub(super) struct Diagnosis {
    pub(super) problems: Vec<Problem>,
    /// Groups of events without a valid membership.
    without_membership: BTreeSet<Uuid>,
}

/// The events of a log that count.
#[derive(Debug, Default)]
struct Events {
    groups: BTreeMap<Uuid, GroupEvents>,
    /// Changes since then have to be in the log. `None` if no reader can have a cursor.
    complete_since: Option<DateTime<Utc>>,
}

/// The events of a group in a log.
#[derive(Debug, Default)]
struct GroupEvents {
    messages: HashSet<SortKey>,
    changed: BTreeMap<SortKey, LoggedVersions>,
    /// The logged versions of members' states.
    states: BTreeMap<Uuid, BTreeSet<u64>>,
}

/// The logged changes of a message.
#[derive(Debug, Default)]
struct LoggedVersions {
    greatest: u64,
    /// The time of the last row with a change, in milliseconds since 1970.
    last_at: i64,
}

/// Events that do not belong into a log.
enum Wrong {
    /// All events of the group.
    OfOutsider,
    /// The events of these messages.
    WithoutMessage(HashSet<SortKey>),
    /// The events of later versions than these of messages and member states. A state that does not exist has version 0.
    WithoutChange { messages: BTreeMap<SortKey, u64>, states: BTreeMap<Uuid, u64> },
    /// The events of this member's markers of later versions than this one. The member shares no later marker.
    OfPrivateMarker { member: Uuid, shared: u64 },
}

/// The result of comparing a group with its events in a log.
#[derive(Default)]
struct Comparison {
    wrong: Vec<Wrong>,
    missing: Vec<LoggedChange>,
}

/// The changes that a log has to hold.
#[derive(Clone, Copy)]
struct Window {
    /// Later changes have to be in the log. `None` if nothing has to be.
    since: Option<DateTime<Utc>>,
    /// Younger changes may still be logged.
    until: DateTime<Utc>,
}

impl Window {
    /// Returns whether a message of this time has to be in the log. [`EventLog::append`](cruddur::event_log::EventLog)
    /// drops old ones.
    fn has_message(self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        at < self.until && self.since.is_some_and(|since| at > (since - SENDING).max(now - RETENTION))
    }

    fn has_change(self, at: Timestamp) -> bool {
        let at = at.to_utc();
        at < self.until && self.since.is_some_and(|since| at >= since)
    }
}

impl Doctor {
    /// Examines the events of the group in the logs of its members.
    pub(super) async fn examine_logs_of_group(&self, group: Uuid, ledger: &Ledger<'_>) -> Result<()> {
        let key = Key::Membership(group);
        let item = read::row(&self.table, &key.pk(), &key.sk()).await?;
        let membership = item.and_then(|item| rows::membership(&item, group).ok());
        for member in membership.iter().flat_map(|membership| membership.members.keys()) {
            self.examine_log(*member, Scope::OneGroup(group), ledger).await?;
        }
        Ok(())
    }

    /// Examines the log of a user, and repairs it in [`Mode::Repair`].
    pub(super) async fn examine_log(&self, user: Uuid, scope: Scope, ledger: &Ledger<'_>) -> Result<()> {
        let Diagnosis { problems, mut without_membership } = self.diagnose_log(user, scope).await?;
        if problems.is_empty() && (without_membership.is_empty() || self.mode != Mode::Repair) {
            return Ok(());
        }
        if self.mode == Mode::Repair && matches!(scope, Scope::AllGroups) {
            // Lists must show what events announce, and members may have to be derived.
            without_membership.extend(problems.iter().filter_map(|problem| problem.finding.group));
            for group in without_membership {
                self.examine_group(group, &BTreeSet::new(), ledger).await?;
            }
        }
        self.examine(&Subject::Log(user, scope), ledger).await
    }

    pub(super) async fn diagnose_log(&self, user: Uuid, scope: Scope) -> Result<Diagnosis> {
        let now = self.clock.now();
        let mut diagnosis = Diagnosis::default();
        let mut events = self.read_events(user, scope, now, &mut diagnosis.problems).await?;
        let mut groups = events.groups.keys().copied().collect::<BTreeSet<_>>();
        match scope {
            Scope::OneGroup(group) => drop(groups.insert(group)),
            Scope::AllGroups if events.complete_since.is_some() => {
                groups.extend(self.groups_since(user, now - RETENTION).await?);
            }
            Scope::AllGroups => {}
        }
        let memberships = read::memberships(&self.table, groups.iter().copied().collect()).await?;
        let mut wrong = BTreeMap::new();
        for group in groups {
            let membership = memberships.get(&group).and_then(|item| rows::membership(item, group).ok());
            let is_member = membership.as_ref().map(|membership| membership.has(user));
            let logged = events.groups.remove(&group);
            if is_member == Some(false) {
                if logged.is_some() {
                    wrong.insert(group, vec![Wrong::OfOutsider]);
                }
                continue;
            }
            if is_member.is_none() && logged.is_some() {
                diagnosis.without_membership.insert(group);
            }
            let since = events.complete_since.filter(|_| is_member == Some(true));
            let window = Window { since, until: now - self.grace };
            let mut compared = self.compare(user, group, logged.unwrap_or_default(), scope, window).await?;
            // The state of a stranger needs no event.
            let is_of_member = |change: &LoggedChange| match change {
                LoggedChange::Read { user_uuid, .. } | LoggedChange::Group { user_uuid, .. } => {
                    membership.as_ref().is_some_and(|membership| membership.has(*user_uuid))
                }
                _ => true,
            };
            compared.missing.retain(is_of_member);
            // The states of erased members are deleted, and their events stay.
            let is_erased = |member: &Uuid| {
                membership.as_ref().is_some_and(|membership| membership.erased.contains(member))
            };
            compared.wrong.retain_mut(|wrong| match wrong {
                Wrong::WithoutChange { messages, states } => {
                    states.retain(|member, _| !is_erased(member));
                    !messages.is_empty() || !states.is_empty()
                }
                _ => true,
            });
            if !compared.wrong.is_empty() {
                wrong.insert(group, compared.wrong);
            }
            diagnosis.problems.extend(missing_problem(user, group, compared.missing));
        }
        if !wrong.is_empty() {
            diagnosis.problems.extend(self.wrong_events(user, now, &wrong).await?);
        }
        Ok(diagnosis)
    }

    /// Reads the events, and finds gaps between their numbers.
    async fn read_events(
        &self,
        user: Uuid,
        scope: Scope,
        now: DateTime<Utc>,
        problems: &mut Vec<Problem>,
    ) -> Result<Events> {
        let mut events = Events::default();
        let mut start = None;
        let (mut oldest_at, mut newest_is_current) = (None, false);
        // The number before the next row, and whether its row or start counts.
        let mut before = None;
        let pk = Partition::EventLog(user).to_string();
        let mut next = None;
        loop {
            let page = read::range_page(&self.table, &pk, FIRST_SORT_KEY, None, next).await?;
            for item in page.items {
                let row = match Row::parse(item) {
                    Ok(Row::EventLogStart(row)) => {
                        start = Some(row);
                        continue;
                    }
                    Ok(Row::EventLog(row)) => row,
                    // Reported by itself. Readers skip it.
                    Ok(_) | Err(_) => continue,
                };
                let number = row.sk.get();
                let is_row_current = is_current(row.at, now);
                if let Some(start) = start.as_ref().filter(|start| start.start < number)
                    && before.is_none_or(|(before, _)| before <= start.start)
                {
                    before = Some((start.start, is_current(start.at, now)));
                }
                if let Some((before, true)) = before
                    && is_row_current
                    && before + 1 < number
                    && problems.len() < MAX_ROWS
                {
                    problems.push(gap(&pk, &row.sk.to_string(), before + 1, number - 1));
                }
                before = Some((number, is_row_current));
                oldest_at = oldest_at.or(Some(row.at));
                newest_is_current = is_row_current;
                if is_row_current {
                    events.add(row, scope);
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let since = match start.map(|start| start.at) {
            Some(at) if is_current(at, now) => Some(at),
            _ if !newest_is_current => None,
            // Older cursors have expired.
            Some(_) => Some(i64::MIN),
            None => oldest_at,
        };
        let oldest = now - RETENTION;
        let since = since.map(|at| DateTime::from_timestamp_millis(at).map_or(oldest, |at| at.max(oldest)));
        events.complete_since = since;
        Ok(events)
    }

    /// The groups of `user` with messages after `since`, in the inbox and among the requests.
    async fn groups_since(&self, user: Uuid, since: DateTime<Utc>) -> Result<BTreeSet<Uuid>> {
        let from = Timestamp::new(since - SENDING).to_string();
        let mut groups = BTreeSet::new();
        for partition in [Partition::Requests(user), Partition::Inbox(user)] {
            let mut next = None;
            loop {
                let page = read::range_page(&self.table, &partition.to_string(), &from, None, next).await?;
                let rows = page.items.iter().filter_map(MemberRow::of);
                groups.extend(rows.map(|row| row.row.message_group_uuid));
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(groups)
    }

    /// Compares the messages and states of a group with its events in the log of `user`.
    async fn compare(
        &self,
        user: Uuid,
        group: Uuid,
        logged: GroupEvents,
        scope: Scope,
        window: Window,
    ) -> Result<Comparison> {
        let mut compared = Comparison::default();
        if window.since.is_some() || !logged.messages.is_empty() || !logged.changed.is_empty() {
            self.compare_messages(user, group, &logged, scope, window, &mut compared).await?;
        }
        if window.since.is_some() || !logged.states.is_empty() {
            self.compare_states(user, group, &logged, window, &mut compared).await?;
        }
        Ok(compared)
    }

    async fn compare_messages(
        &self,
        user: Uuid,
        group: Uuid,
        logged: &GroupEvents,
        scope: Scope,
        window: Window,
        compared: &mut Comparison,
    ) -> Result<()> {
        let now = self.clock.now();
        let mut only_logged =
            logged.messages.iter().chain(logged.changed.keys()).copied().collect::<HashSet<_>>();
        // Old messages may have been changed since.
        let oldest = window.since.map(|_| match scope {
            Scope::AllGroups => Timestamp::new(now - RETENTION - SENDING).to_string(),
            Scope::OneGroup(_) => FIRST_SORT_KEY.to_owned(),
        });
        let from = only_logged.iter().min().map(SortKey::to_string).into_iter().chain(oldest).min();
        let (pk, from) = (Partition::Messages(group).to_string(), from.unwrap_or_default());
        let request = self.request_to(user, group).await?;
        let (mut too_late, mut next) = (BTreeMap::new(), None);
        loop {
            let page = read::range_page(&self.table, &pk, &from, None, next).await?;
            for item in &page.items {
                if let Some(row) = readable_message(item) {
                    only_logged.remove(&row.sk);
                    let versions = logged.changed.get(&row.sk);
                    if versions.is_some_and(|versions| versions.greatest > row.version) {
                        too_late.insert(row.sk, row.version);
                    }
                    let has_room = compared.missing.len() < MAX_MISSING && request != Some(row.sk);
                    compared.missing.extend(logged.lacks(&row, group, window, now).filter(|_| has_room));
                } else if let Shape::Flawed(Flaw { right: Some(right), .. }) = shape(item) {
                    // Counts as if it were at its right key, but is logged only when it is there.
                    only_logged.remove(&right.sk);
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        if !only_logged.is_empty() {
            // Other spellings of a key may sort before the first message that was read.
            let misplaced = self.all_messages(group, None).await?.misplaced;
            only_logged.retain(|sk| !misplaced.contains_key(sk));
        }
        if !only_logged.is_empty() {
            compared.wrong.push(Wrong::WithoutMessage(only_logged));
        }
        if !too_late.is_empty() {
            compared.wrong.push(Wrong::WithoutChange { messages: too_late, states: BTreeMap::new() });
        }
        Ok(())
    }

    /// The message with which a stranger asked `user`. It is in the log only if `user` accepted the group before the
    /// stream handler read it.
    async fn request_to(&self, user: Uuid, group: Uuid) -> Result<Option<SortKey>> {
        let key = Key::Membership(group);
        let item = read::row(&self.table, &key.pk(), &key.sk()).await?;
        let membership = item.and_then(|item| rows::membership(&item, group).ok());
        let request = membership.filter(|membership| membership.request_to == Some(user));
        Ok(request.map(|membership| membership.created_sk))
    }

    async fn compare_states(
        &self,
        user: Uuid,
        group: Uuid,
        logged: &GroupEvents,
        window: Window,
        compared: &mut Comparison,
    ) -> Result<()> {
        let states = self.member_states(group).await?;
        let of_member = |member: Uuid| states.iter().map(|state| &state.row).find(|row| row.sk == member);
        let mut too_late = BTreeMap::new();
        for (member, versions) in &logged.states {
            let state = of_member(*member);
            let version = state.map_or(0, |state| state.version);
            if versions.last().is_some_and(|greatest| *greatest > version) {
                too_late.insert(*member, version);
            }
            let shared = state.and_then(|state| state.seen_version).unwrap_or(0);
            if *member != user && state.is_some() && versions.last().is_some_and(|version| *version > shared)
            {
                compared.wrong.push(Wrong::OfPrivateMarker { member: *member, shared });
            }
        }
        if !too_late.is_empty() {
            compared.wrong.push(Wrong::WithoutChange { messages: BTreeMap::new(), states: too_late });
        }
        for state in states.into_iter().map(|state| state.row) {
            let is_logged =
                logged.states.get(&state.sk).is_some_and(|logged| logged.contains(&state.version));
            let changed_at = state.read_at.max(state.settings_at);
            if !is_logged && changed_at.is_some_and(|at| window.has_change(at)) {
                let changes = GroupChanges { group_uuid: group, states: vec![state], ..Default::default() };
                compared.missing.extend(changes.logged_for(user, false));
            }
        }
        Ok(())
    }

    /// Finds the rows with wrong events. The repair removes these from the row, and keeps the row: its number may not be
    /// missing.
    async fn wrong_events(
        &self,
        user: Uuid,
        now: DateTime<Utc>,
        wrong: &BTreeMap<Uuid, Vec<Wrong>>,
    ) -> Result<Vec<Problem>> {
        let pk = Partition::EventLog(user).to_string();
        let (mut problems, mut next) = (Vec::new(), None);
        loop {
            let page = read::range_page(&self.table, &pk, FIRST_SORT_KEY, None, next).await?;
            for item in &page.items {
                let Ok(Row::EventLog(row)) = Row::parse(item.clone()) else { continue };
                if !is_current(row.at, now) {
                    continue;
                }
                let groups = row.changes.iter().map(LoggedChange::group_uuid).collect::<BTreeSet<_>>();
                let wrong = groups.iter().filter_map(|group| wrong.get_key_value(group));
                for (group, wrong) in wrong.flat_map(|(group, all)| all.iter().map(move |one| (group, one))) {
                    if problems.len() < MAX_ROWS {
                        problems.extend(self.wrong_problem(user, *group, wrong, item)?);
                    }
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(problems);
            }
        }
    }

    fn wrong_problem(&self, user: Uuid, group: Uuid, wrong: &Wrong, item: &Item) -> Result<Option<Problem>> {
        let Some(AttributeValue::L(changes)) = item.get("changes") else { return Ok(None) };
        // The remaining changes are kept as they are, with attributes of later versions.
        let (removed, kept): (Vec<_>, Vec<_>) = changes.iter().partition(|change| {
            from_attribute_value((*change).clone()).is_ok_and(|change| wrong.includes(group, &change))
        });
        if removed.is_empty() {
            return Ok(None);
        }
        let kept = AttributeValue::L(kept.into_iter().cloned().collect());
        let unchanged = Condition::unchanged(item).name("#changes", "changes").value(":kept", kept);
        let mut repair = Transaction::new(&self.table).update(item, "SET #changes = :kept", unchanged)?;
        let (kind, detail) = match wrong {
            Wrong::OfOutsider => {
                repair = repair.check(&Key::Membership(group), write::lacks_member(user))?;
                (Kind::EventOfOutsider, "the log's owner is not a member")
            }
            Wrong::WithoutMessage(_) => {
                let messages =
                    removed.into_iter().filter_map(|change| from_attribute_value(change.clone()).ok());
                let messages = messages.filter_map(|change: LoggedChange| change.message_sk());
                for sk in messages.collect::<BTreeSet<_>>() {
                    repair = repair.check(&Key::Message { group_uuid: group, sk }, Condition::absent())?;
                }
                (Kind::EventWithoutMessage, "the message does not exist")
            }
            Wrong::WithoutChange { messages, states } => {
                for (sk, version) in messages {
                    let key = Key::Message { group_uuid: group, sk: *sk };
                    repair = repair.check(&key, write::at_version(*version))?;
                }
                for (member, version) in states {
                    let key = Key::MemberState { group_uuid: group, user_uuid: *member };
                    repair = repair.check(&key, write::at_version(*version))?;
                }
                (Kind::EventWithoutChange, "message or member state have an earlier version")
            }
            Wrong::OfPrivateMarker { member, shared } => {
                let key = Key::MemberState { group_uuid: group, user_uuid: *member };
                let same = Condition::new("attribute_not_exists(seen_version) OR seen_version = :shared");
                let shared = AttributeValue::N(shared.to_string());
                repair = repair.check(&key, same.value(":shared", shared))?;
                (Kind::EventOfPrivateMarker, "the other member does not share the marker")
            }
        };
        let finding = Finding {
            kind,
            pk: text(item, "pk").to_owned(),
            sk: Some(text(item, "sk").to_owned()),
            group: Some(group),
            detail: detail.to_owned(),
        };
        Ok(Some(Problem { finding, repair: Some(Repair::Write(repair)) }))
    }
}

impl Events {
    fn add(&mut self, row: EventLogRow, scope: Scope) {
        for change in row.changes.into_iter().filter(|change| scope.includes(change.group_uuid())) {
            let group = self.groups.entry(change.group_uuid()).or_default();
            match change {
                LoggedChange::Message { message_sk, .. } => drop(group.messages.insert(message_sk)),
                LoggedChange::MessageChanged { message_sk, version, .. } => {
                    let logged = group.changed.entry(message_sk).or_default();
                    logged.greatest = logged.greatest.max(version);
                    logged.last_at = logged.last_at.max(row.at);
                }
                LoggedChange::Read { user_uuid, version, .. }
                | LoggedChange::Group { user_uuid, version, .. } => {
                    group.states.entry(user_uuid).or_default().insert(version);
                }
                LoggedChange::Other { .. } => {}
            }
        }
    }
}

impl GroupEvents {
    /// The events of a message that the log lacks. A reaction leaves no time, so its event is not known to be missing.
    fn lacks(
        &self,
        row: &MessageRow,
        group_uuid: Uuid,
        window: Window,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = LoggedChange> + use<> {
        let message_sk = row.sk;
        let is_missing = !self.messages.contains(&row.sk);
        let message = is_missing && window.has_message(row.sk.created_at.to_utc(), now);
        let last_at = self.changed.get(&row.sk).map(|logged| logged.last_at);
        // A later event tells of the change, too.
        let is_told =
            |at: Timestamp| last_at.is_some_and(|last| last >= (at.to_utc() - SENDING).timestamp_millis());
        let change = changed_at(row).is_some_and(|at| window.has_change(at) && !is_told(at));
        let message = message.then_some(LoggedChange::Message { group_uuid, message_sk });
        let version = row.version;
        let change = change.then_some(LoggedChange::MessageChanged { group_uuid, message_sk, version });
        message.into_iter().chain(change)
    }
}

impl Wrong {
    fn includes(&self, group: Uuid, change: &LoggedChange) -> bool {
        if change.group_uuid() != group {
            return false;
        }
        match (self, change) {
            (Self::OfOutsider, _) => true,
            (Self::WithoutMessage(without), _) => change.message_sk().is_some_and(|sk| without.contains(&sk)),
            (
                Self::WithoutChange { messages, .. },
                LoggedChange::MessageChanged { message_sk, version, .. },
            ) => messages.get(message_sk).is_some_and(|actual| version > actual),
            (
                Self::WithoutChange { states, .. },
                LoggedChange::Read { user_uuid, version, .. }
                | LoggedChange::Group { user_uuid, version, .. },
            ) => states.get(user_uuid).is_some_and(|actual| version > actual),
            (
                Self::OfPrivateMarker { member, shared },
                LoggedChange::Read { user_uuid, version, .. }
                | LoggedChange::Group { user_uuid, version, .. },
            ) => member == user_uuid && version > shared,
            (Self::WithoutChange { .. } | Self::OfPrivateMarker { .. }, _) => false,
        }
    }
}

/// A gap has no repair: a reader that is past it would never be given an event at one of its numbers. Readers before it
/// start again.
fn gap(pk: &str, sk: &str, first: u64, last: u64) -> Problem {
    let detail = format!("the numbers {first} to {last} before it are missing");
    let (kind, pk, sk) = (Kind::EventLogGap, pk.to_owned(), Some(sk.to_owned()));
    Problem { finding: Finding { kind, pk, sk, group: None, detail }, repair: None }
}

fn missing_problem(user: Uuid, group: Uuid, missing: Vec<LoggedChange>) -> Option<Problem> {
    let count = |is_one: fn(&LoggedChange) -> bool| missing.iter().filter(|change| is_one(change)).count();
    let counts = [
        (count(|change| matches!(change, LoggedChange::Message { .. })), "messages"),
        (count(|change| matches!(change, LoggedChange::MessageChanged { .. })), "edits or deletions"),
        (count(|change| matches!(change, LoggedChange::Read { .. })), "read markers"),
        (count(|change| matches!(change, LoggedChange::Group { .. })), "settings"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts = counts.map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>();
    if missing.is_empty() {
        return None;
    }
    let detail = format!("{} are not in the log", counts.join(", "));
    let pk = Partition::EventLog(user).to_string();
    let finding = Finding { kind: Kind::EventMissing, pk, sk: None, group: Some(group), detail };
    Some(Problem { finding, repair: Some(Repair::Append(user, missing)) })
}

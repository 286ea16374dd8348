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
    sort_key::SortKey,
    table::{Condition, Item, Key, LoggedChange, Partition, Row, Transaction},
    timestamp::Timestamp,
};
use serde_dynamo::aws_sdk_dynamodb_1::from_attribute_value;
use uuid::Uuid;

use super::{
    Doctor, Mode,
    finding::{Finding, Kind},
    ledger::Ledger,
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

/// Missing messages of one group kept at a time. The next diagnosis finds the others.
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

/// The events of a log that count, by group.
#[derive(Debug, Default)]
struct Events {
    messages: BTreeMap<Uuid, HashSet<SortKey>>,
    /// Groups of events of other kinds.
    others: BTreeSet<Uuid>,
    /// Messages since then have to be in the log. `None` if no reader can have a cursor.
    complete_since: Option<DateTime<Utc>>,
}

/// Events that do not belong into a log.
enum Wrong {
    /// All events of the group.
    OfOutsider,
    /// The events of these messages.
    WithoutMessage(HashSet<SortKey>),
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
        let mut groups = events.others.clone();
        groups.extend(events.messages.keys());
        match scope {
            Scope::OneGroup(group) => drop(groups.insert(group)),
            Scope::AllGroups => {
                if let Some(since) = events.complete_since {
                    groups.extend(self.groups_since(user, since).await?);
                }
            }
        }
        let memberships = read::memberships(&self.table, groups.iter().copied().collect()).await?;
        let mut wrong = BTreeMap::new();
        for group in groups {
            let membership = memberships.get(&group).and_then(|item| rows::membership(item, group).ok());
            let is_member = membership.as_ref().map(|membership| membership.has(user));
            let logged = events.messages.remove(&group).unwrap_or_default();
            let has_events = !logged.is_empty() || events.others.contains(&group);
            if is_member == Some(false) {
                if has_events {
                    wrong.insert(group, Wrong::OfOutsider);
                }
                continue;
            }
            if is_member.is_none() && has_events {
                diagnosis.without_membership.insert(group);
            }
            let since = events.complete_since.filter(|_| is_member == Some(true));
            let (unknown, missing) = self.compare(group, logged, since, now).await?;
            if !unknown.is_empty() {
                wrong.insert(group, Wrong::WithoutMessage(unknown));
            }
            diagnosis.problems.extend(missing_problem(user, group, missing));
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
                    events.add(row.changes, scope);
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

    /// The groups in the inbox of `user` with messages after `since`.
    async fn groups_since(&self, user: Uuid, since: DateTime<Utc>) -> Result<BTreeSet<Uuid>> {
        let (pk, from) = (Partition::Inbox(user).to_string(), Timestamp::new(since - SENDING).to_string());
        let (mut groups, mut next) = (BTreeSet::new(), None);
        loop {
            let page = read::range_page(&self.table, &pk, &from, None, next).await?;
            let rows = page.items.iter().filter_map(MemberRow::of);
            groups.extend(rows.map(|row| row.row.message_group_uuid));
            next = page.next;
            if next.is_none() {
                return Ok(groups);
            }
        }
    }

    /// Compares the messages of a group with those in a log that has to be complete since a time. Returns those that are
    /// only in the log, and those that are missing there.
    async fn compare(
        &self,
        group: Uuid,
        logged: HashSet<SortKey>,
        since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(HashSet<SortKey>, Vec<SortKey>)> {
        // Messages younger than the grace period may still be logged.
        let until = now - self.grace;
        // `EventLog::append` drops older ones.
        let since = since.map(|since| (since - SENDING).max(now - RETENTION));
        let oldest_logged = logged.iter().map(|sk| sk.created_at.to_utc()).min();
        let Some(from) = since.into_iter().chain(oldest_logged).min() else {
            return Ok((logged, Vec::new()));
        };
        let mut only_logged = logged.clone();
        let (pk, from) = (Partition::Messages(group).to_string(), Timestamp::new(from).to_string());
        let (mut missing, mut next) = (Vec::new(), None);
        loop {
            let page = read::range_page(&self.table, &pk, &from, None, next).await?;
            for item in &page.items {
                if let Some(row) = readable_message(item) {
                    let created_at = row.sk.created_at.to_utc();
                    let is_due = since.is_some_and(|since| created_at > since) && created_at < until;
                    only_logged.remove(&row.sk);
                    if !logged.contains(&row.sk) && is_due && missing.len() < MAX_MISSING {
                        missing.push(row.sk);
                    }
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
            let misplaced = self.all_messages(group).await?.misplaced;
            only_logged.retain(|sk| !misplaced.contains_key(sk));
        }
        Ok((only_logged, missing))
    }

    /// Finds the rows with wrong events. The repair removes these from the row, and keeps the row: its number may not be
    /// missing.
    async fn wrong_events(
        &self,
        user: Uuid,
        now: DateTime<Utc>,
        wrong: &BTreeMap<Uuid, Wrong>,
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
                for (group, wrong) in groups.iter().filter_map(|group| wrong.get_key_value(group)) {
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
    fn add(&mut self, changes: Vec<LoggedChange>, scope: Scope) {
        for change in changes.into_iter().filter(|change| scope.includes(change.group_uuid())) {
            match change {
                LoggedChange::Message { group_uuid, message_sk } => {
                    self.messages.entry(group_uuid).or_default().insert(message_sk);
                }
                LoggedChange::MessageChanged { group_uuid, .. }
                | LoggedChange::Read { group_uuid, .. }
                | LoggedChange::Other { group_uuid, .. } => drop(self.others.insert(group_uuid)),
            }
        }
    }
}

impl Wrong {
    fn includes(&self, group: Uuid, change: &LoggedChange) -> bool {
        match self {
            _ if change.group_uuid() != group => false,
            Self::OfOutsider => true,
            Self::WithoutMessage(messages) => change.message_sk().is_some_and(|sk| messages.contains(&sk)),
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

fn missing_problem(user: Uuid, group: Uuid, missing: Vec<SortKey>) -> Option<Problem> {
    let detail = format!("{} messages from {} on are not in the log", missing.len(), missing.first()?);
    let pk = Partition::EventLog(user).to_string();
    let finding = Finding { kind: Kind::EventMissing, pk, sk: None, group: Some(group), detail };
    let changes =
        missing.into_iter().map(|message_sk| LoggedChange::Message { group_uuid: group, message_sk });
    Some(Problem { finding, repair: Some(Repair::Append(user, changes.collect())) })
}

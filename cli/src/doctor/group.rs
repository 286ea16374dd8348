//! A group: what is broken about it, and healing it while it lives.

use std::collections::BTreeSet;

use anyhow::Result;
use cruddur::{
    dynamodb::Item,
    message_group::{self, InboxRow, Member, Membership},
};
use uuid::Uuid;

use super::{
    Doctor, Mode, action,
    finding::{Fate, Finding, Kind, Problem},
    ledger::Ledger,
    membership::{members_in, other_in, owner_of},
    messages::Messages,
    repair::{Carried, Repair},
    rows::{self, Shape, shape},
};

/// Rounds without any progress after which a group is left to the next run.
const FRUITLESS_ROUNDS: usize = 8;

/// Rounds in all.
const MAX_ROUNDS: usize = 64;

/// Rows in one transaction at most, as DynamoDB has it, less one for the membership.
const ROWS_IN_A_TRANSACTION: usize = 99;

/// An inbox row whose form is good.
#[derive(Clone, Debug)]
pub(super) struct MemberRow {
    pub(super) item: Item,
    pub(super) row: InboxRow,
    pub(super) owner: Uuid,
}

impl MemberRow {
    fn of(item: &Item) -> Option<Self> {
        match shape(item) {
            Shape::Inbox(row, owner) => Some(Self { item: item.clone(), row, owner }),
            _ => None,
        }
    }
}

/// What to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// The ends of the messages; rows from where the index shows the first.
    Quick,
    /// All messages, and rows wherever they may be.
    Thorough,
}

impl Doctor {
    /// Whether nothing is wrong with the group as far as the index, which lags, and its newest message tell: true
    /// of nearly every group, and cheap.
    pub(super) async fn looks_healthy(
        &self,
        group: Uuid,
        membership: &Item,
        ledger: &Ledger<'_>,
    ) -> Result<bool> {
        let Ok(good) = rows::membership(membership, group) else { return Ok(false) };
        let index = self.index(group).await?;
        let rows = index.iter().filter_map(MemberRow::of).collect::<Vec<_>>();
        // After the rows, which only move up: so none of them stands beyond it.
        let newest = self.newest_message(group).await?;
        let at_newest = |row: &MemberRow| newest.as_ref().is_some_and(|newest| newest.sk == row.row.sk);
        if rows.len() != index.len() || rows.len() != good.members.len() || !rows.iter().all(at_newest) {
            return Ok(false);
        }
        let messages = Messages { any: true, newest, ..Messages::default() };
        Ok(self.judge(membership, &good, &rows, &messages, ledger).await?.is_empty())
    }

    /// Examines the group, and repairs it where that was asked for. `owners`: users who have rows of it, besides those
    /// that the index shows.
    pub(super) async fn examine_group(
        &self,
        group: Uuid,
        owners: &BTreeSet<Uuid>,
        ledger: &Ledger<'_>,
    ) -> Result<()> {
        let mut tried: Vec<Finding> = Vec::new();
        let mut fruitless = 0;
        for round in 0..MAX_ROUNDS {
            let look = if round == 0 { Look::Quick } else { Look::Thorough };
            let first = self.diagnose(group, owners, look, ledger).await?;
            // A query may see a row neither where it was nor where it is: whatever is really broken is so twice.
            let second = if first.is_empty() {
                Vec::new()
            } else {
                tokio::time::sleep(self.second_look_after).await;
                self.diagnose(group, owners, Look::Thorough, ledger).await?
            };
            let is_there = |finding: &Finding, among: &[Problem]| {
                among.iter().any(|problem| problem.finding.is_same(finding))
            };
            for done in tried.extract_if(.., |finding| !is_there(finding, &second)) {
                ledger.tell(&done, Fate::Repaired)?;
                fruitless = 0;
            }
            tried.clear();
            if second.is_empty() {
                return Ok(());
            }
            let is_confirmed = |problem: &Problem| {
                problem.finding.kind.is_of_one_row() || is_there(&problem.finding, &first)
            };
            let (confirmed, unsettled): (Vec<_>, Vec<_>) = second.into_iter().partition(is_confirmed);
            if self.mode != Mode::Repair {
                if unsettled.is_empty() || fruitless >= FRUITLESS_ROUNDS {
                    return confirmed.iter().try_for_each(|problem| self.tell_unrepaired(problem, ledger));
                }
                fruitless += 1;
                continue;
            }
            for problem in confirmed.iter().filter(|problem| problem.repair.is_none()) {
                ledger.tell(&problem.finding, Fate::Left)?;
            }
            let repairable = || confirmed.iter().filter(|problem| problem.repair.is_some());
            let stage = repairable().map(|problem| problem.finding.kind.stage()).min();
            if (stage.is_none() && unsettled.is_empty()) || self.is_stopped() {
                return Ok(());
            }
            fruitless += 1;
            if fruitless > FRUITLESS_ROUNDS {
                return repairable().try_for_each(|problem| ledger.tell(&problem.finding, Fate::Left));
            }
            for problem in repairable().filter(|problem| Some(problem.finding.kind.stage()) == stage) {
                if let Some(repair) = &problem.repair
                    && self.carry_out(repair).await? == Carried::Out
                {
                    if let Repair::Empty(_) = repair {
                        ledger.remember_emptied(group);
                    }
                    tried.push(problem.finding.clone());
                }
            }
        }
        Ok(())
    }

    /// Tells of a finding that nobody repairs in this mode.
    pub(super) fn tell_unrepaired(&self, problem: &Problem, ledger: &Ledger<'_>) -> Result<()> {
        let fate = match (self.mode, &problem.repair) {
            (Mode::Check, _) => Fate::Found,
            (Mode::Plan | Mode::Repair, None) => Fate::Left,
            (Mode::Plan | Mode::Repair, Some(_)) => Fate::WouldRepair,
        };
        ledger.tell(&problem.finding, fate)
    }

    /// What is broken about the group, as it is now.
    async fn diagnose(
        &self,
        group: Uuid,
        owners: &BTreeSet<Uuid>,
        look: Look,
        ledger: &Ledger<'_>,
    ) -> Result<Vec<Problem>> {
        let membership = self.row(&format!("MEM#{group}"), "MEM").await?;
        let index = self.index(group).await?;
        let owners = owners.iter().copied().chain(index.iter().filter_map(owner_of)).collect::<BTreeSet<_>>();
        let good = membership.as_ref().and_then(|item| rows::membership(item, group).ok());
        let OfGroup { rows, hints, mut problems } =
            self.rows_of_group(group, good.as_ref(), owners, &index, look).await?;
        // After the rows, which only move up: so none of them should stand beyond the newest.
        let mut messages = match (look, &good) {
            (Look::Quick, Some(_)) => self.peek_at_messages(group).await?,
            _ => self.survey_messages(group).await?,
        };
        problems.append(&mut messages.problems);
        match (&membership, &good) {
            (None, _) if rows.is_empty() && !messages.any => {}
            _ if !messages.any => problems.push(self.empty_group(group, membership.as_ref(), &rows).await?),
            (Some(item), Some(good)) => {
                problems.extend(self.beginning_problem(item, good, &messages)?);
                problems.extend(self.judge(item, good, &rows, &messages, ledger).await?);
            }
            (item, _) => {
                let problem = self.membership_problem(group, item.as_ref(), &rows, &hints, &messages);
                problems.push(problem.await?);
            }
        }
        Ok(problems)
    }

    /// The group's inbox rows as they are now, and what is wrong with rows that are none.
    async fn rows_of_group(
        &self,
        group: Uuid,
        good: Option<&Membership>,
        mut owners: BTreeSet<Uuid>,
        index: &[Item],
        look: Look,
    ) -> Result<OfGroup> {
        owners.extend(good.iter().flat_map(|membership| membership.members.keys()));
        let mut of_group = OfGroup::default();
        for owner in owners {
            let pk = message_group::partition_key(owner);
            let shown = index.iter().filter(|item| rows::text(item, "pk") == pk);
            let first_shown = shown.map(|item| rows::text(item, "sk")).min();
            let created_sk = good.filter(|good| good.has(owner)).map(|good| good.created_sk.to_string());
            let from = match (look, first_shown, &created_sk) {
                (Look::Quick, Some(shown), _) => shown,
                (_, _, Some(created_sk)) => created_sk,
                (_, _, None) => FIRST_SORT_KEY,
            };
            let mut items = self.inbox_rows(owner, group, from).await?;
            if items.is_empty() || (look == Look::Thorough && first_shown.is_some_and(|shown| shown < from)) {
                items = self.inbox_rows(owner, group, FIRST_SORT_KEY).await?;
            }
            for item in items {
                if let Some(row) = MemberRow::of(&item) {
                    of_group.rows.push(row);
                } else {
                    of_group.hints.push((owner, None));
                    of_group.hints.extend(other_in(&item));
                    of_group.problems.extend(self.row_problem(&item).await?);
                }
            }
        }
        Ok(of_group)
    }

    /// All that there is of a group without messages is taken away; but only if its members could be told again from
    /// one of them, should a message come meanwhile.
    async fn empty_group(
        &self,
        group: Uuid,
        membership: Option<&Item>,
        rows: &[MemberRow],
    ) -> Result<Problem> {
        let items =
            membership.into_iter().chain(rows.iter().take(ROWS_IN_A_TRANSACTION).map(|row| &row.item));
        let items = items.collect::<Vec<_>>();
        let deletes = items.iter().map(|item| action::delete_as_read(&self.table, item));
        let deletes = deletes.collect::<Result<Vec<_>>>()?;
        let key = |name| items.first().map_or("", |item| rows::text(item, name)).to_owned();
        let detail = format!("{} rows of a group without any message", items.len());
        Ok(Problem {
            finding: Finding {
                kind: Kind::GroupWithoutMessages,
                pk: key("pk"),
                sk: Some(key("sk")),
                group: Some(group),
                detail,
            },
            repair: self.are_known(membership, rows).await?.then_some(Repair::Empty(deletes)),
        })
    }

    /// Whether everybody who is named is in users.
    async fn are_known(&self, membership: Option<&Item>, rows: &[MemberRow]) -> Result<bool> {
        let Some(names) = &self.names else { return Ok(false) };
        let members = membership.map(members_in).unwrap_or_default();
        let of_rows = rows.iter().flat_map(|row| [row.owner, row.row.other_uuid]);
        for user in members.into_keys().chain(of_rows) {
            if names.get(user).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What is found of a group in inboxes.
#[derive(Default)]
struct OfGroup {
    rows: Vec<MemberRow>,
    /// Users whom malformed rows name.
    hints: Vec<(Uuid, Option<Member>)>,
    /// What is wrong with those rows.
    problems: Vec<Problem>,
}

/// Sorts before every sort key of ours.
const FIRST_SORT_KEY: &str = "!";

//! Diagnosis and repair of one group.

use std::collections::BTreeSet;

use anyhow::Result;
use cruddur::table::{Condition, Item, Key, Member, Membership, Transaction};
use uuid::Uuid;

use super::{
    Doctor, Mode,
    finding::{Finding, Kind, Status},
    ledger::Ledger,
    membership::{members_in, other_in, owner_of},
    messages::Messages,
    repair::{Problem, Repair},
    rows::{self, MemberRow},
    subject::Subject,
};
use crate::table::{
    item::{FIRST_SORT_KEY, text},
    read,
    write::Written,
};

/// Consecutive rounds without a repair after which a group is left to the next run.
const MAX_IDLE_ROUNDS: usize = 8;

const MAX_ROUNDS: usize = 64;

/// DynamoDB's limit for a transaction, less one for the membership.
const ROWS_IN_A_TRANSACTION: usize = 99;

impl Doctor {
    /// Returns whether the index and the newest message show a healthy group. True of nearly every group, and cheap.
    pub(super) async fn looks_healthy(&self, group: Uuid, item: &Item, ledger: &Ledger<'_>) -> Result<bool> {
        let Ok(membership) = rows::membership(item, group) else { return Ok(false) };
        // All messages of an erased member are looked at.
        if !membership.erased.is_empty() {
            return Ok(false);
        }
        let index = read::index(&self.table, group).await?;
        let rows = index.iter().filter_map(MemberRow::of).collect::<Vec<_>>();
        let states = self.member_states(group).await?;
        // Read after rows and states: they only move up, so none of them may be beyond it.
        let newest = self.newest_message(group).await?;
        let at_newest = |row: &MemberRow| newest.as_ref().is_some_and(|newest| newest.sk == row.row.sk);
        if rows.len() != index.len() || rows.len() != membership.members.len() || !rows.iter().all(at_newest)
        {
            return Ok(false);
        }
        if !self.check_states(&membership, &states, newest.as_ref())?.is_empty() {
            return Ok(false);
        }
        let has_blocks = !membership.blocked_by.is_empty() || states.iter().any(|state| state.row.blocked);
        if has_blocks && !self.check_blocks(&membership, &states).await?.is_empty() {
            return Ok(false);
        }
        if !self.check_requests(item, &membership, &states)?.is_empty() {
            return Ok(false);
        }
        let messages = Messages { any: true, newest, ..Messages::default() };
        Ok(self.check_inboxes(item, &membership, &rows, &states, &messages, ledger).await?.is_empty())
    }

    /// Examines the group, and repairs it in [`Mode::Repair`]. `owners` have rows of the group that the index may not
    /// show.
    pub(super) async fn examine_group(
        &self,
        group: Uuid,
        owners: &BTreeSet<Uuid>,
        ledger: &Ledger<'_>,
    ) -> Result<()> {
        self.examine(&Subject::Group(group, owners), ledger).await
    }

    /// Examines a subject, and repairs it in [`Mode::Repair`].
    pub(super) async fn examine(&self, subject: &Subject<'_>, ledger: &Ledger<'_>) -> Result<()> {
        let mut attempted: Vec<Finding> = Vec::new();
        let mut idle_rounds = 0;
        for _ in 0..MAX_ROUNDS {
            let (confirmed, unconfirmed) = self.diagnose_twice(subject, ledger).await?;
            let is_gone = |finding: &mut Finding| {
                !confirmed.iter().chain(&unconfirmed).any(|problem| problem.finding.is_same(finding))
            };
            for repaired in attempted.extract_if(.., is_gone) {
                ledger.record(&repaired, Status::Repaired)?;
                idle_rounds = 0;
            }
            let mut stage = None;
            if self.mode == Mode::Repair {
                let (repairable, irreparable): (Vec<_>, Vec<_>) =
                    confirmed.iter().partition(|problem| problem.repair.is_some());
                irreparable.into_iter().try_for_each(|problem| self.record_unrepaired(problem, ledger))?;
                stage = repairable.iter().map(|problem| problem.finding.kind.stage()).min();
            }
            let is_finished = stage.is_none() && unconfirmed.is_empty();
            if !is_finished && self.mode == Mode::Repair && self.is_stopped() {
                return Ok(());
            }
            if is_finished || idle_rounds >= MAX_IDLE_ROUNDS {
                return confirmed.iter().try_for_each(|problem| self.record_unrepaired(problem, ledger));
            }
            attempted = match stage {
                Some(stage) => self.repair_stage(&confirmed, stage, ledger).await?,
                None => Vec::new(),
            };
            idle_rounds += 1;
        }
        Ok(())
    }

    /// Applies the repairs of a stage. Returns the findings whose repair may have been written.
    async fn repair_stage(
        &self,
        problems: &[Problem],
        stage: u8,
        ledger: &Ledger<'_>,
    ) -> Result<Vec<Finding>> {
        let mut attempted = Vec::new();
        for Problem { finding, repair } in
            problems.iter().filter(|problem| problem.finding.kind.stage() == stage)
        {
            let Some(repair) = repair else { continue };
            if self.apply(repair).await? == Written::Done {
                if let (Repair::DeleteGroup(_), Some(group)) = (repair, finding.group) {
                    ledger.remember_deleted_group(group);
                }
                attempted.push(finding.clone());
            }
        }
        Ok(attempted)
    }

    /// Records a finding that this run does not repair.
    pub(super) fn record_unrepaired(&self, problem: &Problem, ledger: &Ledger<'_>) -> Result<()> {
        let status = match (self.mode, &problem.repair) {
            (Mode::Check, _) => Status::Found,
            (Mode::Plan, Some(_)) => Status::WouldRepair,
            (Mode::Plan, None) | (Mode::Repair, _) => Status::Left,
        };
        ledger.record(&problem.finding, status)
    }

    /// Diagnoses the subject again after a pause if it looks broken. Returns the problems that both diagnoses show or one
    /// row alone proves, and those that only the second one shows: a row that was just moved looks like one.
    async fn diagnose_twice(
        &self,
        subject: &Subject<'_>,
        ledger: &Ledger<'_>,
    ) -> Result<(Vec<Problem>, Vec<Problem>)> {
        let first = self.diagnose(subject, ledger).await?;
        if first.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        tokio::time::sleep(self.confirm_after).await;
        let second = self.diagnose(subject, ledger).await?;
        let is_confirmed = |problem: &Problem| {
            problem.finding.kind.is_of_one_row()
                || first.iter().any(|other| other.finding.is_same(&problem.finding))
        };
        Ok(second.into_iter().partition(is_confirmed))
    }

    async fn diagnose(&self, subject: &Subject<'_>, ledger: &Ledger<'_>) -> Result<Vec<Problem>> {
        match subject {
            Subject::Group(group, owners) => self.diagnose_group(*group, owners, ledger).await,
            Subject::Log(user, scope) => Ok(self.diagnose_log(*user, *scope).await?.problems),
        }
    }

    async fn diagnose_group(
        &self,
        group: Uuid,
        owners: &BTreeSet<Uuid>,
        ledger: &Ledger<'_>,
    ) -> Result<Vec<Problem>> {
        let key = Key::Membership(group);
        let item = read::row(&self.table, &key.pk(), &key.sk()).await?;
        let index = read::index(&self.table, group).await?;
        let owners = owners.iter().copied().chain(index.iter().filter_map(owner_of)).collect::<BTreeSet<_>>();
        let membership = item.as_ref().and_then(|item| rows::membership(item, group).ok());
        let GroupRows { rows, hints, mut problems } =
            self.group_rows(group, membership.as_ref(), owners, &index).await?;
        let states = self.member_states(group).await?;
        // Read after rows and states: they only move up, so none of them should be beyond the newest message.
        let mut messages = self.all_messages(group, membership.as_ref()).await?;
        problems.append(&mut messages.problems);
        match (&item, &membership) {
            (None, _) if rows.is_empty() && !messages.any => {
                problems.extend(self.states_without_group(group, &states)?);
            }
            _ if !messages.any => {
                problems.push(self.group_without_messages(group, item.as_ref(), &rows).await?);
            }
            (Some(item), Some(membership)) => {
                problems.extend(self.created_sk_problem(item, membership, &messages)?);
                problems.extend(self.check_states(membership, &states, messages.newest.as_ref())?);
                problems.extend(self.check_blocks(membership, &states).await?);
                problems.extend(self.check_requests(item, membership, &states)?);
                problems.extend(self.check_erasures(membership, &states, &messages).await?);
                let inboxes = self.check_inboxes(item, membership, &rows, &states, &messages, ledger);
                problems.extend(inboxes.await?);
            }
            (item, _) => {
                let problem = self.membership_problem(group, item.as_ref(), &rows, &hints, &messages);
                problems.push(problem.await?);
            }
        }
        Ok(problems)
    }

    /// Reads the group's inbox rows, and checks those that are malformed.
    async fn group_rows(
        &self,
        group: Uuid,
        membership: Option<&Membership>,
        mut owners: BTreeSet<Uuid>,
        index: &[Item],
    ) -> Result<GroupRows> {
        owners.extend(membership.iter().flat_map(|membership| membership.members.keys()));
        let mut found = GroupRows::default();
        for owner in owners {
            let indexed = index.iter().filter(|item| owner_of(item) == Some(owner));
            let first_indexed = indexed.map(|item| text(item, "sk")).min();
            let membership = membership.filter(|membership| membership.has(owner));
            let created_sk = membership.map(|membership| membership.created_sk.to_string());
            let from = created_sk.as_deref().unwrap_or(FIRST_SORT_KEY);
            let mut items = read::inbox_rows(&self.table, owner, group, from).await?;
            if items.is_empty() || first_indexed.is_some_and(|sk| sk < from) {
                items = read::inbox_rows(&self.table, owner, group, FIRST_SORT_KEY).await?;
            }
            for item in items {
                if let Some(row) = MemberRow::of(&item) {
                    found.rows.push(row);
                } else {
                    found.hints.push((owner, None));
                    found.hints.extend(other_in(&item));
                    found.problems.extend(self.row_problem(&item).await?);
                }
            }
        }
        Ok(found)
    }

    /// The finding for a group without messages. Its repair deletes the rows, up to one transaction's limit. There is no
    /// repair if a member has no user row: a message that arrives later could not restore the membership.
    async fn group_without_messages(
        &self,
        group: Uuid,
        membership: Option<&Item>,
        rows: &[MemberRow],
    ) -> Result<Problem> {
        let items =
            membership.into_iter().chain(rows.iter().take(ROWS_IN_A_TRANSACTION).map(|row| &row.item));
        let items = items.collect::<Vec<_>>();
        let deletes = items.iter().try_fold(Transaction::new(&self.table), |transaction, item| {
            transaction.delete(*item, Condition::unchanged(item))
        })?;
        let key = |name| items.first().map_or("", |item| text(item, name)).to_owned();
        let detail = format!("{} rows of a group without messages", items.len());
        Ok(Problem {
            finding: Finding {
                kind: Kind::GroupWithoutMessages,
                pk: key("pk"),
                sk: Some(key("sk")),
                group: Some(group),
                detail,
            },
            repair: self.all_users_exist(membership, rows).await?.then_some(Repair::DeleteGroup(deletes)),
        })
    }

    async fn all_users_exist(&self, membership: Option<&Item>, rows: &[MemberRow]) -> Result<bool> {
        let Some(names) = &self.names else { return Ok(false) };
        let members = membership.map(members_in).unwrap_or_default();
        let in_rows = rows.iter().flat_map(|row| [row.owner, row.row.other_uuid]);
        for user in members.into_keys().chain(in_rows) {
            if names.get(user).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The inbox rows of a group.
#[derive(Default)]
struct GroupRows {
    rows: Vec<MemberRow>,
    /// Users named by malformed rows.
    hints: Vec<(Uuid, Option<Member>)>,
    /// Problems of malformed rows.
    problems: Vec<Problem>,
}

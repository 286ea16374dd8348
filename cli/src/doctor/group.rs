//! A group: what is broken about it, and healing it while it lives.

use std::collections::BTreeSet;

use anyhow::Result;
use cruddur::{
    dynamodb::Item,
    message::preview,
    message_group::{self, InboxRow, Membership},
    user::User,
};
use uuid::Uuid;

use super::{
    Doctor, Mode,
    action::{self, Change},
    finding::{Fate, Finding, Kind, Problem},
    ledger::Ledger,
    membership::owner_of,
    messages::{Messages, Standing},
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
        let (rows, mut problems) = self.rows_of_group(group, good.as_ref(), owners, &index, look).await?;
        // After the rows, which only move up: so none of them should stand beyond the newest.
        let mut messages = match (look, &good) {
            (Look::Quick, Some(_)) => self.peek_at_messages(group).await?,
            _ => self.survey_messages(group).await?,
        };
        problems.append(&mut messages.problems);
        match (&membership, &good) {
            (None, _) if rows.is_empty() && !messages.any => {}
            _ if !messages.any => problems.push(self.empty_group(group, membership.as_ref(), &rows)?),
            (Some(item), Some(good)) => {
                problems.extend(self.beginning_problem(item, good, &messages)?);
                problems.extend(self.judge(item, good, &rows, &messages, ledger).await?);
            }
            (item, _) => {
                problems.push(self.membership_problem(group, item.as_ref(), &rows, &messages).await?);
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
    ) -> Result<(Vec<MemberRow>, Vec<Problem>)> {
        owners.extend(good.iter().flat_map(|membership| membership.members.keys()));
        let mut rows = Vec::new();
        let mut problems = Vec::new();
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
                match MemberRow::of(&item) {
                    Some(row) => rows.push(row),
                    None => problems.extend(self.row_problem(&item).await?),
                }
            }
        }
        Ok((rows, problems))
    }

    /// All that there is of a group without messages is taken away.
    fn empty_group(&self, group: Uuid, membership: Option<&Item>, rows: &[MemberRow]) -> Result<Problem> {
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
            repair: Some(Repair::Empty(deletes)),
        })
    }

    /// What is wrong with the rows and names of a group whose membership is good.
    async fn judge(
        &self,
        item: &Item,
        membership: &Membership,
        rows: &[MemberRow],
        messages: &Messages,
        ledger: &Ledger<'_>,
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        let group = membership.group_uuid;
        for row in rows.iter().filter(|row| !membership.has(row.owner)) {
            let delete = action::delete_as_read(&self.table, &row.item)?;
            let check = action::check_stranger(&self.table, group, row.owner)?;
            problems.push(problem(
                Kind::InboxRowOfStranger,
                row,
                "its owner is not in the group",
                [delete, check],
            ));
        }
        let Some(newest) = &messages.newest else { return Ok(problems) };
        for member in membership.members.keys().copied() {
            let Some(other) = self.other_member(membership, member, ledger).await? else { continue };
            let mut own = rows.iter().filter(|row| row.owner == member).collect::<Vec<_>>();
            own.sort_by_key(|row| row.row.sk);
            let within = own.iter().rev().find(|row| row.row.sk <= newest.sk);
            let Some(kept) = within.or(own.last()).copied() else {
                problems.push(self.missing_row(group, member, &other, newest)?);
                continue;
            };
            for second in own.iter().filter(|row| row.row.sk != kept.row.sk) {
                let delete = action::delete_row_of(&self.table, &second.item, group)?;
                let check = action::check_row_of(&self.table, &kept.item, group)?;
                let detail = format!("the row at {} is kept", kept.row.sk);
                problems.push(problem(Kind::SecondInboxRow, second, &detail, [delete, check]));
            }
            problems.extend(self.judge_row(group, kept, &other, newest, messages).await?);
        }
        problems.extend(self.membership_names(item, membership).await?);
        Ok(problems)
    }

    async fn judge_row(
        &self,
        group: Uuid,
        row: &MemberRow,
        other: &User,
        newest: &Standing,
        messages: &Messages,
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        let at = row.row.sk;
        let text = self.message_at(group, at, messages).await?;
        let moved = || Some(Repair::Move(group, newest.clone()));
        let detail = format!("the newest message is at {}", newest.sk);
        if at > newest.sk {
            let repair = self.take_back(group, row, newest)?;
            problems.push(row_problem(Kind::InboxRowAtNoMessage, row, detail, Some(repair)));
            return Ok(problems);
        } else if text.is_none() {
            problems.push(row_problem(Kind::InboxRowAtNoMessage, row, detail, moved()));
        } else if messages.settled.is_some_and(|settled| at < settled) {
            problems.push(row_problem(Kind::InboxRowBehind, row, detail, moved()));
        }
        let update = |kind, detail: &str, changes: &[Change]| -> Result<Problem> {
            Ok(problem(kind, row, detail, [action::update(&self.table, &row.item, changes)?]))
        };
        let shown = &row.row;
        if let Some(text) = text.map(|text| preview(&text))
            && text != shown.message
        {
            let change = Change::of("message", &shown.message, &text);
            problems.push(update(Kind::InboxTextDiffers, "its text is not its message's", &[change])?);
        }
        if shown.other_uuid != other.uuid {
            let change = Change::of("user_uuid", &shown.other_uuid.to_string(), &other.uuid.to_string());
            let detail = format!("the other member is {}", other.uuid);
            problems.push(update(Kind::InboxOtherDiffers, &detail, &[change])?);
        }
        let is_right =
            |user: &User| shown.other_handle == user.handle && shown.other_display_name == user.display_name;
        if let Some(user) = self.wrongly_named(other.uuid, is_right).await? {
            let changes = [
                Change::of("user_handle", &shown.other_handle, &user.handle),
                Change::of("user_display_name", &shown.other_display_name, &user.display_name),
            ];
            problems.push(update(Kind::InboxNamesDiffer, "its names are not the other member's", &changes)?);
        }
        Ok(problems)
    }

    /// Puts the row of `member` at the newest message, as long as all that it rests on is there.
    fn missing_row(&self, group: Uuid, member: Uuid, other: &User, newest: &Standing) -> Result<Problem> {
        let row = InboxRow {
            pk: message_group::partition_key(member),
            sk: newest.sk,
            message_group_uuid: group,
            message: preview(&newest.text),
            other_uuid: other.uuid,
            other_display_name: other.display_name.clone(),
            other_handle: other.handle.clone(),
        };
        let messages = cruddur::message::partition_key(group);
        let actions = vec![
            action::check_member(&self.table, group, member)?,
            action::check_exists(&self.table, &messages, &newest.sk.to_string())?,
            self.table.put_new_action(&row)?,
        ];
        let detail = format!("the newest message is at {}", newest.sk);
        let finding =
            Finding { kind: Kind::InboxRowMissing, pk: row.pk, sk: None, group: Some(group), detail };
        Ok(Problem { finding, repair: Some(Repair::WriteThenMove(actions, group)) })
    }

    /// Puts a row that stands beyond the newest message back to it.
    fn take_back(&self, group: Uuid, row: &MemberRow, newest: &Standing) -> Result<Repair> {
        let mut moved = row.item.clone();
        let set = |item: &mut Item, name: &str, value: String| {
            item.insert(name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value));
        };
        set(&mut moved, "sk", newest.sk.to_string());
        set(&mut moved, "message", preview(&newest.text));
        let actions = vec![
            action::check_exists(
                &self.table,
                &cruddur::message::partition_key(group),
                &newest.sk.to_string(),
            )?,
            action::delete_row_of(&self.table, &row.item, group)?,
            self.table.put_item_action(moved)?,
        ];
        Ok(Repair::WriteThenMove(actions, group))
    }

    /// The other member, with the names of now; with those of the membership, when they are not in users any more or
    /// names are not looked at.
    async fn other_member(
        &self,
        membership: &Membership,
        member: Uuid,
        ledger: &Ledger<'_>,
    ) -> Result<Option<User>> {
        let Some((uuid, names)) = membership.members.iter().find(|(uuid, _)| **uuid != member) else {
            return Ok(None);
        };
        if let Some(users) = &self.names {
            match users.get(*uuid).await? {
                Some(user) => return Ok(Some(user)),
                None => ledger.count_gone(*uuid),
            }
        }
        let (handle, display_name) = (names.handle.clone(), names.display_name.clone());
        Ok(Some(User { uuid: *uuid, handle, display_name }))
    }

    /// The user, when what a row shows is not right of them; asked twice, since what is remembered may be old.
    async fn wrongly_named(&self, user: Uuid, is_right: impl Fn(&User) -> bool) -> Result<Option<User>> {
        let Some(names) = &self.names else { return Ok(None) };
        if names.get(user).await?.is_none_or(|user| is_right(&user)) {
            return Ok(None);
        }
        Ok(names.get_anew(user).await?.filter(|user| !is_right(user)))
    }

    async fn membership_names(&self, item: &Item, membership: &Membership) -> Result<Option<Problem>> {
        let mut changes = Vec::new();
        for (uuid, shown) in &membership.members {
            let is_right =
                |user: &User| shown.handle == user.handle && shown.display_name == user.display_name;
            if let Some(user) = self.wrongly_named(*uuid, is_right).await? {
                let change = |name: &str, old: &str, new: &str| Change {
                    path: vec!["members".to_owned(), uuid.to_string(), name.to_owned()],
                    ..Change::of(name, old, new)
                };
                changes.push(change("handle", &shown.handle, &user.handle));
                changes.push(change("display_name", &shown.display_name, &user.display_name));
            }
        }
        if changes.is_empty() {
            return Ok(None);
        }
        let finding = Finding {
            kind: Kind::MembershipNamesDiffer,
            pk: membership.pk.clone(),
            sk: Some(membership.sk.clone()),
            group: Some(membership.group_uuid),
            detail: "its names are not the members'".to_owned(),
        };
        let repair = Repair::Write(vec![action::update(&self.table, item, &changes)?]);
        Ok(Some(Problem { finding, repair: Some(repair) }))
    }
}

/// Sorts before every sort key of ours.
const FIRST_SORT_KEY: &str = "!";

fn row_problem(kind: Kind, row: &MemberRow, detail: String, repair: Option<Repair>) -> Problem {
    let (pk, sk) = (row.row.pk.clone(), Some(row.row.sk.to_string()));
    Problem { finding: Finding { kind, pk, sk, group: Some(row.row.message_group_uuid), detail }, repair }
}

fn problem<const N: usize>(
    kind: Kind,
    row: &MemberRow,
    detail: &str,
    actions: [aws_sdk_dynamodb::types::TransactWriteItem; N],
) -> Problem {
    row_problem(kind, row, detail.to_owned(), Some(Repair::Write(actions.into())))
}

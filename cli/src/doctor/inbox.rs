//! Checks of the inbox rows and names of a group with a valid membership.

use std::sync::PoisonError;

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::{
    message::text::preview,
    table::{Condition, HasKey as _, InboxRow, Item, Key, Membership, MessageRow, Transaction},
    user::User,
};
use uuid::Uuid;

use super::{
    Doctor,
    finding::{Finding, Kind},
    ledger::Ledger,
    messages::Messages,
    repair::{Problem, Repair},
    rows::MemberRow,
    states::StateRow,
};
use crate::table::write::{self, Change};

impl Doctor {
    pub(super) async fn check_inboxes(
        &self,
        item: &Item,
        membership: &Membership,
        rows: &[MemberRow],
        states: &[StateRow],
        messages: &Messages,
        ledger: &Ledger<'_>,
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        let group = membership.group_uuid;
        for row in rows.iter().filter(|row| !membership.has(row.owner)) {
            let delete = Transaction::new(&self.table)
                .delete(&row.item, Condition::unchanged(&row.item))?
                .check(&Key::Membership(group), write::lacks_member(row.owner))?;
            problems.push(problem(Kind::InboxRowOfStranger, row, "its owner is not a member", delete));
        }
        let Some(newest) = &messages.newest else { return Ok(problems) };
        for member in membership.members.keys().copied() {
            let Some(other) = self.other_member(membership, member, ledger).await? else { continue };
            let mut own = rows.iter().filter(|row| row.owner == member).collect::<Vec<_>>();
            // A row moves from the requests to the inbox, which therefore wins.
            own.sort_by_key(|row| (row.row.sk, row.row.request.is_none()));
            let state = states.iter().find(|state| state.row.sk == member);
            let valid = own.iter().rev().find(|row| row.row.sk <= newest.sk);
            let Some(kept) = valid.or(own.last()).copied() else {
                let row = self.joined_row(member, group, newest, state, &other).await?;
                problems.push(self.missing_row(member, row)?);
                continue;
            };
            for second in own.iter().filter(|row| row.item.key() != kept.item.key()) {
                let delete = Transaction::new(&self.table)
                    .delete(&second.item, Condition::of_group(group))?
                    .check(&kept.item, Condition::of_group(group))?;
                let detail = format!("the row at {} is kept", kept.row.sk);
                problems.push(problem(Kind::SecondInboxRow, second, &detail, delete));
            }
            let checked = self.check_inbox_row(kept, state, &other, newest, messages);
            let mut found = checked.await?;
            // The row of an erased owner has no state.
            found.retain(|problem| {
                problem.finding.kind != Kind::InboxRowNotJoined || !membership.erased.contains(&member)
            });
            problems.append(&mut found);
        }
        problems.extend(self.membership_names(item, membership).await?);
        Ok(problems)
    }

    async fn check_inbox_row(
        &self,
        row: &MemberRow,
        state: Option<&StateRow>,
        other: &User,
        newest: &MessageRow,
        messages: &Messages,
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        let (group, at) = (row.row.message_group_uuid, row.row.sk);
        let message = self.message_at(group, at, messages).await?;
        let moved = || Some(Repair::Move(group, Box::new(newest.clone())));
        let detail = format!("the newest message is at {}", newest.sk);
        if at > newest.sk {
            let repair = self.move_back(group, row, newest)?;
            problems.push(row_problem(Kind::InboxRowAtNoMessage, row, detail, Some(repair)));
            return Ok(problems);
        } else if message.is_none() {
            problems.push(row_problem(Kind::InboxRowAtNoMessage, row, detail, moved()));
        } else if messages.settled.is_some_and(|settled| at < settled) {
            problems.push(row_problem(Kind::InboxRowBehind, row, detail, moved()));
        }
        let update = |kind, detail: &str, changes: &[Change]| -> Result<Problem> {
            let update = write::update(Transaction::new(&self.table), &row.item, changes)?;
            Ok(problem(kind, row, detail, update))
        };
        let shown = &row.row;
        let join_problem = if at == newest.sk { self.join_problem(row, newest, state).await? } else { None };
        // A row at another version shows another text.
        if join_problem.is_none()
            && let Some(message) = message.filter(|message| message.version == shown.version)
            && let text = preview(&message.message)
            && text != shown.message
        {
            let change = Change::of("message", &shown.message, &text);
            problems.push(update(Kind::InboxTextDiffers, "its text is not the message's", &[change])?);
        }
        problems.extend(join_problem);
        if shown.other_uuid != other.uuid {
            let change = Change::of("user_uuid", &shown.other_uuid.to_string(), &other.uuid.to_string());
            let detail = format!("the other member is {}", other.uuid);
            problems.push(update(Kind::InboxOtherDiffers, &detail, &[change])?);
        }
        let is_current =
            |user: &User| shown.other_handle == user.handle && shown.other_display_name == user.display_name;
        if let Some(user) = self.outdated_names(other.uuid, is_current).await? {
            let changes = [
                Change::of("user_handle", &shown.other_handle, &user.handle),
                Change::of("user_display_name", &shown.other_display_name, &user.display_name),
            ];
            problems.push(update(Kind::InboxNamesDiffer, "its names are not the other member's", &changes)?);
        }
        Ok(problems)
    }

    /// Creates the row of `member` at the newest message, on condition of membership, message and lease.
    fn missing_row(&self, member: Uuid, row: InboxRow) -> Result<Problem> {
        let (group, newest) = (row.message_group_uuid, row.sk);
        let mut transaction = Transaction::new(&self.table)
            .check(&Key::Membership(group), write::has_member(member))?
            .check(&Key::Message { group_uuid: group, sk: newest }, Condition::exists())?
            .put_new(&row)?;
        // No condition can rule out a row at another key: the lease excludes other writers of new rows.
        if let Some(owner) = *self.fence.lock().unwrap_or_else(PoisonError::into_inner) {
            transaction = transaction.check(&Key::Lease, write::held_by(owner))?;
        }
        let detail = format!("the newest message is at {newest}");
        let finding =
            Finding { kind: Kind::InboxRowMissing, pk: row.pk, sk: None, group: Some(group), detail };
        Ok(Problem { finding, repair: Some(Repair::WriteThenMove(transaction, group)) })
    }

    /// Moves a row that is beyond the newest message back to it.
    fn move_back(&self, group: Uuid, row: &MemberRow, newest: &MessageRow) -> Result<Repair> {
        let mut moved = row.item.clone();
        let set = |item: &mut Item, name: &str, value: String| {
            item.insert(name.to_owned(), AttributeValue::S(value));
        };
        set(&mut moved, "sk", newest.sk.to_string());
        set(&mut moved, "message", preview(&newest.message));
        let transaction = Transaction::new(&self.table)
            .check(&Key::Message { group_uuid: group, sk: newest.sk }, Condition::exists())?
            .delete(&row.item, Condition::of_group(group))?
            .put_item(moved, Condition::absent())?;
        Ok(Repair::WriteThenMove(transaction, group))
    }

    /// Returns the other member with current names, or with those in the membership if the user is gone or names are
    /// not checked.
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
                None => ledger.count_gone_user(*uuid),
            }
        }
        let (handle, display_name) = (names.handle.clone(), names.display_name.clone());
        Ok(Some(User { uuid: *uuid, handle, display_name }))
    }

    /// Returns the user if the names in a row are outdated. Reads again before, since cached names may be outdated, too.
    async fn outdated_names(&self, user: Uuid, is_current: impl Fn(&User) -> bool) -> Result<Option<User>> {
        let Some(names) = &self.names else { return Ok(None) };
        if names.get(user).await?.is_none_or(|user| is_current(&user)) {
            return Ok(None);
        }
        Ok(names.refresh(user).await?.filter(|user| !is_current(user)))
    }

    async fn membership_names(&self, item: &Item, membership: &Membership) -> Result<Option<Problem>> {
        let mut changes = Vec::new();
        for (uuid, shown) in &membership.members {
            let is_current =
                |user: &User| shown.handle == user.handle && shown.display_name == user.display_name;
            if let Some(user) = self.outdated_names(*uuid, is_current).await? {
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
        let repair = Repair::Write(write::update(Transaction::new(&self.table), item, &changes)?);
        Ok(Some(Problem { finding, repair: Some(repair) }))
    }
}

fn row_problem(kind: Kind, row: &MemberRow, detail: String, repair: Option<Repair>) -> Problem {
    let (pk, sk) = (row.row.pk.clone(), Some(row.row.sk.to_string()));
    Problem { finding: Finding { kind, pk, sk, group: Some(row.row.message_group_uuid), detail }, repair }
}

fn problem(kind: Kind, row: &MemberRow, detail: &str, transaction: Transaction) -> Problem {
    row_problem(kind, row, detail.to_owned(), Some(Repair::Write(transaction)))
}

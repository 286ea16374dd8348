//! Checks of blocks against memberships and member states.

use anyhow::Result;
use cruddur::{
    block::show_in_group,
    table::{BlockRow, Condition, Item, Key, Membership, Transaction, from_item},
    timestamp::Timestamp,
};
use uuid::Uuid;

use super::{
    Doctor,
    finding::{Finding, Kind},
    repair::{Problem, Repair},
    states::StateRow,
};
use crate::table::{read, write};

impl Doctor {
    /// Checks the blocks between the members of a group. A block's own row is right: its repair changes membership and
    /// state.
    pub(super) async fn check_blocks(
        &self,
        membership: &Membership,
        states: &[StateRow],
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        for &member in membership.members.keys() {
            let key = Key::Block { user_uuid: member, blocked_uuid: membership.other_than(member) };
            let item = read::row(&self.table, &key.pk(), &key.sk()).await?;
            let is_blocked = match &item {
                Some(item) => match from_item::<BlockRow>(item.clone()) {
                    Ok(row) => row.blocked_at.is_some(),
                    // Reported by itself.
                    Err(_) => continue,
                },
                None => false,
            };
            let state = states.iter().find(|state| state.row.sk == member);
            let is_in_membership = membership.blocked_by.contains(&member);
            let is_in_state = state.is_some_and(|state| state.row.blocked);
            if (is_in_membership, is_in_state) == (is_blocked, is_blocked) {
                continue;
            }
            let detail = match (is_blocked, is_in_membership) {
                (true, false) => "the membership does not show it",
                (true, true) => "the member's state does not show it",
                (false, true) => "it has ended, but the membership shows it",
                (false, false) => "it has ended, but the member's state shows it",
            };
            let finding = Finding {
                kind: Kind::BlockDiffers,
                pk: key.pk(),
                sk: Some(key.sk()),
                group: Some(membership.group_uuid),
                detail: detail.to_owned(),
            };
            let repair = self.apply_block(membership, member, &key, item.as_ref(), state, is_blocked)?;
            problems.push(Problem { finding, repair: Some(Repair::Write(repair)) });
        }
        Ok(problems)
    }

    /// Writes the block as its row has it, on condition that row and state are unchanged.
    fn apply_block(
        &self,
        membership: &Membership,
        member: Uuid,
        block: &Key,
        item: Option<&Item>,
        state: Option<&StateRow>,
        is_blocked: bool,
    ) -> Result<Transaction> {
        let of_block = item.map_or_else(Condition::absent, Condition::unchanged);
        let (group, version) = (membership.group_uuid, state.map(|state| state.row.version));
        let (has_member, now) = (write::has_member(member), Timestamp::new(self.clock.now()));
        let transaction = Transaction::new(&self.table).check(block, of_block)?;
        Ok(show_in_group(transaction, group, member, has_member, version, is_blocked, now)?)
    }
}

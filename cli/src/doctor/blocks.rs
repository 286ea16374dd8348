//! Checks of blocks against memberships and member states.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::{
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
        let group_uuid = membership.group_uuid;
        let version = state.map_or(0, |state| state.row.version);
        let of_block = item.map_or_else(Condition::absent, Condition::unchanged);
        let of_membership =
            write::has_member(member).value(":members", AttributeValue::Ss(vec![member.to_string()]));
        let of_state = write::at_version(version)
            .value(":next", AttributeValue::N((version + 1).to_string()))
            .value(":now", AttributeValue::S(Timestamp::new(self.clock.now()).to_string()));
        let (set_membership, set_state, of_state) = if is_blocked {
            let of_state = of_state.value(":blocked", AttributeValue::Bool(true));
            let set_state = "SET version = :next, settings_at = :now, blocked = :blocked";
            ("ADD blocked_by :members", set_state, of_state)
        } else {
            let set_state = "SET version = :next, settings_at = :now REMOVE blocked";
            ("DELETE blocked_by :members", set_state, of_state)
        };
        let state = Key::MemberState { group_uuid, user_uuid: member };
        Ok(Transaction::new(&self.table)
            .check(block, of_block)?
            .update(&Key::Membership(group_uuid), set_membership, of_membership)?
            .update(&state, set_state, of_state)?)
    }
}

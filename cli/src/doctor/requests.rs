//! Checks of requests in member states.

use anyhow::Result;
use cruddur::{
    table::{Condition, Item, Key, MemberStateRow, Membership, RequestState, Transaction},
    timestamp::Timestamp,
};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::{
    Doctor,
    finding::{Finding, Kind},
    repair::{Problem, Repair},
    states::StateRow,
};

impl Doctor {
    /// Compares the members' states with the membership, whose request is right: every send reads it.
    pub(super) fn check_requests(
        &self,
        item: &Item,
        membership: &Membership,
        states: &[StateRow],
    ) -> Result<Vec<Problem>> {
        let group_uuid = membership.group_uuid;
        let mut problems = Vec::new();
        // The states of erased members are deleted.
        for &member in membership.members.keys().filter(|member| !membership.erased.contains(member)) {
            let state = states.iter().find(|state| state.row.sk == member);
            let request = membership.request_of(member);
            if state.and_then(|state| state.row.request) == request {
                continue;
            }
            let key = Key::MemberState { group_uuid, user_uuid: member };
            let name = |request: Option<_>| request.map_or("accepted", RequestState::name);
            let detail = format!(
                "the membership has {}, and the member's state {}",
                name(request),
                name(state.and_then(|state| state.row.request))
            );
            let finding = Finding {
                kind: Kind::RequestDiffers,
                pk: key.pk(),
                sk: Some(key.sk()),
                group: Some(group_uuid),
                detail,
            };
            let row =
                state.map_or_else(|| MemberStateRow::new(group_uuid, member), |state| state.row.clone());
            let version = row.version + 1;
            let row = MemberStateRow {
                version,
                request,
                settings_at: Some(Timestamp::new(self.clock.now())),
                settings_version: Some(version),
                ..row
            };
            let unchanged = state.map_or_else(Condition::absent, |state| Condition::unchanged(&state.item));
            // Attributes of later versions are kept.
            let mut new = state.map(|state| state.item.clone()).unwrap_or_default();
            new.remove("request_state");
            new.extend(to_item(&row)?);
            let repair = Transaction::new(&self.table)
                .check(item, Condition::unchanged(item))?
                .put_item(new, unchanged)?;
            problems.push(Problem { finding, repair: Some(Repair::Write(repair)) });
        }
        Ok(problems)
    }
}

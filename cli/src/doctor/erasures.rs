//! Checks of what is left of erased users.

use anyhow::Result;
use cruddur::{table::Membership, user::User};

use super::{
    Doctor,
    finding::{Finding, Kind},
    messages::Messages,
    repair::{Problem, Repair},
    states::StateRow,
};

impl Doctor {
    /// Checks that nothing is left of the members that the membership marks as erased.
    pub(super) async fn check_erasures(
        &self,
        membership: &Membership,
        states: &[StateRow],
        messages: &Messages,
    ) -> Result<Vec<Problem>> {
        let mut problems = Vec::new();
        for uuid in membership.erased.iter().copied() {
            let Some(names) = membership.members.get(&uuid) else { continue };
            let detail = if let Some(sk) = messages.written.get(&uuid) {
                format!("the message at {sk} of the erased user {uuid}")
            } else if states.iter().any(|state| state.row.sk == uuid) {
                format!("the state of the erased user {uuid}")
            } else {
                continue;
            };
            // The membership may have old names.
            let current = match &self.names {
                Some(users) => users.refresh(uuid).await?,
                None => None,
            };
            let (handle, display_name) = (names.handle.clone(), names.display_name.clone());
            let user = current.unwrap_or(User { uuid, handle, display_name });
            let (pk, sk) = (membership.pk.clone(), Some(membership.sk.clone()));
            let group = membership.group_uuid;
            let finding = Finding { kind: Kind::ErasedUserRemains, pk, sk, group: Some(group), detail };
            problems.push(Problem { finding, repair: Some(Repair::Erase(group, Box::new(user))) });
        }
        Ok(problems)
    }
}

//! Checks of member states.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::{
    sort_key::SortKey,
    table::{
        Condition, Item, Key, MemberStateRow, Membership, MessageRow, Partition, ReadPosition, Transaction,
    },
};
use uuid::Uuid;

use super::{
    Doctor,
    finding::{Finding, Kind},
    repair::{Problem, Repair},
    rows::{Shape, shape},
};
use crate::table::{item::FIRST_SORT_KEY, read, write};

/// A well-formed member state with its item.
#[derive(Clone, Debug)]
pub(super) struct StateRow {
    pub(super) item: Item,
    pub(super) row: MemberStateRow,
}

impl Doctor {
    /// Reads the well-formed member states of a group, consistently.
    pub(super) async fn member_states(&self, group: Uuid) -> Result<Vec<StateRow>> {
        let pk = Partition::MemberStates(group).to_string();
        let items = read::range(&self.table, &pk, FIRST_SORT_KEY).await?.into_iter();
        let states = items.filter_map(|item| match shape(&item) {
            Shape::MemberState(row, _) => Some(StateRow { item, row }),
            _ => None,
        });
        Ok(states.collect())
    }

    /// Checks the states of a group with a valid membership. `newest` was read after the states.
    pub(super) fn check_states(
        &self,
        membership: &Membership,
        states: &[StateRow],
        newest: Option<&MessageRow>,
    ) -> Result<Vec<Problem>> {
        let group = membership.group_uuid;
        let mut problems = Vec::new();
        for state in states {
            if !membership.has(state.row.sk) {
                let delete = Transaction::new(&self.table)
                    .delete(&state.item, Condition::unchanged(&state.item))?
                    .check(&Key::Membership(group), write::lacks_member(state.row.sk))?;
                problems.push(of_stranger(group, state, "its user is not a member", delete));
            } else if let Some(newest) = newest {
                problems.extend(self.markers_ahead(group, state, newest.sk)?);
            }
        }
        Ok(problems)
    }

    /// The findings for states of a group that does not exist.
    pub(super) fn states_without_group(&self, group: Uuid, states: &[StateRow]) -> Result<Vec<Problem>> {
        let problem = |state: &StateRow| {
            let delete = Transaction::new(&self.table)
                .delete(&state.item, Condition::unchanged(&state.item))?
                .check(&Key::Membership(group), Condition::absent())?;
            Ok(of_stranger(group, state, "its group does not exist", delete))
        };
        states.iter().map(problem).collect()
    }

    /// The finding for markers after the newest message. Its repair sets them to that message.
    fn markers_ahead(&self, group: Uuid, state: &StateRow, newest: SortKey) -> Result<Option<Problem>> {
        let row = &state.row;
        let markers = [
            ("read_sk", row.read_sk.and_then(ReadPosition::sort_key)),
            ("floor_sk", row.floor_sk),
            ("seen_sk", row.seen_sk),
            ("hidden_sk", row.hidden_sk),
            ("cleared_sk", row.cleared_sk),
        ];
        let ahead = markers.into_iter().filter(|(_, marker)| marker.is_some_and(|marker| marker > newest));
        let ahead = ahead.map(|(name, _)| name).collect::<Vec<_>>();
        if ahead.is_empty() {
            return Ok(None);
        }
        let sets = ahead.iter().map(|name| format!("{name} = :newest")).collect::<Vec<_>>().join(", ");
        let unchanged = Condition::unchanged(&state.item)
            .name("#version", "version")
            .value(":newest", AttributeValue::S(newest.to_string()))
            .value(":next", AttributeValue::N((row.version + 1).to_string()));
        let expression = format!("SET {sets}, #version = :next");
        let clamp = Transaction::new(&self.table).update(&state.item, expression, unchanged)?;
        let detail = format!("{} after the newest message, {newest}", ahead.join(", "));
        Ok(Some(problem(Kind::MarkerAhead, group, state, detail, clamp)))
    }
}

fn of_stranger(group: Uuid, state: &StateRow, detail: &str, delete: Transaction) -> Problem {
    problem(Kind::MemberStateOfStranger, group, state, detail.to_owned(), delete)
}

fn problem(kind: Kind, group: Uuid, state: &StateRow, detail: String, repair: Transaction) -> Problem {
    let (pk, sk) = (state.row.pk.clone(), Some(state.row.sk.to_string()));
    let finding = Finding { kind, pk, sk, group: Some(group), detail };
    Problem { finding, repair: Some(Repair::Write(repair)) }
}

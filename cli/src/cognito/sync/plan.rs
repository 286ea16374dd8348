//! What is to be done, from what was read: nothing here reads or writes.

use std::collections::{HashMap, HashSet, VecDeque};

use cruddur::user::Handle;
use uuid::Uuid;

use crate::cognito::pool::PoolUser;

/// Handles of rows without a pool user that are kept to be listed. (All are counted.)
const LISTED: usize = 1_000;

/// A row of the table of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) uuid: Uuid,
    pub(super) handle: String,
    pub(super) cognito_user_id: Option<String>,
}

/// What may be done beside filling in what is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    /// Make users that have no row.
    pub(super) create: bool,
    /// Handles (canonical) whose `cognito_user_id` may be replaced.
    pub(super) overwrite: HashSet<String>,
}

/// What is to be done, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Pool users whose sub stands where it belongs.
    pub(super) unchanged: usize,
    pub(super) rows_without_user: RowsWithoutUser,
    /// What was named to be overwritten, and is not.
    pub(super) not_overwritten: Vec<NotOverwritten>,
}

/// A handle that was named to be overwritten, and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotOverwritten {
    pub(super) handle: String,
    /// Whether that is because several users of the pool have it; else there is nothing to be replaced.
    pub(super) has_namesakes: bool,
}

/// What is to be done about a pool user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) user: PoolUser,
    pub(super) verdict: Verdict,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write the sub into the row, which has none.
    Set(Row),
    /// Write the sub into the row in place of another, as somebody has asked for.
    Overwrite(Row),
    /// Make a row.
    Create,
    /// Nothing: there is no row, and none is asked for.
    NoRow,
    /// Nothing: the sub stands on a row with this other handle.
    KnownAs(String),
    /// Nothing: the user has not confirmed the sign-up.
    Unconfirmed,
    /// Nothing: the user is disabled.
    Disabled,
    /// Nothing: a person has to look at it.
    Conflict(Conflict),
}

/// Why a person has to look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    /// Another user of the pool has the same handle.
    HandleTwice,
    /// The handle's row has this other sub.
    OtherSub {
        cognito_user_id: String,
        /// Whether it is that of a user of the pool.
        in_pool: bool,
    },
}

/// Rows that no user of the pool belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowsWithoutUser {
    pub(super) count: usize,
    /// The handles of the first of them.
    pub(super) handles: Vec<String>,
}

impl RowsWithoutUser {
    fn add(&mut self, row: Row) {
        self.count += 1;
        if self.handles.len() < LISTED {
            self.handles.push(row.handle);
        }
    }
}

/// Sees every row once and keeps those that matter to a pool user.
#[derive(Debug)]
pub(super) struct Planner {
    users: Vec<Candidate>,
    by_sub: HashMap<String, usize>,
    /// How many pool users have a handle (canonical).
    namesakes: HashMap<String, usize>,
    /// Rows whose handle (canonical) some pool user has.
    rows: HashMap<String, Row>,
    rows_without_user: RowsWithoutUser,
}

#[derive(Debug)]
struct Candidate {
    user: PoolUser,
    /// The handle in its canonical form, where it can be one.
    handle: Option<String>,
    /// The handle of the row on which the sub stands.
    known_as: Option<String>,
}

impl Planner {
    pub(super) fn new(users: Vec<PoolUser>) -> Self {
        let mut planner = Self {
            users: Vec::with_capacity(users.len()),
            by_sub: HashMap::new(),
            namesakes: HashMap::new(),
            rows: HashMap::new(),
            rows_without_user: RowsWithoutUser::default(),
        };
        for user in users {
            // A user may be on two pages when the pool changes between them.
            if planner.by_sub.contains_key(&user.sub) {
                continue;
            }
            let handle = user.handle.as_deref().and_then(canonical);
            if let Some(handle) = &handle {
                *planner.namesakes.entry(handle.clone()).or_default() += 1;
            }
            planner.by_sub.insert(user.sub.clone(), planner.users.len());
            planner.users.push(Candidate { user, handle, known_as: None });
        }
        planner
    }

    /// Takes note of a row.
    pub(super) fn see(&mut self, row: Row) {
        let owner = row.cognito_user_id.as_ref().and_then(|sub| self.by_sub.get(sub));
        let owner = owner.and_then(|index| self.users.get_mut(*index));
        let is_owned = owner.is_some();
        if let Some(owner) = owner {
            owner.known_as = Some(row.handle.clone());
        }
        let handle = row.handle.to_ascii_lowercase();
        if self.namesakes.contains_key(&handle) {
            self.rows.insert(handle, row);
        } else if !is_owned {
            self.rows_without_user.add(row);
        }
    }

    /// What is to be done, now that every row was seen.
    pub(super) fn finish(mut self, allowed: &Allowed) -> Plan {
        let mut plan = Plan::default();
        let is_new = |(index, user): (usize, &Candidate)| user.known_as.is_none().then_some(index);
        let mut queue = self.users.iter().enumerate().filter_map(is_new).collect::<VecDeque<_>>();
        while let Some(user) = queue.pop_front().and_then(|index| self.users.get(index)) {
            let verdict = self.judge(user, allowed);
            plan.steps.push(Step { user: user.user.clone(), verdict: verdict.clone() });
            // Whoever loses a row to somebody else is judged anew, behind them.
            if let Verdict::Overwrite(Row { cognito_user_id: Some(old), .. }) = verdict
                && let Some(index) = self.by_sub.get(&old)
                && let Some(loser) = self.users.get_mut(*index)
            {
                loser.known_as = None;
                queue.push_back(*index);
            }
        }
        plan.not_overwritten = self.not_overwritten(allowed, &plan.steps);
        self.settled(&mut plan);
        self.left_over(&mut plan);
        plan
    }

    /// What is to be done about a user whose sub stands nowhere.
    fn judge(&self, candidate: &Candidate, allowed: &Allowed) -> Verdict {
        if let Some(verdict) = candidate.left_out() {
            return verdict;
        }
        let without_row = if allowed.create { Verdict::Create } else { Verdict::NoRow };
        let Some(handle) = &candidate.handle else { return without_row };
        // Anyone in the pool can choose any handle: of two, nobody can tell whose it is.
        if self.has_namesakes(handle) {
            return Verdict::Conflict(Conflict::HandleTwice);
        }
        let Some(row) = self.rows.get(handle) else { return without_row };
        match &row.cognito_user_id {
            None => Verdict::Set(row.clone()),
            Some(_) if allowed.overwrite.contains(handle) => Verdict::Overwrite(row.clone()),
            Some(other) => Verdict::Conflict(Conflict::OtherSub {
                in_pool: self.by_sub.contains_key(other),
                cognito_user_id: other.clone(),
            }),
        }
    }

    /// Whether several users of the pool have the handle.
    fn has_namesakes(&self, handle: &str) -> bool {
        self.namesakes.get(handle).is_some_and(|count| *count > 1)
    }

    fn not_overwritten(&self, allowed: &Allowed, steps: &[Step]) -> Vec<NotOverwritten> {
        let overwritten = steps.iter().filter_map(|step| match &step.verdict {
            Verdict::Overwrite(row) => Some(row.handle.to_ascii_lowercase()),
            _ => None,
        });
        let overwritten = overwritten.collect::<HashSet<_>>();
        let mut handles = allowed.overwrite.difference(&overwritten).cloned().collect::<Vec<_>>();
        handles.sort_unstable();
        let not_overwritten =
            |handle: String| NotOverwritten { has_namesakes: self.has_namesakes(&handle), handle };
        handles.into_iter().map(not_overwritten).collect()
    }

    /// The users whose sub stands on a row, and stays there.
    fn settled(&self, plan: &mut Plan) {
        for candidate in &self.users {
            let Some(known_as) = &candidate.known_as else { continue };
            let verdict = candidate.left_out().or_else(|| {
                // Whoever has no handle of their own is known under one that was made for them.
                let other =
                    candidate.handle.as_ref().is_some_and(|handle| !known_as.eq_ignore_ascii_case(handle));
                other.then(|| Verdict::KnownAs(known_as.clone()))
            });
            match verdict {
                Some(verdict) => plan.steps.push(Step { user: candidate.user.clone(), verdict }),
                None => plan.unchanged += 1,
            }
        }
    }

    /// Rows with a pool user's handle that are nobody's: everyone with that handle has another row.
    fn left_over(self, plan: &mut Plan) {
        let new = self.users.iter().filter(|user| user.known_as.is_none());
        let wanted = new.filter_map(|user| user.handle.as_deref()).collect::<HashSet<_>>();
        let is_owned =
            |row: &Row| row.cognito_user_id.as_ref().is_some_and(|sub| self.by_sub.contains_key(sub));
        let mut rows_without_user = self.rows_without_user;
        let mut rows = self.rows.into_iter().collect::<Vec<_>>();
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (handle, row) in rows {
            if !wanted.contains(handle.as_str()) && !is_owned(&row) {
                rows_without_user.add(row);
            }
        }
        plan.rows_without_user = rows_without_user;
    }
}

impl Candidate {
    /// Why nothing is ever written for the user.
    fn left_out(&self) -> Option<Verdict> {
        if self.user.status == "UNCONFIRMED" {
            Some(Verdict::Unconfirmed)
        } else {
            (!self.user.enabled).then_some(Verdict::Disabled)
        }
    }
}

fn canonical(handle: &str) -> Option<String> {
    handle.parse::<Handle>().ok().map(|handle| handle.canonical().to_owned())
}

#[cfg(test)]
mod tests;

//! The plan of a synchronization: pure decisions.

use std::collections::{HashMap, HashSet, VecDeque};

use cruddur::user::Handle;
use uuid::Uuid;

use crate::cognito::pool::PoolUser;

/// The number of listed rows without a pool user. All are counted.
const LISTED: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) uuid: Uuid,
    pub(super) handle: String,
    pub(super) cognito_user_id: Option<String>,
    pub(super) email: Option<String>,
}

impl Row {
    /// Returns whether the row is that of a deleted user (docs/DEPLOY.md), which no pool user gets.
    fn is_deleted(&self) -> bool {
        self.cognito_user_id.as_ref().is_some_and(|sub| sub.starts_with("deleted:"))
    }
}

/// Permissions beyond setting missing subs.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    /// Create users without a row.
    pub(super) create: bool,
    /// Handles (canonical) whose `cognito_user_id` may be replaced.
    pub(super) overwrite: HashSet<String>,
    /// Handles (canonical) whose email address need not match.
    pub(super) trust: HashSet<String>,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Pool users whose sub is in the right row.
    pub(super) unchanged: usize,
    pub(super) rows_without_user: RowsWithoutUser,
    /// Permissions without effect.
    pub(super) unused: Vec<Unused>,
}

/// A permission without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unused {
    /// The option's name: `overwrite` or `trust`.
    pub(super) permission: &'static str,
    pub(super) handle: String,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) user: PoolUser,
    pub(super) verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write the sub into a row without one.
    Set(Row),
    /// Replace the row's sub, as permitted by --overwrite.
    Overwrite(Row),
    /// Create a row.
    Create,
    /// No row, and --create was not given.
    NoRow,
    /// The sub is in a row with this other handle.
    KnownAs(String),
    /// The user has not confirmed the sign-up.
    Unconfirmed,
    Disabled,
    Conflict(Conflict),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    /// Another user of the pool has the same handle.
    HandleTwice,
    /// The handle's row has another sub.
    OtherSub {
        cognito_user_id: String,
        /// True if a user of the pool has this sub.
        in_pool: bool,
    },
    /// The row's email address is not the user's verified one.
    OtherAddress { row: Option<String>, user: Option<String>, verified: bool },
}

/// Rows without a pool user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RowsWithoutUser {
    pub(super) count: usize,
    /// The handles of the first [`LISTED`].
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

/// Collects the rows that matter to a pool user.
#[derive(Debug, Default)]
pub(super) struct Planner {
    users: Vec<Candidate>,
    by_sub: HashMap<String, usize>,
    /// The number of pool users by handle (canonical).
    namesakes: HashMap<String, usize>,
    /// Rows by handle (canonical), if a pool user has it.
    rows: HashMap<String, Row>,
    rows_without_user: RowsWithoutUser,
}

#[derive(Debug)]
struct Candidate {
    user: PoolUser,
    /// The canonical handle, if it is valid.
    handle: Option<String>,
    /// The handle of the row with the sub.
    known_as: Option<String>,
}

impl Planner {
    pub(super) fn new(users: Vec<PoolUser>) -> Self {
        let mut planner = Self::default();
        for user in users {
            // A user may be on two pages if the pool changes in between.
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

    pub(super) fn add_row(&mut self, row: Row) {
        if row.is_deleted() {
            return;
        }
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

    /// Decides after all rows were added.
    pub(super) fn finish(mut self, allowed: &Allowed) -> Plan {
        let mut plan = Plan::default();
        let is_new = |(index, user): (usize, &Candidate)| user.known_as.is_none().then_some(index);
        let mut queue = self.users.iter().enumerate().filter_map(is_new).collect::<VecDeque<_>>();
        while let Some(user) = queue.pop_front().and_then(|index| self.users.get(index)) {
            let verdict = self.decide(user, allowed);
            plan.steps.push(Step { user: user.user.clone(), verdict: verdict.clone() });
            // A user who loses the row is decided again, at the end.
            if let Verdict::Overwrite(Row { cognito_user_id: Some(old), .. }) = verdict
                && let Some(index) = self.by_sub.get(&old)
                && let Some(loser) = self.users.get_mut(*index)
            {
                loser.known_as = None;
                queue.push_back(*index);
            }
        }
        plan.unused = self.unused(allowed, &plan.steps);
        self.settled(&mut plan);
        self.unclaimed(&mut plan);
        plan
    }

    /// Decides about a user whose sub is in no row.
    fn decide(&self, candidate: &Candidate, allowed: &Allowed) -> Verdict {
        if let Some(verdict) = candidate.skipped() {
            return verdict;
        }
        let without_row = if allowed.create { Verdict::Create } else { Verdict::NoRow };
        let Some(handle) = &candidate.handle else { return without_row };
        // Anyone in the pool can choose any handle, so the owner is unknown.
        if self.has_namesakes(handle) {
            return Verdict::Conflict(Conflict::HandleTwice);
        }
        let Some(row) = self.rows.get(handle) else { return without_row };
        if let Some(other) = row.cognito_user_id.as_ref().filter(|_| !allowed.overwrite.contains(handle)) {
            return Verdict::Conflict(Conflict::OtherSub {
                in_pool: self.by_sub.contains_key(other),
                cognito_user_id: other.clone(),
            });
        }
        let PoolUser { email, email_verified: verified, .. } = &candidate.user;
        let owns_address = *verified && is_same_address(row.email.as_deref(), email.as_deref());
        if !owns_address && !allowed.trust.contains(handle) {
            return Verdict::Conflict(Conflict::OtherAddress {
                row: row.email.clone(),
                user: email.clone(),
                verified: *verified,
            });
        }
        match &row.cognito_user_id {
            None => Verdict::Set(row.clone()),
            Some(_) => Verdict::Overwrite(row.clone()),
        }
    }

    /// Returns whether several pool users have the handle.
    fn has_namesakes(&self, handle: &str) -> bool {
        self.namesakes.get(handle).is_some_and(|count| *count > 1)
    }

    /// Permissions without effect.
    fn unused(&self, allowed: &Allowed, steps: &[Step]) -> Vec<Unused> {
        let (mut overwritten, mut trusted) = (HashSet::new(), HashSet::new());
        for Step { user, verdict } in steps {
            let (Verdict::Set(row) | Verdict::Overwrite(row)) = verdict else { continue };
            let handle = row.handle.to_ascii_lowercase();
            if matches!(verdict, Verdict::Overwrite(_)) {
                overwritten.insert(handle.clone());
            }
            if !user.email_verified || !is_same_address(row.email.as_deref(), user.email.as_deref()) {
                trusted.insert(handle);
            }
        }
        let unused = |permission: &'static str, named: &HashSet<String>, used: &HashSet<String>| {
            let mut handles = named.difference(used).cloned().collect::<Vec<_>>();
            handles.sort_unstable();
            let unused = |handle: String| {
                let is_conflict = steps.iter().any(|Step { user, verdict }| {
                    matches!(verdict, Verdict::Conflict(_))
                        && user.handle.as_deref().and_then(canonical).as_deref() == Some(&handle)
                });
                let reason = if self.has_namesakes(&handle) {
                    "several users of the pool have this handle"
                } else if is_conflict {
                    "the conflict is a different one"
                } else {
                    "there is no conflict"
                };
                Unused { permission, handle, reason }
            };
            handles.into_iter().map(unused).collect::<Vec<_>>()
        };
        let mut all = unused("overwrite", &allowed.overwrite, &overwritten);
        all.extend(unused("trust", &allowed.trust, &trusted));
        all
    }

    /// Adds users whose sub stays in its row.
    fn settled(&self, plan: &mut Plan) {
        for candidate in &self.users {
            let Some(known_as) = &candidate.known_as else { continue };
            let verdict = candidate.skipped().or_else(|| {
                // A user without a handle has a generated one.
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

    /// Adds rows with a pool user's handle whose users all have other rows.
    fn unclaimed(self, plan: &mut Plan) {
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
    /// Returns why nothing is written for the user, if so.
    fn skipped(&self) -> Option<Verdict> {
        if self.user.status == "UNCONFIRMED" {
            Some(Verdict::Unconfirmed)
        } else {
            (!self.user.enabled).then_some(Verdict::Disabled)
        }
    }
}

/// Compares email addresses without ASCII case. An address with other characters never matches: it may look like, or be
/// folded into, another one.
fn is_same_address(row: Option<&str>, user: Option<&str>) -> bool {
    let is_address = |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    matches!((row, user), (Some(row), Some(user)) if is_address(row) && row.eq_ignore_ascii_case(user))
}

fn canonical(handle: &str) -> Option<String> {
    handle.parse::<Handle>().ok().map(|handle| handle.canonical().to_owned())
}

#[cfg(test)]
mod tests;

//! Counts and pairs of a load.

use std::num::NonZeroU32;

/// Valid counts of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    pub users: u32,
    pub groups: u32,
    pub messages: u32,
}

/// Requested counts. Missing ones follow from the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    /// Users. By default a third of the groups, or 100.
    pub users: Option<NonZeroU32>,
    /// Groups of two. By default three for each user, or one for five messages.
    pub groups: Option<NonZeroU32>,
    /// Messages in all groups together. By default five for each group.
    pub messages: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlan {
    #[error(
        "{users} users form {pairs} pairs, with one group each; request at most {pairs} groups, or more users"
    )]
    TooManyGroups { users: u32, pairs: u64 },
    #[error("a group has two users; request at least 2 users")]
    TooFewUsers,
    #[error("a group has at least one message; request at least {groups} messages, or fewer groups")]
    TooFewMessages { groups: u32 },
    #[error("request at most {} users", Plan::MAX_USERS)]
    TooManyUsers,
}

impl Plan {
    /// Handles have six digits.
    pub const MAX_USERS: u32 = 999_999;

    const USERS: u32 = 100;
    const GROUPS_PER_USER: u32 = 3;
    const MESSAGES_PER_GROUP: u32 = 5;

    /// Fails unless every pair has at most one group, and every group at least one message.
    pub fn new(numbers: Numbers) -> Result<Self, InvalidPlan> {
        let [users, groups, messages] =
            [numbers.users, numbers.groups, numbers.messages].map(|number| number.map(NonZeroU32::get));
        let groups = groups.unwrap_or_else(|| {
            let most = messages.unwrap_or(u32::MAX);
            let by_messages = messages.map(|messages| (messages / Self::MESSAGES_PER_GROUP).max(1));
            let by_users = |users: u32| {
                let pairs = u32::try_from(pairs(users)).unwrap_or(u32::MAX);
                users.saturating_mul(Self::GROUPS_PER_USER).min(pairs).min(most)
            };
            match users {
                Some(users) => by_users(users),
                None => by_messages.unwrap_or_else(|| by_users(Self::USERS)),
            }
        });
        let users = users.unwrap_or_else(|| {
            let enough = (2..=Self::MAX_USERS).find(|users| pairs(*users) >= u64::from(groups));
            enough.unwrap_or(Self::MAX_USERS).max(groups / Self::GROUPS_PER_USER)
        });
        let messages = messages.unwrap_or_else(|| groups.saturating_mul(Self::MESSAGES_PER_GROUP));
        if users > Self::MAX_USERS {
            return Err(InvalidPlan::TooManyUsers);
        }
        if users < 2 {
            return Err(InvalidPlan::TooFewUsers);
        }
        let pairs = pairs(users);
        if u64::from(groups) > pairs {
            return Err(InvalidPlan::TooManyGroups { users, pairs });
        }
        if messages < groups {
            return Err(InvalidPlan::TooFewMessages { groups });
        }
        Ok(Self { users, groups, messages })
    }

    /// The two users of a group, from 0.
    ///
    /// Think of the users on a circle. The first round of groups joins each to the next one, the second round to the
    /// one after that, and so on: every full round gives each user two groups more, and no pair comes twice, since
    /// no two pairs of a round and no two rounds are alike until the step is half the circle, where the pairs end.
    #[must_use]
    pub fn pair(self, group: u32) -> [u32; 2] {
        let (round, first) = (group / self.users, group % self.users);
        // Neither sum can overflow: both are below twice the number of users.
        [first, (first + round + 1) % self.users]
    }

    /// The number of messages of a group. Groups differ by at most one.
    #[must_use]
    pub fn messages_of(self, group: u32) -> u32 {
        self.messages / self.groups + u32::from(group < self.messages % self.groups)
    }
}

fn pairs(users: u32) -> u64 {
    u64::from(users) * u64::from(users.saturating_sub(1)) / 2
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn plan(users: u32, groups: u32, messages: u32) -> Result<Plan, InvalidPlan> {
        let [users, groups, messages] = [users, groups, messages].map(NonZeroU32::new);
        Plan::new(Numbers { users, groups, messages })
    }

    fn numbers(plan: Plan) -> (u32, u32, u32) {
        (plan.users, plan.groups, plan.messages)
    }

    #[test]
    fn all_pairs_are_used_once() {
        for users in 2..=41_u32 {
            let groups = users * (users - 1) / 2;
            let plan = plan(users, groups, groups).unwrap();
            let pairs = (0..groups).map(|group| {
                let [a, b] = plan.pair(group);
                assert!(a != b && a < users && b < users, "{users} users, group {group}: {a} and {b}");
                (a.min(b), a.max(b))
            });
            assert_eq!(pairs.collect::<BTreeSet<_>>().len(), usize::try_from(groups).unwrap());
        }
    }

    #[test]
    fn groups_are_spread_evenly_over_the_users() {
        let plan = plan(20, 60, 300).unwrap();
        let mut groups_of = [0; 20];
        for user in (0..60).flat_map(|group| plan.pair(group)) {
            groups_of[usize::try_from(user).unwrap()] += 1;
        }
        assert_eq!(groups_of, [6; 20]);
    }

    #[test]
    fn messages_are_spread_evenly_over_the_groups() {
        let plan = plan(20, 60, 307).unwrap();
        let messages = (0..60).map(|group| plan.messages_of(group)).collect::<Vec<_>>();
        assert_eq!(messages.iter().sum::<u32>(), 307);
        assert_eq!(messages.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([5, 6]));
    }

    #[test]
    fn missing_counts_follow_from_the_others() {
        assert_eq!(numbers(plan(0, 0, 0).unwrap()), (100, 300, 1500));
        assert_eq!(numbers(plan(50, 0, 0).unwrap()), (50, 150, 750));
        assert_eq!(numbers(plan(4, 0, 0).unwrap()), (4, 6, 30));
        assert_eq!(numbers(plan(50, 0, 10).unwrap()), (50, 10, 10));
        assert_eq!(numbers(plan(0, 30, 0).unwrap()), (10, 30, 150));
        assert_eq!(numbers(plan(0, 3, 0).unwrap()), (3, 3, 15));
        assert_eq!(numbers(plan(0, 0, 1000).unwrap()), (66, 200, 1000));
        assert_eq!(numbers(plan(0, 0, 1).unwrap()), (2, 1, 1));
    }

    #[test]
    fn invalid_counts_are_rejected() {
        assert_eq!(plan(1, 0, 0), Err(InvalidPlan::TooFewUsers));
        assert_eq!(plan(4, 7, 0), Err(InvalidPlan::TooManyGroups { users: 4, pairs: 6 }));
        assert_eq!(plan(4, 6, 5), Err(InvalidPlan::TooFewMessages { groups: 6 }));
        assert_eq!(plan(1_000_000, 1, 1), Err(InvalidPlan::TooManyUsers));
        assert_eq!(plan(0, u32::MAX, 0), Err(InvalidPlan::TooManyUsers));
    }
}

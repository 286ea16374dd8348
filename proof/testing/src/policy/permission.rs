//! The single permissions of a policy, and the policy without one of them.

use std::fmt;

use super::{Effect, Policy, Statement};

/// A permission: an action on a resource, with any partition key or with one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The action, such as `dynamodb:Query`.
    pub action: String,
    pub resource: String,
    /// The partition-key pattern, if the statement is limited to some.
    pub leading_key: Option<String>,
}

impl Policy {
    /// Every action on every DynamoDB resource that a statement allows, as a whole and with each of its
    /// partition-key patterns.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        let mut permissions: Vec<Permission> = Vec::new();
        let statements = self.statements.iter();
        for statement in statements.filter(|one| one.effect == Effect::Allow && one.is_of_dynamodb()) {
            let leading_keys = statement.conditions.iter().filter_map(|one| one.leading_keys()).flatten();
            let leading_keys: Vec<_> = leading_keys.cloned().map(Some).chain([None]).collect();
            for action in &statement.actions {
                for resource in &statement.resources {
                    permissions.extend(leading_keys.iter().map(|leading_key| Permission {
                        action: action.clone(),
                        resource: resource.clone(),
                        leading_key: leading_key.clone(),
                    }));
                }
            }
        }
        permissions
    }

    /// The policy without that permission, and with every other one.
    #[must_use]
    pub fn without(&self, taken: &Permission) -> Self {
        let statements = self.statements.iter().flat_map(|statement| statement.without(taken));
        Self { statements: statements.collect() }
    }
}

impl Statement {
    /// The rest of the statement. Up to three statements: for the other actions, for the action on other
    /// resources, and for the action on the resource with other partition keys.
    fn without(&self, taken: &Permission) -> Vec<Self> {
        let named = |one: &&String| **one == taken.action;
        if self.effect == Effect::Deny
            || !self.actions.iter().any(|action| named(&action))
            || !self.resources.contains(&taken.resource)
        {
            return vec![self.clone()];
        }
        let but = |all: &[String], one: &str| all.iter().filter(|each| *each != one).cloned().collect();
        let one_action = Self { actions: vec![taken.action.clone()], ..self.clone() };
        let mut left = vec![
            Self { actions: but(&self.actions, &taken.action), ..self.clone() },
            Self { resources: but(&self.resources, &taken.resource), ..one_action.clone() },
        ];
        if let Some(leading_key) = &taken.leading_key {
            let conditions = self.conditions.iter().map(|condition| {
                condition
                    .leading_keys()
                    .map_or_else(|| condition.clone(), |_| condition.without_value(leading_key))
            });
            left.push(Self {
                resources: vec![taken.resource.clone()],
                conditions: conditions.collect(),
                ..one_action
            });
        }
        left.retain(|statement| {
            let no_key_left = |keys: Option<&[String]>| keys.is_some_and(<[String]>::is_empty);
            !statement.actions.is_empty()
                && !statement.resources.is_empty()
                && !statement.conditions.iter().any(|condition| no_key_left(condition.leading_keys()))
        });
        left
    }
}

impl fmt::Display for Permission {
    /// Formats the permission, such as `Query GRP#*` or `Query message-group-sk-index`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action.strip_prefix("dynamodb:").unwrap_or(&self.action))?;
        if let Some((_, index)) = self.resource.split_once("/index/") {
            write!(f, " {index}")?;
        }
        if let Some(leading_key) = &self.leading_key {
            write!(f, " {leading_key}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::access::Access, *};
    use crate::policy::Decision;

    #[test]
    fn what_is_taken_away_is_no_longer_allowed_and_all_else_is() {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": ["t", "u"],
             "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["A#*", "B#*"]}}},
            {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "t"},
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "q"},
        ]});
        let policy = Policy::from_documents([&document]).unwrap();
        let request = |permission: &Permission| {
            let mut access = Access::new(&permission.action, &permission.resource);
            access.leading_keys.extend(permission.leading_key.as_ref().map(|key| key.replace('*', "1")));
            access
        };
        let permissions = policy.permissions();
        let (whole, single): (Vec<_>, Vec<_>) =
            permissions.iter().partition(|permission| permission.leading_key.is_none());
        // Two actions on two resources with two kinds of keys each, and the query.
        assert_eq!((whole.len(), single.len()), (5, 8));
        for taken in &single {
            let left = policy.without(taken);
            for permission in &single {
                let expected = if permission == taken { Decision::NotAllowed } else { Decision::Allowed };
                assert_eq!(left.decide(&request(permission)), expected, "{permission} without {taken}");
            }
        }
        for taken in &whole {
            let left = policy.without(taken);
            for permission in &permissions {
                let same = permission.action == taken.action && permission.resource == taken.resource;
                let expected = if same { Decision::NotAllowed } else { Decision::Allowed };
                assert_eq!(left.decide(&request(permission)), expected, "{permission} without {taken}");
            }
            assert_eq!(left.decide(&Access::new("sqs:SendMessage", "q")), Decision::Allowed);
        }
    }
}

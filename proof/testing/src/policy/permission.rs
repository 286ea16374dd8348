//! The single permissions of a policy, and the policy without one of them.

use std::fmt;

use super::{Policy, Statement};

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
        let of_statement = |statement: &Statement| {
            let Statement { action, resource, leading_keys } = statement.clone();
            let leading_keys = leading_keys.into_iter().flatten().map(Some).chain([None]);
            leading_keys.map(move |leading_key| Permission {
                action: action.clone(),
                resource: resource.clone(),
                leading_key,
            })
        };
        self.statements.iter().filter(|one| one.is_of_dynamodb()).flat_map(of_statement).collect()
    }

    /// The policy without that permission, and with every other one.
    #[must_use]
    pub fn without(&self, taken: &Permission) -> Self {
        let mut left = self.clone();
        left.statements.retain_mut(|statement| {
            if (&statement.action, &statement.resource) != (&taken.action, &taken.resource) {
                return true;
            }
            match (&taken.leading_key, &mut statement.leading_keys) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(taken), Some(leading_keys)) => {
                    leading_keys.retain(|one| one != taken);
                    !leading_keys.is_empty()
                }
            }
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

    #[test]
    fn a_removed_permission_is_no_longer_allowed_and_all_others_are() {
        let policy = Policy::parse(&json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": ["t", "u"],
             "Condition": {
                 "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["A#*", "B#*"]},
                 "Null": {"dynamodb:LeadingKeys": "false"},
             }},
            {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "t"},
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "q"},
        ]}));
        let policy = policy.unwrap();
        let request = |permission: &Permission| Access {
            action: permission.action.clone(),
            resource: permission.resource.clone(),
            leading_keys: permission.leading_key.iter().map(|key| key.replace('*', "1")).collect(),
        };
        let permissions = policy.permissions();
        let (whole, single): (Vec<_>, Vec<_>) =
            permissions.iter().partition(|permission| permission.leading_key.is_none());
        // Two actions on two resources with two kinds of keys each, and the query.
        assert_eq!((whole.len(), single.len()), (5, 8));
        for taken in &single {
            let left = policy.without(taken);
            for permission in &single {
                let allowed = left.allows(&request(permission));
                assert_eq!(allowed, permission != taken, "{permission} without {taken}");
            }
        }
        for taken in &whole {
            let left = policy.without(taken);
            for permission in &single {
                let same = permission.action == taken.action && permission.resource == taken.resource;
                assert_eq!(left.allows(&request(permission)), !same, "{permission} without {taken}");
            }
            assert!(left.statements.iter().any(|statement| statement.action == "sqs:SendMessage"));
        }
    }
}

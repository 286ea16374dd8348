//! Transactions that are retried, and the conditions of repairs, which fail if another writer was faster.

use aws_sdk_dynamodb::types::AttributeValue;
use backon::{ExponentialBuilder, Retryable as _};
use cruddur::table::{Condition, Item, Transaction, WriteError};
use uuid::Uuid;

use super::item::GROUP_UUID;

/// The outcome of a conditional transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Done,
    /// The rows have changed since they were read: read again.
    Stale,
}

/// Commits a transaction, and retries by `policy` while DynamoDB is busy.
pub(crate) async fn commit(transaction: &Transaction, policy: ExponentialBuilder) -> Result<(), WriteError> {
    let commit = || Box::pin(transaction.clone().commit());
    commit.retry(policy).when(|error| matches!(error, WriteError::Busy(_))).await
}

/// A message or member state has this version. Version 0 is that of a state that does not exist, and version 1 may be
/// left out.
pub(crate) fn at_version(version: u64) -> Condition {
    let number = AttributeValue::N(version.to_string());
    match version {
        0 => Condition::absent(),
        1 => Condition::new("attribute_exists(pk) AND (attribute_not_exists(version) OR version = :version)")
            .value(":version", number),
        _ => Condition::exists().and_equal("version", number),
    }
}

/// The lease is held by `owner`.
pub(crate) fn held_by(owner: Uuid) -> Condition {
    Condition::new("#owner = :owner")
        .name("#owner", "owner")
        .value(":owner", AttributeValue::S(owner.to_string()))
}

/// The group exists and has this member.
pub(crate) fn has_member(user: Uuid) -> Condition {
    Condition::new("attribute_exists(pk) AND attribute_exists(members.#user)").name("#user", user.to_string())
}

/// The group exists and does not have this member.
pub(crate) fn lacks_member(user: Uuid) -> Condition {
    Condition::new("attribute_exists(pk) AND attribute_not_exists(members.#user)")
        .name("#user", user.to_string())
}

/// A change of a text attribute.
pub(crate) struct Change {
    /// The attribute's name, or a path through maps.
    pub(crate) path: Vec<String>,
    pub(crate) old: String,
    pub(crate) new: String,
}

impl Change {
    pub(crate) fn of(attribute: &str, old: &str, new: &str) -> Self {
        Self { path: vec![attribute.to_owned()], old: old.to_owned(), new: new.to_owned() }
    }
}

/// Changes texts if they have the old values, and an inbox row still belongs to its group.
pub(crate) fn update(
    transaction: Transaction,
    item: &Item,
    changes: &[Change],
) -> Result<Transaction, WriteError> {
    let mut sets = Vec::new();
    let mut conditions = vec!["attribute_exists(pk)".to_owned()];
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (index, change) in changes.iter().enumerate() {
        let mut path = Vec::new();
        for (depth, name) in change.path.iter().enumerate() {
            path.push(format!("#n{index}x{depth}"));
            names.push((format!("#n{index}x{depth}"), name));
        }
        let path = path.join(".");
        sets.push(format!("{path} = :new{index}"));
        conditions.push(format!("{path} = :old{index}"));
        values.push((format!(":new{index}"), &change.new));
        values.push((format!(":old{index}"), &change.old));
    }
    let mut condition = Condition::new(conditions.join(" AND "));
    if let Some(group) = item.get(GROUP_UUID) {
        condition = condition.and_equal(GROUP_UUID, group.clone());
    }
    for (placeholder, name) in names {
        condition = condition.name(&placeholder, name);
    }
    for (placeholder, value) in values {
        condition = condition.value(&placeholder, AttributeValue::S(value.clone()));
    }
    transaction.update(item, format!("SET {}", sets.join(", ")), condition)
}

/// Removes an unchanged `message_group_uuid`.
pub(crate) fn remove_group_uuid(transaction: Transaction, item: &Item) -> Result<Transaction, WriteError> {
    let old = item.get(GROUP_UUID).cloned().unwrap_or(AttributeValue::Null(true));
    let condition = Condition::exists().and_equal(GROUP_UUID, old);
    transaction.update(item, "REMOVE message_group_uuid", condition)
}

//! Transactions, and actions whose conditions fail if another writer was faster.

use anyhow::Result;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use backon::{ExponentialBuilder, Retryable as _};
use cruddur::dynamodb::{Item, Table, WriteError, key};
use uuid::Uuid;

use super::{
    item::{GROUP_UUID, text},
    lease,
};

/// Writes a transaction, and retries by `policy` while DynamoDB is busy.
pub(crate) async fn transact(
    table: &Table,
    actions: &[TransactWriteItem],
    policy: ExponentialBuilder,
) -> Result<(), WriteError> {
    let write = || Box::pin(table.transact(actions.to_vec()));
    write.retry(policy).when(|error| matches!(error, WriteError::Busy(_))).await
}

/// A condition with its names and values.
struct Condition {
    expression: String,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Condition {
    /// The row exists, and has these attributes.
    fn unchanged<'a>(attributes: impl Iterator<Item = (&'a String, &'a AttributeValue)>) -> Self {
        let attributes = attributes.filter(|(name, _)| *name != "pk" && *name != "sk");
        let mut parts = vec!["attribute_exists(pk)".to_owned()];
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (index, (name, value)) in attributes.enumerate() {
            parts.push(format!("#a{index} = :a{index}"));
            names.push((format!("#a{index}"), name.clone()));
            values.push((format!(":a{index}"), value.clone()));
        }
        Self { expression: parts.join(" AND "), names, values }
    }
}

/// Deletes a row if it is unchanged.
pub(crate) fn delete_unchanged(table: &Table, item: &Item) -> Result<TransactWriteItem> {
    let condition = Condition::unchanged(item.iter());
    let mut delete = Delete::builder()
        .table_name(table.name())
        .set_key(Some(key(text(item, "pk"), text(item, "sk"))))
        .condition_expression(condition.expression);
    for (name, attribute) in condition.names {
        delete = delete.expression_attribute_names(name, attribute);
    }
    for (name, value) in condition.values {
        delete = delete.expression_attribute_values(name, value);
    }
    Ok(TransactWriteItem::builder().delete(delete.build()?).build())
}

/// Replaces the row `old` by `new`, which has the same key, if it is unchanged.
pub(crate) fn replace_unchanged(table: &Table, old: &Item, new: Item) -> Result<TransactWriteItem> {
    let condition = Condition::unchanged(old.iter());
    let mut put = Put::builder()
        .table_name(table.name())
        .set_item(Some(new))
        .condition_expression(condition.expression);
    for (name, attribute) in condition.names {
        put = put.expression_attribute_names(name, attribute);
    }
    for (name, value) in condition.values {
        put = put.expression_attribute_values(name, value);
    }
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

/// Deletes an inbox row if it exists and belongs to the group: the condition of every move.
pub(crate) fn delete_inbox_row(table: &Table, row: &Item, group: Uuid) -> Result<TransactWriteItem> {
    let delete = Delete::builder()
        .table_name(table.name())
        .set_key(Some(key(text(row, "pk"), text(row, "sk"))))
        .condition_expression("attribute_exists(pk) AND message_group_uuid = :group")
        .expression_attribute_values(":group", AttributeValue::S(group.to_string()))
        .build()?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// Checks that the inbox row exists and belongs to the group.
pub(crate) fn check_inbox_row(table: &Table, row: &Item, group: Uuid) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(table.name())
        .set_key(Some(key(text(row, "pk"), text(row, "sk"))))
        .condition_expression("attribute_exists(pk) AND message_group_uuid = :group")
        .expression_attribute_values(":group", AttributeValue::S(group.to_string()))
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// Checks that `owner` holds the lease.
pub(crate) fn check_lease(table: &Table, owner: Uuid) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(table.name())
        .set_key(Some(key(lease::PK, lease::SK)))
        .condition_expression("#owner = :owner")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":owner", AttributeValue::S(owner.to_string()))
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// Checks that the row exists.
pub(crate) fn check_exists(table: &Table, pk: &str, sk: &str) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(table.name())
        .set_key(Some(key(pk, sk)))
        .condition_expression("attribute_exists(pk)")
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// Checks that the group exists and has this member.
pub(crate) fn check_member(table: &Table, group: Uuid, user: Uuid) -> Result<TransactWriteItem> {
    check_membership(table, group, user, "attribute_exists(pk) AND attribute_exists(members.#user)")
}

/// Checks that the group exists and does not have this member.
pub(crate) fn check_not_member(table: &Table, group: Uuid, user: Uuid) -> Result<TransactWriteItem> {
    check_membership(table, group, user, "attribute_exists(pk) AND attribute_not_exists(members.#user)")
}

fn check_membership(table: &Table, group: Uuid, user: Uuid, condition: &str) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(table.name())
        .set_key(Some(key(&format!("MEM#{group}"), "MEM")))
        .condition_expression(condition)
        .expression_attribute_names("#user", user.to_string())
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
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
pub(crate) fn update(table: &Table, item: &Item, changes: &[Change]) -> Result<TransactWriteItem> {
    let mut builder =
        Update::builder().table_name(table.name()).set_key(Some(key(text(item, "pk"), text(item, "sk"))));
    let mut sets = Vec::new();
    let mut conditions = vec!["attribute_exists(pk)".to_owned()];
    for (index, change) in changes.iter().enumerate() {
        let mut path = Vec::new();
        for (depth, name) in change.path.iter().enumerate() {
            path.push(format!("#n{index}x{depth}"));
            builder = builder.expression_attribute_names(format!("#n{index}x{depth}"), name);
        }
        let path = path.join(".");
        sets.push(format!("{path} = :new{index}"));
        conditions.push(format!("{path} = :old{index}"));
        builder = builder
            .expression_attribute_values(format!(":new{index}"), AttributeValue::S(change.new.clone()))
            .expression_attribute_values(format!(":old{index}"), AttributeValue::S(change.old.clone()));
    }
    if let Some(group) = item.get(GROUP_UUID) {
        conditions.push("message_group_uuid = :group".to_owned());
        builder = builder.expression_attribute_values(":group", group.clone());
    }
    let update = builder
        .update_expression(format!("SET {}", sets.join(", ")))
        .condition_expression(conditions.join(" AND "))
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// Removes an unchanged `message_group_uuid`.
pub(crate) fn remove_group_uuid(table: &Table, item: &Item) -> Result<TransactWriteItem> {
    let old = item.get(GROUP_UUID).cloned().unwrap_or(AttributeValue::Null(true));
    let update = Update::builder()
        .table_name(table.name())
        .set_key(Some(key(text(item, "pk"), text(item, "sk"))))
        .update_expression("REMOVE message_group_uuid")
        .condition_expression("attribute_exists(pk) AND message_group_uuid = :old")
        .expression_attribute_values(":old", old)
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

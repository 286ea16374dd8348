//! The parts of repairing transactions. Each says what it relies on, so that whoever was faster wins.

use anyhow::Result;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use cruddur::dynamodb::{Item, Table, key};
use uuid::Uuid;

use super::{
    lease,
    rows::{GROUP_UUID, text},
};

/// A condition with the names and values that it speaks of.
struct Condition {
    expression: String,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Condition {
    /// The row is there, and each of these attributes is as it was read.
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

/// Deletes the row if it is still as it was read.
pub(crate) fn delete_as_read(table: &Table, item: &Item) -> Result<TransactWriteItem> {
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

/// Puts `new` in the place of the row `old`, which has the same key, if that is still as it was read.
pub(super) fn replace_as_read(table: &Table, old: &Item, new: Item) -> Result<TransactWriteItem> {
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

/// Deletes an inbox row, whatever it shows, if it is there and the group's: the guard of every move.
pub(super) fn delete_row_of(table: &Table, row: &Item, group: Uuid) -> Result<TransactWriteItem> {
    let delete = Delete::builder()
        .table_name(table.name())
        .set_key(Some(key(text(row, "pk"), text(row, "sk"))))
        .condition_expression("attribute_exists(pk) AND message_group_uuid = :group")
        .expression_attribute_values(":group", AttributeValue::S(group.to_string()))
        .build()?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// Only if the inbox row is there and the group's.
pub(super) fn check_row_of(table: &Table, row: &Item, group: Uuid) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(table.name())
        .set_key(Some(key(text(row, "pk"), text(row, "sk"))))
        .condition_expression("attribute_exists(pk) AND message_group_uuid = :group")
        .expression_attribute_values(":group", AttributeValue::S(group.to_string()))
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// Only if the doctor's lease is still `owner`'s.
pub(super) fn check_lease(table: &Table, owner: Uuid) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(table.name())
        .set_key(Some(key(lease::PK, lease::SK)))
        .condition_expression("#owner = :owner")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":owner", AttributeValue::S(owner.to_string()))
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// Only if the row is there.
pub(super) fn check_exists(table: &Table, pk: &str, sk: &str) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(table.name())
        .set_key(Some(key(pk, sk)))
        .condition_expression("attribute_exists(pk)")
        .build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// Only if the group exists and the user is in it.
pub(super) fn check_member(table: &Table, group: Uuid, user: Uuid) -> Result<TransactWriteItem> {
    check_membership(table, group, user, "attribute_exists(pk) AND attribute_exists(members.#user)")
}

/// Only if the group exists and the user is not in it.
pub(super) fn check_stranger(table: &Table, group: Uuid, user: Uuid) -> Result<TransactWriteItem> {
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

/// A text in a row that is another than it should be.
pub(crate) struct Change {
    /// The names that lead to it: an attribute, or more inside of a map.
    pub(super) path: Vec<String>,
    pub(super) old: String,
    pub(super) new: String,
}

impl Change {
    pub(crate) fn of(attribute: &str, old: &str, new: &str) -> Self {
        Self { path: vec![attribute.to_owned()], old: old.to_owned(), new: new.to_owned() }
    }
}

/// Changes these texts if they are still the old ones, and an inbox row still its group's.
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

/// Removes a `message_group_uuid` if it is still the one that was read.
pub(super) fn remove_group_uuid(table: &Table, item: &Item) -> Result<TransactWriteItem> {
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

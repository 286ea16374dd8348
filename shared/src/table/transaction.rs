//! Transactions: several conditional writes, all or nothing.

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use serde::Serialize;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{Item, Key, Table, WriteError, single_attempt, was_committed};

/// A condition on one row.
#[derive(Clone, Debug)]
pub struct Condition {
    expression: String,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Condition {
    /// Requires that no row has the key.
    #[must_use]
    pub fn absent() -> Self {
        Self::new("attribute_not_exists(pk)")
    }

    /// Is false, whether a row has the key or not.
    #[must_use]
    pub fn never() -> Self {
        Self::new("attribute_exists(pk) AND attribute_not_exists(pk)")
    }

    /// Requires that a row has the key.
    #[must_use]
    pub fn exists() -> Self {
        Self::new("attribute_exists(pk)")
    }

    /// Requires an inbox row of the group.
    #[must_use]
    pub fn of_group(group_uuid: Uuid) -> Self {
        Self::exists().and_equal("message_group_uuid", AttributeValue::S(group_uuid.to_string()))
    }

    /// Requires that the row has each attribute of `item`, except its key, with the same value. Does not compare
    /// attributes that `item` lacks.
    #[must_use]
    pub fn unchanged(item: &Item) -> Self {
        // Sorted, so that equal transactions have equal requests.
        let mut attributes: Vec<_> =
            item.iter().filter(|(name, _)| !matches!(name.as_str(), "pk" | "sk")).collect();
        attributes.sort_unstable_by_key(|(name, _)| *name);
        attributes
            .into_iter()
            .fold(Self::exists(), |condition, (name, value)| condition.and_equal(name, value.clone()))
    }

    /// Creates a condition from an expression.
    #[must_use]
    pub fn new(expression: impl Into<String>) -> Self {
        Self { expression: expression.into(), names: Vec::new(), values: Vec::new() }
    }

    /// Also requires that an attribute has this value.
    #[must_use]
    pub fn and_equal(mut self, name: &str, value: AttributeValue) -> Self {
        let number = self.names.len();
        self.expression = format!("{} AND #c{number} = :c{number}", self.expression);
        self.names.push((format!("#c{number}"), name.to_owned()));
        self.values.push((format!(":c{number}"), value));
        self
    }

    /// Also requires that the row lacks an attribute.
    #[must_use]
    pub fn and_absent(mut self, name: &str) -> Self {
        let number = self.names.len();
        self.expression = format!("{} AND attribute_not_exists(#c{number})", self.expression);
        self.names.push((format!("#c{number}"), name.to_owned()));
        self
    }

    /// Adds the name behind a placeholder of the expression, such as `#owner`.
    #[must_use]
    pub fn name(mut self, placeholder: &str, name: impl Into<String>) -> Self {
        self.names.push((placeholder.to_owned(), name.into()));
        self
    }

    /// Adds the value behind a placeholder of the expression, such as `:owner`.
    #[must_use]
    pub fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.push((placeholder.to_owned(), value));
        self
    }

    /// The expression, its names and its values.
    pub(super) fn into_parts(self) -> ConditionParts {
        (self.expression, self.names, self.values)
    }
}

type ConditionParts = (String, Vec<(String, String)>, Vec<(String, AttributeValue)>);

/// Adds a condition to a builder of the SDK. The builders have the same methods, but no common trait.
macro_rules! with_condition {
    ($builder:expr, $condition:expr) => {{
        let (expression, names, values) = $condition.into_parts();
        let mut builder = $builder.condition_expression(expression);
        for (placeholder, name) in names {
            builder = builder.expression_attribute_names(placeholder, name);
        }
        for (placeholder, value) in values {
            builder = builder.expression_attribute_values(placeholder, value);
        }
        builder
    }};
}

/// A key, or a row with its key.
pub trait HasKey {
    /// The attributes `pk` and `sk`.
    fn key(&self) -> Item;
}

impl HasKey for Key {
    fn key(&self) -> Item {
        self.into()
    }
}

impl HasKey for Item {
    fn key(&self) -> Item {
        let key = self.iter().filter(|(name, _)| matches!(name.as_str(), "pk" | "sk"));
        key.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Writes that succeed or fail together. DynamoDB accepts up to 100.
#[must_use = "a transaction does nothing until it is committed"]
#[derive(Clone, Debug)]
pub struct Transaction {
    table: Table,
    actions: Vec<TransactWriteItem>,
}

impl Transaction {
    /// Creates an empty transaction.
    pub fn new(table: &Table) -> Self {
        Self { table: table.clone(), actions: Vec::new() }
    }

    /// Adds a put of a new row. If the key exists, [`WriteError::ConditionFailed`] contains the existing row.
    pub fn put_new(self, row: &impl Serialize) -> Result<Self, WriteError> {
        self.put_item(to_item(row).map_err(|error| WriteError::Permanent(error.into()))?, Condition::absent())
    }

    /// Adds a conditional put. If the condition is false, [`WriteError::ConditionFailed`] contains the existing row.
    pub fn put_item(mut self, item: Item, condition: Condition) -> Result<Self, WriteError> {
        let put =
            with_condition!(Put::builder().table_name(self.table.name()).set_item(Some(item)), condition)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .build()
                .map_err(|error| WriteError::Permanent(error.into()))?;
        self.actions.push(TransactWriteItem::builder().put(put).build());
        Ok(self)
    }

    /// Adds a conditional delete.
    pub fn delete(mut self, row: &impl HasKey, condition: Condition) -> Result<Self, WriteError> {
        let delete = Delete::builder().table_name(self.table.name()).set_key(Some(row.key()));
        let delete = with_condition!(delete, condition)
            .build()
            .map_err(|error| WriteError::Permanent(error.into()))?;
        self.actions.push(TransactWriteItem::builder().delete(delete).build());
        Ok(self)
    }

    /// Adds a condition on a row that is not written. If it is false, [`WriteError::ConditionFailed`] contains the row.
    pub fn check(mut self, row: &impl HasKey, condition: Condition) -> Result<Self, WriteError> {
        let check = ConditionCheck::builder().table_name(self.table.name()).set_key(Some(row.key()));
        let check = with_condition!(check, condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| WriteError::Permanent(error.into()))?;
        self.actions.push(TransactWriteItem::builder().condition_check(check).build());
        Ok(self)
    }

    /// Adds a conditional update. `condition` also contains the names and values of the update expression.
    pub fn update(
        mut self,
        row: &impl HasKey,
        expression: impl Into<String>,
        condition: Condition,
    ) -> Result<Self, WriteError> {
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(row.key()))
            .update_expression(expression);
        let update = with_condition!(update, condition)
            .build()
            .map_err(|error| WriteError::Permanent(error.into()))?;
        self.actions.push(TransactWriteItem::builder().update(update).build());
        Ok(self)
    }

    /// Returns `true` if the transaction has no actions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Sends the transaction.
    pub async fn commit(self) -> Result<(), WriteError> {
        was_committed(self.table.transaction_request(self.actions).send().await)
    }

    /// Sends the transaction in a single attempt. If a condition is false, nothing was written.
    pub async fn commit_once(self) -> Result<(), WriteError> {
        let request = self.table.transaction_request(self.actions);
        was_committed(request.customize().config_override(single_attempt()).send().await)
    }
}

//! Transactions: several conditional writes, all or nothing.

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use serde::Serialize;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{Item, Key, Table, WriteError};

/// A condition on one row.
#[derive(Clone, Debug)]
pub struct Condition {
    expression: String,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Condition {
    /// There is no row with the key.
    #[must_use]
    pub fn absent() -> Self {
        Self::new("attribute_not_exists(pk)")
    }

    /// There is a row with the key.
    #[must_use]
    pub fn exists() -> Self {
        Self::new("attribute_exists(pk)")
    }

    /// The row is an inbox row of the group.
    #[must_use]
    pub fn of_group(group_uuid: Uuid) -> Self {
        Self::exists().and_equal("message_group_uuid", AttributeValue::S(group_uuid.to_string()))
    }

    /// The row has each of these attributes, keys aside, with the value in `item`. Attributes that `item` lacks are not
    /// compared.
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

    /// An expression of its own.
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

    /// Adds a name that the expression uses, such as `#owner`.
    #[must_use]
    pub fn name(mut self, placeholder: &str, name: impl Into<String>) -> Self {
        self.names.push((placeholder.to_owned(), name.into()));
        self
    }

    /// Adds a value that the expression uses, such as `:owner`.
    #[must_use]
    pub fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.push((placeholder.to_owned(), value));
        self
    }
}

/// Adds a condition to a builder of the SDK, all of which have the same methods.
macro_rules! with_condition {
    ($builder:expr, $condition:expr) => {{
        let Condition { expression, names, values } = $condition;
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

/// Names one row.
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

/// Writes that are made together or not at all. DynamoDB takes 100 of them.
#[must_use = "a transaction does nothing until it is committed"]
#[derive(Clone, Debug)]
pub struct Transaction {
    table: Table,
    actions: Vec<TransactWriteItem>,
}

impl Transaction {
    /// No writes yet.
    pub fn new(table: &Table) -> Self {
        Self { table: table.clone(), actions: Vec::new() }
    }

    /// Puts a row where there is none. The refusal shows the row in the way.
    pub fn put_new(self, row: &impl Serialize) -> Result<Self, WriteError> {
        self.put_item(to_item(row).map_err(|error| WriteError::Failed(error.into()))?, Condition::absent())
    }

    /// Puts an item under a condition. The refusal shows the row in the way.
    pub fn put_item(mut self, item: Item, condition: Condition) -> Result<Self, WriteError> {
        let put =
            with_condition!(Put::builder().table_name(self.table.name()).set_item(Some(item)), condition)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .build()
                .map_err(|error| WriteError::Failed(error.into()))?;
        self.actions.push(TransactWriteItem::builder().put(put).build());
        Ok(self)
    }

    /// Deletes a row under a condition.
    pub fn delete(mut self, row: &impl HasKey, condition: Condition) -> Result<Self, WriteError> {
        let delete = Delete::builder().table_name(self.table.name()).set_key(Some(row.key()));
        let delete =
            with_condition!(delete, condition).build().map_err(|error| WriteError::Failed(error.into()))?;
        self.actions.push(TransactWriteItem::builder().delete(delete).build());
        Ok(self)
    }

    /// Checks a condition on a row without writing it.
    pub fn check(mut self, row: &impl HasKey, condition: Condition) -> Result<Self, WriteError> {
        let check = ConditionCheck::builder().table_name(self.table.name()).set_key(Some(row.key()));
        let check =
            with_condition!(check, condition).build().map_err(|error| WriteError::Failed(error.into()))?;
        self.actions.push(TransactWriteItem::builder().condition_check(check).build());
        Ok(self)
    }

    /// Updates a row under a condition, which also carries the expression's names and values.
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
        let update =
            with_condition!(update, condition).build().map_err(|error| WriteError::Failed(error.into()))?;
        self.actions.push(TransactWriteItem::builder().update(update).build());
        Ok(self)
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Makes all writes, or none.
    pub async fn commit(self) -> Result<(), WriteError> {
        self.table.transact(self.actions).await
    }
}

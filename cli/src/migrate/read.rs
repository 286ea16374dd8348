//! Reading the old rows, however long DynamoDB asks to be waited for.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::dynamodb::{Item, read_error};

use super::Migration;
use crate::doctor::read::{Page, patiently, row, scan_page};

impl Migration {
    /// A page of the whole table as it is now.
    pub(super) async fn scan_page(&self, start: Option<Item>) -> Result<Page> {
        scan_page(&self.table, &self.random, start, true).await
    }

    /// The row as it is now.
    pub(super) async fn row(&self, pk: &str, sk: &str) -> Result<Option<Item>> {
        row(&self.table, &self.random, pk, sk).await
    }

    /// Rows of a partition from sort key `from` on, oldest first, as they are now: all of them, or the first `limit`.
    /// `attributes`: only those, such as `sk`.
    pub(super) async fn partition(
        &self,
        pk: &str,
        from: &str,
        limit: Option<i32>,
        attributes: Option<&str>,
    ) -> Result<Vec<Item>> {
        let mut rows = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let read = || async {
                let query = self
                    .table
                    .client()
                    .query()
                    .table_name(self.table.name())
                    .key_condition_expression("pk = :pk AND sk >= :from")
                    .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
                    .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
                    .set_projection_expression(attributes.map(str::to_owned))
                    .scan_index_forward(true)
                    .consistent_read(true)
                    .set_limit(limit)
                    .set_exclusive_start_key(start.clone());
                let answer = query.send().await.map_err(read_error)?;
                Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
            };
            let page = patiently(&self.random, read).await?;
            rows.extend(page.items);
            start = page.next;
            if start.is_none() || limit.is_some() {
                return Ok(rows);
            }
        }
    }
}

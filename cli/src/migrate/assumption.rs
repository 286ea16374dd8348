//! The offset from UTC that is assumed for times without one: a row of the table keeps it, since half of a conversation
//! can't have another.

use anyhow::{Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::dynamodb::{Item, key};

use super::{Migration, conversation::Written};
use crate::doctor::rows::text;

/// The row's partition key.
pub(crate) const PK: &str = "MIGRATION#offset";

/// The row's sort key, and the kind in its partition key.
pub(crate) const KIND: &str = "MIGRATION";

const OFFSET: &str = "assumed_offset";

/// How often it is tried to write it down.
const MAX_TRIES: usize = 8;

/// What the row says.
pub(super) fn assumed_in(row: &Item) -> String {
    text(row, OFFSET).to_owned()
}

impl Migration {
    /// Writes down what is assumed, unless it is.
    pub(super) async fn write_assumption(&self) -> Result<()> {
        let Some(offset) = self.assume_offset.map(|offset| offset.to_string()) else { return Ok(()) };
        for _ in 0..MAX_TRIES {
            if let Some(row) = self.row(PK, KIND).await? {
                return check(&assumed_in(&row), &offset);
            }
            let mut row = key(PK, KIND);
            row.insert(OFFSET.to_owned(), AttributeValue::S(offset.clone()));
            if self.write(vec![self.table.put_item_action(row)?]).await? == Written::Done {
                return Ok(());
            }
        }
        bail!("the offset that is assumed can't be written down: run it again")
    }
}

/// Fails when another offset was assumed before.
pub(super) fn check(before: &str, now: &str) -> Result<()> {
    if before != now {
        bail!("an earlier run was told --assume-offset={before}: half of a conversation can't have another");
    }
    Ok(())
}

//! The UTC offset assumed for times without one. A row of the table keeps it, so that all runs assume the same.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::table::{Condition, Item, Key, Transaction};

use super::Migration;
use crate::{
    advice::advised,
    table::{
        item::{ASSUMED_OFFSET, text},
        read,
        write::Written,
    },
};

const MAX_TRIES: usize = 8;

impl Migration {
    /// Stores the assumed offset, unless an earlier run did.
    pub(super) async fn write_assumption(&self) -> Result<()> {
        let Some(offset) = self.assume_offset.map(|offset| offset.to_string()) else { return Ok(()) };
        for _ in 0..MAX_TRIES {
            let key = Key::MigrationOffset;
            if let Some(row) = read::row(&self.table, &key.pk(), &key.sk()).await? {
                return check(text(&row, ASSUMED_OFFSET), &offset);
            }
            let mut row = Item::from(&key);
            row.insert(ASSUMED_OFFSET.to_owned(), AttributeValue::S(offset.clone()));
            let transaction = Transaction::new(&self.table).put_item(row, Condition::absent())?;
            if self.write(transaction).await? == Written::Done {
                return Ok(());
            }
        }
        Err(advised("failed to store the assumed offset", "run it again"))
    }
}

/// Fails if an earlier run assumed a different offset.
pub(super) fn check(before: &str, now: &str) -> Result<()> {
    if before != now {
        return Err(advised(format!("an earlier run used --assume-offset={before}"), "use the same offset"));
    }
    Ok(())
}

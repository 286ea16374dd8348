//! Reading the table, however long DynamoDB asks to be waited for.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use cruddur::{
    dynamodb::{Item, Newest, Table, key, read_error},
    error::Error,
    message::partition_key,
    message_group,
    random::Random,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Doctor,
    rows::{GROUP_UUID, text},
};

/// How long a read is tried again before it is given up. (Each try has the SDK's own retries, too.)
const PATIENCE: Duration = Duration::from_mins(3);

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Keys in a batch at most, as DynamoDB has it.
const KEYS_IN_A_BATCH: usize = 100;

/// Batches under way at the same time.
const BATCHES_AT_A_TIME: usize = 4;

/// A page of rows, and where the next one starts.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) next: Option<Item>,
}

/// What `read` gives, which is tried again for some minutes while what it needs can't be reached.
pub(crate) async fn patiently<T, R>(random: &Random, mut read: impl FnMut() -> R) -> Result<T>
where
    R: Future<Output = Result<T, Error>>,
{
    let give_up = Instant::now() + PATIENCE;
    let mut wait = FIRST_WAIT;
    loop {
        // In the heap: the SDK's futures are large, and many are under way.
        match Box::pin(read()).await {
            Err(Error::Unavailable { .. }) if Instant::now() < give_up => {
                tokio::time::sleep(wait / 2 + random.jitter(wait / 2)).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            result => return Ok(result?),
        }
    }
}

/// The row as it is now.
pub(crate) async fn row(table: &Table, random: &Random, pk: &str, sk: &str) -> Result<Option<Item>> {
    let read = || async {
        let get = table.client().get_item().table_name(table.name());
        let get = get.set_key(Some(key(pk, sk))).consistent_read(true);
        Ok(get.send().await.map_err(read_error)?.item)
    };
    patiently(random, read).await
}

/// A page of the whole table: as it is now, or (for half of the units) as it was a little while ago.
pub(crate) async fn scan_page(
    table: &Table,
    random: &Random,
    start: Option<Item>,
    consistent: bool,
) -> Result<Page> {
    let read = || async {
        let scan = table.client().scan().table_name(table.name()).consistent_read(consistent);
        let answer = scan.set_exclusive_start_key(start.clone()).send().await.map_err(read_error)?;
        Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    };
    patiently(random, read).await
}

/// The group's newest message row (before a sort key) as it is now.
pub(crate) async fn newest_message_row(
    table: &Table,
    random: &Random,
    group: Uuid,
    before: Option<String>,
) -> Result<Option<Item>> {
    let newest = Newest { pk: partition_key(group), before, limit: 1, attributes: None };
    let rows = patiently(random, || table.newest(newest.clone())).await?;
    Ok(rows.into_iter().next())
}

impl Doctor {
    pub(super) async fn scan_page(&self, start: Option<Item>) -> Result<Page> {
        scan_page(&self.table, &self.random, start, false).await
    }

    /// The row as it is now.
    pub(super) async fn row(&self, pk: &str, sk: &str) -> Result<Option<Item>> {
        row(&self.table, &self.random, pk, sk).await
    }

    /// The memberships of these groups, a little while ago.
    pub(super) async fn memberships(&self, groups: Vec<Uuid>) -> Result<HashMap<Uuid, Item>> {
        let batches = groups.chunks(KEYS_IN_A_BATCH).map(|batch| {
            let keys = batch.iter().map(|group| key(&format!("MEM#{group}"), "MEM"));
            self.batch(keys.collect())
        });
        let batches = batches.collect::<Vec<_>>();
        let rows = stream::iter(batches).buffer_unordered(BATCHES_AT_A_TIME).try_concat().await?;
        let group = |row: &Item| text(row, "pk").strip_prefix("MEM#")?.parse().ok();
        Ok(rows.into_iter().filter_map(|row| Some((group(&row)?, row))).collect())
    }

    async fn batch(&self, mut keys: Vec<Item>) -> Result<Vec<Item>> {
        let table = self.table.name();
        let mut rows = Vec::new();
        let mut wait = FIRST_WAIT;
        loop {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build()?;
            let read = || async {
                let batch = self.table.client().batch_get_item().request_items(table, wanted.clone());
                batch.send().await.map_err(read_error)
            };
            let answer = patiently(&self.random, read).await?;
            rows.extend(answer.responses.unwrap_or_default().remove(table).unwrap_or_default());
            keys = answer
                .unprocessed_keys
                .and_then(|mut left| left.remove(table))
                .map(|left| left.keys)
                .unwrap_or_default();
            if keys.is_empty() {
                return Ok(rows);
            }
            tokio::time::sleep(self.random.jitter(wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The group's inbox rows as the index shows them, and whatever else is in it.
    pub(super) async fn index(&self, group: Uuid) -> Result<Vec<Item>> {
        patiently(&self.random, || self.table.group_index(group)).await
    }

    /// The group's rows in a user's inbox from sort key `from` on, as they are now.
    pub(super) async fn inbox_rows(&self, user: Uuid, group: Uuid, from: &str) -> Result<Vec<Item>> {
        let (pk, group) = (message_group::partition_key(user), group.to_string());
        patiently(&self.random, || self.table.rows_from(&pk, from, GROUP_UUID, &group)).await
    }

    /// The group's newest message row (before a sort key) as it is now.
    pub(super) async fn newest_message_row(
        &self,
        group: Uuid,
        before: Option<String>,
    ) -> Result<Option<Item>> {
        newest_message_row(&self.table, &self.random, group, before).await
    }

    /// The group's messages from the oldest on, as they are now: a page of at most `limit`.
    pub(super) async fn messages_page(
        &self,
        group: Uuid,
        start: Option<Item>,
        limit: Option<i32>,
    ) -> Result<Page> {
        let read = || async {
            let query = self
                .table
                .client()
                .query()
                .table_name(self.table.name())
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(partition_key(group)))
                .scan_index_forward(true)
                .consistent_read(true)
                .set_limit(limit)
                .set_exclusive_start_key(start.clone());
            let answer = query.send().await.map_err(read_error)?;
            Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
        };
        patiently(&self.random, read).await
    }
}

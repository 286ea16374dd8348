//! Reads of the table, retried while DynamoDB is unavailable.

use std::collections::HashMap;

use anyhow::Result;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use backon::BackoffBuilder as _;
use cruddur::table::{HasKey as _, Item, Key, Newest, Partition, Table, read_error};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

use super::item::key;
use crate::retry;

/// DynamoDB's limit for `BatchGetItem`.
const KEYS_IN_A_BATCH: usize = 100;

/// Batches in flight.
const BATCHES_AT_A_TIME: usize = 4;

/// A page of rows, and where the next one starts.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) next: Option<Item>,
}

/// Reads a row consistently.
pub(crate) async fn row(table: &Table, pk: &str, sk: &str) -> Result<Option<Item>> {
    let read = || async {
        let get = table.client().get_item().table_name(table.name());
        let get = get.set_key(Some(key(pk, sk))).consistent_read(true);
        Ok(get.send().await.map_err(read_error)?.item)
    };
    retry::read(read).await
}

/// Reads a page of the whole table. Eventually consistent reads cost half as much.
pub(crate) async fn scan_page(table: &Table, start: Option<Item>, consistent: bool) -> Result<Page> {
    let read = || async {
        let scan = table.client().scan().table_name(table.name()).consistent_read(consistent);
        let answer = scan.set_exclusive_start_key(start.clone()).send().await.map_err(read_error)?;
        Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    };
    retry::read(read).await
}

/// Reads a page of a partition consistently, from the sort key `from` on, oldest row first.
pub(crate) async fn range_page(
    table: &Table,
    pk: &str,
    from: &str,
    limit: Option<i32>,
    start: Option<Item>,
) -> Result<Page> {
    let read = || async {
        let query = table
            .client()
            .query()
            .table_name(table.name())
            .key_condition_expression("pk = :pk AND sk >= :from")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
            .consistent_read(true)
            .set_limit(limit)
            .set_exclusive_start_key(start.clone());
        let answer = query.send().await.map_err(read_error)?;
        Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    };
    retry::read(read).await
}

/// Reads the rows of a partition consistently, from the sort key `from` on, oldest row first.
pub(crate) async fn range(table: &Table, pk: &str, from: &str) -> Result<Vec<Item>> {
    let mut rows = Vec::new();
    let mut start = None;
    loop {
        let page = range_page(table, pk, from, None, start).await?;
        rows.extend(page.items);
        start = page.next;
        if start.is_none() {
            return Ok(rows);
        }
    }
}

/// Reads the newest message row of a group consistently.
pub(crate) async fn newest_message_row(table: &Table, group: Uuid) -> Result<Option<Item>> {
    let newest = Newest { partition: Partition::Messages(group), before: None, limit: 1, attributes: None };
    let rows = retry::read(|| table.newest(newest.clone())).await?;
    Ok(rows.into_iter().next())
}

/// Reads the newest message that `sender` has sent to a group after the sort key `after`, consistently.
pub(crate) async fn last_message_of(
    table: &Table,
    group: Uuid,
    sender: Uuid,
    after: &str,
) -> Result<Option<Item>> {
    let mut start: Option<Item> = None;
    loop {
        let read = || async {
            let query = table
                .client()
                .query()
                .table_name(table.name())
                .key_condition_expression("pk = :pk AND sk > :after")
                .filter_expression("user_uuid = :sender")
                .expression_attribute_values(":pk", AttributeValue::S(Partition::Messages(group).to_string()))
                .expression_attribute_values(":after", AttributeValue::S(after.to_owned()))
                .expression_attribute_values(":sender", AttributeValue::S(sender.to_string()))
                .scan_index_forward(false)
                .consistent_read(true)
                .set_exclusive_start_key(start.clone());
            query.send().await.map_err(read_error)
        };
        let answer = retry::read(read).await?;
        start = answer.last_evaluated_key;
        let found = answer.items.unwrap_or_default().into_iter().next();
        if found.is_some() || start.is_none() {
            return Ok(found);
        }
    }
}

/// Reads the rows that the index shows for a group. Eventually consistent.
pub(crate) async fn index(table: &Table, group: Uuid) -> Result<Vec<Item>> {
    retry::read(|| table.group_index(group)).await
}

/// Reads a group's rows among a user's requests and in the inbox consistently, starting at sort key `from`.
pub(crate) async fn inbox_rows(table: &Table, user: Uuid, group: Uuid, from: &str) -> Result<Vec<Item>> {
    let mut rows = Vec::new();
    // A row moves only from the requests to the inbox.
    for partition in [Partition::Requests(user), Partition::Inbox(user)] {
        rows.extend(retry::read(|| table.inbox_rows_of_group(partition, group, from)).await?);
    }
    Ok(rows)
}

/// Reads the memberships of `groups`. Eventually consistent.
pub(crate) async fn memberships(table: &Table, groups: Vec<Uuid>) -> Result<HashMap<Uuid, Item>> {
    let batches = groups.chunks(KEYS_IN_A_BATCH).map(|batch_of| {
        let keys = batch_of.iter().map(|group| Key::Membership(*group).key());
        batch(table, keys.collect())
    });
    let batches = batches.collect::<Vec<_>>();
    let rows = stream::iter(batches).buffer_unordered(BATCHES_AT_A_TIME).try_concat().await?;
    let group = |row: &Item| match Key::of(row) {
        Some(Key::Membership(group)) => Some(group),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(|row| Some((group(&row)?, row))).collect())
}

async fn batch(table: &Table, mut keys: Vec<Item>) -> Result<Vec<Item>> {
    let name = table.name();
    let mut rows = Vec::new();
    // DynamoDB returns part of a batch, so this is no retry of one call. Never gives up: each round makes progress.
    let mut waits = retry::READS.with_total_delay(None).build();
    loop {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build()?;
        let read = || async {
            let batch = table.client().batch_get_item().request_items(name, wanted.clone());
            batch.send().await.map_err(read_error)
        };
        let answer = retry::read(read).await?;
        rows.extend(answer.responses.unwrap_or_default().remove(name).unwrap_or_default());
        let unprocessed = answer.unprocessed_keys.and_then(|mut left| left.remove(name));
        keys = unprocessed.map(|left| left.keys).unwrap_or_default();
        if keys.is_empty() {
            return Ok(rows);
        }
        tokio::time::sleep(waits.next().unwrap_or_default()).await;
    }
}

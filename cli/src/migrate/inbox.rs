//! Old inbox rows, deleted if no information is lost.

use anyhow::Result;
use chrono::TimeDelta;
use cruddur::{
    sort_key::SortKey,
    table::{Condition, Item, Key, Membership, Partition, RowKind, Transaction, sort_key},
    timestamp::Timestamp,
};

use super::{
    Migration,
    conversation::ACTIONS_AT_A_TIME,
    report::{Left, LeftKind},
    survey::InboxKey,
};
use crate::{
    advice::advised,
    retry,
    table::{
        item::{GROUP_UUID, text},
        old::{OldInboxRow, Pair},
        read,
        write::Written,
    },
};

/// Messages searched after an instant, since messages of one instant get successive sort keys.
const SAME_INSTANT: i32 = 100;

const MAX_TRIES: usize = 8;

impl Migration {
    /// Returns whether the pair has a group in this system.
    pub(super) async fn is_migrated(&self, pair: Pair) -> Result<bool> {
        let key = Key::Membership(pair.group());
        Ok(retry::read(|| self.table.get::<Membership>(&key)).await?.is_some())
    }

    /// Returns why an old inbox row has to be kept, if so: it may be all that is left of a message.
    pub(super) async fn reason_to_keep(
        &self,
        pair: Pair,
        item: &Item,
        is_migrated: bool,
    ) -> Result<Option<Left>> {
        let why = if !is_migrated {
            "its conversation is not migrated"
        } else if !self.message_exists(pair, item).await? {
            "its message exists nowhere else"
        } else {
            return Ok(None);
        };
        let (pk, sk) = (text(item, "pk").to_owned(), text(item, "sk").to_owned());
        Ok(Some(Left::row(LeftKind::InboxRow, pk, sk, why)))
    }

    /// Returns whether the message in a row exists, at its old or new key.
    async fn message_exists(&self, pair: Pair, item: &Item) -> Result<bool> {
        let is_shown = |row: &Item| text(row, "message") == text(item, "message");
        let old =
            read::row(&self.table, &RowKind::Message.partition(text(item, GROUP_UUID)), text(item, "sk"))
                .await?;
        if old.is_some_and(|row| is_shown(&row)) {
            return Ok(true);
        }
        let Ok(OldInboxRow { newest_at, .. }) = OldInboxRow::of(item, self.assume_offset) else {
            return Ok(false);
        };
        let from = Timestamp::new(newest_at).to_string();
        let until = Timestamp::new(newest_at + TimeDelta::microseconds(SAME_INSTANT.into()));
        let pk = Partition::Messages(pair.group()).to_string();
        let rows = read::range_page(&self.table, &pk, &from, Some(SAME_INSTANT), None).await?.items;
        let is_of_instant = |row: &Item| {
            let sk = sort_key(row).and_then(|sk| sk.parse::<SortKey>().ok());
            sk.is_some_and(|sk| sk.created_at <= until)
        };
        Ok(rows.iter().any(|row| is_of_instant(row) && is_shown(row)))
    }

    /// Deletes the old inbox rows of a conversation. Returns how many, and those that have to be kept.
    pub(super) async fn remove_inbox_rows(&self, pair: Pair, rows: &[InboxKey]) -> Result<(u64, Vec<Left>)> {
        let (mut removed, mut left) = (0, Vec::new());
        for some in rows.chunks(ACTIONS_AT_A_TIME) {
            self.check_stopped()?;
            let stay = self.remove_some(pair, some).await?;
            removed += (some.len() - stay.len()) as u64;
            left.extend(stay);
        }
        Ok((removed, left))
    }

    async fn remove_some(&self, pair: Pair, rows: &[InboxKey]) -> Result<Vec<Left>> {
        let is_migrated = self.is_migrated(pair).await?;
        for _ in 0..MAX_TRIES {
            let (mut left, mut deletes) = (Vec::new(), Transaction::new(&self.table));
            for row in rows {
                let Some(item) = read::row(&self.table, &row.pk, &row.sk).await? else { continue };
                match self.reason_to_keep(pair, &item, is_migrated).await? {
                    Some(stays) => left.push(stays),
                    None => deletes = deletes.delete(&item, Condition::unchanged(&item))?,
                }
            }
            if deletes.is_empty() || self.write(deletes).await? == Written::Done {
                return Ok(left);
            }
        }
        Err(advised(
            format!("the inbox rows of {} keep changing", pair.group()),
            "are the old functions stopped?",
        ))
    }
}

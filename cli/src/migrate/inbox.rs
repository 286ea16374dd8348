//! Old inbox rows: they go when nothing is lost with them.

use anyhow::{Result, bail};
use chrono::TimeDelta;
use cruddur::{
    dynamodb::{Item, sort_key},
    message,
    message_group::Membership,
    sort_key::SortKey,
    timestamp::Timestamp,
};

use super::{
    Migration,
    conversation::{ACTIONS_AT_A_TIME, Written},
    old::{OldInboxRow, Pair},
    report::{Left, RowKind},
    survey::InboxKey,
};
use crate::doctor::{
    action,
    read::patiently,
    rows::{GROUP_UUID, text},
};

/// Messages after an instant among which the one is looked for that stood at it.
const SAME_INSTANT: i32 = 100;

/// How often rows are looked at that are not as they were read.
const MAX_TRIES: usize = 8;

impl Migration {
    /// Whether a conversation is there that old inbox rows can give way to.
    pub(super) async fn is_brought_over(&self, pair: Pair) -> Result<bool> {
        Ok(patiently(&self.random, || Membership::get(&self.table, pair.group())).await?.is_some())
    }

    /// Why an old inbox row has to stay, if it has to: it may be all that is left of a message.
    pub(super) async fn unaccounted(
        &self,
        pair: Pair,
        item: &Item,
        is_brought_over: bool,
    ) -> Result<Option<Left>> {
        let why = if !is_brought_over {
            "its conversation is not brought over"
        } else if !self.shows_a_message(pair, item).await? {
            "the message that it shows is nowhere else"
        } else {
            return Ok(None);
        };
        let (pk, sk) = (text(item, "pk").to_owned(), text(item, "sk").to_owned());
        Ok(Some(Left::row(RowKind::InboxRow, pk, sk, why)))
    }

    /// Whether the message that a row shows is there: where it was, or where it was brought to.
    async fn shows_a_message(&self, pair: Pair, item: &Item) -> Result<bool> {
        let is_shown = |row: &Item| text(row, "message") == text(item, "message");
        let old = self.row(&format!("MSG#{}", text(item, GROUP_UUID)), text(item, "sk")).await?;
        if old.is_some_and(|row| is_shown(&row)) {
            return Ok(true);
        }
        let Ok(OldInboxRow { stood_at, .. }) = OldInboxRow::of(item, self.assume_offset) else {
            return Ok(false);
        };
        let from = Timestamp::new(stood_at).to_string();
        let until = Timestamp::new(stood_at + TimeDelta::microseconds(SAME_INSTANT.into()));
        let rows =
            self.partition(&message::partition_key(pair.group()), &from, Some(SAME_INSTANT), None).await?;
        let is_of_then = |row: &Item| {
            let sk = sort_key(row).and_then(|sk| sk.parse::<SortKey>().ok());
            sk.is_some_and(|sk| sk.created_at <= until)
        };
        Ok(rows.iter().any(|row| is_of_then(row) && is_shown(row)))
    }

    /// Deletes the old inbox rows of a conversation: how many, and what has to stay.
    pub(super) async fn remove_inbox_rows(&self, pair: Pair, rows: &[InboxKey]) -> Result<(u64, Vec<Left>)> {
        let (mut removed, mut left) = (0, Vec::new());
        for some in rows.chunks(ACTIONS_AT_A_TIME) {
            self.go_on()?;
            let stay = self.remove_some(pair, some).await?;
            removed += (some.len() - stay.len()) as u64;
            left.extend(stay);
        }
        Ok((removed, left))
    }

    async fn remove_some(&self, pair: Pair, rows: &[InboxKey]) -> Result<Vec<Left>> {
        let is_brought_over = self.is_brought_over(pair).await?;
        for _ in 0..MAX_TRIES {
            let (mut left, mut deletes) = (Vec::new(), Vec::new());
            for row in rows {
                let Some(item) = self.row(&row.pk, &row.sk).await? else { continue };
                match self.unaccounted(pair, &item, is_brought_over).await? {
                    Some(stays) => left.push(stays),
                    None => deletes.push(action::delete_as_read(&self.table, &item)?),
                }
            }
            if deletes.is_empty() || self.write(deletes).await? == Written::Done {
                return Ok(left);
            }
        }
        bail!("others write to the inbox rows of {}: are the old functions stopped?", pair.group())
    }
}

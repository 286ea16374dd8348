//! Checks of messages, and what they say about inbox rows.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::{
    sort_key::SortKey,
    table::{
        Condition, Item, Key, Member, Membership, MessageRow, Partition, Transaction, reactions_attribute,
    },
    timestamp::Timestamp,
};
use uuid::Uuid;

use super::{
    Doctor,
    finding::{Finding, Kind},
    repair::{Problem, Repair},
    rows::{Flaw, Shape, readable_message, shape},
};
use crate::table::{
    item::{FIRST_SORT_KEY, text},
    read, write,
};

/// Problems of one group kept at a time. The next diagnosis finds the others.
const MAX_PROBLEMS: usize = 200;

/// Senders of one group kept. A valid group has two.
const MAX_SENDERS: usize = 16;

/// A summary of a group's messages. A message at a wrong key counts as if it were at the right one.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// True if the partition has any row.
    pub(super) any: bool,
    pub(super) oldest: Option<SortKey>,
    pub(super) newest: Option<MessageRow>,
    /// The newest message that is older than the grace period.
    pub(super) settled: Option<SortKey>,
    /// Messages at wrong keys, by right key.
    pub(super) misplaced: HashMap<SortKey, MessageRow>,
    pub(super) problems: Vec<Problem>,
    /// The senders, with the names in their newest messages.
    pub(super) senders: BTreeMap<Uuid, Member>,
    /// The senders with a message that is not deleted, or has other names than the membership.
    pub(super) written: BTreeMap<Uuid, SortKey>,
}

impl Messages {
    fn add(&mut self, row: &MessageRow, cutoff: Timestamp) {
        self.oldest = Some(self.oldest.map_or(row.sk, |oldest| oldest.min(row.sk)));
        if row.sk.created_at < cutoff {
            self.settled = self.settled.max(Some(row.sk));
        }
        if self.newest.as_ref().is_none_or(|newest| newest.sk < row.sk) {
            self.newest = Some(row.clone());
        }
        if self.senders.len() < MAX_SENDERS || self.senders.contains_key(&row.sender_uuid) {
            let names =
                Member { handle: row.sender_handle.clone(), display_name: row.sender_display_name.clone() };
            self.senders.insert(row.sender_uuid, names);
        }
    }
}

impl Doctor {
    /// Reads the newest message. Returns `None` also if its row is malformed.
    pub(super) async fn newest_message(&self, group: Uuid) -> Result<Option<MessageRow>> {
        let row = read::newest_message_row(&self.table, group).await?;
        Ok(row.as_ref().and_then(readable_message))
    }

    /// Reads the group's messages. With its membership, also checks who reacted.
    pub(super) async fn all_messages(
        &self,
        group: Uuid,
        membership: Option<&Membership>,
    ) -> Result<Messages> {
        // Inbox rows may lag behind messages that are newer.
        let cutoff = self.cutoff();
        let mut messages = Messages::default();
        let (pk, mut start) = (Partition::Messages(group).to_string(), None);
        loop {
            let page = read::range_page(&self.table, &pk, FIRST_SORT_KEY, None, start).await?;
            for item in &page.items {
                messages.any = true;
                if let Some(row) = readable_message(item) {
                    messages.add(&row, cutoff);
                    if let Some(membership) = membership.filter(|_| messages.problems.len() < MAX_PROBLEMS) {
                        messages.problems.extend(self.reactions_of_strangers(item, &row, membership)?);
                    }
                    if membership.is_some_and(|membership| !is_erased(&row, membership)) {
                        messages.written.entry(row.sender_uuid).or_insert(row.sk);
                    }
                }
                if messages.problems.len() < MAX_PROBLEMS
                    && let Some(problem) = self.row_problem(item).await?
                {
                    if let Shape::Flawed(Flaw { right: Some(right), .. }) = shape(item)
                        && problem.repair.is_some()
                    {
                        messages.add(&right, cutoff);
                        messages.misplaced.insert(right.sk, right);
                    }
                    messages.problems.push(problem);
                }
            }
            start = page.next;
            if start.is_none() {
                return Ok(messages);
            }
        }
    }

    /// The message at `sk`, if there is one.
    pub(super) async fn message_at(
        &self,
        group: Uuid,
        sk: SortKey,
        messages: &Messages,
    ) -> Result<Option<MessageRow>> {
        if let Some(newest) = messages.newest.as_ref().filter(|newest| newest.sk == sk) {
            return Ok(Some(newest.clone()));
        }
        if let Some(row) = messages.misplaced.get(&sk) {
            return Ok(Some(row.clone()));
        }
        let item = read::row(&self.table, &Partition::Messages(group).to_string(), &sk.to_string()).await?;
        Ok(item.as_ref().and_then(readable_message))
    }

    /// The finding for reactions of users who are not members. Its repair removes them.
    fn reactions_of_strangers(
        &self,
        item: &Item,
        row: &MessageRow,
        membership: &Membership,
    ) -> Result<Option<Problem>> {
        let strangers = row.reactions.0.keys().copied().filter(|user| !membership.has(*user));
        let strangers = strangers.collect::<Vec<_>>();
        let [first, ..] = strangers[..] else { return Ok(None) };
        let removed = strangers.iter().copied().map(reactions_attribute).collect::<Vec<_>>();
        let transaction = change(Transaction::new(&self.table), item, row, "", &removed)?
            .check(&Key::Membership(membership.group_uuid), write::lacks_member(first))?;
        let detail = format!("{} users who are not members reacted", strangers.len());
        let finding = Finding {
            kind: Kind::ReactionOfStranger,
            pk: row.pk.clone(),
            sk: Some(row.sk.to_string()),
            group: Some(membership.group_uuid),
            detail,
        };
        Ok(Some(Problem { finding, repair: Some(Repair::Write(transaction)) }))
    }

    /// Checks a row by itself.
    pub(super) async fn row_problem(&self, item: &Item) -> Result<Option<Problem>> {
        let Shape::Flawed(Flaw { kind, group, detail, right }) = shape(item) else { return Ok(None) };
        let transaction = Transaction::new(&self.table);
        let (detail, repair) = match (kind, right) {
            (Kind::StrayGroupUuid, _) => {
                (detail.to_owned(), Some(write::remove_group_uuid(transaction, item)?))
            }
            (Kind::TombstoneWithContent, _) => (detail.to_owned(), empty_tombstone(transaction, item)?),
            (
                Kind::InboxRowMalformed
                | Kind::MemberStateMalformed
                | Kind::EventLogRowMalformed
                | Kind::ConnectionMalformed,
                _,
            ) => (detail.to_owned(), Some(transaction.delete(item, Condition::unchanged(item))?)),
            (_, Some(right)) => self.move_to_key(item, &right).await?,
            (_, None) => (detail.to_owned(), None),
        };
        let (pk, sk) = (text(item, "pk").to_owned(), Some(text(item, "sk").to_owned()));
        let finding = Finding { kind, pk, sk, group, detail };
        Ok(Some(Problem { finding, repair: repair.map(Repair::Write) }))
    }

    /// Moves a message to its right key, with all attributes, unless another message is there.
    async fn move_to_key(&self, item: &Item, right: &MessageRow) -> Result<(String, Option<Transaction>)> {
        let sk = right.sk.to_string();
        let mut moved = item.clone();
        moved.insert("pk".to_owned(), AttributeValue::S(right.pk.clone()));
        moved.insert("sk".to_owned(), AttributeValue::S(sk.clone()));
        let transaction = Transaction::new(&self.table);
        let transaction = match read::row(&self.table, &right.pk, &sk).await? {
            None => transaction.put_item(moved, Condition::absent())?,
            Some(there) if there == moved => transaction.check(&there, Condition::exists())?,
            Some(_) => return Ok((format!("another message is at {sk}"), None)),
        };
        let transaction = transaction.delete(item, Condition::unchanged(item))?;
        Ok((format!("belongs at {sk}"), Some(transaction)))
    }
}

/// The time of the last edit or of the deletion. Reactions leave no time.
pub(super) fn changed_at(message: &MessageRow) -> Option<Timestamp> {
    message.edited_at.max(message.deleted_at)
}

/// Removes from a deleted message what its deletion removes.
fn empty_tombstone(transaction: Transaction, item: &Item) -> Result<Option<Transaction>> {
    let Some(row) = readable_message(item) else { return Ok(None) };
    let mut removed = row.reactions.0.keys().copied().map(reactions_attribute).collect::<Vec<_>>();
    let others = ["edited_at", "reply_sk"].into_iter().filter(|name| item.contains_key(*name));
    removed.extend(others.map(str::to_owned));
    Ok(Some(change(transaction, item, &row, "message = :empty, ", &removed)?))
}

/// Removes attributes of an unchanged message. `set` may empty the text. Increases the version, so that the stream
/// handler joins and logs the change.
fn change(
    transaction: Transaction,
    item: &Item,
    row: &MessageRow,
    set: &str,
    removed: &[String],
) -> Result<Transaction> {
    let mut expression = format!("SET {set}#version = :next");
    if !removed.is_empty() {
        expression = format!("{expression} REMOVE {}", removed.join(", "));
    }
    let mut condition = Condition::unchanged(item)
        .name("#version", "version")
        .value(":next", AttributeValue::N((row.version + 1).to_string()));
    if !item.contains_key("version") {
        condition = condition.and_absent("version");
    }
    if !set.is_empty() {
        condition = condition.value(":empty", AttributeValue::S(String::new()));
    }
    Ok(transaction.update(item, expression, condition)?)
}

/// Returns whether a message is a tombstone with its sender's names in the membership.
fn is_erased(row: &MessageRow, membership: &Membership) -> bool {
    row.deleted_at.is_some()
        && membership.members.get(&row.sender_uuid).is_some_and(|names| {
            (&names.handle, &names.display_name) == (&row.sender_handle, &row.sender_display_name)
        })
}

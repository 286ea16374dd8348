//! A group's messages, as far as they decide where its rows belong.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use cruddur::{
    dynamodb::Item,
    message::{MessageRow, partition_key},
    message_group::Member,
    sort_key::SortKey,
    timestamp::Timestamp,
};
use uuid::Uuid;

use super::{
    Doctor, action,
    finding::{Finding, Kind, Problem},
    repair::Repair,
    rows::{Flaw, Shape, readable_message, shape, text},
};

/// Bad message rows of one group that are kept at a time; what is left out is met with the next look.
const KEPT_PROBLEMS: usize = 200;

/// Senders of one group that are kept. A good group has two.
const KEPT_SENDERS: usize = 16;

/// A message, as inbox rows have to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) sk: SortKey,
    pub(super) text: String,
}

/// What a group's partition of messages says. Messages that can be brought to their right keys count as if they
/// were there.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Whether there is any row at all.
    pub(super) any: bool,
    pub(super) oldest: Option<SortKey>,
    pub(super) newest: Option<Standing>,
    /// The newest one that is older than the grace period.
    pub(super) settled: Option<SortKey>,
    /// Messages at wrong keys, by their right ones.
    pub(super) misplaced: HashMap<SortKey, String>,
    /// What is wrong with rows of messages.
    pub(super) problems: Vec<Problem>,
    /// Who has written, with the names of their newest message.
    pub(super) senders: BTreeMap<Uuid, Member>,
}

impl Messages {
    fn add(&mut self, row: &MessageRow, cutoff: Timestamp) {
        self.oldest = Some(self.oldest.map_or(row.sk, |oldest| oldest.min(row.sk)));
        if row.sk.created_at < cutoff {
            self.settled = self.settled.max(Some(row.sk));
        }
        if self.newest.as_ref().is_none_or(|newest| newest.sk < row.sk) {
            self.newest = Some(Standing { sk: row.sk, text: row.message.clone() });
        }
        if self.senders.len() < KEPT_SENDERS || self.senders.contains_key(&row.sender_uuid) {
            let names =
                Member { handle: row.sender_handle.clone(), display_name: row.sender_display_name.clone() };
            self.senders.insert(row.sender_uuid, names);
        }
    }
}

impl Doctor {
    /// Inbox rows may trail messages that are newer than this.
    fn cutoff(&self) -> Timestamp {
        Timestamp::new(self.clock.now() - self.grace)
    }

    /// The newest message alone; none also when its row can't be read.
    pub(super) async fn newest_message(&self, group: Uuid) -> Result<Option<Standing>> {
        let row = self.newest_message_row(group, None).await?;
        let row = row.as_ref().and_then(readable_message);
        Ok(row.map(|row| Standing { sk: row.sk, text: row.message }))
    }

    /// The ends of the group's messages, in three small reads; all messages, when one of them can't be read.
    pub(super) async fn peek_at_messages(&self, group: Uuid) -> Result<Messages> {
        let cutoff = self.cutoff();
        let (oldest, newest, settled) = tokio::try_join!(
            self.messages_page(group, None, Some(1)),
            self.newest_message_row(group, None),
            self.newest_message_row(group, Some(cutoff.to_string())),
        )?;
        let mut messages = Messages::default();
        for item in oldest.items.iter().chain(&newest).chain(&settled) {
            messages.any = true;
            match readable_message(item) {
                Some(row) => messages.add(&row, cutoff),
                None => return self.survey_messages(group).await,
            }
        }
        Ok(messages)
    }

    /// All the group's messages, page by page.
    pub(super) async fn survey_messages(&self, group: Uuid) -> Result<Messages> {
        let cutoff = self.cutoff();
        let mut messages = Messages::default();
        let mut start = None;
        loop {
            let page = self.messages_page(group, start, None).await?;
            for item in &page.items {
                messages.any = true;
                if let Some(row) = readable_message(item) {
                    messages.add(&row, cutoff);
                }
                if messages.problems.len() < KEPT_PROBLEMS
                    && let Some(problem) = self.row_problem(item).await?
                {
                    if let Shape::Flawed(Flaw::MessageKey { right, .. }) = shape(item)
                        && problem.repair.is_some()
                    {
                        messages.add(&right, cutoff);
                        messages.misplaced.insert(right.sk, right.message);
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

    /// The text of the message at `sk`, when there is one.
    pub(super) async fn message_at(
        &self,
        group: Uuid,
        sk: SortKey,
        messages: &Messages,
    ) -> Result<Option<String>> {
        if let Some(newest) = messages.newest.as_ref().filter(|newest| newest.sk == sk) {
            return Ok(Some(newest.text.clone()));
        }
        if let Some(text) = messages.misplaced.get(&sk) {
            return Ok(Some(text.clone()));
        }
        let item = self.row(&partition_key(group), &sk.to_string()).await?;
        Ok(item.as_ref().and_then(readable_message).map(|row| row.message))
    }

    /// What is wrong with a row by itself.
    pub(super) async fn row_problem(&self, item: &Item) -> Result<Option<Problem>> {
        let Shape::Flawed(flaw) = shape(item) else { return Ok(None) };
        let table = &self.table;
        let (kind, group, detail, repair) = match flaw {
            Flaw::Unknown { why } => (Kind::UnknownRow, None, why.to_owned(), None),
            Flaw::Old => {
                let why =
                    "the old system's: `cruddur ddb migrate` brings it over, or says why not".to_owned();
                (Kind::OldRow, None, why, None)
            }
            Flaw::Message { group, why } => (Kind::MessageMalformed, group, why.to_owned(), None),
            Flaw::StrayGroupUuid { group } => {
                let repair = Repair::Write(vec![action::remove_group_uuid(table, item)?]);
                (Kind::StrayGroupUuid, group, "only inbox rows are in the index".to_owned(), Some(repair))
            }
            Flaw::Inbox { group, why } => {
                let repair = Repair::Write(vec![action::delete_as_read(table, item)?]);
                (Kind::InboxRowMalformed, group, why.to_owned(), Some(repair))
            }
            Flaw::MessageKey { group, right } => {
                let (detail, repair) = self.bring_home(item, &right).await?;
                (Kind::MessageKeyMalformed, Some(group), detail, repair)
            }
        };
        let (pk, sk) = (text(item, "pk").to_owned(), Some(text(item, "sk").to_owned()));
        Ok(Some(Problem { finding: Finding { kind, pk, sk, group, detail }, repair }))
    }

    /// How a message gets to its right key: with all it has, and never over another one.
    async fn bring_home(&self, item: &Item, right: &MessageRow) -> Result<(String, Option<Repair>)> {
        let sk = right.sk.to_string();
        let mut moved = item.clone();
        moved.insert("pk".to_owned(), AttributeValue::S(right.pk.clone()));
        moved.insert("sk".to_owned(), AttributeValue::S(sk.clone()));
        let first = match self.row(&right.pk, &sk).await? {
            None => self.table.put_item_action(moved)?,
            Some(there) if there == moved => action::check_exists(&self.table, &right.pk, &sk)?,
            Some(_) => return Ok((format!("another message is at {sk}"), None)),
        };
        let delete = action::delete_as_read(&self.table, item)?;
        Ok((format!("belongs at {sk}"), Some(Repair::Write(vec![first, delete]))))
    }
}

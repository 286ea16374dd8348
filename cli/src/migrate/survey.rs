//! A scan of the table for everything that names members of old groups.
//!
//! Keeps some hundred bytes of each old group, inbox row and user in memory, and no messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use chrono::{DateTime, Utc};
use cruddur::{
    table::{Item, RedirectRow, RowKind, from_item},
    user::User,
};
use uuid::Uuid;

use super::{
    Migration,
    report::{Left, LeftKind},
};
use crate::table::{
    item::{ASSUMED_OFFSET, GROUP_UUID, partition_id, text, uuid},
    old::{Id, OldInboxRow, OldMessage, OldRowError, Pair, is_old, time},
    read,
};

#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Partitions of old messages, by the group in their keys.
    pub(super) groups: BTreeMap<String, OldGroup>,
    /// Old inbox rows by pair.
    pub(super) inbox_rows: BTreeMap<Pair, Vec<InboxKey>>,
    /// The newest names in rows.
    pub(super) names: HashMap<Uuid, Named>,
    /// All owners of a handle in lower case.
    pub(super) handles: HashMap<String, BTreeSet<Uuid>>,
    /// Redirects of earlier runs.
    pub(super) redirects: BTreeMap<String, RedirectRow>,
    /// Malformed rows.
    pub(super) flawed: Vec<Left>,
    /// Old rows with times without a UTC offset.
    pub(super) without_offset: u64,
    /// The offset that an earlier run assumed.
    pub(super) assumed: Option<String>,
    pub(super) rows: u64,
}

#[derive(Debug, Default)]
pub(super) struct OldGroup {
    /// Message counts by sender.
    pub(super) senders: BTreeMap<Uuid, u64>,
    /// The pairs of its inbox rows.
    pub(super) pairs: BTreeSet<Pair>,
}

/// The key of an old inbox row.
#[derive(Clone, Debug)]
pub(super) struct InboxKey {
    pub(super) pk: String,
    pub(super) sk: String,
}

#[derive(Debug)]
pub(super) struct Named {
    at: DateTime<Utc>,
    pub(super) user: User,
}

impl Migration {
    pub(super) async fn survey(&self) -> Result<Evidence> {
        let mut evidence = Evidence::default();
        let mut page = read::scan_page(&self.table, None, true).await?;
        loop {
            self.check_stopped()?;
            let next = page.next.take();
            self.progress.inc(page.items.len() as u64);
            for item in page.items {
                self.add(item, &mut evidence);
            }
            let Some(next) = next else { return Ok(evidence) };
            page = read::scan_page(&self.table, Some(next), true).await?;
        }
    }

    fn add(&self, item: Item, evidence: &mut Evidence) {
        // The lease is this run's own.
        let kind = RowKind::of(&item);
        evidence.rows += u64::from(kind != Some(RowKind::Lease));
        evidence.record_names(&item);
        if is_old(&item) && time(text(&item, "sk"), None) == Err(OldRowError::NoOffset) {
            evidence.without_offset += 1;
        }
        match kind {
            Some(RowKind::Message) => match Id::of(partition_id(&item)) {
                Id::New => {}
                Id::Old | Id::Handle(_) => self.add_message(item, evidence),
                Id::Unknown => {
                    evidence.leave(&item, LeftKind::Message, "unknown form of partition key");
                }
            },
            Some(RowKind::Inbox) if is_old(&item) => match OldInboxRow::of(&item, self.assume_offset) {
                Ok(row) => {
                    let key = InboxKey { pk: text(&item, "pk").to_owned(), sk: text(&item, "sk").to_owned() };
                    evidence.inbox_rows.entry(row.pair).or_default().push(key);
                    evidence.group(text(&item, GROUP_UUID)).pairs.insert(row.pair);
                }
                Err(OldRowError::NoOffset) => {}
                Err(flaw) => evidence.leave(&item, LeftKind::InboxRow, &flaw.to_string()),
            },
            Some(RowKind::MigrationOffset) => evidence.assumed = Some(text(&item, ASSUMED_OFFSET).to_owned()),
            Some(RowKind::Redirect) => {
                let redirect = from_item::<RedirectRow>(item.clone()).ok();
                match redirect.filter(|redirect| Pair::of_redirect(redirect).is_some()) {
                    Some(redirect) => {
                        drop(evidence.redirects.insert(partition_id(&item).to_owned(), redirect));
                    }
                    None => evidence.leave(&item, LeftKind::Redirect, "it is malformed"),
                }
            }
            _ => {}
        }
    }

    fn add_message(&self, item: Item, evidence: &mut Evidence) {
        let id = partition_id(&item).to_owned();
        let (pk, sk) = (text(&item, "pk").to_owned(), text(&item, "sk").to_owned());
        match OldMessage::of(item, self.assume_offset) {
            Ok(message) => *evidence.group(&id).senders.entry(message.sender).or_default() += 1,
            // Counted: the plan fails if no offset is assumed.
            Err(OldRowError::NoOffset) => {}
            Err(flaw) => evidence.flawed.push(Left::row(LeftKind::Message, pk, sk, &flaw.to_string())),
        }
    }
}

impl Evidence {
    fn group(&mut self, id: &str) -> &mut OldGroup {
        self.groups.entry(id.to_owned()).or_default()
    }

    fn leave(&mut self, item: &Item, kind: LeftKind, why: &str) {
        self.flawed.push(Left::row(kind, text(item, "pk").to_owned(), text(item, "sk").to_owned(), why));
    }

    fn record_names(&mut self, item: &Item) {
        let (Some(user), handle, display_name) =
            (uuid(item, "user_uuid"), text(item, "user_handle"), text(item, "user_display_name"))
        else {
            return;
        };
        if handle.is_empty() || display_name.is_empty() {
            return;
        }
        self.handles.entry(handle.to_ascii_lowercase()).or_default().insert(user);
        let at = time(text(item, "sk"), chrono::FixedOffset::east_opt(0)).unwrap_or_default();
        if self.names.get(&user).is_none_or(|known| known.at <= at) {
            let user = User { uuid: user, handle: handle.to_owned(), display_name: display_name.to_owned() };
            self.names.insert(user.uuid, Named { at, user });
        }
    }
}

//! Going through the table once, for all that tells whose the old groups are.
//!
//! What is kept in memory is some hundred bytes for each old group, inbox row and user; of messages nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use chrono::{DateTime, Utc};
use cruddur::{
    dynamodb::{Item, from_item},
    user::User,
};
use uuid::Uuid;

use super::{
    Migration, assumption,
    old::{Flaw, Id, OldInboxRow, OldMessage, Pair, is_old, message_group_in, time},
    redirect::{KIND, Redirect},
    report::{Left, RowKind},
};
use crate::doctor::rows::{GROUP_UUID, kind, text, uuid};

/// What the table tells.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Of the partitions of old messages, by what stands for the group in their keys.
    pub(super) groups: BTreeMap<String, OfGroup>,
    /// Old inbox rows, by whom they are between.
    pub(super) inbox_rows: BTreeMap<Pair, Vec<InboxKey>>,
    /// The newest names that rows have of a user.
    pub(super) names: HashMap<Uuid, Named>,
    /// Who was ever called so, by handles in lower case.
    pub(super) handles: HashMap<String, BTreeSet<Uuid>>,
    /// What earlier runs have decided.
    pub(super) redirects: BTreeMap<String, Redirect>,
    /// Rows that can't be brought over by themselves.
    pub(super) flawed: Vec<Left>,
    /// Old rows whose times have no offset from UTC, whatever is to be assumed for them.
    pub(super) without_offset: u64,
    /// The offset that an earlier run has assumed for them.
    pub(super) assumed: Option<String>,
    /// Rows of the table.
    pub(super) rows: u64,
}

/// What rows tell of an old group.
#[derive(Debug, Default)]
pub(super) struct OfGroup {
    /// Who has sent how many messages.
    pub(super) senders: BTreeMap<Uuid, u64>,
    /// Whom its inbox rows are between.
    pub(super) pairs: BTreeSet<Pair>,
}

/// Where an old inbox row is.
#[derive(Clone, Debug)]
pub(super) struct InboxKey {
    pub(super) pk: String,
    pub(super) sk: String,
}

/// Names of a user, and when they were written.
#[derive(Debug)]
pub(super) struct Named {
    at: DateTime<Utc>,
    pub(super) user: User,
}

impl Migration {
    pub(super) async fn survey(&self) -> Result<Evidence> {
        let mut evidence = Evidence::default();
        let mut page = self.scan_page(None).await?;
        loop {
            self.go_on()?;
            let next = page.next.take();
            self.progress.inc(page.items.len() as u64);
            for item in page.items {
                self.take_in(item, &mut evidence);
            }
            let Some(next) = next else { return Ok(evidence) };
            page = self.scan_page(Some(next)).await?;
        }
    }

    fn take_in(&self, item: Item, evidence: &mut Evidence) {
        // (The lease is this run's own.)
        evidence.rows += u64::from(kind(&item) != "LEASE");
        evidence.learn_names(&item);
        match kind(&item) {
            "MSG" | "GRP" if is_old(&item) && time(text(&item, "sk"), None) == Err(Flaw::NoOffset) => {
                evidence.without_offset += 1;
            }
            _ => {}
        }
        match kind(&item) {
            "MSG" => match Id::of(message_group_in(&item)) {
                Id::Ours => {}
                Id::Group | Id::Handle(_) => self.take_in_message(item, evidence),
                Id::Unknown => {
                    evidence.leave(&item, RowKind::Message, "no conversation has such a partition key");
                }
            },
            "GRP" if is_old(&item) => match OldInboxRow::of(&item, self.assume_offset) {
                Ok(row) => {
                    let key = InboxKey { pk: text(&item, "pk").to_owned(), sk: text(&item, "sk").to_owned() };
                    evidence.inbox_rows.entry(row.pair).or_default().push(key);
                    evidence.group(text(&item, GROUP_UUID)).pairs.insert(row.pair);
                }
                Err(Flaw::NoOffset) => {}
                Err(flaw) => evidence.leave(&item, RowKind::InboxRow, &flaw.to_string()),
            },
            assumption::KIND => evidence.assumed = Some(assumption::assumed_in(&item)),
            KIND => {
                let old = text(&item, "pk").split_once('#').map_or("", |(_, old)| old).to_owned();
                match from_item::<Redirect>(item.clone()).ok().filter(|redirect| redirect.pair().is_some()) {
                    Some(redirect) => drop(evidence.redirects.insert(old, redirect)),
                    None => evidence.leave(&item, RowKind::Redirect, "it is malformed"),
                }
            }
            _ => {}
        }
    }

    fn take_in_message(&self, item: Item, evidence: &mut Evidence) {
        let id = message_group_in(&item).to_owned();
        let (pk, sk) = (text(&item, "pk").to_owned(), text(&item, "sk").to_owned());
        match OldMessage::of(item, self.assume_offset) {
            Ok(message) => *evidence.group(&id).senders.entry(message.sender).or_default() += 1,
            // All of them are counted, and nothing is done.
            Err(Flaw::NoOffset) => {}
            Err(flaw) => evidence.flawed.push(Left::row(RowKind::Message, pk, sk, &flaw.to_string())),
        }
    }
}

impl Evidence {
    fn group(&mut self, id: &str) -> &mut OfGroup {
        self.groups.entry(id.to_owned()).or_default()
    }

    fn leave(&mut self, item: &Item, kind: RowKind, why: &str) {
        self.flawed.push(Left::row(kind, text(item, "pk").to_owned(), text(item, "sk").to_owned(), why));
    }

    fn learn_names(&mut self, item: &Item) {
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

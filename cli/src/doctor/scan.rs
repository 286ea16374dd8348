//! The scan of the table, page by page.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
};

use anyhow::Result;
use cruddur::{
    event_log::RETENTION,
    message_group::uuid_of_pair,
    table::{Item, Membership, ReadPosition, RowKind, sort_key},
    timestamp::Timestamp,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lru::LruCache;
use uuid::Uuid;

use super::{
    Doctor, Mode,
    finding::{Finding, Kind, Status},
    ledger::Ledger,
    membership::owner_of,
    messages::changed_at,
    repair::Problem,
    rows::{self, Shape, shape},
    subject::Scope,
};
use crate::table::{
    item::{GROUP_UUID, partition_id, text},
    read,
    write::Written,
};

/// Groups (or single rows) examined concurrently.
const AT_A_TIME: usize = 16;

/// Memberships in the cache, which spares a read for each page that shows a group's rows.
const CACHED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(49_999);

/// Attempts to repair a single row.
const ROW_ROUNDS: usize = 8;

/// State kept from page to page.
struct ScanState {
    /// Valid memberships, which single rows are checked against.
    memberships: LruCache<Uuid, Membership>,
    /// The partition of the last message. A scan returns the rows of a partition consecutively.
    last_messages: String,
    /// The partition of the last row of an event log.
    last_log: String,
    /// The checks of event logs read the messages since then.
    logged_since: Timestamp,
}

/// A fact in a row that has to agree with the group's membership.
enum Reference {
    /// The sort key of the first message in the partition.
    Oldest(String),
    Sender {
        user: Uuid,
        pk: String,
        sk: String,
    },
    Owner(Uuid),
    /// Users who reacted to a message.
    Reactions(Vec<Uuid>),
    /// A block, by the user who blocks. Its users may have no group.
    Block {
        user: Uuid,
        is_blocked: bool,
    },
}

/// The work that a page leads to.
#[derive(Default)]
struct PageWork {
    /// Keys of rows that are malformed by themselves.
    rows: Vec<(String, String)>,
    /// Memberships, whose groups are probably healthy.
    memberships: BTreeMap<Uuid, Item>,
    /// Groups that are probably broken, with owners of their rows.
    suspects: BTreeMap<Uuid, BTreeSet<Uuid>>,
    references: Vec<(Uuid, Reference)>,
    /// Owners of event logs that begin on the page.
    logs: BTreeSet<Uuid>,
    /// Groups with a recent change of an old message, or a recent marker at one.
    changed: BTreeSet<Uuid>,
}

impl Doctor {
    /// Scans the whole table and records findings in `ledger`. Repairs them in [`Mode::Repair`], without taking the
    /// lease as [`Self::run`] does.
    pub async fn examine_table(&self, ledger: &Ledger<'_>) -> Result<()> {
        let mut state = ScanState {
            memberships: LruCache::new(CACHED),
            last_messages: String::new(),
            last_log: String::new(),
            logged_since: Timestamp::new(self.clock.now() - RETENTION),
        };
        let mut page = read::scan_page(&self.table, None, false).await?;
        loop {
            let next = page.next.take();
            let checked = self.check_page(&page.items, &mut state, ledger);
            let Some(next) = next else {
                checked.await?;
                break;
            };
            let (next, ()) = tokio::try_join!(read::scan_page(&self.table, Some(next), false), checked)?;
            page = next;
        }
        self.recheck_deleted_groups(ledger).await?;
        self.check_stopped()
    }

    async fn check_page(&self, items: &[Item], state: &mut ScanState, ledger: &Ledger<'_>) -> Result<()> {
        self.check_stopped()?;
        let mut work = PageWork::default();
        for item in items {
            ledger.count_row(text(item, "pk"));
            work.add(item, state);
        }
        self.progress.inc(items.len() as u64);
        self.check_references(state, &mut work, ledger).await?;
        self.preload_names(&work).await?;
        let PageWork { rows, memberships, mut suspects, logs, changed, .. } = work;
        let of_rows = stream::iter(rows)
            .map(|(pk, sk)| async move { self.examine_row(&pk, &sk, ledger).await })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<_>>()
            .await?;
        for (group, owner) in of_rows.into_iter().flatten() {
            suspects.entry(group).or_default().extend(owner);
        }
        let probably_healthy = memberships.into_iter().filter(|(group, _)| !suspects.contains_key(group));
        let groups = probably_healthy.map(|(group, item)| (group, Some(item), BTreeSet::new()));
        let groups = groups.collect::<Vec<_>>().into_iter();
        let suspects = suspects.into_iter().map(|(group, owners)| (group, None, owners));
        stream::iter(groups.chain(suspects))
            .map(|(group, membership, owners)| async move {
                if self.is_stopped() {
                    return Ok(());
                }
                ledger.count_group();
                if let Some(membership) = membership
                    && self.looks_healthy(group, &membership, ledger).await?
                {
                    return Ok(());
                }
                self.examine_group(group, &owners, ledger).await?;
                self.examine_logs_of_group(group, ledger).await
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await?;
        // After the groups: messages and members may have to be repaired first.
        stream::iter(changed)
            .map(|group| self.examine_logs_of_group(group, ledger))
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await?;
        stream::iter(logs)
            .map(|user| async move {
                if self.is_stopped() {
                    return Ok(());
                }
                self.examine_log(user, Scope::AllGroups, ledger).await
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await
    }

    /// Checks the page's references against memberships.
    async fn check_references(
        &self,
        state: &mut ScanState,
        work: &mut PageWork,
        ledger: &Ledger<'_>,
    ) -> Result<()> {
        let unknown = work.references.iter().map(|(group, _)| *group);
        let unknown = unknown.filter(|group| !state.memberships.contains(group)).collect::<BTreeSet<_>>();
        // Eventually consistent: a group whose membership is not seen becomes a suspect.
        let found = read::memberships(&self.table, unknown.into_iter().collect()).await?;
        // The cache holds more groups than a page.
        for (group, item) in found {
            if let Ok(membership) = rows::membership(&item, group) {
                state.memberships.put(group, membership);
            }
        }
        for (group, reference) in std::mem::take(&mut work.references) {
            let Some(membership) = state.memberships.get(&group) else {
                if let Reference::Block { .. } = reference {
                    continue;
                }
                let owner = if let Reference::Owner(owner) = reference { Some(owner) } else { None };
                work.suspects.entry(group).or_default().extend(owner);
                continue;
            };
            match reference {
                Reference::Oldest(sk) if sk != membership.created_sk.to_string() => {
                    work.suspects.entry(group).or_default();
                }
                Reference::Owner(owner) if !membership.has(owner) => {
                    work.suspects.entry(group).or_default().insert(owner);
                }
                Reference::Sender { user, pk, sk } if !membership.has(user) => {
                    let detail = "its sender is not a member".to_owned();
                    let kind = Kind::MessageMalformed;
                    let finding = Finding { kind, pk, sk: Some(sk), group: Some(group), detail };
                    self.record_unrepaired(&Problem { finding, repair: None }, ledger)?;
                }
                Reference::Reactions(users) if !users.iter().all(|user| membership.has(*user)) => {
                    work.suspects.entry(group).or_default();
                }
                Reference::Block { user, is_blocked }
                    if membership.blocked_by.contains(&user) != is_blocked =>
                {
                    work.suspects.entry(group).or_default();
                }
                Reference::Oldest(_)
                | Reference::Owner(_)
                | Reference::Sender { .. }
                | Reference::Reactions(_)
                | Reference::Block { .. } => {}
            }
        }
        Ok(())
    }

    async fn preload_names(&self, work: &PageWork) -> Result<()> {
        let Some(names) = &self.names else { return Ok(()) };
        let memberships = work.memberships.iter();
        let memberships = memberships.filter_map(|(group, item)| rows::membership(item, *group).ok());
        names.preload(memberships.flat_map(|membership| membership.members.into_keys())).await
    }

    /// Examines a row by itself. Returns its group, which has to be examined, too, and the owner of an inbox row.
    async fn examine_row(
        &self,
        pk: &str,
        sk: &str,
        ledger: &Ledger<'_>,
    ) -> Result<Option<(Uuid, Option<Uuid>)>> {
        let mut to_examine = None;
        let mut attempted: Option<Finding> = None;
        for round in 0..=ROW_ROUNDS {
            let item = read::row(&self.table, pk, sk).await?;
            let problem = match &item {
                Some(item) => self.row_problem(item).await?,
                None => None,
            };
            if let Some(attempted) = attempted.take()
                && !problem.as_ref().is_some_and(|problem| problem.finding.is_same(&attempted))
            {
                ledger.record(&attempted, Status::Repaired)?;
            }
            let (Some(item), Some(problem)) = (item, problem) else { return Ok(to_examine) };
            let owner = owner_of(&item);
            to_examine = problem.finding.group.map(|group| (group, owner));
            // Repaired with its group, if it is found there: the membership may have to be derived from it.
            if problem.finding.kind == Kind::InboxRowMalformed
                && let Some((group, Some(owner))) = to_examine
                && partition_id(&item) == owner.to_string()
                && text(&item, GROUP_UUID) == group.to_string()
            {
                return Ok(Some((group, Some(owner))));
            }
            let is_repairable = self.mode == Mode::Repair && round < ROW_ROUNDS;
            let Some(repair) = problem.repair.as_ref().filter(|_| is_repairable) else {
                self.record_unrepaired(&problem, ledger)?;
                return Ok(to_examine);
            };
            if self.is_stopped() {
                return Ok(None);
            }
            if self.apply(repair).await? == Written::Done {
                attempted = Some(problem.finding);
            }
        }
        Ok(to_examine)
    }

    /// Examines deleted groups again: a send that read the membership before may have been written after.
    async fn recheck_deleted_groups(&self, ledger: &Ledger<'_>) -> Result<()> {
        let deleted = ledger.take_deleted_groups();
        if deleted.is_empty() || self.is_stopped() {
            return Ok(());
        }
        tokio::time::sleep(self.recheck_after).await;
        for group in deleted {
            self.examine_group(group, &BTreeSet::new(), ledger).await?;
        }
        Ok(())
    }
}

impl PageWork {
    fn add(&mut self, item: &Item, state: &mut ScanState) {
        let (pk, sk) = (text(item, "pk"), sort_key(item).unwrap_or_default());
        let is_first_of_partition = RowKind::of(item) == Some(RowKind::Message) && pk != state.last_messages;
        if is_first_of_partition {
            pk.clone_into(&mut state.last_messages);
        }
        if RowKind::of(item) == Some(RowKind::EventLog) && pk != state.last_log {
            pk.clone_into(&mut state.last_log);
            self.logs.extend(partition_id(item).parse::<Uuid>().ok());
        }
        match shape(item) {
            Shape::Message(row, group) => {
                if is_first_of_partition {
                    self.references.push((group, Reference::Oldest(sk.to_owned())));
                }
                let since = state.logged_since;
                if row.sk.created_at < since && changed_at(&row).is_some_and(|at| at > since) {
                    self.changed.insert(group);
                }
                let (pk, sk) = (pk.to_owned(), sk.to_owned());
                self.references.push((group, Reference::Sender { user: row.sender_uuid, pk, sk }));
                if !row.reactions.0.is_empty() {
                    let users = row.reactions.0.into_keys().collect();
                    self.references.push((group, Reference::Reactions(users)));
                }
            }
            Shape::Inbox(row, owner) => {
                self.references.push((row.message_group_uuid, Reference::Owner(owner)));
            }
            Shape::MemberState(row, group) => {
                let since = state.logged_since;
                let read = row.read_sk.and_then(ReadPosition::sort_key);
                if read.is_none_or(|read| read.created_at < since) && row.read_at.is_some_and(|at| at > since)
                {
                    self.changed.insert(group);
                }
                self.references.push((group, Reference::Owner(row.sk)));
            }
            Shape::Block(row, user) => {
                let group = uuid_of_pair(user, row.sk);
                let is_blocked = row.blocked_at.is_some();
                self.references.push((group, Reference::Block { user, is_blocked }));
            }
            Shape::Membership(group) => drop(self.memberships.insert(group, item.clone())),
            Shape::Other => {}
            Shape::Flawed(flaw) => {
                self.rows.push((pk.to_owned(), sk.to_owned()));
                if let Some(group) = flaw.group {
                    self.suspects.entry(group).or_default();
                }
            }
        }
    }
}

//! Going through the table, page by page.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::atomic::Ordering,
};

use anyhow::{Result, bail};
use cruddur::{
    dynamodb::{Item, sort_key},
    message_group,
    sort_key::SortKey,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lru::LruCache;
use uuid::Uuid;

use super::{
    Doctor, Mode,
    finding::{Fate, Finding, Kind},
    ledger::Ledger,
    repair::Carried,
    rows::{self, Flaw, Shape, kind, shape, text},
};

/// Groups (or single rows) under examination at the same time.
const AT_A_TIME: usize = 16;

/// Memberships that are remembered, so that a group's rows are not looked up for each page.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(49_999);

/// Rounds in which a row is repaired.
const ROW_ROUNDS: usize = 8;

/// What a membership says of rows that are met one by one. Good memberships only.
#[derive(Clone, Copy, Debug)]
struct Known {
    members: [Uuid; 2],
    created_sk: SortKey,
}

/// What is remembered from page to page.
struct Way {
    known: LruCache<Uuid, Known>,
    /// The partition of the last message; its rows are met one after the other.
    last_messages: String,
}

/// What has to be held against a group's membership.
enum Claim {
    /// The first message of the partition.
    Oldest(String),
    Sender {
        user: Uuid,
        pk: String,
        sk: String,
    },
    Owner(Uuid),
}

/// What a page gives to do.
#[derive(Default)]
struct Todo {
    /// Rows that are broken by themselves.
    rows: Vec<(String, String)>,
    /// Memberships, whose groups are probably good.
    memberships: BTreeMap<Uuid, Item>,
    /// Groups that are probably broken, and who has rows of them.
    suspects: BTreeMap<Uuid, BTreeSet<Uuid>>,
    claims: Vec<(Uuid, Claim)>,
}

impl Doctor {
    /// Goes through the whole table, and tells `ledger` of what is broken; repairs it in [`Mode::Repair`], without
    /// making sure that nobody else does ([`Self::attend`] does).
    pub async fn examine_table(&self, ledger: &Ledger<'_>) -> Result<()> {
        let mut way = Way { known: LruCache::new(REMEMBERED), last_messages: String::new() };
        let mut page = self.scan_page(None).await?;
        loop {
            let next = page.next.take();
            let checked = self.check_page(&page.items, &mut way, ledger);
            let Some(next) = next else {
                checked.await?;
                break;
            };
            let (next, ()) = tokio::try_join!(self.scan_page(Some(next)), checked)?;
            page = next;
        }
        self.look_at_emptied_again(ledger).await?;
        if self.is_stopped() {
            bail!("stopped before the end: run it again");
        }
        Ok(())
    }

    async fn check_page(&self, items: &[Item], way: &mut Way, ledger: &Ledger<'_>) -> Result<()> {
        if self.is_stopped() {
            bail!("stopped before the end: run it again");
        }
        let mut todo = Todo::default();
        for item in items {
            ledger.count_row(kind(item));
            sort_in(item, way, &mut todo);
        }
        self.progress.inc(items.len() as u64);
        self.check_claims(way, &mut todo, ledger).await?;
        self.learn_names(&todo).await?;
        let Todo { rows, memberships, mut suspects, .. } = todo;
        let of_rows = stream::iter(rows)
            .map(|(pk, sk)| async move { self.examine_row(&pk, &sk, ledger).await })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<_>>()
            .await?;
        for (group, owner) in of_rows.into_iter().flatten() {
            suspects.entry(group).or_default().extend(owner);
        }
        let probably_good =
            memberships.into_iter().filter(|(group, _)| !suspects.contains_key(group)).collect::<Vec<_>>();
        stream::iter(probably_good)
            .map(|(group, item)| async move {
                if self.is_stopped() {
                    return Ok(());
                }
                ledger.count_group();
                if self.looks_healthy(group, &item, ledger).await? {
                    return Ok(());
                }
                self.examine_group(group, &BTreeSet::new(), ledger).await
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await?;
        stream::iter(suspects)
            .map(|(group, owners)| async move {
                if self.is_stopped() {
                    return Ok(());
                }
                ledger.count_group();
                self.examine_group(group, &owners, ledger).await
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await
    }

    /// Holds rows against their groups' memberships.
    async fn check_claims(&self, way: &mut Way, todo: &mut Todo, ledger: &Ledger<'_>) -> Result<()> {
        let unknown = todo.claims.iter().map(|(group, _)| *group);
        let unknown = unknown.filter(|group| !way.known.contains(group)).collect::<BTreeSet<_>>();
        // Eventually consistent: whose membership is not seen is looked at closely.
        let found = self.memberships(unknown.into_iter().collect()).await?;
        let good = found.iter().filter_map(|(group, item)| Some((*group, known(item, *group)?)));
        let mut here = good.collect::<BTreeMap<_, _>>();
        for (group, claim) in std::mem::take(&mut todo.claims) {
            let known = match here.get(&group) {
                Some(known) => Some(*known),
                None => way.known.get(&group).copied(),
            };
            let Some(known) = known else {
                let owner = if let Claim::Owner(owner) = claim { Some(owner) } else { None };
                todo.suspects.entry(group).or_default().extend(owner);
                continue;
            };
            here.insert(group, known);
            match claim {
                Claim::Oldest(sk) if sk != known.created_sk.to_string() => {
                    todo.suspects.entry(group).or_default();
                }
                Claim::Owner(owner) if !known.members.contains(&owner) => {
                    todo.suspects.entry(group).or_default().insert(owner);
                }
                Claim::Sender { user, pk, sk } if !known.members.contains(&user) => {
                    let detail = "its sender is not in the group".to_owned();
                    let kind = Kind::MessageMalformed;
                    let finding = Finding { kind, pk, sk: Some(sk), group: Some(group), detail };
                    ledger.tell(&finding, if self.mode == Mode::Check { Fate::Found } else { Fate::Left })?;
                }
                Claim::Oldest(_) | Claim::Owner(_) | Claim::Sender { .. } => {}
            }
        }
        for (group, known) in here {
            way.known.put(group, known);
        }
        Ok(())
    }

    /// The names of everybody on the page, in as few queries as there can be.
    async fn learn_names(&self, todo: &Todo) -> Result<()> {
        let Some(names) = &self.names else { return Ok(()) };
        let memberships = todo.memberships.iter();
        let members = memberships.filter_map(|(group, item)| Some(known(item, *group)?.members));
        names.learn(members.flatten()).await
    }

    /// Examines a row by itself; its group has to be examined, too, and its owner if it is an inbox row.
    async fn examine_row(
        &self,
        pk: &str,
        sk: &str,
        ledger: &Ledger<'_>,
    ) -> Result<Option<(Uuid, Option<Uuid>)>> {
        let mut to_examine = None;
        let mut tried: Option<Finding> = None;
        for _ in 0..ROW_ROUNDS {
            let item = self.row(pk, sk).await?;
            let problem = match &item {
                Some(item) => self.row_problem(item).await?,
                None => None,
            };
            if let Some(tried) = tried.take()
                && !problem.as_ref().is_some_and(|problem| problem.finding.is_same(&tried))
            {
                ledger.tell(&tried, Fate::Repaired)?;
            }
            let (Some(item), Some(problem)) = (item, problem) else { return Ok(to_examine) };
            let owner = text(&item, "pk").strip_prefix("GRP#").and_then(|owner| owner.parse().ok());
            to_examine = problem.finding.group.map(|group| (group, owner));
            // What a membership may have to be derived from is repaired with its group.
            if problem.finding.kind == Kind::InboxRowMalformed
                && let Some((group, Some(owner))) = to_examine
                && text(&item, "pk") == message_group::partition_key(owner)
                // (By this it is found with its group.)
                && text(&item, rows::GROUP_UUID) == group.to_string()
            {
                return Ok(Some((group, Some(owner))));
            }
            let Some(repair) = problem.repair.as_ref().filter(|_| self.mode == Mode::Repair) else {
                self.tell_unrepaired(&problem, ledger)?;
                return Ok(to_examine);
            };
            if self.is_stopped() {
                return Ok(None);
            }
            if self.carry_out(repair).await? == Carried::Out {
                tried = Some(problem.finding);
            }
        }
        if let Some(item) = self.row(pk, sk).await?
            && let Some(problem) = self.row_problem(&item).await?
        {
            ledger.tell(&problem.finding, Fate::Left)?;
        }
        Ok(to_examine)
    }

    /// A send that had seen the membership of a group without messages may have gone through after it was taken away.
    async fn look_at_emptied_again(&self, ledger: &Ledger<'_>) -> Result<()> {
        let emptied = ledger.take_emptied();
        if emptied.is_empty() || self.is_stopped() {
            return Ok(());
        }
        tokio::time::sleep(self.last_look_after).await;
        for group in emptied {
            self.examine_group(group, &BTreeSet::new(), ledger).await?;
        }
        Ok(())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What the row gives to do.
fn sort_in(item: &Item, way: &mut Way, todo: &mut Todo) {
    let (pk, sk) = (text(item, "pk"), sort_key(item).unwrap_or_default());
    let first_of_partition = kind(item) == "MSG" && pk != way.last_messages;
    if first_of_partition {
        pk.clone_into(&mut way.last_messages);
    }
    match shape(item) {
        Shape::Message(row, group) => {
            if first_of_partition {
                todo.claims.push((group, Claim::Oldest(sk.to_owned())));
            }
            let (pk, sk) = (pk.to_owned(), sk.to_owned());
            todo.claims.push((group, Claim::Sender { user: row.sender_uuid, pk, sk }));
        }
        Shape::Inbox(row, owner) => todo.claims.push((row.message_group_uuid, Claim::Owner(owner))),
        Shape::Membership(group) => drop(todo.memberships.insert(group, item.clone())),
        Shape::Other => {}
        Shape::Flawed(flaw) => {
            todo.rows.push((pk.to_owned(), sk.to_owned()));
            match flaw {
                // The row is looked at by itself, and so is the group.
                Flaw::StrayGroupUuid { .. } | Flaw::Unknown { .. } | Flaw::Old => {}
                Flaw::MessageKey { group, .. } => drop(todo.suspects.entry(group).or_default()),
                Flaw::Message { group, .. } | Flaw::Inbox { group, .. } => {
                    if let Some(group) = group {
                        todo.suspects.entry(group).or_default();
                    }
                }
            }
        }
    }
}

fn known(item: &Item, group: Uuid) -> Option<Known> {
    let membership = rows::membership(item, group).ok()?;
    let mut members = membership.members.keys().copied();
    Some(Known { members: [members.next()?, members.next()?], created_sk: membership.created_sk })
}

//! Counts and reported findings of a run.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use lru::LruCache;
use serde::Serialize;
use uuid::Uuid;

use super::finding::{Finding, Identity, Kind, Status};

/// Findings kept to report each once: a row may be found by itself and with its group.
const REPORTED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// The counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows by kind.
    pub rows: BTreeMap<String, u64>,
    pub groups: u64,
    pub findings: BTreeMap<Kind, u64>,
    pub repaired: u64,
    /// Findings that remain.
    pub left: u64,
    /// Members who are no longer in the table of users. Their names are not checked.
    pub users_gone: u64,
}

type Report<'a> = dyn Fn(&Finding, Status) -> Result<()> + Send + Sync + 'a;

/// Counts findings, and reports each one as it is found.
pub struct Ledger<'a> {
    report: Box<Report<'a>>,
    state: Mutex<State>,
}

struct State {
    summary: Summary,
    reported: LruCache<Identity, ()>,
    gone: HashSet<Uuid>,
    deleted_groups: BTreeSet<Uuid>,
}

impl<'a> Ledger<'a> {
    /// Creates a ledger that passes findings to `report`.
    pub fn new(report: impl Fn(&Finding, Status) -> Result<()> + Send + Sync + 'a) -> Self {
        let state = State {
            summary: Summary::default(),
            reported: LruCache::new(REPORTED),
            gone: HashSet::new(),
            deleted_groups: BTreeSet::new(),
        };
        Self { report: Box::new(report), state: Mutex::new(state) }
    }

    #[must_use]
    pub fn summary(&self) -> Summary {
        let state = self.state();
        Summary { users_gone: state.gone.len() as u64, ..state.summary.clone() }
    }

    /// Counts a row by the text before the first `#` of its partition key.
    pub(super) fn count_row(&self, pk: &str) {
        let tag = pk.split_once('#').map_or("", |(tag, _)| tag);
        *self.state().summary.rows.entry(tag.to_owned()).or_default() += 1;
    }

    pub(super) fn count_group(&self) {
        self.state().summary.groups += 1;
    }

    pub(super) fn count_gone_user(&self, user: Uuid) {
        self.state().gone.insert(user);
    }

    pub(super) fn remember_deleted_group(&self, group: Uuid) {
        self.state().deleted_groups.insert(group);
    }

    pub(super) fn take_deleted_groups(&self) -> BTreeSet<Uuid> {
        std::mem::take(&mut self.state().deleted_groups)
    }

    /// Counts and reports a finding: once, unless it is repaired in between.
    pub(super) fn record(&self, finding: &Finding, status: Status) -> Result<()> {
        {
            let mut state = self.state();
            if status != Status::Repaired && state.reported.put(finding.identity(), ()).is_some() {
                return Ok(());
            }
            *state.summary.findings.entry(finding.kind).or_default() += 1;
            match status {
                Status::Repaired => state.summary.repaired += 1,
                Status::Found | Status::WouldRepair | Status::Left => state.summary.left += 1,
            }
        }
        (self.report)(finding, status)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

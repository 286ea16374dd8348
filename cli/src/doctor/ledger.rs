//! What was gone through and found, and who is told of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use lru::LruCache;
use uuid::Uuid;

use super::finding::{Fate, Finding, Kind};

/// Findings that are remembered so as not to be told of twice. (A row may be met by itself and with its group.)
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// Everything that was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows by the kinds in their partition keys.
    pub rows: BTreeMap<String, u64>,
    /// Groups that were examined.
    pub groups: u64,
    /// Findings by kind.
    pub findings: BTreeMap<Kind, u64>,
    /// Findings that were repaired.
    pub repaired: u64,
    /// Findings that are still there.
    pub left: u64,
    /// Members who have no row in users any more: their names stay as they are.
    pub users_gone: u64,
}

type Tell<'a> = dyn Fn(&Finding, Fate) -> Result<()> + Send + Sync + 'a;

/// Counts, and passes findings on as they are found.
pub struct Ledger<'a> {
    tell: Box<Tell<'a>>,
    books: Mutex<Books>,
}

/// What tells two findings apart: kind, group and key.
type Identity = (Kind, Option<Uuid>, String, Option<String>);

struct Books {
    summary: Summary,
    told: LruCache<Identity, ()>,
    gone: HashSet<Uuid>,
    /// Groups that were taken away.
    emptied: BTreeSet<Uuid>,
}

impl<'a> Ledger<'a> {
    /// One that passes every finding on to `tell`.
    pub fn new(tell: impl Fn(&Finding, Fate) -> Result<()> + Send + Sync + 'a) -> Self {
        let books = Books {
            summary: Summary::default(),
            told: LruCache::new(REMEMBERED),
            gone: HashSet::new(),
            emptied: BTreeSet::new(),
        };
        Self { tell: Box::new(tell), books: Mutex::new(books) }
    }

    /// What was counted so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let books = self.books();
        Summary { users_gone: books.gone.len() as u64, ..books.summary.clone() }
    }

    pub(super) fn count_row(&self, kind: &str) {
        let mut books = self.books();
        match books.summary.rows.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(books.summary.rows.insert(kind.to_owned(), 1)),
        }
    }

    pub(super) fn count_group(&self) {
        self.books().summary.groups += 1;
    }

    pub(super) fn count_gone(&self, user: Uuid) {
        self.books().gone.insert(user);
    }

    pub(super) fn remember_emptied(&self, group: Uuid) {
        self.books().emptied.insert(group);
    }

    pub(super) fn take_emptied(&self) -> BTreeSet<Uuid> {
        std::mem::take(&mut self.books().emptied)
    }

    /// Tells of a finding; once, as long as it is there.
    pub(super) fn tell(&self, finding: &Finding, fate: Fate) -> Result<()> {
        {
            let mut books = self.books();
            let (kind, group, pk, sk) = finding.identity();
            let identity = (kind, group, pk.to_owned(), sk.map(str::to_owned));
            if fate != Fate::Repaired && books.told.put(identity, ()).is_some() {
                return Ok(());
            }
            *books.summary.findings.entry(finding.kind).or_default() += 1;
            match fate {
                Fate::Repaired => books.summary.repaired += 1,
                Fate::Found | Fate::WouldRepair | Fate::Left => books.summary.left += 1,
            }
        }
        (self.tell)(finding, fate)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ledger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ledger").field(&self.summary()).finish()
    }
}

//! Checks of each commit, and the trace of a run.

use std::collections::{BTreeMap, BTreeSet};

use cruddur::table::RowKind;
use dynamodb_fake::{Call, Change, Key, text};
use serde_json::Value;
use tokio::time::Instant;

/// Committed rows, and violations by single commits.
#[derive(Default)]
pub(crate) struct Commits {
    /// Rows by key.
    pub(crate) rows: BTreeMap<Key, Value>,
    /// Sort keys of inbox rows, by partition and group.
    inboxes: BTreeMap<(String, String), BTreeSet<String>>,
    /// Number of transactions and single writes that changed a row.
    pub(crate) count: u64,
    /// Violations of invariants by single commits.
    pub(crate) violations: Vec<String>,
}

/// A hash of every event of a run. Equal for two runs that did the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    hash: u64,
    /// Number of calls to DynamoDB.
    pub calls: u64,
}

impl Trace {
    /// Adds a call, with its time since `begin`.
    pub(crate) fn add(&mut self, call: &Call, begin: Instant) {
        self.calls += 1;
        let call = format!("{:?} {} {} {}", begin.elapsed(), call.caller(), call.operation, call.request);
        // FNV-1a: equal on every machine.
        for byte in call.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Commits {
    /// Adds a commit and checks the inboxes that it changed.
    pub(crate) fn add(&mut self, changes: &[Change]) {
        self.count += 1;
        let mut touched = BTreeMap::<(String, String), Option<String>>::new();
        for change in changes {
            let (pk, sk) = change.key();
            let row = match change {
                Change::Put(row) => Some(row.clone()),
                Change::Delete(_) => None,
                Change::Update(row) => {
                    self.rows.insert((pk, sk), row.clone());
                    continue;
                }
            };
            let before = match &row {
                Some(row) => self.rows.insert((pk.clone(), sk.clone()), row.clone()),
                None => self.rows.remove(&(pk.clone(), sk.clone())),
            };
            if before.is_some() && row.is_some() {
                self.violations.push(format!("I7: {pk} {sk} was overwritten"));
            }
            let group = row.as_ref().or(before.as_ref()).map_or("", |row| text(row, "message_group_uuid"));
            if !group.is_empty() {
                let inbox = (pk, group.to_owned());
                let positions = self.inboxes.entry(inbox.clone()).or_default();
                touched.entry(inbox).or_insert_with(|| positions.last().cloned());
                if row.is_some() {
                    positions.insert(sk);
                } else {
                    positions.remove(&sk);
                }
            }
        }
        for (inbox, before) in touched {
            let positions = &self.inboxes[&inbox];
            let (pk, group) = inbox;
            if positions.len() != 1 {
                self.violations.push(format!("I1: {} rows of {group} in {pk}", positions.len()));
            }
            if positions.last() < before.as_ref() {
                self.violations.push(format!("I4: the row of {group} in {pk} moved back from {before:?}"));
            }
            if let Some(position) = positions.last()
                && !self.rows.contains_key(&(RowKind::Message.partition(&group), position.clone()))
            {
                self.violations.push(format!("I3: the row of {group} in {pk} is at no message"));
            }
        }
    }
}

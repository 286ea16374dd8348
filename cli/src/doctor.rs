//! Checks the invariants of inboxes and event logs, and repairs violations while the system runs.
//!
//! [`Doctor::examine_table`] scans the table page by page with bounded memory. Two small reads clear most groups
//! (`group`). A suspicious group is read twice, consistently, before a finding is reported, since rows move meanwhile.
//! A repair is one transaction with conditions on what was read (`table::write`); if another writer wins, the group is
//! examined again.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use chrono::TimeDelta;
use cruddur::{clock::Clock, random::Random, table::Table, timestamp::Timestamp};
use indicatif::ProgressBar;
use uuid::Uuid;

pub use self::{
    command::{Options, run},
    finding::{Finding, Kind, Status},
    ledger::{Ledger, Summary},
};
use crate::advice::advised;
pub use crate::{names::Names, table::lease::Lease};

mod blocks;
mod command;
mod erasures;
mod finding;
mod group;
mod inbox;
mod join;
mod ledger;
mod log;
mod membership;
mod messages;
mod repair;
mod report;
mod requests;
mod rows;
mod scan;
mod states;
mod subject;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Report findings.
    Check,
    /// Report findings and whether they can be repaired.
    Plan,
    Repair,
}

/// A doctor for the inboxes of a table.
pub struct Doctor {
    pub table: Table,
    /// The users' current names; `None` leaves names alone.
    pub names: Option<Names>,
    pub clock: Clock,
    pub random: Random,
    pub mode: Mode,
    /// The time for which inbox rows and event logs may lag behind a change.
    pub grace: TimeDelta,
    /// The delay between the two reads that confirm a finding.
    pub confirm_after: Duration,
    /// The delay after which deleted groups are examined again, for sends that were in flight.
    pub recheck_after: Duration,
    /// Set to stop after the repairs in progress.
    pub stop: Arc<AtomicBool>,
    /// Counts rows.
    pub progress: ProgressBar,
    /// The owner of the lease, which new rows are conditional on: a process suspended for longer than its lease
    /// writes none.
    pub fence: Mutex<Option<Uuid>>,
}

impl Doctor {
    /// Creates a doctor that shows no progress.
    #[must_use]
    pub fn new(table: Table, names: Option<Names>, clock: Clock, random: Random, mode: Mode) -> Self {
        Self {
            table,
            names,
            clock,
            random,
            mode,
            grace: TimeDelta::seconds(60),
            // Longer than a move takes.
            confirm_after: Duration::from_millis(200),
            // A second more than a send may take (`cruddur::message::create`).
            recheck_after: Duration::from_secs(15),
            stop: Arc::default(),
            progress: ProgressBar::hidden(),
            fence: Mutex::default(),
        }
    }

    /// Changes since then may not be in inbox rows and event logs yet.
    fn cutoff(&self) -> Timestamp {
        Timestamp::new(self.clock.now() - self.grace)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn check_stopped(&self) -> Result<()> {
        if self.is_stopped() {
            return Err(advised("stopped before the end", "run it again"));
        }
        Ok(())
    }
}

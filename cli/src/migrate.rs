//! Migrates the conversations of the old system: its groups with random UUIDs become the one group of each pair.
//!
//! [`Migration::plan`] scans the table once and derives the members of each old group (`survey`, `decide`); it writes
//! nothing. [`Migration::run`] then migrates each conversation (`conversation`): membership and inbox rows first, then
//! the messages in order of time, each put at its new key and deleted at its old one in one transaction, and the old
//! inbox rows last, since members are derived from them. A run that is interrupted at any point leaves a state from
//! which the next run continues to the same result.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use chrono::FixedOffset;
use cruddur::{clock::Clock, random::Random, table::Table};
use indicatif::ProgressBar;

pub use self::{
    command::{Options, run},
    decide::Plan,
    report::{Basis, Left, LeftKind, Line, Sink, Summary},
};
use crate::{advice::advised, names::Names};

mod assumption;
mod command;
mod conversation;
mod decide;
mod inbox;
mod report;
mod survey;

/// A migration of a table from the rows of the old system to those of this one.
pub struct Migration {
    pub table: Table,
    /// The users' current names.
    pub names: Names,
    pub clock: Clock,
    pub random: Random,
    /// The UTC offset of times without one.
    pub assume_offset: Option<FixedOffset>,
    /// Set to stop after the writes in progress.
    pub stop: Arc<AtomicBool>,
    /// Counts rows, and then messages.
    pub progress: ProgressBar,
}

impl Migration {
    /// Creates a migration that shows no progress.
    #[must_use]
    pub fn new(table: Table, names: Names, clock: Clock, random: Random) -> Self {
        Self {
            table,
            names,
            clock,
            random,
            assume_offset: None,
            stop: Arc::default(),
            progress: ProgressBar::hidden(),
        }
    }

    /// Fails if the migration was asked to stop.
    fn check_stopped(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(advised("stopped before the end", "run it again to continue"));
        }
        Ok(())
    }
}

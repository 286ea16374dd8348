//! Checks the invariants of inboxes, and heals what is broken.
//!
//! [`Doctor::examine_table`] goes through the table a page at a time; what it keeps in memory is bounded. Most groups
//! are found good with two small reads (`group`); what looks broken is read again, consistently and twice, before
//! it is called so, since rows move while they are looked at. A repair is one transaction that says what it relies on
//! (`action`): whoever was faster wins, and the group is looked at anew.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow};
use chrono::TimeDelta;
use clap::Args;
use cruddur::{
    clock::Clock,
    dynamodb::Table,
    error::{Chain, Dependency, Error},
    random::Random,
};
use indicatif::ProgressBar;
use tokio::time::Instant;
use uuid::Uuid;

pub use self::{
    finding::{Fate, Finding, Kind},
    lease::Lease,
    ledger::{Ledger, Summary},
    names::Names,
};
use crate::{
    Outcome,
    context::{Context, Database, DynamoDb, note},
    output,
};

pub(crate) mod action;
mod finding;
mod group;
mod judge;
mod lease;
mod ledger;
mod membership;
mod messages;
mod names;
pub(crate) mod read;
mod repair;
mod report;
pub(crate) mod rows;
mod scan;

/// `ddb doctor`
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// Heal what is found, while the system runs
    #[arg(long)]
    pub repair: bool,

    /// With --repair: say what would be done, and write nothing
    #[arg(long, requires = "repair")]
    pub dry_run: bool,

    /// Leave names as they are; the database of users is not needed then
    #[arg(long)]
    pub without_names: bool,

    /// How long inbox rows may trail a new message before they count as behind
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub grace: u32,

    /// With --repair: wait for another doctor to end that is at work on the table
    #[arg(long, requires = "repair")]
    pub wait: bool,
}

const AFTER_HELP: &str = "\
Examples:
  cruddur ddb doctor                     says what is broken, and changes nothing
  cruddur ddb doctor --repair --dry-run  says what a repair would do
  cruddur ddb doctor --repair            repairs it; senders and the stream's handler may go on
  cruddur --output json ddb doctor | jq -r 'select(.outcome == \"left\") | .pk'

A message is never deleted or changed. What can't be repaired is listed as left.
The exit code is 3 when something is left that is broken.";

/// What to do about what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only say so.
    Check,
    /// Say what a repair would do.
    Plan,
    /// Repair it.
    Repair,
}

/// A doctor for the inboxes of a table.
#[derive(Debug)]
pub struct Doctor {
    /// The table.
    pub table: Table,
    /// Whose names are the right ones; none: names are left alone.
    pub names: Option<Names>,
    /// What time it is: messages that are younger than `grace` may be ahead of their inbox rows.
    pub clock: Clock,
    /// For waits, and for the lease.
    pub random: Random,
    /// What to do about what is found.
    pub mode: Mode,
    /// How long inbox rows may trail a new message.
    pub grace: TimeDelta,
    /// How long after the first look the second one is taken without which nothing is called broken.
    pub second_look_after: Duration,
    /// How long after the end groups are looked at again that were taken away: for sends that were under way.
    pub last_look_after: Duration,
    /// Set from outside when the doctor is to stop as soon as the repairs under way are done.
    pub stop: Arc<AtomicBool>,
    /// Counts rows.
    pub progress: ProgressBar,
    /// Whose lease new rows rest on: a doctor that was stopped for longer than its lease lasts puts none.
    pub fence: Mutex<Option<Uuid>>,
}

impl Doctor {
    /// A moving row is at its new place long before this.
    const SECOND_LOOK_AFTER: Duration = Duration::from_millis(200);

    /// A second more than what a send may take (`cruddur::message::create`).
    const LAST_LOOK_AFTER: Duration = Duration::from_secs(15);

    const GRACE: TimeDelta = TimeDelta::seconds(60);

    /// A doctor who shows no progress.
    #[must_use]
    pub fn new(table: Table, names: Option<Names>, clock: Clock, random: Random, mode: Mode) -> Self {
        Self {
            table,
            names,
            clock,
            random,
            mode,
            grace: Self::GRACE,
            second_look_after: Self::SECOND_LOOK_AFTER,
            last_look_after: Self::LAST_LOOK_AFTER,
            stop: Arc::default(),
            progress: ProgressBar::hidden(),
            fence: Mutex::default(),
        }
    }

    /// [`Self::examine_table`], as the only doctor at work on the table when it repairs.
    pub async fn attend(&self, ledger: &Ledger<'_>, wait: bool) -> Result<()> {
        if self.mode != Mode::Repair {
            return self.examine_table(ledger).await;
        }
        let lease = Lease::take(&self.table, &self.clock, &self.random, wait).await?;
        *self.fence.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.owner());
        let result = Box::pin(lease.hold(self.examine_table(ledger))).await;
        lease.give_back().await;
        result
    }
}

/// Checks, and repairs where asked to.
pub async fn run(context: &Context, options: Options) -> Result<Outcome> {
    let (table, dynamodb) = context.table().await?;
    let random = Random::system();
    let database = if options.without_names { None } else { Some(context.database().await?) };
    if let Some(database) = &database {
        // A server that is down is waited for later on, but not at the beginning.
        database.connect().await?.close().await;
    }
    let names = database.as_ref().map(|database| Names::new(Arc::new(database.postgres()), random.clone()));
    let mode = match (options.repair, options.dry_run) {
        (false, _) => Mode::Check,
        (true, true) => Mode::Plan,
        (true, false) => Mode::Repair,
    };
    let doctor = Doctor {
        grace: TimeDelta::seconds(options.grace.into()),
        progress: output::progress("rows", None),
        ..Doctor::new(table, names, Clock::system(), random, mode)
    };
    let ledger = Ledger::new(|finding, fate| {
        doctor.progress.suspend(|| report::finding(context.output, finding, fate))
    });
    let begun = Instant::now();
    let result = tokio::select! {
        result = doctor.attend(&ledger, options.wait) => result,
        error = interrupted(&doctor.stop) => Err(error),
    };
    doctor.progress.finish_and_clear();
    let summary = ledger.summary();
    if result.is_ok() || doctor.stop.load(Ordering::Relaxed) {
        report::summary(context.output, &summary, dynamodb.meter.units(), begun.elapsed())?;
    }
    result.map_err(|error| explained(error, &dynamodb, database.as_ref()))?;
    Ok(if summary.left == 0 { Outcome::Done } else { Outcome::Found })
}

/// Lets what looks at `stop` end by itself after the first Ctrl-C; the error for a second one.
pub(crate) async fn interrupted(stop: &AtomicBool) -> anyhow::Error {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can interrupt it.
        return std::future::pending().await;
    }
    stop.store(true, Ordering::Relaxed);
    note("stopping after what is under way");
    let _ = tokio::signal::ctrl_c().await;
    anyhow!("stopped at once: run it again; it has to wait for the lease of this run to end")
}

/// One line about what failed, with what to do.
pub(crate) fn explained(
    error: anyhow::Error,
    dynamodb: &DynamoDb,
    database: Option<&Database>,
) -> anyhow::Error {
    let place = &dynamodb.place;
    match (error.downcast_ref::<Error>(), database) {
        (Some(Error::Unavailable { what: Dependency::DynamoDb, source }), _) => {
            anyhow!("{place} can't be reached ({}): run it again, nothing is half done", Chain(&**source))
        }
        (Some(error @ Error::Unavailable { .. }), Some(database)) => database.query_error(error),
        (Some(error @ Error::Internal(source)), Some(database))
            if source.to_string().contains("SQLSTATE") =>
        {
            database.query_error(error)
        }
        (Some(Error::Internal(source)), _) => {
            anyhow!("{place} refuses: {}; may these credentials read and write the table?", Chain(&**source))
        }
        _ => error,
    }
}

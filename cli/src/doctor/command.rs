//! `ddb doctor`

use std::sync::{PoisonError, atomic::Ordering};

use anyhow::Result;
use chrono::TimeDelta;
use clap::Args;
use cruddur::{clock::Clock, random::Random};
use tokio::time::Instant;

use super::{Doctor, Mode, ledger::Ledger, report};
use crate::{
    context::Context,
    outcome::Outcome,
    output,
    table::{
        command::{self, explained},
        lease::Lease,
    },
};

#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// Repair findings while the system runs
    #[arg(long)]
    pub repair: bool,

    /// With --repair: report what would be repaired, and write nothing
    #[arg(long, requires = "repair")]
    pub dry_run: bool,

    /// Do not check names; the database of users is not needed then
    #[arg(long)]
    pub without_names: bool,

    /// Time that inbox rows and event logs may lag behind a change
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub grace: u32,

    /// With --repair: wait until no other doctor or migration runs on the table
    #[arg(long, requires = "repair")]
    pub wait: bool,
}

const AFTER_HELP: &str = "\
Examples:
  cruddur ddb doctor                     reports findings, and changes nothing
  cruddur ddb doctor --repair --dry-run  reports what a repair would do
  cruddur ddb doctor --repair            repairs; the functions may keep running
  cruddur --output json ddb doctor | jq -r 'select(.outcome == \"left\") | .pk'

No message is deleted. A text is changed only to remove what is left of a deleted message.
A finding that can't be repaired is listed as left.
The exit code is 3 if findings remain.";

impl Doctor {
    /// Runs [`Self::examine_table`], under the table's lease if it repairs.
    pub async fn run(&self, ledger: &Ledger<'_>, wait: bool) -> Result<()> {
        if self.mode != Mode::Repair {
            return self.examine_table(ledger).await;
        }
        let lease = Lease::acquire(&self.table, &self.clock, &self.random, wait).await?;
        *self.fence.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.owner);
        let result = Box::pin(lease.hold(self.examine_table(ledger))).await;
        lease.release().await;
        result
    }
}

pub async fn run(context: &Context, options: Options) -> Result<Outcome> {
    let (table, dynamodb) = context.table().await?;
    let random = Random::system();
    let database = if options.without_names { None } else { Some(context.database().await?) };
    let names = match &database {
        Some(database) => Some(database.names().await?),
        None => None,
    };
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
    let ledger = Ledger::new(|finding, status| {
        doctor.progress.suspend(|| report::finding(context.output, finding, status))
    });
    let started = Instant::now();
    let result = command::run(doctor.run(&ledger, options.wait), &doctor.stop, &doctor.progress).await;
    let summary = ledger.summary();
    if result.is_ok() || doctor.stop.load(Ordering::Relaxed) {
        report::summary(context.output, &summary, dynamodb.meter.units(), started.elapsed())?;
    }
    result.map_err(|error| explained(error, &dynamodb, database.as_ref()))?;
    Ok(if summary.left == 0 { Outcome::Done } else { Outcome::Found })
}

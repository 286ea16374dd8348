//! Brings the conversations of the old system over: its random groups become the one group of each pair.
//!
//! [`Migration::plan`] goes through the table once, and decides from what it has found there (`survey`, `decide`)
//! whose each old group is; nothing is written. [`Migration::carry_out`] then brings one conversation over after the
//! other (`conversation`): membership and inbox rows first, then the messages in the order of time, each put at its
//! new key and deleted at its old one by the same transaction, and the old inbox rows last, since they tell who was in
//! the group. However a run ends, what is left is a later part of the same order, so the next run goes on where this
//! one stopped and comes to the same end.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Result, bail};
use chrono::FixedOffset;
use clap::Args;
use cruddur::{clock::Clock, dynamodb::Table, random::Random};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use tokio::time::Instant;

pub use self::{
    decide::{Basis, Plan},
    report::{Left, Line, RowKind, Summary},
};
use crate::{
    Outcome,
    context::Context,
    doctor::{self, Lease, Names},
    output,
};

pub(crate) mod assumption;
mod conversation;
mod decide;
mod inbox;
pub(crate) mod old;
mod read;
pub(crate) mod redirect;
mod report;
mod survey;

/// `ddb migrate`
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// Say what would be done and what can't be decided, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// The offset from UTC of times that have none, such as +00:00: that of the machine that wrote them
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    pub assume_offset: Option<FixedOffset>,

    /// Wait for a doctor, or another migration, that is at work on the table
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
}

const AFTER_HELP: &str = "\
Examples:
  cruddur ddb migrate --dry-run                   says what would become of each old group, and changes nothing
  cruddur ddb migrate                             brings everything over that can be; the old functions have to be
                                                  stopped, the new ones may run
  cruddur --output json ddb migrate --dry-run | jq -r 'select(.redirect) | [.redirect.old, .redirect.new] | @tsv'

It can be stopped at any point, and run again. What can't be decided stays as it is, and is listed as left.
The exit code is 3 when something is left. docs/MIGRATE.md has the whole way.";

/// Conversations that are brought over at the same time. What is in memory of each are its messages.
const AT_A_TIME: usize = 8;

/// Brings a table over.
pub struct Migration {
    /// The table: the old rows and the new ones are in the same.
    pub table: Table,
    /// The users, with their names of now.
    pub names: Names,
    /// For the lease.
    pub clock: Clock,
    /// For waits, and for the lease.
    pub random: Random,
    /// The offset from UTC of times that have none.
    pub assume_offset: Option<FixedOffset>,
    /// Set from outside when it is to stop as soon as what is under way is done.
    pub stop: Arc<AtomicBool>,
    /// Counts rows, and then messages.
    pub progress: ProgressBar,
}

/// Is told of what is decided and done as it happens.
pub type Tell<'a> = dyn Fn(&Line) -> Result<()> + Send + Sync + 'a;

impl Migration {
    /// A migration that shows no progress.
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

    /// What is to be done; writes nothing. Fails when a time has no offset from UTC and none is to be assumed.
    pub async fn plan(&self) -> Result<Plan> {
        let evidence = self.survey().await?;
        let assumed = self.assume_offset.map(|offset| offset.to_string());
        if evidence.without_offset > 0 && assumed.is_none() {
            bail!(
                "{} rows have times without an offset from UTC: say with --assume-offset what the clocks of the \
                 machines showed that wrote them, such as --assume-offset=+00:00",
                evidence.without_offset
            );
        }
        if let (Some(before), Some(now)) = (&evidence.assumed, &assumed) {
            assumption::check(before, now)?;
        }
        self.decide(evidence).await
    }

    /// Tells what [`Self::carry_out`] would do with `plan`, as far as it can be told before.
    pub async fn foretell(&self, plan: &Plan, tell: &Tell<'_>) -> Result<Summary> {
        let mut summary = plan.tell(tell)?;
        for (pair, conversation) in &plan.conversations {
            if conversation.inbox_rows.is_empty() {
                continue;
            }
            let will_be = conversation.messages() > 0 || self.is_brought_over(*pair).await?;
            for row in &conversation.inbox_rows {
                let Some(item) = self.row(&row.pk, &row.sk).await? else { continue };
                match self.unaccounted(*pair, &item, will_be).await? {
                    None => summary.inbox_rows += 1,
                    Some(left) => summary.leave(&left, tell)?,
                }
            }
        }
        Ok(summary)
    }

    /// Does it, as the only migration or doctor at work on the table.
    pub async fn carry_out(&self, wait: bool, tell: &Tell<'_>) -> Result<Summary> {
        let lease = Lease::take(&self.table, &self.clock, &self.random, wait).await?;
        let result = Box::pin(lease.hold(self.bring_all_over(tell))).await;
        lease.give_back().await;
        result
    }

    async fn bring_all_over(&self, tell: &Tell<'_>) -> Result<Summary> {
        let plan = self.plan().await?;
        if plan.without_offset > 0 {
            self.write_assumption().await?;
        }
        let mut summary = plan.tell(tell)?;
        summary.messages = 0;
        self.progress.set_position(0);
        self.progress.set_prefix("messages");
        let conversations = stream::iter(&plan.conversations)
            .map(|(pair, conversation)| self.bring_over(*pair, conversation, &plan))
            .buffer_unordered(AT_A_TIME);
        let mut conversations = std::pin::pin!(conversations);
        while let Some(brought) = conversations.try_next().await? {
            summary.messages += brought.messages;
            summary.inbox_rows += brought.inbox_rows;
            for left in &brought.left {
                summary.leave(left, tell)?;
            }
        }
        self.go_on()?;
        Ok(summary)
    }

    /// Fails when it is to stop.
    fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("stopped before the end: run it again, it goes on from here");
        }
        Ok(())
    }
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration").field("table", &self.table).finish_non_exhaustive()
    }
}

/// Brings the table over, or says what that would do.
pub async fn run(context: &Context, options: Options) -> Result<Outcome> {
    let (table, dynamodb) = context.table().await?;
    let database = context.database().await?;
    // A server that is down is waited for later on, but not at the beginning.
    database.connect().await?.close().await;
    let random = Random::system();
    let names = Names::new(Arc::new(database.postgres()), random.clone());
    let migration = Migration {
        assume_offset: options.assume_offset,
        progress: output::progress("rows", None),
        ..Migration::new(table, names, Clock::system(), random)
    };
    let tell = |line: &Line| migration.progress.suspend(|| report::line(context.output, line));
    let work = async {
        if options.dry_run {
            migration.foretell(&migration.plan().await?, &tell).await
        } else {
            migration.carry_out(options.wait, &tell).await
        }
    };
    let begun = Instant::now();
    let result = tokio::select! {
        result = work => result,
        error = doctor::interrupted(&migration.stop) => Err(error),
    };
    migration.progress.finish_and_clear();
    let summary = result.map_err(|error| doctor::explained(error, &dynamodb, Some(&database)))?;
    report::summary(context.output, &summary, options.dry_run, dynamodb.meter.units(), begun.elapsed())?;
    Ok(if summary.left() == 0 { Outcome::Done } else { Outcome::Found })
}

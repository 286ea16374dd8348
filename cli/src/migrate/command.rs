//! `ddb migrate`

use anyhow::Result;
use chrono::FixedOffset;
use clap::Args;
use cruddur::{clock::Clock, random::Random};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use super::{
    Migration, assumption,
    decide::Plan,
    report::{self, Line, Sink, Summary},
};
use crate::{
    advice::advised,
    context::Context,
    outcome::Outcome,
    output,
    table::{
        command::{self, explained},
        lease::Lease,
        read,
    },
};

#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// Report what would be migrated and what can't be, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// The UTC offset of times without one, such as +00:00: that of the machine that wrote them
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    pub assume_offset: Option<FixedOffset>,

    /// Wait until no other doctor or migration runs on the table
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
}

const AFTER_HELP: &str = "\
Examples:
  cruddur ddb migrate --dry-run                   reports what each old group would become, and changes nothing
  cruddur ddb migrate                             migrates everything possible; stop the old functions first, the new
                                                  ones may run
  cruddur --output json ddb migrate --dry-run | jq -r 'select(.redirect) | [.redirect.old, .redirect.new] | @tsv'

It can be stopped at any point, and run again. What can't be migrated stays unchanged, and is listed as left.
The exit code is 3 if anything is left. docs/MIGRATE.md describes the whole procedure.";

/// Conversations migrated concurrently. The messages of each are held in memory.
const AT_A_TIME: usize = 8;

impl Migration {
    /// Plans the migration, and writes nothing. Fails if a time has no UTC offset and none is assumed.
    pub async fn plan(&self) -> Result<Plan> {
        let evidence = self.survey().await?;
        let assumed = self.assume_offset.map(|offset| offset.to_string());
        if evidence.without_offset > 0 && assumed.is_none() {
            return Err(advised(
                format!("{} rows have times without a UTC offset", evidence.without_offset),
                "give the offset of the machines that wrote them, such as --assume-offset=+00:00",
            ));
        }
        if let (Some(before), Some(now)) = (&evidence.assumed, &assumed) {
            assumption::check(before, now)?;
        }
        self.decide(evidence).await
    }

    /// Reports what [`Self::run`] would do with `plan`, as far as it is known before.
    pub async fn dry_run(&self, plan: &Plan, sink: &Sink<'_>) -> Result<Summary> {
        let mut summary = plan.report(sink)?;
        for (pair, conversation) in &plan.conversations {
            if conversation.inbox_rows.is_empty() {
                continue;
            }
            let will_be_migrated = conversation.messages() > 0 || self.is_migrated(*pair).await?;
            for row in &conversation.inbox_rows {
                let Some(item) = read::row(&self.table, &row.pk, &row.sk).await? else { continue };
                match self.reason_to_keep(*pair, &item, will_be_migrated).await? {
                    None => summary.inbox_rows += 1,
                    Some(left) => summary.leave(&left, sink)?,
                }
            }
        }
        Ok(summary)
    }

    /// Migrates the table under its lease.
    pub async fn run(&self, wait: bool, sink: &Sink<'_>) -> Result<Summary> {
        let lease = Lease::acquire(&self.table, &self.clock, &self.random, wait).await?;
        let result = Box::pin(lease.hold(self.migrate_all(sink))).await;
        lease.release().await;
        result
    }

    async fn migrate_all(&self, sink: &Sink<'_>) -> Result<Summary> {
        let plan = self.plan().await?;
        if plan.without_offset > 0 {
            self.write_assumption().await?;
        }
        let mut summary = plan.report(sink)?;
        summary.messages = 0;
        self.progress.set_position(0);
        self.progress.set_prefix("messages");
        let conversations = stream::iter(&plan.conversations)
            .map(|(pair, conversation)| self.migrate_conversation(*pair, conversation, &plan))
            .buffer_unordered(AT_A_TIME);
        let mut conversations = std::pin::pin!(conversations);
        while let Some(migrated) = conversations.try_next().await? {
            summary.messages += migrated.messages;
            summary.inbox_rows += migrated.inbox_rows;
            for left in &migrated.left {
                summary.leave(left, sink)?;
            }
        }
        self.check_stopped()?;
        Ok(summary)
    }
}

pub async fn run(context: &Context, options: Options) -> Result<Outcome> {
    let (table, dynamodb) = context.table().await?;
    let database = context.database().await?;
    let names = database.names().await?;
    let migration = Migration {
        assume_offset: options.assume_offset,
        progress: output::progress("rows", None),
        ..Migration::new(table, names, Clock::system(), Random::system())
    };
    let sink = |line: &Line| migration.progress.suspend(|| report::line(context.output, line));
    let work = async {
        if options.dry_run {
            migration.dry_run(&migration.plan().await?, &sink).await
        } else {
            migration.run(options.wait, &sink).await
        }
    };
    let started = Instant::now();
    let result = command::run(work, &migration.stop, &migration.progress).await;
    let summary = result.map_err(|error| explained(error, &dynamodb, Some(&database)))?;
    report::summary(context.output, &summary, options.dry_run, dynamodb.meter.units(), started.elapsed())?;
    Ok(if summary.left() == 0 { Outcome::Done } else { Outcome::Found })
}

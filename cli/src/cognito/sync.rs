//! `cognito sync-user-ids`

use std::collections::HashSet;

use anyhow::Result;
use clap::Args;
use cruddur::user::Handle;
use tokio_postgres::types::Type;
use uuid::Uuid;

use self::{
    plan::{Allowed, Plan, Planner, Row, Step, Unused},
    report::Report,
    write::Writer,
};
use super::pool::{PoolUser, UserPool};
use crate::{
    context::{Context, Database, note},
    outcome::Outcome,
};

mod plan;
mod report;
mod write;

pub(super) const LONG_ABOUT: &str = "\
Writes each pool user's sub into the database row with the user's handle (preferred_username, in any case), if the row \
has no sub and its email address is the user's verified one.

Anyone in the pool can choose any handle, so a row with another or no email address is a conflict, unless --trust names \
the handle. A row with another sub is a conflict, unless --overwrite names the handle; the address has to match or be \
trusted, too. Two pool users with the same handle are always a conflict. Users who are unconfirmed or disabled are \
skipped. A user whose sub is in a row with another handle keeps that row. Rows of deleted users (whose sub starts with \
`deleted:`) are ignored. A second run changes nothing.

Rows without a pool user are counted, and the first 1000 are listed.";

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur cognito sync-user-ids --user-pool eu-central-1_AbCdEfGhI --dry-run
  cruddur cognito sync-user-ids --target aws --overwrite sunyoung
  cruddur cognito sync-user-ids --target aws --trust lore --trust bayko

Exit code 3: conflicts remain.";

const PAGE: i64 = 1_000;

#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct Options {
    /// Create rows for users without one
    #[arg(long)]
    pub create: bool,

    /// Replace another sub in this handle's row, which gives the account to the pool user (may be repeated)
    #[arg(long, value_name = "@HANDLE")]
    pub overwrite: Vec<Handle>,

    /// Accept this handle's pool user although the verified email address differs from the row's (may be repeated)
    #[arg(long, value_name = "@HANDLE")]
    pub trust: Vec<Handle>,

    /// Report what would be done, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub async fn run(
    context: &Context,
    pool: &UserPool,
    database: &Database,
    options: &Options,
) -> Result<Outcome> {
    let users = pool.users().await?;
    let named = |handles: &[Handle]| {
        handles.iter().map(|handle| handle.canonical().to_owned()).collect::<HashSet<_>>()
    };
    let allowed = Allowed {
        create: options.create,
        overwrite: named(&options.overwrite),
        trust: named(&options.trust),
    };
    let plan = plan(users, database, &allowed).await?;
    for Unused { permission, handle, reason } in &plan.unused {
        note(&format!("--{permission} {handle} has no effect: {reason}"));
    }
    let writer = Writer::new(database);
    let mut report = Report::new(context.output, options.dry_run);
    for Step { user, verdict } in &plan.steps {
        let done = if options.dry_run { None } else { writer.apply(user, verdict).await? };
        report.user(user, verdict, done.as_ref())?;
    }
    report.finish(&plan)
}

async fn plan(users: Vec<PoolUser>, database: &Database, allowed: &Allowed) -> Result<Plan> {
    let postgres = database.postgres();
    let mut planner = Planner::new(users);
    let mut last: Option<Uuid> = None;
    loop {
        let statement = include_str!("../../../sql/users/cognito_user_ids.sql");
        let parameters = [(&last as _, Type::UUID), (&PAGE as _, Type::INT8)];
        let rows = postgres.query(statement, &parameters).await;
        let rows = rows.map_err(|error| database.query_error(&error))?;
        for row in &rows {
            let row = Row {
                uuid: row.try_get("uuid")?,
                handle: row.try_get("handle")?,
                cognito_user_id: row.try_get("cognito_user_id")?,
                email: row.try_get("email")?,
            };
            last = Some(row.uuid);
            planner.add_row(row);
        }
        if rows.len() < usize::try_from(PAGE)? {
            return Ok(planner.finish(allowed));
        }
    }
}

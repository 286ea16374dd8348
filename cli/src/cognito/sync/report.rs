//! Output of steps as they happen, and the summary.

use anyhow::Result;
use serde::Serialize;

use super::{
    plan::{Conflict, Plan, Verdict},
    write::Done,
};
use crate::{
    cognito::{
        columns::{HANDLE_COLUMNS, SUB_COLUMNS, column},
        pool::PoolUser,
    },
    outcome::Outcome,
    output::{Output, printable},
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Counts {
    pool_users: usize,
    set: usize,
    overwritten: usize,
    created: usize,
    unchanged: usize,
    conflicts: usize,
    without_row: usize,
    left_out: usize,
    rows_without_pool_user: usize,
}

#[derive(Debug)]
pub(super) struct Report {
    output: Output,
    dry_run: bool,
    counts: Counts,
}

/// A step as JSON.
#[derive(Serialize)]
struct Line<'a> {
    handle: Option<&'a str>,
    sub: Option<&'a str>,
    result: &'static str,
    detail: &'a str,
    dry_run: bool,
}

/// The summary as JSON.
#[derive(Serialize)]
struct Summary {
    result: &'static str,
    dry_run: bool,
    #[serde(flatten)]
    counts: Counts,
}

impl Report {
    pub(super) fn new(output: Output, dry_run: bool) -> Self {
        Self { output, dry_run, counts: Counts::default() }
    }

    /// Reports a pool user. `done` is `None` if nothing had to be written.
    pub(super) fn user(&mut self, user: &PoolUser, verdict: &Verdict, done: Option<&Done>) -> Result<()> {
        let counts = &mut self.counts;
        counts.pool_users += 1;
        let (result, detail) = describe(user, verdict, done, self.dry_run);
        *(match result {
            "set" => &mut counts.set,
            "overwritten" => &mut counts.overwritten,
            "created" => &mut counts.created,
            "no_row" => &mut counts.without_row,
            "other_handle" => &mut counts.unchanged,
            "unconfirmed" | "disabled" => &mut counts.left_out,
            _ => &mut counts.conflicts,
        }) += 1;
        self.line(user.handle.as_deref(), Some(&user.sub), result, &detail)
    }

    /// Reports rows without a pool user, and the summary.
    pub(super) fn finish(mut self, plan: &Plan) -> Result<Outcome> {
        let rows = &plan.rows_without_user;
        for handle in &rows.handles {
            self.line(Some(handle), None, "no_pool_user", "no pool user for this row")?;
        }
        if let more @ 1.. = rows.count - rows.handles.len()
            && !self.output.is_json()
        {
            self.output.line(&format!("and {more} more rows without a pool user"))?;
        }
        self.counts.pool_users += plan.unchanged;
        self.counts.unchanged += plan.unchanged;
        self.counts.rows_without_pool_user = rows.count;
        let counts = self.counts;
        let summary = Summary { result: "summary", dry_run: self.dry_run, counts };
        self.output.result(&sentence(&counts, self.dry_run), &summary)?;
        Ok(if counts.conflicts > 0 { Outcome::Found } else { Outcome::Done })
    }

    fn line(
        &self,
        handle: Option<&str>,
        sub: Option<&str>,
        result: &'static str,
        detail: &str,
    ) -> Result<()> {
        if self.output.is_json() {
            return self.output.json(&Line { handle, sub, result, detail, dry_run: self.dry_run });
        }
        let handle = column(handle.unwrap_or("-"), HANDLE_COLUMNS);
        let sub = column(sub.unwrap_or("-"), SUB_COLUMNS);
        Ok(self.output.line(&format!("{handle}  {sub}  {}", printable(detail)))?)
    }
}

/// The result in JSON, and its detail.
fn describe(
    user: &PoolUser,
    verdict: &Verdict,
    done: Option<&Done>,
    dry_run: bool,
) -> (&'static str, String) {
    let conflict = |detail: &str| ("conflict", format!("conflict: {detail}"));
    match done {
        Some(Done::Conflict(detail)) => return conflict(detail),
        Some(Done::Created(handle)) => return ("created", format!("created as {handle}")),
        Some(Done::Written) | None => {}
    }
    let would = if dry_run { "would be " } else { "" };
    let handle = user.handle.as_deref().unwrap_or_default();
    match verdict {
        Verdict::Set(_) => ("set", format!("{would}set")),
        Verdict::Overwrite(row) => {
            let old = row.cognito_user_id.as_deref().unwrap_or_default();
            ("overwritten", format!("{would}set, replacing {old}"))
        }
        Verdict::Create => ("created", format!("{would}created")),
        Verdict::NoRow => ("no_row", "no row; use --create".to_owned()),
        Verdict::KnownAs(known_as) => {
            ("other_handle", format!("unchanged: the row has another handle, {known_as}"))
        }
        Verdict::Unconfirmed => ("unconfirmed", "skipped: not confirmed".to_owned()),
        Verdict::Disabled => ("disabled", "skipped: disabled".to_owned()),
        Verdict::Conflict(Conflict::HandleTwice) => conflict("another pool user has the same handle"),
        Verdict::Conflict(Conflict::OtherSub { cognito_user_id, in_pool }) => {
            let owner = if *in_pool { ", the sub of another pool user" } else { "" };
            conflict(&format!("the row has {cognito_user_id}{owner}; use --overwrite {handle} to replace it"))
        }
        Verdict::Conflict(Conflict::OtherAddress { row, user, verified }) => {
            let row = row.as_deref().map_or_else(|| "no address".to_owned(), masked);
            let user = match user {
                None => "no address".to_owned(),
                Some(address) if *verified => format!("{}, verified", masked(address)),
                Some(address) => format!("{}, not verified", masked(address)),
            };
            conflict(&format!("the row has {row}, the pool user {user}; use --trust {handle} to accept it"))
        }
    }
}

/// Masks an email address, such as `a***@e***.com`.
fn masked(address: &str) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let Some((local, domain)) = address.rsplit_once('@') else { return format!("{}***", first(address)) };
    let (name, top) = domain.rsplit_once('.').unwrap_or((domain, ""));
    let dot = if top.is_empty() { "" } else { "." };
    format!("{}***@{}***{dot}{top}", first(local), first(name))
}

fn sentence(counts: &Counts, dry_run: bool) -> String {
    let dry_run = if dry_run { "nothing was written: " } else { "" };
    format!(
        "{dry_run}pool users {}: set {}, overwritten {}, created {}, unchanged {}, conflicts {}, without a row {}, \
         skipped {}; rows without a pool user: {}",
        counts.pool_users,
        counts.set,
        counts.overwritten,
        counts.created,
        counts.unchanged,
        counts.conflicts,
        counts.without_row,
        counts.left_out,
        counts.rows_without_pool_user
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_first_letters_and_top_level_domain() {
        for (address, expected) in [
            ("andrew@example.com", "a***@e***.com"),
            ("a@b.co.uk", "a***@b***.uk"),
            ("\u{f6}l@\u{e9}xample.com", "\u{f6}***@\u{e9}***.com"),
            ("odd@localhost", "o***@l***"),
            ("\"a@b\"@example.com", "\"***@e***.com"),
            ("no address", "n***"),
            ("@", "***@***"),
            ("", "***"),
        ] {
            assert_eq!(masked(address), expected);
        }
    }
}

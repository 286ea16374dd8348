//! `cognito list-users`

use anyhow::Result;

use unicode_width::UnicodeWidthStr as _;

use super::{
    columns::{SUB_COLUMNS, column},
    pool::{PoolUser, UserPool},
};
use crate::{context::Context, listing::Columns, output::printable};

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur cognito list-users --user-pool eu-central-1_AbCdEfGhI
  cruddur cognito list-users --output json";

/// Width of the longest status with ", disabled".
const STATUS: usize = 31;

const NAME: usize = 24;

pub(super) async fn run(context: &Context, pool: &UserPool, columns: Columns) -> Result<()> {
    let users = pool.users().await?;
    let output = context.output;
    if output.is_json() {
        return users.iter().try_for_each(|user| output.json(user));
    }
    // A user without a handle is known by the sub.
    let handle = |user: &PoolUser| user.handle.clone().unwrap_or_else(|| user.sub.clone());
    let width = users.iter().map(|user| handle(user).width()).max().unwrap_or(0).clamp(6, SUB_COLUMNS);
    let line = |handle: &str, name: &str, status: &str, sub: &str, email: &str| {
        let sub = if columns.uuids { column(sub, SUB_COLUMNS) + "  " } else { String::new() };
        let (handle, name, status) = (column(handle, width), column(name, NAME), column(status, STATUS));
        format!("{handle}  {name}  {status}  {sub}{}", printable(email))
    };
    if !users.is_empty() {
        output.header(&line("HANDLE", "NAME", "STATUS", "SUB", "EMAIL"))?;
    }
    for user in &users {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let disabled = if user.enabled { "" } else { ", disabled" };
        let status = format!("{}{disabled}", user.status);
        output.line(&line(&handle(user), &text(&user.name), &status, &user.sub, &text(&user.email)))?;
    }
    Ok(())
}

//! `cognito list-users`

use anyhow::Result;

use super::{
    columns::{HANDLE_COLUMNS, SUB_COLUMNS, column},
    pool::UserPool,
};
use crate::{context::Context, output::printable};

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur cognito list-users --user-pool eu-central-1_AbCdEfGhI
  cruddur cognito list-users --output json";

/// Width of the longest status with ", disabled".
const STATUS: usize = 31;

const NAME: usize = 24;

pub(super) async fn run(context: &Context, pool: &UserPool) -> Result<()> {
    let users = pool.users().await?;
    let output = context.output;
    if output.is_json() {
        return users.iter().try_for_each(|user| output.json(user));
    }
    output.line(&line("HANDLE", "SUB", "STATUS", "NAME", "EMAIL"))?;
    for user in &users {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let disabled = if user.enabled { "" } else { ", disabled" };
        let status = format!("{}{disabled}", user.status);
        output.line(&line(&text(&user.handle), &user.sub, &status, &text(&user.name), &text(&user.email)))?;
    }
    Ok(())
}

fn line(handle: &str, sub: &str, status: &str, name: &str, email: &str) -> String {
    let (handle, sub) = (column(handle, HANDLE_COLUMNS), column(sub, SUB_COLUMNS));
    let (status, name) = (column(status, STATUS), column(name, NAME));
    format!("{handle}  {sub}  {status}  {name}  {}", printable(email))
}

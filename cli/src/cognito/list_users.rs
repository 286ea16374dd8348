//! `cognito list-users`: who is in the pool.

use anyhow::Result;

use super::pool::{PoolUser, UserPool};
use crate::context::Context;

pub(super) const AFTER_HELP: &str = "\
Examples:
  cruddur cognito list-users --user-pool eu-central-1_AbCdEfGhI
  cruddur cognito list-users --output json";

/// Lists them, in the pool's order.
pub(super) async fn run(context: &Context, pool: &UserPool) -> Result<()> {
    let users = pool.users(context).await?;
    context.output.rows(&["HANDLE", "SUB", "STATUS", "NAME", "EMAIL"], &users, cells)
}

fn cells(user: &PoolUser) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let disabled = if user.enabled { "" } else { ", disabled" };
    vec![
        text(&user.handle),
        user.sub.clone(),
        format!("{}{disabled}", user.status),
        text(&user.name),
        text(&user.email),
    ]
}

//! `login` and `logout`.

use anyhow::{Result, ensure};
use clap::Args;
use cruddur::user::Handle;
use serde_json::json;

use super::{api::Api, post};
use crate::{
    context::Context,
    listing::local_time,
    login::{self, Identity, Login as Stored},
    outcome::Outcome,
    output::printable,
};

const EXAMPLES: &str = "\
Later commands use the stored URL and user unless an option or a variable names others. For the local stack, the handle
is stored; for a deployed API, the access token, which expires, by default after an hour.

Examples:
  cruddur login @sunyoung
  cruddur login --target aws --url https://….execute-api.eu-central-1.amazonaws.com --with-token < token.txt
  cruddur logout";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Login {
    /// A user of the local stack
    #[arg(value_name = "@HANDLE", required_unless_present = "with_token", conflicts_with = "with_token")]
    handle: Option<Handle>,

    /// Read an access token of a deployed API from standard input
    #[arg(long)]
    with_token: bool,
}

#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Logout {}

pub async fn login(context: &Context, command: &Login) -> Result<Outcome> {
    let stored = if let Some(handle) = &command.handle {
        let identity = Identity::Handle(handle.canonical().to_owned());
        Stored { url: context.stack_url()?, identity }
    } else {
        let url = context.api_url()?;
        let token = post::standard_input()?.trim().to_owned();
        ensure!(!token.is_empty(), "standard input has no token");
        Stored { url, identity: Identity::Token(token) }
    };
    let mut api = Api::of_login(context, &stored).await?;
    let me = api.me().await?;
    let file = stored.store()?.display().to_string();
    let (url, handle, name) = (&stored.url, printable(&me.handle), printable(&me.display_name));
    let expires_at = api.token_expires_at().filter(|_| command.with_token);
    let expiry =
        expires_at.map(|end| format!("\nthe token expires at {}", local_time(end))).unwrap_or_default();
    let sentence = format!("signed in to {url} as @{handle} ({name}); stored in {file}{expiry}");
    let value = json!({
        "url": url, "handle": me.handle, "display_name": me.display_name, "file": file, "expires_at": expires_at,
    });
    context.output.result(&sentence, &value)?;
    Ok(Outcome::Done)
}

pub fn logout(context: &Context) -> Result<Outcome> {
    let file = login::remove()?.map(|file| file.display().to_string());
    let sentence = match &file {
        Some(file) => format!("signed out: removed {file}"),
        None => "not signed in".to_owned(),
    };
    context.output.result(&sentence, &json!({"removed": file}))?;
    Ok(Outcome::Done)
}

//! `search`

use anyhow::Result;
use clap::Args;

use super::{Caller, api::Api, show::show_people};
use crate::{
    context::{Context, note},
    outcome::Outcome,
};

const EXAMPLES: &str = "\
At most 20 users, without yourself: first those whose handle begins with the text, then those whose name does.

Examples:
  cruddur search --as sunyoung andrew
  cruddur search --as sunyoung @an --output json | jq -r .uuid";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Search {
    #[command(flatten)]
    caller: Caller,

    /// The beginning of a handle or a name, in any case; several words are joined with spaces
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
}

pub async fn search(context: &Context, command: &Search) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let people = api.search(&command.text.join(" ")).await?;
    if people.is_empty() && !context.output.is_json() {
        note("no user is found");
    }
    show_people(context, &people)?;
    Ok(Outcome::Done)
}

//! `requests`, `accept` and `decline`.

use anyhow::Result;
use clap::{Args, builder::PossibleValuesParser};
use cruddur::user::settings::MessagesFrom;
use http::Method;
use serde_json::json;

use super::{Caller, Limit, api::Api, show::list_groups};
use crate::{
    arguments::Conversation,
    context::{Context, note},
    listing::Columns,
    outcome::Outcome,
};

const EXAMPLES: &str = "\
With `--take requests`, a stranger can send one message until the user accepts the request. Requests have a list of their
own. A reply accepts the request. After a refusal, the stranger can send nothing more and does not learn the reason.

Examples:
  cruddur requests --as lore --take requests
  cruddur requests --as lore
  cruddur accept --as lore @mock
  cruddur decline --as lore @mock";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Requests {
    #[command(flatten)]
    caller: Caller,

    #[command(flatten)]
    limit: Limit,

    #[command(flatten)]
    columns: Columns,

    /// First change who may start conversations with the user: everyone, strangers by request, or nobody
    #[arg(long, value_name = "FROM", value_parser = PossibleValuesParser::new(MessagesFrom::ALL.map(MessagesFrom::name)))]
    take: Option<String>,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Answer {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,
}

pub async fn requests(context: &Context, command: &Requests) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    if let Some(setting) = &command.take {
        api.change_me(&json!({"messages_from": setting})).await?;
    }
    let requests = api.rows("/api/message_requests", command.limit.rows).await?;
    if requests.is_empty() && !context.output.is_json() {
        note("no requests");
    }
    list_groups(context, requests, command.columns.uuids)?;
    Ok(Outcome::Done)
}

pub async fn accept(context: &Context, command: &Answer) -> Result<Outcome> {
    answer(context, command, Method::PUT, "accepted").await
}

pub async fn decline(context: &Context, command: &Answer) -> Result<Outcome> {
    answer(context, command, Method::DELETE, "declined").await
}

async fn answer(context: &Context, command: &Answer, method: Method, done: &str) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let group_uuid = command.conversation.find(&mut api).await?;
    api.answer_request(group_uuid, method).await?;
    context.output.result(done, &json!({"message_group_uuid": group_uuid}))?;
    Ok(Outcome::Done)
}

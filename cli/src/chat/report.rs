//! `report`: reports a message to the operator.

use anyhow::Result;
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use cruddur::report::Reason;
use serde_json::json;

use super::{
    Caller,
    api::Api,
    choice::{Choice, find},
};
use crate::{arguments::Conversation, context::Context, outcome::Outcome};

const EXAMPLES: &str = "\
The operator gets the message and up to five on each side, as they are now. The other member is not told.

Examples:
  cruddur report --as sunyoung @scarlett spam
  cruddur report --as sunyoung @scarlett harassment --message 3";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Report {
    #[command(flatten)]
    caller: Caller,

    /// The conversation: its UUID, or the other member's handle
    #[arg(value_name = "GROUP|@HANDLE")]
    conversation: Conversation,

    /// The reason
    #[arg(value_parser = PossibleValuesParser::new(Reason::ALL.map(Reason::as_str)).try_map(|text| text.parse::<Reason>()))]
    reason: Reason,

    /// The message: its UUID, or its place in the conversation, 1 being the newest
    #[arg(long, value_name = "N|UUID", default_value = "1")]
    message: Choice,
}

pub async fn report(context: &Context, command: &Report) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let group_uuid = command.conversation.find(&mut api).await?;
    let message = find(&mut api, group_uuid, command.message, None).await?;
    let uuid = api.report(group_uuid, &message, command.reason).await?;
    context.output.result("reported", &json!({"uuid": uuid}))?;
    Ok(Outcome::Done)
}

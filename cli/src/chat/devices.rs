//! `devices` and `sign-out`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{
    Caller,
    api::{Api, Device},
};
use crate::{
    context::{Context, note},
    listing::local_time,
    outcome::Outcome,
    output::printable,
};

const DEVICES_EXAMPLES: &str = "\
A device whose client was closed may stay in the list for up to two hours.

Examples:
  cruddur devices --as lore";

const SIGN_OUT_EXAMPLES: &str = "\
All sign-ins of the user end within 10 minutes, also those of closed clients. Connected clients get no more events.

Examples:
  cruddur sign-out --as lore";

#[derive(Clone, Debug, Args)]
#[command(after_help = DEVICES_EXAMPLES)]
pub struct Devices {
    #[command(flatten)]
    caller: Caller,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = SIGN_OUT_EXAMPLES)]
pub struct SignOut {
    #[command(flatten)]
    caller: Caller,
}

pub async fn devices(context: &Context, command: &Devices) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let devices = api.devices().await?;
    if devices.is_empty() && !context.output.is_json() {
        note("no device is connected");
    }
    let cells = |device: &Device| {
        let connected_at =
            device.connected_at.parse().map_or_else(|_| device.connected_at.clone(), local_time);
        vec![device.user_agent.clone().unwrap_or_else(|| "unknown".to_owned()), connected_at]
    };
    context.output.rows(&["DEVICE", "CONNECTED"], &devices, cells)?;
    Ok(Outcome::Done)
}

pub async fn sign_out(context: &Context, command: &SignOut) -> Result<Outcome> {
    let mut api = Api::connect(context, command.caller.handle.as_ref()).await?;
    let me = api.me().await?;
    api.sign_out().await?;
    let done = format!("signed out @{} on all devices", printable(&me.handle));
    context.output.result(&done, &json!({"handle": me.handle}))?;
    Ok(Outcome::Done)
}

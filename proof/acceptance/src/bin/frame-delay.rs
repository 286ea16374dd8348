//! Measures the time from the answer of a send to its frame on the receiver's socket, on a running local stack.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use acceptance::{PATIENCE, Socket, Stage, Target, unique};
use anyhow::{Context as _, Result};
use clap::Parser;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    time::{Instant, sleep, timeout},
};

/// Sends messages one after the other, and waits for the frame of each.
#[derive(Debug, Parser)]
#[command(name = "frame-delay", version)]
struct Options {
    /// Origin of the local stack.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4567")]
    url: String,

    /// Number of messages.
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    messages: usize,
}

/// The longest pause between two messages, in milliseconds. Several times the interval at which the stack reads the
/// stream, so that messages fall anywhere into an interval.
const LONGEST_PAUSE: u64 = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Options { url, messages } = Options::parse();
    let url = url.trim_end_matches('/').to_owned();
    let stage = Stage::new(&Target { api: url.clone(), tokens: url.clone() }).await?;
    let [sender, receiver, ..] = &stage.people;
    let group_uuid = stage.group(sender, receiver).await?;
    let socket = stage.open_socket(receiver).await?;
    let (announced, mut frames) = mpsc::unbounded_channel();
    tokio::spawn(receive(socket, announced));

    let mut delays = Vec::new();
    for number in 0..messages {
        let pause = u64::try_from(number)?.wrapping_mul(7_919) % LONGEST_PAUSE;
        sleep(Duration::from_millis(pause)).await;
        let sent = stage.reply(sender, &group_uuid, &unique("How long does it take?")).await?;
        let answered = Instant::now();
        let arrived = timeout(PATIENCE, async {
            loop {
                let (uuid, time): (String, Instant) = frames.recv().await.context("the socket is closed")?;
                if sent.get("uuid").is_some_and(|sent| *sent == *uuid) {
                    return anyhow::Ok(time);
                }
            }
        });
        delays.push(arrived.await.context("no frame")??.saturating_duration_since(answered));
    }
    delays.sort_unstable();
    let share = |percent: usize| {
        delays.get((messages * percent / 100).min(messages - 1)).copied().unwrap_or_default()
    };
    writeln!(
        io::stdout(),
        "{messages} messages, from the answer to the frame: p50 {:.1?}, p99 {:.1?}, at most {:.1?}",
        share(50),
        share(99),
        share(100),
    )?;
    Ok(())
}

/// Passes on the messages of each frame, with the time of its arrival, until the socket is closed.
async fn receive(mut socket: Socket, announced: UnboundedSender<(String, Instant)>) -> Result<()> {
    while let Some(frame) = socket.next().await {
        let arrived = Instant::now();
        let frame: Value = serde_json::from_str(frame?.to_text()?)?;
        for event in list(&frame, "events") {
            for uuid in list(event, "message_uuids").filter_map(Value::as_str) {
                announced.send((uuid.to_owned(), arrived))?;
            }
        }
    }
    Ok(())
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

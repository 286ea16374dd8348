//! The schedule of `erase-accounts`: in AWS, a rule invokes the function once a minute.

use std::time::Duration;

use serde_json::json;
use tokio::{task::JoinHandle, time};

use crate::function::Function;

/// The time between two invocations.
const PERIOD: Duration = Duration::from_secs(1);

/// A running schedule. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Schedule(JoinHandle<()>);

impl Schedule {
    /// Invokes the function once per period, one invocation at a time.
    #[must_use]
    pub(crate) fn start(function: Function) -> Self {
        Self(tokio::spawn(async move {
            let mut ticks = time::interval(PERIOD);
            ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = function.invoke(json!({}).to_string()).await {
                    tracing::error!(%error, "a scheduled invocation failed");
                }
            }
        }))
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.0.abort();
    }
}

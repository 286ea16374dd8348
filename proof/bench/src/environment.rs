//! An execution environment from its start to its end: a process, and the runtime API that it asks for events.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::{process::Process, run::Run, runtime_api::RuntimeApi};

/// A running environment, ready for an event.
pub struct Environment {
    process: Process,
    api: RuntimeApi,
    /// How it has started.
    pub init: Init,
}

/// From the start of a process until it asks for its first event.
#[derive(Clone, Copy, Debug)]
pub struct Init {
    /// Time that passed.
    pub wall: Duration,
    /// Time of processors.
    pub cpu: Duration,
    /// Resident memory then, in bytes.
    pub memory: u64,
}

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub struct Invocation {
    /// From the event to the answer.
    pub wall: Duration,
    /// Time of processors, until it is ready for the next one.
    pub cpu: Duration,
}

impl Environment {
    /// Starts `binary` as the function `name`, with a whole processor.
    pub async fn start(run: &Run, binary: &Path, name: &str, memory: u32) -> Result<Self> {
        let mut api = RuntimeApi::start().await?;
        let variables = run.stage.environment(name, api.address(), memory, run.trust);
        let begin = Instant::now();
        let process = Process::start(binary, &variables, &run.processors)?;
        let ready = api.ready().await.with_context(|| format!("{name} does not start"))?;
        let init = Init { wall: ready - begin, cpu: process.cpu_time()?, memory: process.memory()?.0 };
        Ok(Self { process, api, init })
    }

    /// Gives it no more of a processor than a function with so much memory, in MB, has. False: that can't be had here.
    pub fn limit(&mut self, memory: u32) -> Result<bool> {
        self.process.limit(memory)
    }

    /// Stops it for a while, as Lambda does between two invocations.
    pub async fn freeze(&self, time: Duration) -> Result<()> {
        self.process.freeze(true)?;
        tokio::time::sleep(time).await;
        self.process.freeze(false)
    }

    /// One invocation, whose answer has to be a good one.
    pub async fn invoke(&mut self, event: &Bytes) -> Result<Invocation> {
        let before = self.process.cpu_time()?;
        let (wall, answer) = self.api.invoke(event).await?;
        check(&answer)?;
        self.api.ready().await?;
        Ok(Invocation { wall, cpu: self.process.cpu_time()?.saturating_sub(before) })
    }

    /// Resident memory, now and at most, in bytes.
    pub fn memory(&self) -> Result<(u64, u64)> {
        self.process.memory()
    }

    /// Ends it.
    pub async fn stop(self) -> Result<()> {
        self.process.stop().await
    }
}

/// A figure of an answer that is an error would be worth nothing.
fn check(answer: &Bytes) -> Result<()> {
    let answer: Value = serde_json::from_slice(answer)?;
    let status = answer.get("statusCode").and_then(Value::as_u64);
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    if status.is_some_and(|status| status != 200) || failures.is_some_and(|failures| !failures.is_empty()) {
        bail!("the answer is {answer}");
    }
    Ok(())
}

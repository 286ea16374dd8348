//! An execution environment: a process and its runtime API.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::{process::Process, run::Run, runtime_api::RuntimeApi};

pub struct Environment {
    process: Process,
    api: RuntimeApi,
    /// The measurements of its start.
    pub init: Init,
}

/// The time from the start of a process to its first request for an event.
#[derive(Clone, Copy, Debug)]
pub struct Init {
    /// Wall time.
    pub wall: Duration,
    /// CPU time.
    pub cpu: Duration,
    /// Resident memory at that time, in bytes.
    pub memory: u64,
}

/// The measurements of one invocation.
#[derive(Clone, Copy, Debug)]
pub struct Invocation {
    /// Wall time from event to answer.
    pub wall: Duration,
    /// CPU time until the process is ready for the next event.
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

    /// Limits the CPU share to that of a function with `memory` MB. Returns `false` if this machine can't
    /// limit it.
    pub fn limit(&mut self, memory: u32) -> Result<bool> {
        self.process.limit(memory)
    }

    /// Freezes the process for a while, as Lambda does between invocations.
    pub async fn freeze(&self, time: Duration) -> Result<()> {
        self.process.freeze(true)?;
        tokio::time::sleep(time).await;
        self.process.freeze(false)
    }

    /// Invokes the function. Returns an error if the answer is an error.
    pub async fn invoke(&mut self, event: &Bytes) -> Result<Invocation> {
        let before = self.process.cpu_time()?;
        let (wall, answer) = self.api.invoke(event).await?;
        check(&answer)?;
        self.api.ready().await?;
        Ok(Invocation { wall, cpu: self.process.cpu_time()?.saturating_sub(before) })
    }

    /// Current and peak resident memory, in bytes.
    pub fn memory(&self) -> Result<(u64, u64)> {
        self.process.memory()
    }

    pub async fn stop(self) -> Result<()> {
        self.process.stop().await
    }
}

/// Rejects an error answer, which would make the figures meaningless.
fn check(answer: &Bytes) -> Result<()> {
    let answer: Value = serde_json::from_slice(answer)?;
    let status = answer.get("statusCode").and_then(Value::as_u64);
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    if status.is_some_and(|status| status != 200) || failures.is_some_and(|failures| !failures.is_empty()) {
        bail!("the answer is {answer}");
    }
    Ok(())
}

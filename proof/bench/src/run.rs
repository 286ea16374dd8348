//! The settings of a run.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::{environment::Environment, functions::Case, process::Processors, stage::Stage};

/// The memory size that comes with one whole processor, in MB (AWS Lambda, "Configure Lambda function
/// memory").
pub const MEMORY_OF_ONE_PROCESSOR: u32 = 1_769;

/// The surroundings and settings of all measurements.
pub struct Run {
    pub stage: Stage,
    pub processors: Processors,
    /// The folder of the binaries.
    pub binaries: PathBuf,
    /// The certificate authorities that the functions trust.
    pub trust: Trust,
    /// The number of repetitions.
    pub effort: Effort,
}

/// The certificate authorities that functions trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Only the run's own authority, as functions trust only Amazon's at AWS's endpoints.
    #[default]
    Authority,
    /// Also the system's authorities.
    System,
}

/// Numbers of repetitions, and maximum sizes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Starts of each function.
    pub starts: u32,
    /// Environments for first invocations at each memory size.
    pub firsts: u32,
    /// Warm invocations.
    pub warm: u32,
    /// Warm invocations at each size of an inbox or a conversation.
    pub each_size: u32,
    /// Invocations of one environment before its memory is measured.
    pub many: u64,
    /// Records of the largest batch.
    pub records: usize,
    /// Groups of the largest inbox, and messages of the largest conversation.
    pub grown: u64,
    /// Duration of each load.
    pub load: Duration,
    /// Number of averages whose median is the cost of a token.
    pub tokens: u32,
}

impl Effort {
    /// The effort for published figures.
    pub const FULL: Self = Self {
        starts: 15,
        firsts: 15,
        warm: 4_000,
        each_size: 1_000,
        many: 10_000,
        records: usize::MAX,
        grown: u64::MAX,
        load: Duration::from_secs(10),
        tokens: 25,
    };
    /// The effort for a smoke test.
    pub const QUICK: Self = Self {
        starts: 3,
        firsts: 2,
        warm: 60,
        each_size: 60,
        many: 200,
        records: 100,
        grown: 1_000,
        load: Duration::from_secs(1),
        tokens: 3,
    };
}

impl Run {
    /// Starts an environment of `case`, configured with `memory` MB.
    pub async fn start(&self, case: &Case, memory: u32) -> Result<Environment> {
        Environment::start(self, &case.binary(&self.binaries), case.function, memory).await
    }
}

//! A run: what is measured in which surroundings, and how thoroughly.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::{environment::Environment, functions::Case, process::Processors, stage::Stage};

/// The memory size at which a function has one whole processor, in MB. (AWS Lambda, "Configure Lambda function memory".)
pub const MEMORY_OF_ONE_PROCESSOR: u32 = 1_769;

/// What all measurements have in common.
pub struct Run {
    /// What is around the functions.
    pub stage: Stage,
    /// Whose the processors are.
    pub processors: Processors,
    /// Where the binaries are.
    pub binaries: PathBuf,
    /// Whom the functions trust.
    pub trust: Trust,
    /// How often everything is done.
    pub effort: Effort,
}

/// Whom functions trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The run's own authority alone, as at AWS's endpoints Amazon's are.
    #[default]
    Authority,
    /// All whom the system trusts, too.
    System,
}

/// How often everything is done, and up to which size.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Starts of each function.
    pub starts: u32,
    /// Environments for the first invocation at each memory size.
    pub firsts: u32,
    /// Warm invocations.
    pub warm: u32,
    /// Warm invocations at each size of an inbox or a conversation.
    pub each_size: u32,
    /// Invocations of one environment until its memory is looked at.
    pub many: u64,
    /// Records of the largest batch.
    pub records: usize,
    /// Groups of the largest inbox, and messages of the largest conversation.
    pub grown: u64,
    /// How long each load is kept up.
    pub load: Duration,
    /// Averages of which the median is what a token costs.
    pub tokens: u32,
}

impl Effort {
    /// For figures.
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
    /// To see whether all works.
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
    /// A new environment of `case`, as it is with so much `memory`, in MB.
    pub async fn start(&self, case: &Case, memory: u32) -> Result<Environment> {
        Environment::start(self, &case.binary(&self.binaries), case.function, memory).await
    }
}

//! What is measured of each function: its start, its first invocation, warm ones, many of them.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::{
    dynamodb::Units,
    environment::Init,
    figures::{mb, median, ms, percentile},
    functions::Case,
    run::{MEMORY_OF_ONE_PROCESSOR, Run},
};

/// Of a start, medians.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Start {
    /// Until it asks for the first event.
    pub wall_ms: f64,
    /// Time of processors until then.
    pub cpu_ms: f64,
    /// Resident memory then.
    pub memory_mb: f64,
}

/// Of first and of warm invocations at a memory size, medians.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct First {
    /// The memory size, in MB.
    pub memory: u32,
    /// Whether the share of a processor that goes with it was kept to.
    pub limited: bool,
    /// The first one.
    pub wall_ms: f64,
    /// Time of processors of the first one.
    pub cpu_ms: f64,
    /// Warm ones.
    pub warm_ms: f64,
}

/// Of warm invocations with a whole processor.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Warm {
    /// The middle one.
    pub p50_ms: f64,
    /// Of a hundred, the slowest but one.
    pub p99_ms: f64,
    /// Time of processors, of the middle one.
    pub cpu_ms: f64,
    /// Calls to DynamoDB, on average.
    pub calls: f64,
    /// Calls of which each waited for the one before.
    pub round_trips: f64,
    /// Read request units, on average.
    pub read_units: f64,
    /// Write request units, on average.
    pub write_units: f64,
    /// Bytes to DynamoDB, with everything that TLS and HTTP add.
    pub bytes_out: f64,
    /// Bytes from there.
    pub bytes_in: f64,
}

/// Of one environment after many invocations.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Invocations.
    pub invocations: u64,
    /// Resident memory after a tenth of them.
    pub early_mb: f64,
    /// Resident memory in the end.
    pub late_mb: f64,
    /// The most that it was.
    pub most_mb: f64,
}

/// What warms an environment up.
const WARM_UP: u64 = 50;

/// What an answer of DynamoDB takes where round trips are counted: much more than anything else.
const LATENCY: Duration = Duration::from_millis(25);

/// Starts, one after the other.
pub async fn starts(run: &Run, case: &Case) -> Result<Start> {
    let mut inits = Vec::new();
    for _ in 0..run.effort.starts {
        let environment = run.start(case, MEMORY_OF_ONE_PROCESSOR).await?;
        inits.push(environment.init);
        environment.stop().await?;
    }
    let middle = |of: fn(&Init) -> f64| median(&inits.iter().map(of).collect::<Vec<_>>());
    Ok(Start {
        wall_ms: middle(|init| ms(init.wall)),
        cpu_ms: middle(|init| ms(init.cpu)),
        memory_mb: middle(|init| mb(init.memory)),
    })
}

/// First and warm invocations with the share of a processor that goes with `memory`, in MB. (The start itself has a whole one,
/// as in AWS.)
pub async fn firsts(run: &Run, case: &Case, memory: u32) -> Result<First> {
    const WARM: u64 = 15;
    let (mut first, mut first_cpu, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    let mut limited = true;
    for round in 0..run.effort.firsts {
        let mut environment = run.start(case, memory).await?;
        limited &= environment.limit(memory)?;
        let number = |invocation| u64::from(round) * 1_000 + u64::from(memory) * 100_000 + invocation;
        let invocation = environment.invoke(&(case.events)(number(0))).await?;
        first.push(ms(invocation.wall));
        first_cpu.push(ms(invocation.cpu));
        for invocation in 1..=WARM {
            // Time to get its share again: between two invocations a function is frozen, and owes nothing.
            environment.freeze(Duration::from_millis(40)).await?;
            let invocation = environment.invoke(&(case.events)(number(invocation))).await?;
            warm.push(ms(invocation.wall));
        }
        environment.stop().await?;
    }
    Ok(First { memory, limited, wall_ms: median(&first), cpu_ms: median(&first_cpu), warm_ms: median(&warm) })
}

/// Warm invocations, one after the other.
pub async fn warm(run: &Run, case: &Case) -> Result<Warm> {
    let mut environment = run.start(case, MEMORY_OF_ONE_PROCESSOR).await?;
    let mut number = 1_000_000_000;
    let mut event = || {
        number += 1;
        (case.events)(number)
    };
    for _ in 0..WARM_UP {
        environment.invoke(&event()).await?;
    }
    let before = run.stage.dynamodb.count();
    let (mut walls, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..run.effort.warm {
        let invocation = environment.invoke(&event()).await?;
        walls.push(ms(invocation.wall));
        cpu.push(ms(invocation.cpu));
    }
    let count = run.stage.dynamodb.count().since(before);
    let number_of = f64::from(run.effort.warm);
    let average = |sum: u64| count_of(sum) / number_of;

    run.stage.dynamodb.set_latency(LATENCY);
    let mut slow = Vec::new();
    for _ in 0..7 {
        slow.push(ms(environment.invoke(&event()).await?.wall));
    }
    run.stage.dynamodb.set_latency(Duration::ZERO);
    environment.stop().await?;
    let Units { read, write } = count.units;
    Ok(Warm {
        p50_ms: median(&walls),
        p99_ms: percentile(&walls, 99),
        cpu_ms: median(&cpu),
        calls: average(count.calls),
        // (Without the sign of a zero that was less before.)
        round_trips: ((median(&slow) - median(&walls)) / ms(LATENCY)).round().abs(),
        read_units: read / number_of,
        write_units: write / number_of,
        bytes_out: average(count.received),
        bytes_in: average(count.sent),
    })
}

/// Memory after many invocations of one environment.
pub async fn memory(run: &Run, case: &Case) -> Result<Memory> {
    let mut environment = run.start(case, MEMORY_OF_ONE_PROCESSOR).await?;
    let mut early = 0;
    for number in 0..run.effort.many {
        if number == run.effort.many / 10 {
            early = environment.memory()?.0;
        }
        environment.invoke(&(case.events)(2_000_000_000 + number)).await?;
    }
    let (late, most) = environment.memory()?;
    environment.stop().await?;
    Ok(Memory { invocations: run.effort.many, early_mb: mb(early), late_mb: mb(late), most_mb: mb(most) })
}

#[expect(clippy::cast_precision_loss, reason = "sums of a run")]
pub(crate) fn count_of(sum: u64) -> f64 {
    sum as f64
}

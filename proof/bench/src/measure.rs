//! Measurements of a function: its start, first invocation, warm invocations and memory.

use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use serde::Serialize;

use crate::{
    dynamodb::{Count, Units},
    environment::{Environment, Init},
    figures::{mb, median, ms, percentile},
    functions::Case,
    run::{MEMORY_OF_ONE_PROCESSOR, Run},
    stage::Events,
};

/// A function's start, as medians.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Start {
    /// Time to the first request for an event.
    pub wall_ms: f64,
    /// CPU time to the first request for an event.
    pub cpu_ms: f64,
    /// CPU time as a multiple of hello-world's.
    pub times_the_least: f64,
    /// Resident memory after the start.
    pub memory_mb: f64,
}

/// First and warm invocations at a memory size, as medians.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct First {
    /// The memory size, in MB.
    pub memory: u32,
    /// Whether the CPU share of this memory size was enforced.
    pub limited: bool,
    /// Time of the first invocation.
    pub wall_ms: f64,
    /// CPU time of the first invocation.
    pub cpu_ms: f64,
    /// Time of a warm invocation.
    pub warm_ms: f64,
}

/// Many invocations with a whole processor.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// Median time.
    pub p50_ms: f64,
    /// 99th percentile of the time.
    pub p99_ms: f64,
    /// Median CPU time.
    pub cpu_ms: f64,
    /// Calls to DynamoDB, on average.
    pub calls: f64,
    /// Read request units, on average.
    pub read_units: f64,
    /// Write request units, on average.
    pub write_units: f64,
    /// Bytes sent to DynamoDB, including the overhead of TLS and HTTP.
    pub bytes_out: f64,
    /// Bytes received from DynamoDB.
    pub bytes_in: f64,
}

/// Warm invocations.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Warm {
    /// The cost of an invocation.
    #[serde(flatten)]
    pub cost: Cost,
    /// CPU time beyond that of as many get-item invocations as there are calls.
    pub beyond_ms: f64,
    /// Sequential calls.
    pub round_trips: f64,
}

/// The memory of one environment after many invocations.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Number of invocations.
    pub invocations: u64,
    /// Resident memory after a tenth of the invocations.
    pub early_mb: f64,
    /// Resident memory at the end.
    pub late_mb: f64,
    /// Peak resident memory.
    pub most_mb: f64,
}

/// Number of invocations that warm up an environment.
const WARM_UP: u64 = 50;

/// The first event number of the warm-up. Event numbers are unique.
const WARM_UP_NUMBERS: u64 = 900_000_000;

/// The first event number of the measurement.
const WARM_NUMBERS: u64 = 1_000_000_000;

/// The latency of DynamoDB while round trips are counted, far above all other times.
const LATENCY: Duration = Duration::from_millis(25);

/// Measures starts, alternating with those of `least`, which does nothing.
pub async fn starts(run: &Run, case: &Case, least: &Case) -> Result<Start> {
    let (mut inits, mut least_cpu) = (Vec::new(), Vec::new());
    for _ in 0..run.effort.starts {
        let environment = run.start(least, MEMORY_OF_ONE_PROCESSOR).await?;
        least_cpu.push(ms(environment.init.cpu));
        environment.stop().await?;
        let environment = run.start(case, MEMORY_OF_ONE_PROCESSOR).await?;
        inits.push(environment.init);
        environment.stop().await?;
    }
    let middle = |of: fn(&Init) -> f64| median(&inits.iter().map(of).collect::<Vec<_>>());
    let cpu_ms = middle(|init| ms(init.cpu));
    Ok(Start {
        wall_ms: middle(|init| ms(init.wall)),
        cpu_ms,
        times_the_least: cpu_ms / median(&least_cpu),
        memory_mb: middle(|init| mb(init.memory)),
    })
}

/// Measures first and warm invocations with the CPU share of `memory` MB. The start has a whole processor, as
/// in AWS.
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
            // Lets the quota refill: between invocations a function is frozen and accrues no debt.
            environment.freeze(Duration::from_millis(40)).await?;
            let invocation = environment.invoke(&(case.events)(number(invocation))).await?;
            warm.push(ms(invocation.wall));
        }
        environment.stop().await?;
    }
    Ok(First { memory, limited, wall_ms: median(&first), cpu_ms: median(&first_cpu), warm_ms: median(&warm) })
}

/// Measures warm invocations, alternating with those of `call`, which only makes one call. Fluctuations of
/// the machine affect both and cancel out.
pub async fn warm(run: &Run, case: &Case, call: &Case) -> Result<Warm> {
    let mut environments = Vec::new();
    for case in [call, case] {
        let mut environment = run.start(case, MEMORY_OF_ONE_PROCESSOR).await?;
        for number in 0..WARM_UP {
            environment.invoke(&(case.events)(WARM_UP_NUMBERS + number)).await?;
        }
        environments.push(environment);
    }
    let [call_environment, environment] = &mut environments[..] else { bail!("two environments") };
    let mut numbers = WARM_NUMBERS..;
    let (mut all, mut turns) = (Sample::default(), Vec::new());
    let mut before = sample(run, call_environment, call, numbers.by_ref().take(BLOCK)).await?;
    for _ in 0..(run.effort.warm as usize).div_ceil(BLOCK) {
        let own = sample(run, environment, case, numbers.by_ref().take(BLOCK)).await?;
        let after = sample(run, call_environment, call, numbers.by_ref().take(BLOCK)).await?;
        turns.push(Turn { before: median(&before.cpu), own: median(&own.cpu), after: median(&after.cpu) });
        all.append(own);
        before = after;
    }
    let cost = all.cost();
    let beyond_ms = beyond(turns, cost.calls);

    run.stage.dynamodb.set_latency(LATENCY);
    let slow = sample(run, environment, case, numbers.take(7)).await?;
    run.stage.dynamodb.set_latency(Duration::ZERO);
    for environment in environments {
        environment.stop().await?;
    }
    // `abs` removes the sign of a negative zero.
    let round_trips = ((median(&slow.walls) - cost.p50_ms) / ms(LATENCY)).round().abs();
    Ok(Warm { cost, beyond_ms, round_trips })
}

/// Invocations of one environment before the next one's turn.
const BLOCK: usize = 20;

/// Invokes `environment` once for each of `numbers`.
async fn sample(
    run: &Run,
    environment: &mut Environment,
    case: &Case,
    numbers: impl Iterator<Item = u64>,
) -> Result<Sample> {
    let mut sample = Sample::default();
    for number in numbers {
        sample.add(run, environment, &(case.events)(number)).await?;
    }
    Ok(sample)
}

/// A block of a function's invocations between two blocks with one call each: CPU time in ms.
#[derive(Clone, Copy, Debug)]
struct Turn {
    before: f64,
    own: f64,
    after: f64,
}

/// CPU time beyond the calls, on a quiet machine: the median of the tenth of turns whose following call was
/// fastest. The difference excludes these following calls, which would bias the result upward.
fn beyond(mut turns: Vec<Turn>, calls: f64) -> f64 {
    turns.sort_by(|one, other| one.after.total_cmp(&other.after));
    turns.truncate(turns.len().div_ceil(10));
    median(&turns.iter().map(|turn| turn.own - calls * turn.before).collect::<Vec<_>>())
}

/// Measures warm invocations of one environment, cycling through `events`. Returns the cost for each.
pub async fn in_turns(run: &Run, case: &Case, events: &[Events]) -> Result<Vec<Cost>> {
    let mut environment = run.start(case, MEMORY_OF_ONE_PROCESSOR).await?;
    for number in 0..WARM_UP {
        for events in events {
            environment.invoke(&events(WARM_UP_NUMBERS + number)).await?;
        }
    }
    let mut samples = events.iter().map(|events| (events, Sample::default())).collect::<Vec<_>>();
    for number in 0..run.effort.each_size {
        for (events, sample) in &mut samples {
            sample.add(run, &mut environment, &events(WARM_NUMBERS + u64::from(number))).await?;
        }
    }
    environment.stop().await?;
    Ok(samples.iter().map(|(_, sample)| sample.cost()).collect())
}

/// Invocations and their costs.
#[derive(Default)]
struct Sample {
    walls: Vec<f64>,
    cpu: Vec<f64>,
    count: Count,
}

impl Sample {
    async fn add(&mut self, run: &Run, environment: &mut Environment, event: &Bytes) -> Result<()> {
        let before = run.stage.dynamodb.count();
        let invocation = environment.invoke(event).await?;
        self.count = self.count.and(run.stage.dynamodb.count().since(before));
        self.walls.push(ms(invocation.wall));
        self.cpu.push(ms(invocation.cpu));
        Ok(())
    }

    fn append(&mut self, mut other: Self) {
        self.walls.append(&mut other.walls);
        self.cpu.append(&mut other.cpu);
        self.count = self.count.and(other.count);
    }

    fn cost(&self) -> Cost {
        let number = count_of(self.walls.len() as u64);
        let average = |sum: u64| count_of(sum) / number;
        let Units { read, write } = self.count.units;
        Cost {
            p50_ms: median(&self.walls),
            p99_ms: percentile(&self.walls, 99),
            cpu_ms: median(&self.cpu),
            calls: average(self.count.calls),
            read_units: read / number,
            write_units: write / number,
            bytes_out: average(self.count.received),
            bytes_in: average(self.count.sent),
        }
    }
}

/// Measures memory after many invocations of one environment.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_its_calls_is_of_quiet_turns() {
        let turn = |before, own, after| Turn { before, own, after };
        let noisy = (0..18).map(|_| turn(4.0, 30.0, 4.0));
        let turns = noisy.chain([turn(2.0, 7.0, 1.0), turn(3.0, 9.0, 1.0)]).collect::<Vec<_>>();
        assert_eq!(beyond(turns.clone(), 0.0).to_bits(), 7.0_f64.to_bits());
        assert_eq!(beyond(turns, 2.0).to_bits(), 3.0_f64.to_bits());
    }
}

//! What is measured of each function: its start, its first invocation, warm ones, many of them.

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

/// Of a start, medians.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Start {
    /// Until it asks for the first event.
    pub wall_ms: f64,
    /// Time of processors until then.
    pub cpu_ms: f64,
    /// … as many times that of hello-world.
    pub times_the_least: f64,
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

/// Of many invocations with a whole processor.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// The middle one.
    pub p50_ms: f64,
    /// Of a hundred, the slowest but one.
    pub p99_ms: f64,
    /// Time of processors, of the middle one.
    pub cpu_ms: f64,
    /// Calls to DynamoDB, on average.
    pub calls: f64,
    /// Read request units, on average.
    pub read_units: f64,
    /// Write request units, on average.
    pub write_units: f64,
    /// Bytes to DynamoDB, with everything that TLS and HTTP add.
    pub bytes_out: f64,
    /// Bytes from there.
    pub bytes_in: f64,
}

/// Of warm invocations.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Warm {
    /// What they cost.
    #[serde(flatten)]
    pub cost: Cost,
    /// Time of processors beyond that of as many times get-item as there are calls.
    pub beyond_ms: f64,
    /// Calls of which each waited for the one before.
    pub round_trips: f64,
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

/// Where the numbers of these invocations begin: an event is of one number, and no two are of the same.
const WARM_UP_NUMBERS: u64 = 900_000_000;

/// Where those begin that are measured.
const WARM_NUMBERS: u64 = 1_000_000_000;

/// What an answer of DynamoDB takes where round trips are counted: much more than anything else.
const LATENCY: Duration = Duration::from_millis(25);

/// Starts, in turns with some of `least`, which does nothing.
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

/// Warm invocations, in turns with some of `call`, which makes one call and nothing else: what the machine does meanwhile
/// happens to both, and is not in their difference.
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
    // (Without the sign of a zero that was less before.)
    let round_trips = ((median(&slow.walls) - cost.p50_ms) / ms(LATENCY)).round().abs();
    Ok(Warm { cost, beyond_ms, round_trips })
}

/// Invocations of one environment before the other's turn comes.
const BLOCK: usize = 20;

/// An invocation of `environment` for each of `numbers`.
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

/// A block of a function's invocations between two of one call each: time of processors, in ms.
#[derive(Clone, Copy, Debug)]
struct Turn {
    before: f64,
    own: f64,
    after: f64,
}

/// What a function uses beyond its calls while the machine is quiet: the middle of the tenth of its turns after which one call
/// took the least. (What those calls took is not in the difference, which would be too large otherwise.)
fn beyond(mut turns: Vec<Turn>, calls: f64) -> f64 {
    turns.sort_by(|one, other| one.after.total_cmp(&other.after));
    turns.truncate(turns.len().div_ceil(10));
    median(&turns.iter().map(|turn| turn.own - calls * turn.before).collect::<Vec<_>>())
}

/// Warm invocations of one environment with each of `events` in turn: what each costs.
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

/// Invocations, and what they have cost.
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

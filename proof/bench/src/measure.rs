//! Measurements of a function: its size, its start, and warm invocations.

use std::{fs, io::Write as _, time::Duration};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::DeflateEncoder};

use crate::{
    Run,
    cases::Case,
    environment::{Environment, Times},
    figures::{Figures, Samples, float, median},
    log,
};

/// The size of the zipped binary.
pub(crate) const ZIP: &str = "zip, MB";

/// CPU time of init relative to hello-world's.
pub(crate) const INIT_RATIO: &str = "init CPU / hello-world's";

/// CPU time of a warm invocation beyond that of as many get-item invocations as it makes calls.
pub(crate) const BEYOND_CALLS: &str = "CPU beyond calls, ms";

pub(crate) const PEAK_MEMORY: &str = "peak memory, MB";

/// Growth of memory over the last nine tenths of the invocations.
pub(crate) const MEMORY_GROWTH: &str = "memory growth, MB";

/// Lambda's smallest memory size, in MB.
const SMALLEST_MEMORY: u32 = 128;

/// Number of invocations that warm up an environment.
const WARM_UP: usize = 50;

/// Number of invocations of one environment before the next one's turn.
const BLOCK: usize = 20;

/// The latency of DynamoDB while round trips are counted, far above all other times.
const LATENCY: Duration = Duration::from_millis(25);

/// Measures the binary's size, and as medians the start and the first invocation. Starts alternate with those
/// of `hello_world`.
pub(crate) async fn start(run: &Run, case: &Case, hello_world: &Case) -> Result<Figures> {
    let bytes = fs::read(run.binary(case))?;
    let mut zip = DeflateEncoder::new(Vec::new(), Compression::best());
    zip.write_all(&bytes)?;
    let mb = |bytes: &[u8]| float(bytes.len()) / 1_048_576.0;
    let mut figures = Figures::from([("binary, MB", mb(&bytes)), (ZIP, mb(&zip.finish()?))]);

    let mut samples = Samples::default();
    for round in 0..run.turns.div_ceil(10) {
        let reference = Environment::start(run, hello_world).await?;
        let mut environment = Environment::start(run, case).await?;
        let (init, [memory_mb, _]) = (environment.init, environment.process.memory_mb()?);
        let first = environment.invoke(case.event(&run.services)).await?;
        samples.add([
            ("init, ms", init.wall_ms),
            ("init CPU, ms", init.cpu_ms),
            (INIT_RATIO, init.cpu_ms / reference.init.cpu_ms),
            ("memory, MB", memory_mb),
            ("first, ms", first.wall_ms),
            ("first CPU, ms", first.cpu_ms),
        ]);
        reference.process.stop().await?;
        environment.process.stop().await?;

        let mut environment = Environment::start(run, case).await?;
        match environment.process.limit(SMALLEST_MEMORY) {
            Ok(()) => samples
                .add([("first at 128 MB, ms", environment.invoke(case.event(&run.services)).await?.wall_ms)]),
            Err(error) if round == 0 => {
                log(&format!("can't limit the CPU share to that of 128 MB: {error:#}"));
            }
            Err(_) => {}
        }
        environment.process.stop().await?;
    }
    figures.extend(samples.medians());
    Ok(figures)
}

/// Measures warm invocations and memory, alternating with `get_item`, which only makes one call. Fluctuations
/// of the machine affect both and cancel out.
pub(crate) async fn warm(run: &Run, case: &Case, get_item: &Case) -> Result<Figures> {
    let mut reference = Environment::start(run, get_item).await?;
    invoke(run, &mut reference, get_item, WARM_UP).await?;
    let mut environment = Environment::start(run, case).await?;
    invoke(run, &mut environment, case, WARM_UP).await?;

    let (mut all, mut turns, mut early_mb) = (Vec::new(), Vec::new(), 0.0);
    let mut before = invoke(run, &mut reference, get_item, BLOCK).await?;
    for turn in 0..run.turns {
        let own = invoke(run, &mut environment, case, BLOCK).await?;
        let after = invoke(run, &mut reference, get_item, BLOCK).await?;
        turns.push(Turn { before: cpu_ms(&before), own: cpu_ms(&own), after: cpu_ms(&after) });
        all.extend(own);
        before = after;
        if turn == run.turns / 10 {
            [early_mb, _] = environment.process.memory_mb()?;
        }
    }
    let counts = counts(run, &mut environment, case).await?;
    let [late_mb, peak_mb] = environment.process.memory_mb()?;
    for environment in [reference, environment] {
        environment.process.stop().await?;
    }

    let calls = counts.get("calls").context("the calls are not counted")?;
    let mut figures = Figures::from([
        ("wall, ms", wall_ms(&all)),
        ("CPU, ms", cpu_ms(&all)),
        (BEYOND_CALLS, beyond_calls(turns, *calls)),
    ]);
    figures.extend(counts);
    figures.extend([(PEAK_MEMORY, peak_mb), (MEMORY_GROWTH, late_mb - early_mb)]);
    Ok(figures)
}

/// Counts calls, request units, bytes and round trips of an invocation.
pub(crate) async fn counts(run: &Run, environment: &mut Environment, case: &Case) -> Result<Figures> {
    run.services.take_counts();
    let fast = invoke(run, environment, case, BLOCK).await?;
    let mut figures = run.services.take_counts().per(BLOCK);
    run.services.set_latency(LATENCY);
    let slow = invoke(run, environment, case, 7).await?;
    run.services.set_latency(Duration::ZERO);
    let round_trips = (wall_ms(&slow) - wall_ms(&fast)) / (LATENCY.as_secs_f64() * 1e3);
    figures.insert("round trips", round_trips.round());
    Ok(figures)
}

/// Invokes the function of `environment` with events of `case`, one after the other.
pub(crate) async fn invoke(
    run: &Run,
    environment: &mut Environment,
    case: &Case,
    number: usize,
) -> Result<Vec<Times>> {
    let mut times = Vec::new();
    for _ in 0..number {
        times.push(environment.invoke(case.event(&run.services)).await?);
    }
    Ok(times)
}

fn wall_ms(times: &[Times]) -> f64 {
    median(times.iter().map(|times| times.wall_ms))
}

fn cpu_ms(times: &[Times]) -> f64 {
    median(times.iter().map(|times| times.cpu_ms))
}

/// The CPU times in ms of a function's block of invocations between two blocks of get-item.
#[derive(Clone, Copy)]
struct Turn {
    before: f64,
    own: f64,
    after: f64,
}

/// CPU time beyond the calls, on a quiet machine: the median of the tenth of turns whose following call was
/// fastest. The difference excludes these following calls, which would bias the result upward.
fn beyond_calls(mut turns: Vec<Turn>, calls: f64) -> f64 {
    turns.sort_by(|one, other| one.after.total_cmp(&other.after));
    turns.truncate(turns.len().div_ceil(10));
    median(turns.iter().map(|turn| turn.own - calls * turn.before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_beyond_the_calls_is_taken_from_quiet_turns() {
        let turn = |before, own, after| Turn { before, own, after };
        let noisy = (0..18).map(|_| turn(4.0, 30.0, 4.0));
        let turns = noisy.chain([turn(2.0, 7.0, 1.0), turn(3.0, 9.0, 1.0)]).collect::<Vec<_>>();
        assert_eq!(beyond_calls(turns.clone(), 0.0).to_bits(), 7.0_f64.to_bits());
        assert_eq!(beyond_calls(turns, 2.0).to_bits(), 3.0_f64.to_bits());
    }
}

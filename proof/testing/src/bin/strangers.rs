//! Measures how well a stranger can tell a foreign group from an unknown one by the duration of a single request.
//!
//! Prints the share of correct guesses by the threshold that is best for these very measurements. It exceeds
//! 50 % even for two samples of the same distribution. The last line compares two unknown groups to show how
//! much of it is chance.

use std::io::{self, Write as _};

use anyhow::{Result, bail};
use clap::Parser;
use serde_json::json;
use testing::conversation::{Person, Stage, Target};
use tokio::time::Instant;
use uuid::Uuid;

/// Minimum number of messages in the foreign group: more than the largest page.
const MESSAGES: usize = 101;

/// Requests before the first measured one, to fill connections and caches.
const WARM_UP: usize = 100;

/// Interleaves a stranger's requests to a foreign and an unknown group, and compares their durations.
#[derive(Debug, Parser)]
#[command(name = "strangers", version)]
struct Options {
    /// Origin of the API under test.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4567")]
    api: String,

    /// Origin of the local stack that has the users and issues the tokens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4567")]
    tokens: String,

    /// Number of requests of each kind to each group.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let origin = |url: String| url.trim_end_matches('/').to_owned();
    let Options { api, tokens, requests } = Options::parse();
    let stage = Stage::set(&Target { api: origin(api), tokens: origin(tokens) }).await?;
    let [sunyoung, scarlett, _, _, _, stranger] = &stage.people;
    let foreign = stage.group(sunyoung, scarlett).await?;
    let text = "x".repeat(1_000);
    for _ in stage.messages(sunyoung, &foreign).await?.len()..MESSAGES {
        stage.reply(sunyoung, &foreign, &text).await?;
    }
    let mut stdout = io::stdout();
    writeln!(stdout, "request                 group    p10 ms  p50 ms  p90 ms  best threshold")?;
    for (name, kind) in [
        ("GET limit=1", Kind::List(1)),
        ("GET limit=20", Kind::List(20)),
        ("GET limit=100", Kind::List(100)),
        ("POST", Kind::Send),
    ] {
        let groups = [foreign.clone(), Uuid::new_v4().to_string()];
        report(
            &mut stdout,
            name,
            ["foreign", "unknown"],
            measure(&stage, stranger, kind, &groups, requests).await?,
        )?;
    }
    let groups = [Uuid::new_v4().to_string(), Uuid::new_v4().to_string()];
    let by_chance = measure(&stage, stranger, Kind::List(100), &groups, requests).await?;
    report(&mut stdout, "GET limit=100", ["unknown", "unknown"], by_chance)?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    List(u32),
    Send,
}

/// Durations, in milliseconds, of requests to two groups. Each round requests both, in random order.
async fn measure(
    stage: &Stage,
    stranger: &Person,
    kind: Kind,
    groups: &[String; 2],
    requests: u32,
) -> Result<[Vec<f64>; 2]> {
    let mut durations = [vec![], vec![]];
    for number in 0..usize::try_from(requests)? + WARM_UP {
        let first = fastrand::usize(0..2);
        for group in [first, 1 - first] {
            let (Some(uuid), Some(durations)) = (groups.get(group), durations.get_mut(group)) else {
                continue;
            };
            let start = Instant::now();
            let answer = match kind {
                Kind::List(limit) => {
                    stage.get(stranger, &format!("/api/messages/{uuid}?limit={limit}")).await?
                }
                Kind::Send => {
                    stage.post(stranger, &json!({"message_group_uuid": uuid, "message": "let me in"})).await?
                }
            };
            let duration = start.elapsed().as_secs_f64() * 1_000.0;
            if answer.status != 404 {
                bail!("a stranger was answered {answer:?}");
            }
            if number >= WARM_UP {
                durations.push(duration);
            }
        }
    }
    Ok(durations)
}

fn report(
    out: &mut impl io::Write,
    request: &str,
    names: [&str; 2],
    mut durations: [Vec<f64>; 2],
) -> Result<()> {
    for durations in &mut durations {
        durations.sort_by(f64::total_cmp);
    }
    let share = 100.0 * best_threshold(&durations);
    for ((name, durations), share) in
        names.into_iter().zip(&durations).zip([format!("{share:.1} %"), String::new()])
    {
        let at = |percent: usize| durations.get(durations.len() * percent / 100).copied().unwrap_or_default();
        let [p10, p50, p90] = [10, 50, 90].map(at);
        writeln!(out, "{request:<22}  {name:<7}  {p10:>6.2}  {p50:>6.2}  {p90:>6.2}  {share}")?;
    }
    Ok(())
}

/// Share of requests that the best threshold on their duration classifies correctly, whichever side is which.
/// Both samples are sorted and of equal size.
#[expect(clippy::cast_precision_loss, reason = "samples have far fewer than 2^52 values")]
fn best_threshold([a, b]: &[Vec<f64>; 2]) -> f64 {
    let below = |sample: &[f64], threshold: f64| {
        sample.partition_point(|duration| *duration <= threshold) as f64 / sample.len() as f64
    };
    let distance = a.iter().chain(b).map(|threshold| (below(a, *threshold) - below(b, *threshold)).abs());
    0.5 + distance.fold(0.0, f64::max) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_threshold_tells_apart_what_can_be_told_apart() {
        let numbers = |range: std::ops::Range<u8>| range.map(f64::from).collect::<Vec<_>>();
        let shares = [
            (numbers(0..10), numbers(0..10), 0.5),
            (numbers(0..10), numbers(10..20), 1.0),
            (numbers(10..20), numbers(0..10), 1.0),
            (numbers(0..10), numbers(5..15), 0.75),
        ];
        for (a, b, expected) in shares {
            assert!((best_threshold(&[a, b]) - expected).abs() < 1e-9, "{expected}");
        }
    }
}

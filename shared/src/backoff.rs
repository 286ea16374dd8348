//! Back-off between attempts of a write.

use std::time::Duration;

use crate::random::Random;

/// Exponential back-off with full jitter: each wait is uniformly distributed between zero and a ceiling that doubles.
/// Two writers that collided are unlikely to collide again.
#[derive(Debug)]
pub(crate) struct Backoff<'a> {
    random: &'a Random,
    ceiling: Duration,
}

impl<'a> Backoff<'a> {
    const FIRST: Duration = Duration::from_millis(25);
    const LARGEST: Duration = Duration::from_secs(1);

    pub(crate) fn new(random: &'a Random) -> Self {
        Self { random, ceiling: Self::FIRST }
    }

    /// Waits, and doubles the ceiling of the next wait.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.random.jitter(self.ceiling)).await;
        self.ceiling = (self.ceiling * 2).min(Self::LARGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_a_second() {
        let random = Random::from_fn(|bytes| bytes.fill(0xff));
        let mut backoff = Backoff::new(&random);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let start = tokio::time::Instant::now();
            backoff.wait().await;
            waits.push(start.elapsed().as_millis());
        }
        assert_eq!(waits, [25, 50, 100, 200, 400, 800, 1000, 1000]);
    }
}

//! Random decisions, drawn from one seed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// A seeded random generator. Cheap to clone: clones draw from the same sequence.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<fastrand::Rng>>);

impl Dice {
    /// Starts the sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap())
    }

    /// Returns `true` with this probability.
    #[must_use]
    pub fn chance(&self, probability: f64) -> bool {
        self.share() < probability
    }

    /// A number from 0 to 1, excluding 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.draw(fastrand::Rng::f64)
    }

    /// A number from 0 to `end`, excluding `end`.
    #[must_use]
    pub fn below(&self, end: usize) -> usize {
        self.draw(|rng| rng.usize(..end))
    }

    /// A number between the bounds, inclusive.
    #[must_use]
    pub fn between(&self, least: u64, greatest: u64) -> u64 {
        self.draw(|rng| rng.u64(least..=greatest))
    }

    /// One of `choices`.
    #[must_use]
    pub fn pick<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// A duration between the bounds.
    #[must_use]
    pub fn duration(&self, least: Duration, greatest: Duration) -> Duration {
        let [least, greatest] =
            [least, greatest].map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        Duration::from_micros(self.between(least, greatest))
    }

    /// Shuffles `items`.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        self.draw(|rng| rng.shuffle(items));
    }

    /// Fills `bytes` with random values.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.draw(|rng| rng.fill(bytes));
    }
}

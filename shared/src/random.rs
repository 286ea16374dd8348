//! Random numbers, drawn in one place so that tests and the simulation can replay them.

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A source of random bytes. Cheap to clone.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Random {
    /// Uses the operating system's generator.
    ///
    /// # Panics
    /// Every draw panics if the operating system's generator fails.
    #[must_use]
    pub fn system() -> Self {
        #[expect(clippy::expect_used, reason = "without randomness, keys would not be unique")]
        Self::from_fn(|bytes| getrandom::fill(bytes).expect("the operating system's generator works"))
    }

    /// Creates a generator that draws bytes with `fill`.
    pub fn from_fn(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// Draws `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// Draws a version 7 UUID for the time `now`, with millisecond precision.
    #[must_use]
    pub fn uuid_v7(&self, now: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// Draws a uniformly distributed duration between zero and `ceiling`: full jitter.
    #[must_use]
    pub fn jitter(&self, ceiling: Duration) -> Duration {
        ceiling.mul_f64(f64::from(u32::from_le_bytes(self.bytes())) / f64::from(u32::MAX))
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_covers_its_range() {
        let low = Random::from_fn(|bytes| bytes.fill(0));
        let high = Random::from_fn(|bytes| bytes.fill(0xff));
        let ceiling = Duration::from_millis(100);
        assert_eq!(low.jitter(ceiling), Duration::ZERO);
        assert_eq!(high.jitter(ceiling), ceiling);
    }

    #[test]
    fn a_version_7_uuid_carries_its_time() {
        let now = DateTime::from_timestamp_millis(1_795_000_000_123).unwrap();
        let uuid = Random::system().uuid_v7(now);
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_timestamp().unwrap().to_unix(), (1_795_000_000, 123_000_000));
    }

    #[test]
    fn uuids_of_the_same_time_differ() {
        let now = DateTime::UNIX_EPOCH;
        let random = Random::system();
        assert_ne!(random.uuid_v7(now), random.uuid_v7(now));
    }
}

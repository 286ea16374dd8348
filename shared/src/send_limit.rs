//! The limits of messages and of new conversations: token buckets for each user (design, section 3).
//!
//! A bucket is a row ([`SendLimitRow`]). `tokens` is the number of tokens left, without those gained since
//! `refilled_at`. At `expires_at = refilled_at + interval * (burst - tokens)` the bucket is full again. A full bucket
//! needs no row, so DynamoDB may then delete it.
//!
//! A message takes a token with one conditional `UpdateItem`, without a read. The update depends on the row:
//!
//! | row | update | condition |
//! |---|---|---|
//! | absent or full | a new bucket with `burst - 1` tokens | still absent or full |
//! | has a token | `tokens - 1`, `expires_at + interval` | still has a token, still not full |
//! | empty for at least an interval | one token per interval since, minus one | unchanged |
//!
//! The execution environment guesses the row: the last one that it saw, or none. If the guess is wrong, the condition
//! fails, DynamoDB returns the row, and the next update uses that row. A message therefore costs one update, or two if
//! another environment has served the user in between. The update of a bucket with tokens, which serves bursts, compares
//! no stored values, so concurrent messages of a user do not conflict.
//!
//! Tokens are counted late, but none is lost while the bucket is not full. Once the bucket is full, that update's
//! condition fails. In any span of time, all environments together admit at most `burst + span / interval` messages;
//! differences between their clocks add to the span. An environment does not update a bucket that it knows to be empty,
//! so a flood costs one refused update per interval and environment.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use lru::LruCache;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::SendLimitConfig,
    error::{Chain, Error},
    invocation,
    metrics::Metric,
    table::{Item, Key, SendLimitRow, Table, Update, WriteError, from_item},
};

/// Maximum number of remembered buckets, about a hundred bytes each.
const CACHE_CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// Maximum number of updates for one message. Each failed condition after the first means that another message of the
/// user took a token in between.
const MAX_ATTEMPTS: usize = 5;

/// Time limit of all updates for one message.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The send limit, with a cache of the last seen buckets.
#[derive(Debug)]
pub struct SendLimit {
    rate: SendLimitConfig,
    /// The key of a user's bucket.
    key: fn(Uuid) -> Key,
    seen: Mutex<LruCache<Uuid, SendLimitRow>>,
}

impl SendLimit {
    /// Creates a limit of messages.
    #[must_use]
    pub fn new(rate: SendLimitConfig) -> Self {
        Self::with_key(rate, Key::SendLimit)
    }

    /// Creates a limit of new conversations.
    #[must_use]
    pub fn of_conversations(rate: SendLimitConfig) -> Self {
        Self::with_key(rate, Key::ConversationLimit)
    }

    fn with_key(rate: SendLimitConfig, key: fn(Uuid) -> Key) -> Self {
        Self { rate, key, seen: Mutex::new(LruCache::new(CACHE_CAPACITY)) }
    }

    /// Takes a token for a message or a conversation of the user. Fails with [`Error::RateLimited`] if the bucket is empty.
    ///
    /// While DynamoDB throttles or is unreachable, admits messages without counting them: rejecting messages would be
    /// worse. After a lost answer, a message may cost two tokens.
    pub async fn admit(&self, table: &Table, clock: &Clock, user_uuid: Uuid) -> Result<(), Error> {
        let admission = timeout(TIME_LIMIT, self.take(table, clock.now(), user_uuid)).await;
        match admission.unwrap_or_else(|elapsed| Err(WriteError::Unknown(elapsed.into()))) {
            Ok(Admission::Granted) => Ok(()),
            Ok(Admission::Denied { retry_after }) => {
                invocation::count(Metric::SendsLimited, 1);
                Err(Error::RateLimited { retry_after })
            }
            Err(error @ (WriteError::Busy(_) | WriteError::Unknown(_))) => {
                invocation::count(Metric::SendsUncounted, 1);
                tracing::warn!(cause = %Chain(&error), %user_uuid, "let a message through uncounted");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn take(
        &self,
        table: &Table,
        now: DateTime<Utc>,
        user_uuid: Uuid,
    ) -> Result<Admission, WriteError> {
        let mut seen = self.cached(user_uuid);
        for _ in 0..MAX_ATTEMPTS {
            let change = match self.rate.decide(seen, now) {
                Decision::Take(change) => change,
                Decision::Reject { retry_after } => return Ok(Admission::Denied { retry_after }),
            };
            match table.update(change.update(self.rate, now, (self.key)(user_uuid))).await {
                Ok(row) => {
                    self.cache(user_uuid, bucket(row)?);
                    return Ok(Admission::Granted);
                }
                Err(WriteError::ConditionFailed { rows, .. }) => {
                    seen = rows.into_iter().flatten().next().map_or(Ok(None), bucket)?;
                }
                Err(error) => return Err(error),
            }
            self.cache(user_uuid, seen);
        }
        // Lost the race on every attempt.
        Ok(Admission::Denied { retry_after: 1 })
    }

    fn cached(&self, user_uuid: Uuid) -> Option<SendLimitRow> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&user_uuid).copied()
    }

    fn cache(&self, user_uuid: Uuid, bucket: Option<SendLimitRow>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match bucket {
            Some(bucket) => _ = seen.put(user_uuid, bucket),
            None => _ = seen.pop(&user_uuid),
        }
    }
}

/// The result of taking a token.
enum Admission {
    Granted,
    Denied {
        /// Seconds until the next token; at least 1.
        retry_after: u64,
    },
}

/// Parses a row. Returns `None` for an empty item, which stands for an absent row.
fn bucket(row: Item) -> Result<Option<SendLimitRow>, WriteError> {
    if row.is_empty() {
        return Ok(None);
    }
    from_item(row).map(Some).map_err(|error| WriteError::Permanent(error.into()))
}

/// The decision about one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Take(BucketUpdate),
    Reject {
        /// Seconds until the next token; at least 1.
        retry_after: u64,
    },
}

/// An update that takes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BucketUpdate {
    /// From a full bucket, whose row may be absent.
    Begin { left: SendLimitRow },
    /// From a bucket with tokens.
    Spend,
    /// From an empty bucket that has been refilled since.
    Refill { seen: SendLimitRow, left: SendLimitRow },
}

impl SendLimitConfig {
    /// Decides about a message at `now`. `seen` is the last seen bucket; `None` stands for an absent row.
    fn decide(self, seen: Option<SendLimitRow>, now: DateTime<Utc>) -> Decision {
        // Rounds against the sender: a token may come late, but never early.
        let (passed, begun) = (whole_seconds(now), started_seconds(now));
        let Some(seen) = seen.filter(|seen| seen.expires_at > passed) else {
            return Decision::Take(BucketUpdate::Begin { left: self.bucket(self.burst.get() - 1, begun) });
        };
        if seen.tokens > 0 {
            return Decision::Take(BucketUpdate::Spend);
        }
        // A clock far ahead wrote the row. Waiting for that time would lock the user out.
        if seen.refilled_at.saturating_sub(begun) > self.time_to_fill() {
            return Decision::Take(BucketUpdate::Refill { seen, left: self.bucket(0, begun) });
        }
        let interval = i64::from(self.interval.get());
        let since = passed.saturating_sub(seen.refilled_at);
        if since < interval {
            return Decision::Reject { retry_after: interval.saturating_sub(since).unsigned_abs() };
        }
        let left = match u32::try_from(since / interval) {
            Ok(tokens) if tokens < self.burst.get() => {
                self.bucket(tokens - 1, seen.refilled_at.saturating_add(i64::from(tokens) * interval))
            }
            // Another limit was configured when the row was written.
            _ => self.bucket(self.burst.get() - 1, begun),
        };
        Decision::Take(BucketUpdate::Refill { seen, left })
    }

    fn bucket(self, tokens: u32, refilled_at: i64) -> SendLimitRow {
        let missing = self.burst.get().saturating_sub(tokens);
        let fills_in = i64::from(self.interval.get()) * i64::from(missing);
        SendLimitRow { tokens, refilled_at, expires_at: refilled_at.saturating_add(fills_in) }
    }

    /// Seconds until an empty bucket is full.
    fn time_to_fill(self) -> i64 {
        i64::from(self.interval.get()) * i64::from(self.burst.get())
    }
}

fn whole_seconds(now: DateTime<Utc>) -> i64 {
    now.timestamp()
}

fn started_seconds(now: DateTime<Utc>) -> i64 {
    now.timestamp() + i64::from(now.timestamp_subsec_nanos() > 0)
}

impl BucketUpdate {
    /// Creates the update of a bucket. Its condition holds only for rows to which the decision applies.
    fn update(self, rate: SendLimitConfig, now: DateTime<Utc>, key: Key) -> Update {
        const SET: &str = "SET tokens = :tokens, refilled_at = :refilled_at, expires_at = :expires_at";
        let number = |number: i64| AttributeValue::N(number.to_string());
        let bucket = |left: SendLimitRow| {
            [
                (":tokens", number(left.tokens.into())),
                (":refilled_at", number(left.refilled_at)),
                (":expires_at", number(left.expires_at)),
            ]
        };
        let (condition, set, values) = match self {
            Self::Begin { left } => {
                let mut values = Vec::from(bucket(left));
                values.push((":now", number(whole_seconds(now))));
                ("attribute_not_exists(pk) OR expires_at <= :now", SET, values)
            }
            Self::Spend => {
                let values = vec![
                    (":none", number(0)),
                    (":one", number(1)),
                    (":now", number(whole_seconds(now))),
                    (":interval", number(rate.interval.get().into())),
                ];
                let set = "SET tokens = tokens - :one, expires_at = expires_at + :interval";
                ("tokens > :none AND expires_at > :now", set, values)
            }
            Self::Refill { seen, left } => {
                let mut values = Vec::from(bucket(left));
                values.push((":seen_tokens", number(seen.tokens.into())));
                values.push((":seen_refilled_at", number(seen.refilled_at)));
                ("tokens = :seen_tokens AND refilled_at = :seen_refilled_at", SET, values)
            }
        };
        Update { key, condition: condition.into(), set: set.to_owned(), values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_PAST_NINE: i64 = 1_795_339_800;

    /// Three messages at once, and then one every ten seconds.
    fn rate() -> SendLimitConfig {
        SendLimitConfig { burst: 3.try_into().unwrap(), interval: 10.try_into().unwrap() }
    }

    /// A time `millis` milliseconds after 09:30.
    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(HALF_PAST_NINE * 1_000 + millis).unwrap()
    }

    /// A bucket, refilled `refilled_at` seconds after 09:30.
    fn bucket(tokens: u32, refilled_at: i64) -> SendLimitRow {
        rate().bucket(tokens, HALF_PAST_NINE + refilled_at)
    }

    fn decide(seen: Option<SendLimitRow>, millis: i64) -> Decision {
        rate().decide(seen, at(millis))
    }

    fn begin(refilled_at: i64) -> Decision {
        Decision::Take(BucketUpdate::Begin { left: bucket(2, refilled_at) })
    }

    fn refill(seen: SendLimitRow, left: SendLimitRow) -> Decision {
        Decision::Take(BucketUpdate::Refill { seen, left })
    }

    #[test]
    fn a_bucket_expires_when_it_is_full() {
        let times = [0, 1, 2, 3].map(|tokens| bucket(tokens, 5).expires_at - HALF_PAST_NINE);
        assert_eq!(times, [35, 25, 15, 5]);
    }

    #[test]
    fn a_full_bucket_starts_at_the_next_whole_second() {
        assert_eq!(decide(None, 0), begin(0));
        assert_eq!(decide(None, 1), begin(1));
        let full_after_ten = bucket(2, 0);
        assert_eq!(decide(Some(full_after_ten), 9_999), Decision::Take(BucketUpdate::Spend));
        assert_eq!(decide(Some(full_after_ten), 10_000), begin(10));
        assert_eq!(decide(Some(full_after_ten), 86_400_500), begin(86_401));
    }

    #[test]
    fn an_empty_bucket_stays_empty_for_an_interval() {
        let empty = bucket(0, 0);
        for (millis, retry_after) in [(0, 10), (1, 10), (999, 10), (1_000, 9), (9_000, 1), (9_999, 1)] {
            assert_eq!(decide(Some(empty), millis), Decision::Reject { retry_after }, "{millis}");
        }
        // The rest of an interval is not lost.
        for (millis, left) in [(10_000, bucket(0, 10)), (19_999, bucket(0, 10)), (29_999, bucket(1, 20))] {
            assert_eq!(decide(Some(empty), millis), refill(empty, left), "{millis}");
        }
        assert_eq!(decide(Some(empty), 30_000), begin(30));
    }

    #[test]
    fn a_clock_that_is_behind_adds_no_tokens() {
        assert_eq!(decide(Some(bucket(1, 0)), -86_400_000), Decision::Take(BucketUpdate::Spend));
        assert_eq!(decide(Some(bucket(0, 0)), -20_000), Decision::Reject { retry_after: 30 });
    }

    #[test]
    fn a_clock_far_ahead_locks_no_user_out() {
        // Exactly the time to fill the bucket: 30 seconds.
        assert_eq!(decide(Some(bucket(0, 30)), 0), Decision::Reject { retry_after: 40 });
        assert_eq!(decide(Some(bucket(0, 31)), 0), refill(bucket(0, 31), bucket(0, 0)));
        assert_eq!(decide(Some(bucket(0, 86_400)), 500), refill(bucket(0, 86_400), bucket(0, 1)));
    }

    #[test]
    fn a_row_of_another_limit_yields_at_most_a_full_bucket() {
        let of_larger =
            SendLimitRow { tokens: 0, refilled_at: HALF_PAST_NINE, expires_at: HALF_PAST_NINE + 9_000 };
        assert_eq!(decide(Some(of_larger), 3_600_000), refill(of_larger, bucket(2, 3_600)));
    }

    #[test]
    fn no_number_in_a_row_panics() {
        for number in [i64::MIN, -1, 0, i64::MAX] {
            for expires_at in [i64::MIN, i64::MAX] {
                let _ = decide(Some(SendLimitRow { tokens: 0, refilled_at: number, expires_at }), 0);
            }
        }
    }
}
